/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual time: what a task has had, where the clock stands, when it is due.
 *
 * A task's vtime is the service it received, divided by its share. An LLC's clock is what a task that is always
 * there would have received by now: each nanosecond of service given moves it by 1/load, load being the sum of the
 * shares of all that want to run there. vtime - clock is how far a task is ahead (+) or behind (-).
 */
#ifndef VIGIL_POLICY_DEADLINE_H
#define VIGIL_POLICY_DEADLINE_H

#include "policy/share.h"

/* What `ns` of service mean to a task with this share. */
VIGIL_POLICY __u64 vigil_virtual(__u64 ns, __u32 share)
{
	return ns * VIGIL_SHARE_ONE / (share ? share : 1);
}

/* How far the clock moves while `ns` of service are given among `load`. */
VIGIL_POLICY __u64 vigil_clock_step(__u64 ns, __u64 load)
{
	return ns * VIGIL_SHARE_ONE / (load ? load : 1);
}

/*
 * How far the clock of an LLC with `cpus` CPUs, all busy, moves in `wait_ns`. Deadlines are kept within it, and so is
 * what a task may be ahead: that is why nobody waits (much) longer than wait_ns, whatever its share.
 */
VIGIL_POLICY __u64 vigil_bound(__u64 wait_ns, __u32 cpus, __u64 load)
{
	__u64 full = (__u64)(cpus ? cpus : 1) * VIGIL_SHARE_ONE;

	if (load <= full)
		return wait_ns;
	/* load / VIGIL_SHARE_ONE would lose too much; wait_ns is below 2^32, full below 2^24. */
	return wait_ns * full / load;
}

/* Where a task that comes back starts from: at most `credit` behind, at most `bound` ahead. */
VIGIL_POLICY __u64 vigil_rejoin(__u64 vtime, __u64 clock, __u64 credit, __u64 bound, int forgive)
{
	vtime = vigil_later(vtime, clock - credit);
	return vigil_earlier(vtime, clock + (forgive ? 0 : bound));
}

/* When the next `request` of service is due. */
VIGIL_POLICY __u64 vigil_deadline(__u64 vtime, __u64 clock, __u64 request, __u32 share, __u64 bound)
{
	return vigil_earlier(vtime + vigil_virtual(request, share), clock + bound);
}

/*
 * Would moving a task with this share from a domain with load `theirs` on `their_cpus` to one with `ours` on
 * `our_cpus` leave the two more equal than before?
 */
VIGIL_POLICY int vigil_move_evens(__u64 ours, __u32 our_cpus, __u64 theirs, __u32 their_cpus, __u32 share)
{
	return (ours + share) * their_cpus < (theirs - share) * our_cpus && share < theirs;
}

#endif
