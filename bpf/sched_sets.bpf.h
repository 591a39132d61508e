/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU sets (enum vigil_cpu_set): where a task would rather run. The daemon writes a set's CPUs into `sched_set_bits` and runs
 * `rebuild_cpu_set`, at any time: decisions that are under way finish with the mask they have (RCU), the next ones see the
 * new one. A set without CPUs has no mask, and asks for nothing.
 */
#ifndef VIGIL_SCHED_SETS_BPF_H
#define VIGIL_SCHED_SETS_BPF_H

#include "sched_maps.bpf.h"

struct cpu_set {
	struct bpf_cpumask __kptr *mask; /* NULL: nothing is asked for. VIGIL_SET_ANY's are the CPUs that are on line */
	u32 llc;			 /* that of all its CPUs; NO_LLC when they are of several */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_SET_COUNT);
	__type(key, u32);
	__type(value, struct cpu_set);
} sched_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_SET_COUNT);
	__type(key, u32);
	__type(value, struct vigil_cpu_bits);
} sched_set_bits SEC(".maps");

static __always_inline struct cpu_set *set_of(u32 id)
{
	return id ? bpf_map_lookup_elem(&sched_sets, &id) : NULL;
}

/*
 * May p run on every CPU that is there? Numbers alone do not tell: while CPUs are off, one that may run on five can miss one
 * of the five that are left.
 */
static __always_inline bool runs_anywhere(const struct task_struct *p)
{
	u32 any = VIGIL_SET_ANY;
	const struct bpf_cpumask *online;
	struct cpu_set *all;

	if (p->nr_cpus_allowed >= nr_cpus)
		return true;
	if (p->nr_cpus_allowed < nr_online)
		return false;
	all = bpf_map_lookup_elem(&sched_sets, &any);
	online = all ? all->mask : NULL;
	return online && bpf_cpumask_subset((const struct cpumask *)online, p->cpus_ptr);
}

#define GAME_RECENT_NS 200000000ULL
#define GAME_NOTE_NS   10000000ULL

u64 game_at; /* when a game last began to run, to within GAME_NOTE_NS */

static __always_inline bool game_runs(u64 now)
{
	return now - game_at < GAME_RECENT_NS;
}

/*
 * Which set a task asks for, first what knows most: its profile, where its memory is, what else runs (background keeps away from
 * games), its class.
 */
static __always_inline u32 set_for(const struct vigil_task *task, const struct vigil_sched_tunables *tun)
{
	u32 klass = task->v.klass;

	if (!tun->steer)
		return VIGIL_SET_ANY;
	if (task->sched.profile & VIGIL_PROFILE_CPUS)
		return task->sched.set;
	if (task->sched.near_set)
		return task->sched.near_set;
	if (tun->away_set && task->sched.urgency == RUNS_BACKGROUND && game_runs(now_ns()))
		return tun->away_set;
	return klass < VIGIL_CLASS_COUNT ? tun->classes[klass].set : VIGIL_SET_ANY;
}

static __always_inline bool in_bits(const struct vigil_cpu_bits *bits, u32 cpu)
{
	return bits->words[cpu / 64 & (VIGIL_SCHED_MAX_CPUS / 64 - 1)] >> (cpu & 63) & 1;
}

/* One set anew from its bits. (Nothing is counted in the loops: the verifier would follow every count.) */
SEC("syscall")
int rebuild_cpu_set(struct vigil_rebuild_set *ctx)
{
	u32 id = ctx->set, cpu;
	struct vigil_cpu_bits *bits = bpf_map_lookup_elem(&sched_set_bits, &id);
	struct cpu_set *set = bpf_map_lookup_elem(&sched_sets, &id);
	struct vigil_sched_cpu_info *first, *info;
	struct bpf_cpumask *mask;
	bool several = false;

	ctx->result = -22; /* EINVAL */
	if (!bits || !set || id == VIGIL_SET_ANY)
		return 0;
	mask = bpf_cpumask_create();
	ctx->result = -12; /* ENOMEM */
	if (!mask)
		return 0;
	bpf_for(cpu, 0, nr_cpus) {
		if (in_bits(bits, cpu))
			bpf_cpumask_set_cpu(cpu, mask);
	}
	ctx->result = 0;
	cpu = bpf_cpumask_first((const struct cpumask *)mask);
	first = bpf_map_lookup_elem(&sched_topology, &cpu);
	if (first) {
		bpf_for(cpu, 0, nr_cpus) {
			info = bpf_map_lookup_elem(&sched_topology, &cpu);
			if (info && in_bits(bits, cpu) && info->llc != first->llc)
				several = true;
		}
		set->llc = several ? NO_LLC : first->llc;
		mask = bpf_kptr_xchg(&set->mask, mask);
	} else { /* no CPU at all */
		bpf_cpumask_release(mask);
		mask = bpf_kptr_xchg(&set->mask, NULL);
	}
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

#endif
