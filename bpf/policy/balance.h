/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Service across LLCs: each has a clock of its own, so loads must be alike for shares to mean the same everywhere.
 *
 * Loads alone cannot always be made alike: three equal tasks on two LLCs of one CPU stay two and one. So each LLC also counts its
 * turn, the service it gave by share (the clock without the coming and going of tasks). Whose turn is ahead while it has the
 * lighter load takes a task over, and is the slower one then; so the difference goes to and fro about nothing. The task brings
 * what it had less as service that it is due: else one that always moves with the slow would be slow for ever.
 */
#ifndef VIGIL_POLICY_BALANCE_H
#define VIGIL_POLICY_BALANCE_H

#include "policy/deadline.h"

#define VIGIL_TURN_CALLS 20000000U /* so much ahead in real time calls for a move, ns */
#define VIGIL_TURN_MOST	 200000000U /* older differences are forgotten: affinity may keep them from being made good */

/* Would moving a task with this share from a domain with load `theirs` to one with `ours` leave the two more equal? */
VIGIL_POLICY int vigil_move_evens(__u64 ours, __u32 our_cpus, __u64 theirs, __u32 their_cpus, __u32 share)
{
	return (ours * 2 + share) * their_cpus + (__u64)share * our_cpus < theirs * 2 * our_cpus;
}

/* How much the first turn is ahead of the second: 0 if it is not. */
VIGIL_POLICY __u32 vigil_turn_ahead(__u64 ours, __u64 theirs)
{
	if (!vigil_before(theirs, ours))
		return 0;
	return ours - theirs < VIGIL_TURN_MOST ? (__u32)(ours - theirs) : VIGIL_TURN_MOST;
}

/* Does the one that is `ahead` so much take one over, whatever that does to loads? */
VIGIL_POLICY int vigil_turn_calls(__u32 ahead, __u64 ours, __u32 our_cpus, __u64 theirs, __u32 their_cpus)
{
	return ours * their_cpus < theirs * our_cpus &&
	       ahead * vigil_spread(theirs, their_cpus) / VIGIL_SPREAD_ONE > VIGIL_TURN_CALLS;
}

#endif
