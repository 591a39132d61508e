/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks whose profile is strict: they wait for a CPU of their set rather than run on another.
 *
 * They have a queue a set, which only its CPUs look into, by time due like any other. While a set has no CPU, or none that the task
 * may use, it asks for nothing: then they queue like others, and what still waits here is anybody's.
 */
#ifndef VIGIL_SCHED_STRICT_BPF_H
#define VIGIL_SCHED_STRICT_BPF_H

#include "sched_sets.bpf.h"

#define STRICT_DSQ  0x20000 /* + enum vigil_cpu_set */
#define STRICT_SETS 8	    /* sets that a profile can name are below */

u32 strict_sets; /* bit by set: something has waited there once; while 0 nobody looks */

static __always_inline const struct bpf_cpumask *strict_mask(u32 id)
{
	struct cpu_set *set = set_of(id);

	return set ? set->mask : NULL;
}

/* The set that p is not to leave; 0: it may run anywhere. */
static __always_inline u32 strict_set(const struct task_struct *p, const struct vigil_task *task,
				      const struct vigil_sched_tunables *tun)
{
	const struct bpf_cpumask *mask;
	u32 id;

	if (!(task->sched.profile & VIGIL_PROFILE_STRICT) || !tun->steer)
		return 0;
	id = task->sched.set;
	mask = id < STRICT_SETS ? strict_mask(id) : NULL;
	return mask && bpf_cpumask_intersects((const struct cpumask *)mask, p->cpus_ptr) ? id : 0;
}

/* A queue that this CPU is to look into; 0: none. */
static __always_inline u64 strict_queue(s32 here)
{
	const struct bpf_cpumask *mask;
	u32 sets = strict_sets, id;

	if (!sets)
		return 0;
	bpf_for(id, 1, STRICT_SETS) {
		if (!(sets >> id & 1) || !scx_bpf_dsq_nr_queued(STRICT_DSQ + id))
			continue;
		mask = strict_mask(id);
		if (!mask || bpf_cpumask_test_cpu(here, (const struct cpumask *)mask))
			return STRICT_DSQ + id;
	}
	return 0;
}

/* p waits for its set. A CPU there that has gone idle since it was looked for is told. */
static __always_inline void strict_wait(struct task_struct *p, u32 id, u64 lease, u64 due, u64 enq_flags)
{
	struct cpu *self = cpu_of(bpf_get_smp_processor_id());
	const struct bpf_cpumask *mask;
	struct bpf_cpumask *usable;
	s32 cpu;

	if (!(strict_sets >> id & 1))
		__sync_fetch_and_or(&strict_sets, 1U << id);
	dsq_insert_vtime(p, STRICT_DSQ + id, lease, due, enq_flags);
	count(strict_waits);
	mask = strict_mask(id);
	usable = self ? self->scratch : NULL;
	if (!mask || !usable || !bpf_cpumask_and(usable, (const struct cpumask *)mask, p->cpus_ptr))
		return;
	cpu = scx_bpf_pick_idle_cpu((const struct cpumask *)usable, 0);
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

#endif
