/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has had what: shares, vtimes, clocks, bursts.
 */
#ifndef VIGIL_SCHED_ACCOUNT_BPF_H
#define VIGIL_SCHED_ACCOUNT_BPF_H

#include "sched_maps.bpf.h"
#include "sampling.bpf.h"
#include "sched_group.bpf.h"
#include "sched_kworker.bpf.h"
#include "sched_memory.bpf.h"

#define MOST_LEAD_NS 100000000U

/* What a profile changes of what its class says: for its own tasks, as long as they have it. */
static __always_inline void apply_profile(struct vigil_sched_task *t, const struct vigil_profile *profile)
{
	if (profile->request_us)
		t->request = profile->request_us * 1000;
	t->lead += profile->lead_us * 1000;
	if (t->lead > MOST_LEAD_NS)
		t->lead = MOST_LEAD_NS;
	t->share = (u64)t->share * profile->share >> 10;
	if (!t->share)
		t->share = 1;
	t->profile = profile->flags & (VIGIL_PROFILE_CPUS | VIGIL_PROFILE_STRICT);
	t->set = profile->cpu_set;
	t->smt = profile->smt;
}

/* Takes class, nice value, behaviour and profile over into what decisions use. */
static __always_inline void refresh(struct task_struct *p, struct vigil_task *task, struct vigil_sched_tunables *tun)
{
	struct vigil_sched_task *t = &task->sched;
	struct vigil_profile *profile = profile_of(&task->v);
	u32 klass = task->v.klass;
	struct vigil_sched_class *class;
	bool idle_group = false;

	if (klass >= VIGIL_CLASS_COUNT)
		klass = VIGIL_CLASS_REGULAR;
	class = &tun->classes[klass];
	t->klass = klass;
	t->share = !plain && t->group ? group_share(p, t, class->share, &idle_group) : vigil_share(t->weight, class->share);
	t->request = class->request_us * 1000;
	t->lead = class->lead_us * 1000;
	t->profile = t->smt = 0;
	if (profile)
		apply_profile(t, profile);
	t->urgency = class->urgency * 2;
	take_memory_hint(task);
	if (class->flags & VIGIL_SCHED_JUDGE) {
		t->behaviour = vigil_behaviour(t->behaviour, t->average, t->burst, tun->short_burst_us * 1000);
		if (t->behaviour == VIGIL_BEHAVES_HOG)
			t->urgency = RUNS_BACKGROUND;
		else if (t->behaviour == VIGIL_BEHAVES_SHORT && t->urgency == RUNS_NORMAL)
			t->urgency = RUNS_BRISK;
	}
	if (!plain && is_unbound_worker(p))
		judge_worker(t, tun);
	if (idle_group) {
		t->urgency = RUNS_BACKGROUND;
		t->lead = 0;
	}
}

/* p's share becomes part of the LLC's load, and its vtime of the mean. */
static __always_inline void join(struct llc *llc, struct vigil_sched_task *t)
{
	u64 load = __sync_fetch_and_add(&llc->load, t->share) + t->share;

	t->counted = t->share;
	__sync_fetch_and_add(&llc->clock, vigil_clock_shift(t->vtime, llc->clock, t->share, load));
}

static __always_inline void leave(struct llc *llc, struct vigil_sched_task *t)
{
	u32 share = t->counted;
	u64 load;

	if (!share)
		return;
	t->counted = 0;
	load = __sync_fetch_and_sub(&llc->load, share) - share;
	__sync_fetch_and_sub(&llc->clock, vigil_clock_shift(t->vtime, llc->clock, share, load));
}

/* A new request, when the last one has been served. Who is so far ahead that it would wait too long is let off the rest. */
static __always_inline void renew(struct task_struct *p, struct vigil_task *task, struct llc *llc,
				  struct vigil_sched_tunables *tun)
{
	struct vigil_sched_task *t = &task->sched;
	u64 clock = llc->clock, load = llc->load, bound, most;

	refresh(p, task, tun);
	bound = vigil_bound(wait_ns(tun), vigil_spread(load, llc->cpus));
	most = clock + bound;
	if (vigil_before(t->vtime, clock - bound / 8) && load > t->counted)
		t->share = vigil_share_of_a_cpu(t->share, load - t->counted, llc->cpus, t->request, clock - t->vtime);
	if (t->counted && (t->share != t->counted || vigil_before(most, t->vtime))) {
		leave(llc, t);
		t->vtime = vigil_earlier(t->vtime, most);
		join(llc, t);
	}
	t->deadline = vigil_deadline(t->vtime, vigil_request(t->request, t->share, bound), t->share);
	if (!t->deadline)
		t->deadline = 1;
}

/* The key of a queue. */
static __always_inline u64 due_of(struct vigil_sched_task *t, struct llc *llc, u64 now, struct vigil_sched_tunables *tun)
{
	return vigil_due(now, t->deadline, llc->clock, vigil_spread(llc->load, llc->cpus), wait_ns(tun)) - t->lead;
}

static __always_inline bool request_served(struct vigil_sched_task *t)
{
	return !t->deadline || !vigil_before(t->vtime, t->deadline);
}

/* Books what p ran since the last call. Only for the task that runs. */
static __always_inline void charge(struct vigil_task *task, struct llc *llc, u64 now)
{
	struct vigil_sched_task *t = &task->sched;
	u64 ran = now - t->since, step;
	struct vigil_sched_stats *s;

	if ((s64)ran < 1000) /* the same switch again */
		return;
	t->since = now;
	t->vtime += vigil_virtual(ran, t->share);
	t->burst += ran;
	step = vigil_clock_step(ran, llc->load);
	__sync_fetch_and_add(&llc->clock, step);
	if (nr_llcs > 1)
		__sync_fetch_and_add(&llc->turn, step);
	s = stats();
	if (s && t->klass < VIGIL_CLASS_COUNT)
		s->class_ns[t->klass] += ran;
	sampling_ran(&task->v, ran, now, VIGIL_ACCOUNTS_SCHEDULER);
}

/*
 * p's place on the clock of another LLC is what it was on that of its own; `behind`: less so much service, which those there
 * had more.
 */
static __always_inline void move_llc(struct vigil_sched_task *t, struct llc *to, u32 id, u64 behind)
{
	struct llc *from = llc_of(t->llc);
	bool counted = t->counted;
	u64 shift;

	if (!from)
		return;
	shift = to->clock - from->clock - behind;
	leave(from, t);
	t->vtime += shift;
	if (t->deadline)
		t->deadline += shift;
	t->llc = id;
	if (counted)
		join(to, t);
}

#endif
