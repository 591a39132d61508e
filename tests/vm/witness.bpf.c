// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches a scheduler from outside, whichever it is: how long whoever wanted to run had to wait, whether a CPU was idle
 * meanwhile on which it may run, and whether anybody ran where it may not. By the scheduler's tracepoints alone.
 *
 * A test's tool: it looks at every CPU at each switch, which no scheduler may do.
 */
#include "kernel.bpf.h"
#include "witness.h"

char _license[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___state {
	unsigned int __state;
	int prio;
};
#pragma clang attribute pop

bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;

struct waiting {
	u64 since;   /* runnable, not running; 0: neither */
	u64 allowed; /* CPUs it might have run on from the beginning */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct waiting);
} waits SEC(".maps");

/* The last time a CPU was idle: from `since` to `until`, 0 while it lasts. */
struct idle {
	u64 since, until;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WITNESS_CPUS);
	__type(key, u32);
	__type(value, struct idle);
} idles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct witness);
} seen SEC(".maps");

const volatile u32 nr_cpus = 1;

static __always_inline struct witness *witness(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&seen, &zero);
}

/* Not those of the real-time classes: the fair ones wait for them, by right. */
static __always_inline bool is_ordinary(struct task_struct *p)
{
	return ((struct task_struct___state *)p)->prio >= 100;
}

static __always_inline void wants(struct task_struct *p, u64 now)
{
	struct waiting *w = bpf_task_storage_get(&waits, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!w)
		return;
	w->since = now;
	w->allowed = p->cpus_ptr->bits[0];
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	wants(p, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p)
{
	wants(p, bpf_ktime_get_ns());
	return 0;
}

static __always_inline void note(struct witnessed *slot, struct task_struct *p, u32 cpu, u64 ns)
{
	if (ns <= slot->ns)
		return;
	slot->ns = ns;
	slot->pid = p->pid;
	slot->cpu = cpu;
	bpf_probe_read_kernel_str(slot->comm, sizeof(slot->comm), p->comm);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u64 now = bpf_ktime_get_ns(), since, from, to;
	u32 here = bpf_get_smp_processor_id(), cpu;
	struct witness *w = witness();
	struct waiting *waited;
	struct idle *idle;
	int i;

	idle = bpf_map_lookup_elem(&idles, &here);
	if (!w || !idle)
		return 0;
	if (prev->pid == 0)
		idle->until = now;
	else if (preempt || !((struct task_struct___state *)prev)->__state)
		wants(prev, now);
	if (next->pid == 0) {
		idle->until = 0;
		idle->since = now;
		return 0;
	}
	w->switches++;
	if (!bpf_cpumask_test_cpu(here, next->cpus_ptr))
		note(&w->trespass, next, here, 1);
	waited = bpf_task_storage_get(&waits, next, 0, 0);
	if (!waited || !waited->since)
		return 0;
	since = waited->since;
	waited->since = 0;
	if (!w->on || since < w->on || !is_ordinary(next))
		return 0;
	note(&w->wait, next, here, now - since);
	if (now - since < 1000000)
		return 0;
	bpf_for(i, 0, WITNESS_CPUS) {
		cpu = i;
		if (cpu >= nr_cpus)
			break;
		idle = bpf_map_lookup_elem(&idles, &cpu);
		if (!idle || !idle->since || !(waited->allowed >> cpu & 1) ||
		    !bpf_cpumask_test_cpu(cpu, next->cpus_ptr))
			continue;
		from = idle->since > since ? idle->since : since;
		to = idle->until ? idle->until : now;
		if (to > from)
			note(&w->idle, next, cpu, to - from);
	}
	return 0;
}
