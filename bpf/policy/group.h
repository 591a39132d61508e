/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpu.weight: what a group of tasks is due beside other groups, flattened to one number for each task.
 *
 * At every level the service a group is due is divided among its members that have something to run: its own tasks by their
 * nice weights, its child groups by theirs. So a group weighs, beside the tasks of the root,
 *
 *	its weight × (the weight of the group above it ÷ the sum of what competes there), level by level,
 *
 * and a task of it a part of that by its own weight. Groups of the first level have no such factor: a task of nice 0 in the
 * root counts as much as a group with cpu.weight 100, as with the kernel's own scheduler.
 */
#ifndef VIGIL_POLICY_GROUP_H
#define VIGIL_POLICY_GROUP_H

#include "policy/share.h"

#define VIGIL_GROUP_DEPTH 16	   /* levels below the root that are told apart; what is deeper counts with the sixteenth */
#define VIGIL_GROUP_FINE_BITS 10   /* flattened weights are in 1024ths of a nice weight: many divide little */
#define VIGIL_GROUP_FRACTION_BITS 40
#define VIGIL_GROUP_IDLE_WEIGHT 3  /* cpu.idle, as in the kernel */

/* cpu.weight 1..10000 in the unit of nice weights: 100 is what a task of nice 0 weighs. */
VIGIL_POLICY __u32 vigil_group_weight(__u32 cpu_weight)
{
	if (cpu_weight > 10000)
		cpu_weight = 10000;
	cpu_weight = (cpu_weight * 1024 + 50) / 100;
	return cpu_weight ? cpu_weight : 1;
}

/* One level up: `fraction` (2^40 at the bottom) of a group with this weight among `load`, the sum of all that competes with it. */
VIGIL_POLICY __u64 vigil_group_fraction(__u64 fraction, __u32 weight, __u64 load)
{
	/* It may not be counted yet: nobody gets more than all. */
	if (load < weight)
		load = weight;
	return load ? fraction * weight / load : fraction;
}

/* At the top: the weight of a group of the first level times that fraction, in 1024ths. */
VIGIL_POLICY __u64 vigil_group_flat(__u64 fraction, __u32 weight)
{
	__u64 flat = fraction * weight >> (VIGIL_GROUP_FRACTION_BITS - VIGIL_GROUP_FINE_BITS);

	return flat ? flat : 1;
}

/* The share of a task with this nice weight in a group with this flattened weight, whose members weigh `load` together. */
VIGIL_POLICY __u32 vigil_group_share(__u64 flat, __u32 nice_weight, __u64 load, __u32 class_share)
{
	__u64 fine, share;

	if (load < nice_weight)
		load = nice_weight;
	fine = load ? flat * nice_weight / load : flat;
	share = (fine * class_share / (1024 * 1024 / VIGIL_SHARE_ONE)) >> VIGIL_GROUP_FINE_BITS;
	if (share > 0xffffffffULL)
		share = 0xffffffffULL;
	return share ? (__u32)share : 1;
}

#endif
