/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the scheduler remembers of a task, in its storage (map `tasks`) behind the verdict.
 *
 * Written by the scheduler's operations of that very task, which the kernel orders (runqueue lock); nobody else
 * writes it.
 */
#ifndef VIGIL_SCHED_TASK_H
#define VIGIL_SCHED_TASK_H

enum vigil_sched_task_flags {
	VIGIL_ST_PLACED = 1 << 0,  /* has a vtime */
	VIGIL_ST_LEAVING = 1 << 1, /* gives its CPU up for an idle one in the set it asks for */
};

struct vigil_sched_task {
	__u64 vtime;	/* service received, by share, on the clock of `llc` */
	__u64 deadline; /* when the present request is due; 0: to be set */
	__u64 since;	/* accounted up to here while running, ns */
	__u64 woken_at; /* 0: not waiting since a wake-up */
	__u64 burst;	/* run time since the last voluntary sleep */
	__u32 average;	/* moving average of bursts, ns */
	__u32 weight;	/* of its nice value */
	__u32 share;	/* weight and class together, as counted in */
	__u32 counted;	/* what it adds to its LLC's load now */
	__u32 request;	/* ns */
	__u32 lead;	/* ns */
	__u16 llc;
	__u16 cpu;	/* where it ran last */
	__u16 group;	/* its task group (sched_group.bpf.h); 0 the root */
	__u8 serves;	/* a kernel worker's score, see policy/kworker.h */
	__u8 pad;
	__u32 group_counted; /* what it adds to its group's load now */
	__u8 urgency;
	__u8 behaviour; /* enum vigil_behaviour */
	__u8 klass;	/* the class share and urgency were made of */
	__u8 flags;
	__u8 near_set; /* enum vigil_cpu_set near the memory it uses; 0: nothing known */
	__u8 profile;  /* of its profile: enum vigil_profile_flags CPUS and STRICT; 0 none */
	__u8 set;      /* enum vigil_cpu_set that its profile names, where CPUS says so */
	__u8 smt;      /* enum vigil_smt_preference */
};

#endif
