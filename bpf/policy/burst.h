/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Behaviour of the unknown: does it run briefly and sleep, or burn CPU?
 *
 * A burst is the CPU time between two voluntary sleeps. Its moving average needs several sleeps to change, and the
 * limits differ in the two directions, so that one long frame does not make a game a compiler, nor one short sleep a
 * compiler a desktop.
 */
#ifndef VIGIL_POLICY_BURST_H
#define VIGIL_POLICY_BURST_H

#include "policy/numbers.h"

enum vigil_behaviour {
	VIGIL_BEHAVES_MIXED = 0,
	VIGIL_BEHAVES_SHORT = 1, /* sleeps after short bursts */
	VIGIL_BEHAVES_HOG = 2,	 /* keeps running */
};

#define VIGIL_BURST_WEIGHT 8 /* one burst is an eighth of the average */
#define VIGIL_BURST_HOG	   8 /* a hog's average is this many times a short one's limit */

/* No single burst counts for more than 32 hog limits: a day of work must be forgotten in a second. */
VIGIL_POLICY __u32 vigil_burst_average(__u32 average, __u64 burst, __u32 short_ns)
{
	__u64 most = (__u64)short_ns * VIGIL_BURST_HOG * 4;

	if (burst > most)
		burst = most;
	return (__u32)(((__u64)average * (VIGIL_BURST_WEIGHT - 1) + burst) / VIGIL_BURST_WEIGHT);
}

/* `running` is the burst that is going on (0 at a sleep): a task that never sleeps is a hog before its first. */
VIGIL_POLICY enum vigil_behaviour vigil_behaviour(enum vigil_behaviour now, __u32 average, __u64 running, __u32 short_ns)
{
	__u64 hog = (__u64)short_ns * VIGIL_BURST_HOG;

	if (running > hog * 2)
		return VIGIL_BEHAVES_HOG;
	switch (now) {
	case VIGIL_BEHAVES_SHORT:
		if (average < short_ns * 2)
			return VIGIL_BEHAVES_SHORT;
		break;
	case VIGIL_BEHAVES_HOG:
		if (average > hog / 2)
			return VIGIL_BEHAVES_HOG;
		break;
	default:
		break;
	}
	if (average < short_ns)
		return VIGIL_BEHAVES_SHORT;
	return average > hog ? VIGIL_BEHAVES_HOG : VIGIL_BEHAVES_MIXED;
}

#endif
