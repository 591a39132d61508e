/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who makes way: CPUs that run something less urgent, by our masks of running urgencies; no loop over CPUs.
 */
#ifndef VIGIL_SCHED_PREEMPT_BPF_H
#define VIGIL_SCHED_PREEMPT_BPF_H

#include "sched_maps.bpf.h"

#define ASKED_NS 1000000

/*
 * Does what runs there make way? Not if it is as urgent, has only just begun, or somebody as urgent is on its way there or
 * waits there already: the newcomer would be put before him, and nothing but he himself would end its run.
 */
static __always_inline bool gives_way(struct cpu *cpu, s32 id, u8 urgency, u64 now, u64 begun_before)
{
	return cpu->busy && cpu->urgency < urgency && vigil_before(cpu->since, begun_before) &&
	       (cpu->asked < urgency || now - cpu->asked_at > ASKED_NS) && !scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | id);
}

static __always_inline void ask(struct cpu *cpu, u8 urgency, u64 now)
{
	cpu->asked = urgency;
	cpu->asked_at = now;
}

/*
 * One of the CPUs in `mask` that are allowed, taken out of it so that two wakers do not ask the same one. The masks are kept
 * lazily, so what is found may have nothing to give any more; a few are tried.
 */
static __always_inline s32 claim(struct bpf_cpumask *mask, const struct cpumask *allowed, u8 urgency, u64 now, u64 begun_before)
{
	struct cpu *victim;
	u32 cpu;
	int i;

	if (!mask)
		return -1;
	bpf_for(i, 0, 3) {
		cpu = bpf_cpumask_any_and_distribute((const struct cpumask *)mask, allowed);
		victim = cpu_of(cpu);
		if (!victim)
			return -1;
		if (!gives_way(victim, cpu, urgency, now, begun_before))
			continue;
		if (!bpf_cpumask_test_and_clear_cpu(cpu, mask))
			continue;
		victim->urgency = CPU_UNSET;
		ask(victim, urgency, now);
		return cpu;
	}
	return -1;
}

/* A CPU that runs something less urgent: where p ran before if that will do, else the least urgent of its LLC. */
static __always_inline s32 pick_victim(struct task_struct *p, u8 urgency, struct llc *llc, s32 prev, u64 now, u64 begun_before)
{
	struct cpu *home = cpu_of(prev);
	s32 cpu;

	if (home && gives_way(home, prev, urgency, now, begun_before)) {
		ask(home, urgency, now);
		return prev;
	}
	cpu = claim(llc->background, p->cpus_ptr, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_NORMAL)
		cpu = claim(llc->normal, p->cpus_ptr, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_BRISK)
		cpu = claim(llc->brisk, p->cpus_ptr, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_PROMPT)
		cpu = claim(llc->prompt, p->cpus_ptr, urgency, now, begun_before);
	return cpu;
}

static __always_inline struct bpf_cpumask *mask_of(struct llc *llc, u8 urgency)
{
	switch (urgency) {
	case RUNS_BACKGROUND:
		return llc->background;
	case RUNS_NORMAL:
		return llc->normal;
	case RUNS_BRISK:
		return llc->brisk;
	case RUNS_PROMPT:
		return llc->prompt;
	default:
		return NULL;
	}
}

/* Puts this CPU into the mask of what it now runs. */
static __always_inline void show_urgency(struct cpu *cpu, s32 id, struct llc *llc, u8 urgency)
{
	struct bpf_cpumask *mask;

	if (cpu->urgency == urgency)
		return;
	mask = mask_of(llc, cpu->urgency);
	if (mask)
		bpf_cpumask_clear_cpu(id, mask);
	cpu->urgency = urgency;
	mask = mask_of(llc, urgency);
	if (mask)
		bpf_cpumask_set_cpu(id, mask);
}

#endif
