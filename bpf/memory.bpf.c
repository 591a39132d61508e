// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory-bound tasks at work: how long each process ran, on which memory nodes, and how often its tasks moved between them.
 *
 * Attached only while a memory-bound process exists. Run time is taken from the kernel's own accounting (sched_stat_runtime:
 * at ticks and switches, whatever the scheduling class), so it is exact and needs no clock; a task that is not memory-bound
 * costs an addition and a look into its storage. User space is told when a process is first seen, has run for some time, or
 * is gone.
 *
 * Works with and without sched_ext. Reads the verdicts that the events object writes; it loads, and fails, alone.
 */
#include "memory.bpf.h"
#include "task.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct thread_info___memory {
	u32 cpu;
};
struct task_struct___memory {
	struct thread_info___memory thread_info;
};
#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_mem_config);
} mem_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VIGIL_MEM_CPUS);
	__type(key, __u32);
	__type(value, struct vigil_mem_cpu);
} mem_cpus SEC(".maps");

__u64 lost; /* records that did not fit */

static __always_inline void tell(__u32 kind, __u32 tgid, __u64 start_ns, __u64 ran_ns)
{
	struct vigil_mem_hdr *record = bpf_ringbuf_reserve(&mem_events, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	record->kind = kind;
	record->tgid = tgid;
	record->start_ns = start_ns;
	record->at_ns = bpf_ktime_get_ns();
	record->ran_ns = ran_ns;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP); /* by irq_work: safe under the runqueue lock */
}

static __always_inline struct vigil_mem_config *config_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&mem_config, &zero);
}

static __always_inline struct vigil_verdict *memory_bound(struct task_struct *p)
{
	struct vigil_task *task = bpf_task_storage_get(&tasks, p, 0, 0);

	if (!task || (task->v.klass != VIGIL_CLASS_VECTORDB && !(task->v.flags & VIGIL_F_MEMORY)))
		return NULL;
	return &task->v;
}

static __always_inline __u32 node_of(const struct vigil_mem_config *cfg, __u32 cpu)
{
	return cpu < VIGIL_MEM_CPUS ? cfg->node[cpu] : VIGIL_MEM_NO_NODE;
}

/* Runs with the runqueue lock of p's CPU held, which may be another than this one. */
SEC("tp_btf/sched_stat_runtime")
int BPF_PROG(on_runtime, struct task_struct *p, __u64 runtime)
{
	__u32 cpu = ((struct task_struct___memory *)p)->thread_info.cpu;
	struct vigil_mem_cpu *busy = bpf_map_lookup_elem(&mem_cpus, &cpu);
	struct vigil_mem_config *cfg;
	struct vigil_verdict *v;
	struct vigil_mem_proc *proc;
	__u64 start_ns, tell_at;
	__u32 tgid, node;

	if (busy)
		busy->busy_ns += runtime;
	v = memory_bound(p);
	cfg = config_get();
	if (!v || !cfg)
		return 0;
	tgid = v->key.tgid;
	start_ns = v->key.start_ns;
	proc = bpf_map_lookup_elem(&mem_procs, &tgid);
	if (!proc || proc->start_ns != start_ns) {
		struct vigil_mem_proc fresh = {};

		fresh.start_ns = start_ns;
		fresh.tell_at = cfg->tell_ns;
		if (bpf_map_update_elem(&mem_procs, &tgid, &fresh, BPF_ANY))
			return 0; /* more of them than anybody looks at */
		tell(VIGIL_MEM_SEEN, tgid, start_ns, 0);
		proc = bpf_map_lookup_elem(&mem_procs, &tgid);
		if (!proc)
			return 0;
	}
	__sync_fetch_and_add(&proc->ran_ns, runtime);
	node = node_of(cfg, cpu);
	if (node < VIGIL_MEM_NODES)
		__sync_fetch_and_add(&proc->node_ns[node], runtime);
	tell_at = proc->tell_at;
	if (tell_at && proc->ran_ns >= tell_at && __sync_val_compare_and_swap(&proc->tell_at, tell_at, 0) == tell_at)
		tell(VIGIL_MEM_BUSY, tgid, start_ns, proc->ran_ns);
	return 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct *p, int to)
{
	struct vigil_verdict *v = memory_bound(p);
	struct vigil_mem_config *cfg = config_get();
	struct vigil_mem_proc *proc;
	__u32 tgid, from, node;

	if (!v || !cfg)
		return 0;
	from = node_of(cfg, ((struct task_struct___memory *)p)->thread_info.cpu);
	node = node_of(cfg, to);
	if (from == node || from >= VIGIL_MEM_NODES || node >= VIGIL_MEM_NODES)
		return 0;
	tgid = v->key.tgid;
	proc = bpf_map_lookup_elem(&mem_procs, &tgid);
	if (proc && proc->start_ns == v->key.start_ns)
		__sync_fetch_and_add(&proc->moves, 1);
	return 0;
}

/* Fires for every thread; the process is gone with the last. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	struct vigil_mem_proc *proc;
	__u32 tgid = p->tgid;
	__u64 start_ns, ran_ns;

	if (p->signal->live.counter > 0)
		return 0;
	proc = bpf_map_lookup_elem(&mem_procs, &tgid);
	if (!proc)
		return 0;
	start_ns = proc->start_ns;
	ran_ns = proc->ran_ns;
	bpf_map_delete_elem(&mem_procs, &tgid);
	tell(VIGIL_MEM_GONE, tgid, start_ns, ran_ns);
	return 0;
}

char _license[] SEC("license") = "GPL";
