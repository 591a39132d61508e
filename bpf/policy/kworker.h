/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel workers: for whom do they work? An unbound worker is woken by who queues the work, so the class of the waker says
 * in whose name it runs. The pool hands work to any of its workers; a score of several wake-ups tells those who mostly serve
 * people waiting from the rest, and one foreign wake-up (an interrupt that fell upon a game, say) does not change it.
 */
#ifndef VIGIL_POLICY_KWORKER_H
#define VIGIL_POLICY_KWORKER_H

#include "policy/numbers.h"

#define VIGIL_KWORKER_MOST 100
#define VIGIL_KWORKER_PROMOTED 70 /* from this score on a worker runs as promptly as those it serves */

/* A wake-up by somebody prompt brings the score halfway to the most, any other halfway to nothing. */
VIGIL_POLICY __u8 vigil_kworker_score(__u8 score, int by_prompt)
{
	if (score > VIGIL_KWORKER_MOST)
		score = VIGIL_KWORKER_MOST;
	return by_prompt ? score + (VIGIL_KWORKER_MOST - score + 1) / 2 : score / 2;
}

VIGIL_POLICY int vigil_kworker_promoted(__u8 score)
{
	return score >= VIGIL_KWORKER_PROMOTED;
}

#endif
