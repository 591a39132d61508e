/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual time: what a task has had, where the clock stands, when it is due.
 *
 * A task's vtime is the service it received, divided by its share. An LLC's clock is the mean vtime of all that want to run
 * there, weighted by share: each nanosecond of service given moves it by 1/load, load being the sum of the shares, and who
 * comes or goes moves it to the mean of those who are then there. vtime - clock is how far a task is ahead (+) or behind (-)
 * of its due; over all tasks that is nothing.
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
 * How far the clock moves when a task with this share and vtime comes (load: with it) or, negated, goes (load: without it).
 * Were it not moved, what is forgiven to some would put all others behind for ever, and those who are far behind are all
 * due at once, whatever their shares.
 */
VIGIL_POLICY __s64 vigil_clock_shift(__u64 vtime, __u64 clock, __u32 share, __u64 load)
{
	__s64 ahead = (__s64)(vtime - clock);
	__u64 most = 1ULL << 36, far = ahead < 0 ? (__u64)-ahead : (__u64)ahead;

	if (!load)
		return 0;
	far = (far < most ? far : most) * share / load;
	return ahead < 0 ? -(__s64)far : (__s64)far;
}

/*
 * How many nanoseconds it takes the clock of an LLC to move by one while all its `cpus` CPUs are busy, in 256ths: at least one,
 * for a clock that nobody waits on has no hurry to be told.
 */
#define VIGIL_SPREAD_ONE 256

VIGIL_POLICY __u64 vigil_spread(__u64 load, __u32 cpus)
{
	__u64 spread = load * VIGIL_SPREAD_ONE / ((__u64)(cpus ? cpus : 1) * VIGIL_SHARE_ONE);

	return spread < VIGIL_SPREAD_ONE ? VIGIL_SPREAD_ONE : spread;
}

/* How far ahead of the clock a deadline may lie so that it is reached within wait_ns. */
VIGIL_POLICY __u64 vigil_bound(__u64 wait_ns, __u64 spread)
{
	return wait_ns * VIGIL_SPREAD_ONE / spread;
}

/*
 * When, in real time, the clock is expected to reach `deadline`: the order of the queues. Real time, because the clock
 * slows down when load grows, and who was promised a time must not wait for ever because others came. Nobody is put
 * further ahead than wait_ns, nor back than a quarter of it; so nobody waits much longer than those together, by construction.
 */
VIGIL_POLICY __u64 vigil_due(__u64 now, __u64 deadline, __u64 clock, __u64 spread, __u64 wait_ns)
{
	__s64 ahead = (__s64)(deadline - clock);
	__u64 most = 1ULL << 32, real;

	if (ahead >= 0) {
		real = ((__u64)ahead < most ? (__u64)ahead : most) * spread / VIGIL_SPREAD_ONE;
		return now + (real < wait_ns ? real : wait_ns);
	}
	real = ((__u64)-ahead < most ? (__u64)-ahead : most) * spread / VIGIL_SPREAD_ONE;
	return now - (real < wait_ns / 4 ? real : wait_ns / 4);
}

/* Where a task that comes back starts from: at most `credit` behind, at most `bound` ahead. */
VIGIL_POLICY __u64 vigil_rejoin(__u64 vtime, __u64 clock, __u64 credit, __u64 bound, int forgive)
{
	vtime = vigil_later(vtime, clock - credit);
	return vigil_earlier(vtime, clock + (forgive ? 0 : bound));
}

/* When the next `request` of service is due, on the clock. */
VIGIL_POLICY __u64 vigil_deadline(__u64 vtime, __u64 request, __u32 share)
{
	return vtime + vigil_virtual(request, share);
}

/*
 * Service to ask for at a time: no more than what is due to this share within `bound` on the clock. The least ask for little and
 * often rather than for the usual much too late.
 */
#define VIGIL_REQUEST_LEAST 500000

VIGIL_POLICY __u64 vigil_request(__u64 request, __u32 share, __u64 bound)
{
	__u64 due = bound * share / VIGIL_SHARE_ONE;

	if (due < VIGIL_REQUEST_LEAST)
		due = VIGIL_REQUEST_LEAST;
	return request < due ? request : due;
}

/*
 * A task that runs all the time and still falls behind the clock is due more than one CPU, which nobody can give it. Its share
 * is cut to what a CPU of `cpus` is worth beside the `others`, so that the clock does not run away from the rest (all of
 * them would be equally far ahead, and their own shares would stop to count). Never so far that its next request would
 * bring it past the clock, on which it is `behind`.
 */
VIGIL_POLICY __u32 vigil_share_of_a_cpu(__u32 share, __u64 others, __u32 cpus, __u64 request, __u64 behind)
{
	__u64 most, least;

	if (cpus < 2 || !behind)
		return share;
	most = others / (cpus - 1);
	least = request * VIGIL_SHARE_ONE / behind;
	if (most < least)
		most = least;
	if (!most)
		most = 1;
	return share < most ? share : (__u32)most;
}

#endif
