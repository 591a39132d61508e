/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every task carries: the verdict (abi.h) and the scheduler's own state (sched_task.h), in one task storage so that a
 * scheduling decision costs one lookup. The events object owns the map; the others are given its file descriptor.
 */
#ifndef VIGIL_TASK_BPF_H
#define VIGIL_TASK_BPF_H

#include "kernel.bpf.h"
#include "abi.h"
#include "sched_task.h"

/* What is counted of a process to notice exec storms (storm.bpf.h), and what later evidence is weighed against. */
struct vigil_brood {
	__u32 storm; /* tgid of the storm's root, 0 none; inherited at fork */
	__u32 execs; /* programs executed below it, halved each second */
	__u64 since_ns;
	__u64 faults; /* its ended children's when that second began */
	__u32 image_rank; /* match_best.rank of the IMAGE decision */
	__u32 boundary; /* a boundary rule held for the image */
	__u32 seq; /* odd while the verdict is being decided for a new image */
	__u32 pad;
};

struct vigil_task {
	struct vigil_verdict v;
	struct vigil_sched_task sched;
	struct vigil_brood brood;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vigil_task);
} tasks SEC(".maps");

#endif
