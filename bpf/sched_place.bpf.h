/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where: an idle CPU for who wakes up, or one that may be asked to reschedule. By the kernel's idle masks and our
 * masks of running urgencies; no loop over CPUs.
 */
#ifndef VIGIL_SCHED_PLACE_BPF_H
#define VIGIL_SCHED_PLACE_BPF_H

#include "sched_maps.bpf.h"

/*
 * May run on one CPU only. While BPF runs for the current task its migration_disabled is at least 1 of BPF's own making,
 * so 1 says nothing of it; then it goes to a shared queue, from which no other CPU can take it.
 */
static __always_inline bool is_pinned(const struct task_struct *p)
{
	if (p->nr_cpus_allowed == 1)
		return true;
	if (!p->migration_disabled)
		return false;
	return p->migration_disabled > 1 || bpf_get_current_task_btf() != p;
}

static __always_inline s32 pick_idle_in(struct llc *llc, u64 flags)
{
	const struct bpf_cpumask *mask = llc->mask;

	return mask ? scx_bpf_pick_idle_cpu((const struct cpumask *)mask, flags) : -1;
}

static __always_inline bool core_is_idle(s32 cpu)
{
	const struct cpumask *idle = scx_bpf_get_idle_smtmask();
	bool whole = bpf_cpumask_test_cpu(cpu, idle);

	scx_bpf_put_idle_cpumask(idle);
	return whole;
}

#define GAME_RECENT_NS 200000000ULL

/*
 * On a machine where one LLC has stacked cache: games go there while it has an idle CPU, and spill over when it has none; what
 * is background keeps off it while a game runs there and another LLC has an idle CPU. Negative: no preference, or no room.
 */
static __always_inline s32 pick_steered(struct task_struct *p, struct cpu *home, s32 prev)
{
	struct vigil_task *task = task_of(p);
	struct llc *vcache = llc_of(vcache_llc), *other;
	s32 cpu = -1;
	u32 i;

	if (!task || !vcache)
		return -1;
	if (task->v.klass == VIGIL_CLASS_GAMING) {
		if (home->llc == vcache_llc && scx_bpf_test_and_clear_cpu_idle(prev))
			cpu = prev;
		if (cpu < 0 && smt)
			cpu = pick_idle_in(vcache, SCX_PICK_IDLE_CORE);
		if (cpu < 0)
			cpu = pick_idle_in(vcache, 0);
		if (cpu >= 0)
			count(steered);
		else
			count(spilled);
		return cpu;
	}
	if (home->llc != vcache_llc || task->sched.urgency != RUNS_BACKGROUND || now_ns() - vcache->game_at > GAME_RECENT_NS)
		return -1;
	bpf_for(i, 0, nr_llcs) {
		if (i == vcache_llc)
			continue;
		other = llc_of(i);
		if (!other)
			break;
		cpu = pick_idle_in(other, 0);
		if (cpu >= 0)
			break;
	}
	return cpu;
}

/*
 * The CPU before, if its whole core is idle; a whole idle core of the LLC; the CPU before; any of the LLC; any at all.
 * What is not allowed everywhere takes the kernel's own choice, which looks at its mask. Negative: none.
 */
static __always_inline s32 pick_idle(struct task_struct *p, s32 prev, u64 wake_flags, bool steer)
{
	struct cpu *home = cpu_of(prev);
	struct llc *llc = home ? llc_of(home->llc) : NULL;
	bool idle = false;
	s32 cpu;

	if (p->nr_cpus_allowed < nr_online || !llc) {
		cpu = scx_bpf_select_cpu_dfl(p, prev, wake_flags, &idle);
		return idle ? cpu : -1;
	}
	if (vcache_llc != NO_LLC && steer) {
		cpu = pick_steered(p, home, prev);
		if (cpu >= 0)
			return cpu;
	}
	if (smt) {
		if (core_is_idle(prev) && scx_bpf_test_and_clear_cpu_idle(prev))
			return prev;
		cpu = pick_idle_in(llc, SCX_PICK_IDLE_CORE);
		if (cpu >= 0)
			return cpu;
	}
	if (scx_bpf_test_and_clear_cpu_idle(prev))
		return prev;
	cpu = pick_idle_in(llc, 0);
	if (cpu >= 0 || nr_llcs == 1)
		return cpu;
	return scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
}

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
 * One of the CPUs in `mask` that p may use, taken out of it so that two wakers do not ask the same one. The masks are kept
 * lazily, so what is found may have nothing to give any more; a few are tried.
 */
static __always_inline s32 claim(struct bpf_cpumask *mask, struct task_struct *p, u8 urgency, u64 now, u64 begun_before)
{
	struct cpu *victim;
	u32 cpu;
	int i;

	if (!mask)
		return -1;
	bpf_for(i, 0, 3) {
		cpu = bpf_cpumask_any_and_distribute((const struct cpumask *)mask, p->cpus_ptr);
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
	cpu = claim(llc->background, p, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_NORMAL)
		cpu = claim(llc->normal, p, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_BRISK)
		cpu = claim(llc->brisk, p, urgency, now, begun_before);
	if (cpu < 0 && urgency > RUNS_PROMPT)
		cpu = claim(llc->prompt, p, urgency, now, begun_before);
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
