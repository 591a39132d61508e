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

struct vigil_task {
	struct vigil_verdict v;
	struct vigil_sched_task sched;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vigil_task);
} tasks SEC(".maps");

#endif
