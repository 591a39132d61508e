/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's part of a task's storage. Only bpf/sched*.bpf.* reads or writes it.
 */
#ifndef VIGIL_SCHED_TASK_H
#define VIGIL_SCHED_TASK_H

struct vigil_sched_task {
	__u64 reserved[16];
};

#endif
