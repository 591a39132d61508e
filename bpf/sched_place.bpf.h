/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where: an idle CPU for who wakes up, by the kernel's idle masks and ours; no loop over CPUs.
 */
#ifndef VIGIL_SCHED_PLACE_BPF_H
#define VIGIL_SCHED_PLACE_BPF_H

#include "sched_maps.bpf.h"
#include "sched_sets.bpf.h"
#include "sched_strict.bpf.h"
#include "sched_preempt.bpf.h"

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

static __always_inline s32 pick_idle_in(const struct bpf_cpumask *mask, u64 flags)
{
	return mask ? scx_bpf_pick_idle_cpu((const struct cpumask *)mask, flags) : -1;
}

/* What is in both masks, in one of this CPU's own; NULL: nothing is. */
static __always_inline struct bpf_cpumask *both(struct bpf_cpumask *out, const struct cpumask *a, const struct cpumask *b)
{
	return out && bpf_cpumask_and(out, a, b) ? out : NULL;
}

static __always_inline bool core_is_idle(s32 cpu)
{
	const struct cpumask *idle = scx_bpf_get_idle_smtmask();
	bool whole = bpf_cpumask_test_cpu(cpu, idle);

	scx_bpf_put_idle_cpumask(idle);
	return whole;
}

/* `prev` if it is idle, its whole core if there are siblings and `whole` asks for it. */
static __always_inline bool take_prev(s32 prev, bool whole)
{
	return (!smt || !whole || core_is_idle(prev)) && scx_bpf_test_and_clear_cpu_idle(prev);
}

static __always_inline bool spreads(const struct vigil_task *task, const struct vigil_sched_tunables *tun)
{
	u32 klass = task->v.klass;

	if (task->sched.smt)
		return task->sched.smt == VIGIL_SMT_WHOLE;
	return klass < VIGIL_CLASS_COUNT && (tun->classes[klass].flags & VIGIL_SCHED_SPREAD);
}

/*
 * An idle CPU of the set that p may use: the one before with its whole core, a whole core near it, any whole core; then, but
 * not for who spreads, the one before, one near it, any. `near` is the LLC where p ran before; it counts for sets of several
 * LLCs.
 */
static __always_inline s32 pick_in_set(struct task_struct *p, struct cpu_set *set, s32 prev, struct llc *near, bool spreads,
				       bool sticky)
{
	struct cpu *self = cpu_of(bpf_get_smp_processor_id());
	const struct bpf_cpumask *asked = set->mask, *close = NULL;
	bool inside;
	s32 cpu;

	if (!asked || !self)
		return -1;
	if (!runs_anywhere(p)) {
		asked = both(self->scratch, (const struct cpumask *)asked, p->cpus_ptr);
		if (!asked)
			return -1;
	}
	inside = bpf_cpumask_test_cpu(prev, (const struct cpumask *)asked);
	if (inside && take_prev(prev, !sticky))
		return prev;
	if (set->llc == NO_LLC && near->mask)
		close = both(self->narrow, (const struct cpumask *)asked, (const struct cpumask *)near->mask);
	if (smt) {
		cpu = pick_idle_in(close, SCX_PICK_IDLE_CORE);
		if (cpu >= 0)
			return cpu;
		cpu = pick_idle_in(asked, SCX_PICK_IDLE_CORE);
		if (cpu >= 0 || spreads)
			return cpu;
		if (inside && take_prev(prev, false))
			return prev;
	}
	cpu = pick_idle_in(close, 0);
	return cpu >= 0 ? cpu : pick_idle_in(asked, 0);
}

/* An idle CPU beside a busy sibling, of the set if there is one: whole cores are left to others. */
static __always_inline s32 pick_half(struct task_struct *p, struct cpu_set *set)
{
	struct cpu *self = cpu_of(bpf_get_smp_processor_id());
	const struct bpf_cpumask *asked = set ? set->mask : NULL;
	const struct cpumask *idle, *whole;
	struct bpf_cpumask *half;

	if (!smt || !self)
		return -1;
	half = self->narrow;
	if (!half)
		return -1;
	idle = scx_bpf_get_idle_cpumask();
	whole = scx_bpf_get_idle_smtmask();
	bpf_cpumask_xor(half, idle, whole);
	scx_bpf_put_idle_cpumask(whole);
	scx_bpf_put_idle_cpumask(idle);
	if (asked)
		bpf_cpumask_and(half, (const struct cpumask *)half, (const struct cpumask *)asked);
	if (!bpf_cpumask_and(half, (const struct cpumask *)half, p->cpus_ptr))
		return -1;
	return scx_bpf_pick_idle_cpu((const struct cpumask *)half, 0);
}

/* Near before far: the memory node of the CPU before, then the whole machine. */
static __always_inline s32 pick_far(struct task_struct *p, struct cpu *home, u64 flags)
{
	struct cpu_set *node = several_nodes ? set_of(home->node_set) : NULL;
	s32 cpu = node ? pick_idle_in(node->mask, flags) : -1;

	return cpu >= 0 ? cpu : scx_bpf_pick_idle_cpu(p->cpus_ptr, flags);
}

/*
 * Any idle CPU: the one before with its whole core, a whole core of the LLC (of the machine, for who spreads), the one
 * before, any of the LLC, of the waker's LLC, of the memory node, any. Who is woken by what is about to sleep in another LLC
 * looks there first: they share data.
 */
static __always_inline s32 pick_anywhere(struct task_struct *p, s32 prev, struct cpu *home, u64 wake_flags, bool spreads,
					 bool sticky)
{
	struct llc *llc = llc_of(home->llc), *waker_llc = NULL;
	s32 cpu;

	if (!llc)
		return -1;
	if (nr_llcs > 1 && (wake_flags & SCX_WAKE_TTWU)) {
		struct cpu *waker = cpu_of(bpf_get_smp_processor_id());

		if (waker && waker->llc != home->llc)
			waker_llc = llc_of(waker->llc);
		if (waker_llc && (wake_flags & SCX_WAKE_SYNC)) {
			cpu = pick_idle_in(waker_llc->mask, 0);
			if (cpu >= 0)
				return cpu;
		}
	}
	if (take_prev(prev, !sticky))
		return prev;
	if (smt) {
		cpu = pick_idle_in(llc->mask, SCX_PICK_IDLE_CORE);
		if (cpu < 0 && nr_llcs > 1 && spreads)
			cpu = pick_far(p, home, SCX_PICK_IDLE_CORE);
		if (cpu >= 0)
			return cpu;
		if (take_prev(prev, false))
			return prev;
	}
	cpu = pick_idle_in(llc->mask, 0);
	if (cpu >= 0 || nr_llcs == 1)
		return cpu;
	if (waker_llc) {
		cpu = pick_idle_in(waker_llc->mask, 0);
		if (cpu >= 0)
			return cpu;
	}
	return pick_far(p, home, 0);
}

/* A CPU of the set that runs something in the background, which makes way for p. */
static __always_inline s32 claim_in_set(struct task_struct *p, struct cpu_set *set, u8 urgency, u64 now, u64 begun_before)
{
	struct cpu *self = cpu_of(bpf_get_smp_processor_id());
	const struct bpf_cpumask *asked = set->mask;
	struct llc *llc = llc_of(set->llc);

	if (!asked || !llc || !self)
		return -1;
	asked = both(self->scratch, (const struct cpumask *)asked, p->cpus_ptr);
	return asked ? claim(llc->background, (const struct cpumask *)asked, urgency, now, begun_before) : -1;
}

/* The CPU where p, which runs here and is not to go on here, can go on at once. */
static __always_inline s32 pick_again(struct task_struct *p, struct vigil_task *task, struct llc *llc, s32 here,
				      struct vigil_sched_tunables *tun)
{
	struct cpu_set *set = task ? set_of(set_for(task, tun)) : NULL;
	s32 cpu = set ? pick_in_set(p, set, here, llc, spreads(task, tun) && !strict_set(p, task, tun), false) : -1;

	if (cpu < 0 && task && strict_set(p, task, tun))
		return -1;
	return cpu >= 0 ? cpu : scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
}

/* Does p run outside the set it asks for, while a CPU there is idle? */
static __always_inline bool wants_to_move(struct task_struct *p, struct vigil_task *task, s32 here,
					  struct vigil_sched_tunables *tun)
{
	struct cpu_set *set = set_of(set_for(task, tun));
	const struct bpf_cpumask *asked = set ? set->mask : NULL;
	const struct cpumask *idle;
	bool room;

	if (!asked || bpf_cpumask_test_cpu(here, (const struct cpumask *)asked))
		return false;
	if (strict_set(p, task, tun))
		return true;
	if (!runs_anywhere(p))
		return false;
	idle = smt && spreads(task, tun) ? scx_bpf_get_idle_smtmask() : scx_bpf_get_idle_cpumask();
	room = bpf_cpumask_intersects(idle, (const struct cpumask *)asked);
	scx_bpf_put_idle_cpumask(idle);
	return room;
}

/*
 * No CPU is idle, and who wakes p is about to sleep: p, if it is brisk, takes over the CPU that gets free, and displaces nobody.
 * Only from who sleeps often himself, for an interrupt may wake in the name of whatever it found running. And not while somebody
 * prompt is queued, for whom this CPU is one to come to, or somebody has been due for long: see make_way(). Every eighth time not, for a pair that hands its CPU to and fro never looks into the queue.
 * Negative: no.
 */
static __always_inline s32 hand_over(struct task_struct *p, struct vigil_task *task, struct vigil_sched_tunables *tun)
{
	s32 here = bpf_get_smp_processor_id();
	struct cpu *cpu = cpu_of(here);
	struct llc *llc;
	u64 head;

	/* Not busy: one that we do not schedule has the CPU, for as long as it likes. */
	if (!cpu || !cpu->busy || task->sched.urgency != RUNS_BRISK || cpu->urgency != RUNS_BRISK)
		return -1;
	if (!bpf_cpumask_test_cpu(here, p->cpus_ptr) || strict_set(p, task, tun) || scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | here))
		return -1;
	llc = llc_of(cpu->llc);
	if (!llc || (++cpu->handed & 7) == 0)
		return -1;
	head = dsq_head_key(cpu->llc, ~0ULL);
	return head == ~0ULL || (head > llc->pressed_due && head + wait_ns(tun) / 4 > now_ns()) ? here : -1;
}

/*
 * The CPU for a wake-up or a fork. First the set it asks for, then any; what may not run
 * everywhere and finds nothing in its set takes the kernel's own choice, which looks at its mask. Negative: none.
 * *preempt: what runs there is to make way.
 */
static __always_inline s32 pick_cpu(struct task_struct *p, struct vigil_task *task, s32 prev, u64 wake_flags,
				    struct vigil_sched_tunables *tun, bool *preempt)
{
	struct cpu *home = cpu_of(prev);
	struct llc *llc = home ? llc_of(home->llc) : NULL;
	bool idle = false, sticky = false, spread = false;
	struct cpu_set *set = NULL;
	s32 cpu = -1;

	if (task && llc) {
		spread = spreads(task, tun);
		sticky = task->v.flags & VIGIL_F_VCPU;
		set = set_of(set_for(task, tun));
	}
	if (task && task->sched.smt == VIGIL_SMT_SHARE) {
		cpu = pick_half(p, set);
		if (cpu >= 0)
			return cpu;
	}
	if (set && set->mask) {
		cpu = pick_in_set(p, set, prev, llc, spread, sticky);
		if (cpu < 0 && spread && strict_set(p, task, tun))
			cpu = pick_in_set(p, set, prev, llc, false, sticky);
		if (cpu < 0 && preempt && task->sched.urgency >= RUNS_PROMPT) {
			/* Rather the place of something in the background than an idle CPU elsewhere, which is left to that.
			 * Not while somebody has been due there for long: see make_way(). */
			u64 now = now_ns(), head = dsq_head_key(set->llc, ~0ULL);

			if (head == ~0ULL || head + wait_ns(tun) / 4 > now)
				cpu = claim_in_set(p, set, task->sched.urgency, now, now);
			*preempt = cpu >= 0;
		}
		if (task->v.klass == VIGIL_CLASS_GAMING && tun->classes[VIGIL_CLASS_GAMING].set == VIGIL_SET_VCACHE) {
			if (cpu >= 0)
				count(steered);
			else
				count(spilled);
		}
		if (cpu >= 0 || strict_set(p, task, tun))
			return cpu;
	}
	if (!llc || !runs_anywhere(p)) {
		cpu = scx_bpf_select_cpu_dfl(p, prev, wake_flags, &idle);
		return idle ? cpu : -1;
	}
	return pick_anywhere(p, prev, home, wake_flags, spread, sticky);
}

#endif
