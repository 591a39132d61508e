/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task's share: how much service it is due beside others. A product of its nice value's weight and its class's.
 */
#ifndef VIGIL_POLICY_SHARE_H
#define VIGIL_POLICY_SHARE_H

#include "policy/numbers.h"

/* The share of a nice 0 task of class `regular`. Sixteen times finer than the kernel's weights, so that a half of
 * nice 19's 15 is still a number. */
#define VIGIL_SHARE_ONE 16384

/* Each step of nice is a factor of 1.25, as in the kernel: nice -20 first, nice 0 is 1024. */
static const __u32 vigil_nice_weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

#define VIGIL_IDLE_POLICY_WEIGHT 3 /* SCHED_IDLE */

/* static_prio is 100 for nice -20 and 139 for nice 19. */
VIGIL_POLICY __u32 vigil_nice_weight(__s32 static_prio, int idle_policy)
{
	__u32 index = (__u32)(static_prio - 100);

	if (idle_policy)
		return VIGIL_IDLE_POLICY_WEIGHT;
	return vigil_nice_weights[index < 40 ? index : 20];
}

/* class_share: 1024 is the same as `regular`. */
VIGIL_POLICY __u32 vigil_share(__u32 nice_weight, __u32 class_share)
{
	__u64 share = (__u64)nice_weight * class_share / (1024 * 1024 / VIGIL_SHARE_ONE);

	return share ? (__u32)share : 1;
}

#endif
