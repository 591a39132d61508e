/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel workers: who wakes one, and what that means for it. The arithmetic is policy/kworker.h.
 */
#ifndef VIGIL_SCHED_KWORKER_BPF_H
#define VIGIL_SCHED_KWORKER_BPF_H

#include "sched_maps.bpf.h"
#include "policy/kworker.h"

static __always_inline bool is_unbound_worker(const struct task_struct *p)
{
	return (p->flags & PF_WQ_WORKER) && p->nr_cpus_allowed > 1;
}

/*
 * p wakes up: a kernel worker works in the name of who woke it, which is who queued the work. Where workers wake one another nothing
 * is learned of who did.
 */
static __always_inline void note_waker(struct vigil_task *task)
{
	struct task_struct *who = bpf_get_current_task_btf();
	struct vigil_task *waker;

	if (!task || (who->flags & PF_WQ_WORKER))
		return;
	waker = task_of(who);
	task->sched.serves = vigil_kworker_score(task->sched.serves, waker && waker->sched.urgency >= RUNS_PROMPT);
	if (vigil_kworker_promoted(task->sched.serves))
		count(workers_promoted);
}

/* As prompt as those it serves. (While memory is short the daemon takes the class's lead away: that of the others.) */
static __always_inline void judge_worker(struct vigil_sched_task *t, struct vigil_sched_tunables *tun)
{
	u32 lead = tun->classes[VIGIL_CLASS_INTERACTIVE].lead_us * 1000;

	if (!vigil_kworker_promoted(t->serves))
		return;
	t->urgency = RUNS_PROMPT;
	if (t->lead < lead)
		t->lead = lead;
}

#endif
