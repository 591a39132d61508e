/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel workers: who wakes one, and what that means for it. The arithmetic is policy/kworker.h.
 */
#ifndef VIGIL_SCHED_KWORKER_BPF_H
#define VIGIL_SCHED_KWORKER_BPF_H

#include "sched_maps.bpf.h"
#include "policy/kworker.h"

/* p wakes up: a kernel worker works in the name of who woke it, which is who queued the work. */
static __always_inline void note_waker(struct task_struct *p)
{
	struct vigil_task *task = task_of(p), *waker = task_of(bpf_get_current_task_btf());

	if (!task)
		return;
	task->sched.serves = vigil_kworker_score(task->sched.serves, waker && waker->sched.urgency >= RUNS_PROMPT);
	if (vigil_kworker_promoted(task->sched.serves))
		count(workers_promoted);
}

/* An unbound kernel worker is as prompt as those it serves; while memory is short, who serves nobody prompt steps back. */
static __always_inline void judge_worker(struct vigil_sched_task *t, struct vigil_sched_tunables *tun)
{
	if (vigil_kworker_promoted(t->serves)) {
		t->urgency = RUNS_PROMPT;
		t->lead = tun->classes[VIGIL_CLASS_INTERACTIVE].lead_us * 1000;
	} else if (tun->kworker_pressure) {
		t->urgency = RUNS_BACKGROUND;
		t->lead = 0;
	}
}

#endif
