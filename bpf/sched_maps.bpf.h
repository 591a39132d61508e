/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's maps, and typed ways to look into them. `tasks` and `events` belong to the events object when the
 * daemon runs (reuse by file descriptor); alone, the scheduler has its own.
 */
#ifndef VIGIL_SCHED_MAPS_BPF_H
#define VIGIL_SCHED_MAPS_BPF_H

#include "scx.bpf.h"
#include "task.bpf.h"
#include "profiles_map.bpf.h"

#include "policy/burst.h"
#include "policy/deadline.h"
#include "policy/share.h"

/* enum vigil_urgency, twice as fine: what is prompt by its behaviour alone gives way to what is by its class. */
enum {
	RUNS_BACKGROUND = VIGIL_URGENCY_BACKGROUND * 2,
	RUNS_NORMAL = VIGIL_URGENCY_NORMAL * 2,
	RUNS_BRISK = RUNS_NORMAL + 1,
	RUNS_PROMPT = VIGIL_URGENCY_PROMPT * 2,
	RUNS_URGENT = VIGIL_URGENCY_URGENT * 2,
	CPU_UNSET = 255,
};

/* A CPU, as far as decisions elsewhere look at it. `urgency` and `asked` are hints: a lost race costs one needless kick. */
struct cpu {
	u64 since;    /* when what runs there began */
	u64 asked_at; /* see asked */
	u16 llc;
	u8 urgency;  /* of what runs there; CPU_UNSET: not in any of the LLC's masks */
	u8 asked;    /* highest urgency that is on its way there: for a moment nobody less urgent may come before it */
	u8 busy;     /* runs one of ours: 0 when idle, or when a real-time task has it */
	u8 online;
	u8 handed; /* times its CPU was handed over, of which now and then one is not, so that others come to it */
	u16 next_peer; /* which LLC to compare with next */
	u16 node_set;  /* enum vigil_cpu_set of the memory node it belongs to */
	u32 pulled;    /* by how much less those of the LLC had from which the next to run was taken, see balance() */
	/* for a mask made of others, by what runs on this CPU with interrupts off */
	struct bpf_cpumask __kptr *scratch;
	struct bpf_cpumask __kptr *narrow;
} __attribute__((aligned(64)));

/* An LLC: the CPUs that share a last-level cache, one queue, one clock. */
struct llc {
	u64 clock;	/* virtual time, see policy/deadline.h */
	u64 load;	/* sum of the shares of all that are runnable here */
	u64 pressed_due; /* the key of the last prompt task that had to be queued here */
	u64 balance_at; /* when to compare with another LLC again */
	u64 turn;	/* service given by share, beside other LLCs: see balance() */
	u32 cpus;	/* online */
	u32 id;
	struct bpf_cpumask __kptr *mask; /* all its CPUs */
	/* CPUs by the urgency of what runs there; lazily kept: an idle CPU may still be in one */
	struct bpf_cpumask __kptr *background;
	struct bpf_cpumask __kptr *normal;
	struct bpf_cpumask __kptr *brisk;
	struct bpf_cpumask __kptr *prompt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_SCHED_MAX_CPUS);
	__type(key, u32);
	__type(value, struct cpu);
} sched_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_SCHED_MAX_LLCS);
	__type(key, u32);
	__type(value, struct llc);
} sched_llcs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_SCHED_MAX_CPUS);
	__type(key, u32);
	__type(value, struct vigil_sched_cpu_info);
} sched_topology SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VIGIL_SCHED_MAX_CPUS);
	__type(key, u32);
	__type(value, struct vigil_sched_stats);
} sched_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct vigil_sched_tunables);
} sched_tunables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct vigil_sched_exit);
} sched_exit SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

#define NO_LLC 0xffff

/* Set by the loader before the object is loaded. */
const volatile u32 nr_llcs = 1;
const volatile u32 nr_cpus = 1;
const volatile bool smt;
const volatile bool several_nodes;
const volatile bool plain; /* the rung below the full policy: no groups, nobody promoted */

u32 nr_online;

/* DSQ ids: LLC n is n, CPU n is CPU_DSQ + n. */
#define CPU_DSQ 0x10000

static __always_inline struct cpu *cpu_of(s32 cpu)
{
	u32 key = cpu;

	return bpf_map_lookup_elem(&sched_cpus, &key);
}

static __always_inline struct llc *llc_of(u32 llc)
{
	return bpf_map_lookup_elem(&sched_llcs, &llc);
}

static __always_inline struct vigil_sched_tunables *tunables(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&sched_tunables, &zero);
}

static __always_inline u64 wait_ns(const struct vigil_sched_tunables *tun)
{
	return (u64)tun->wait_bound_us * 1000;
}

static __always_inline struct vigil_task *task_of(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, 0, 0);
}

/* Operations run with interrupts off: this CPU's counters have no other writer, and need no atomics. */
static __always_inline struct vigil_sched_stats *stats(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&sched_stats, &cpu);
}

#define count(member)                                  \
	do {                                           \
		struct vigil_sched_stats *s_ = stats(); \
		if (s_)                                \
			s_->member++;                  \
	} while (0)

#endif
