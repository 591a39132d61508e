/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memory makes of a process: the CPUs its tasks would rather run on, and how much sooner they are due. One entry a
 * process, written by the daemon when it changes; all threads see it at their next request, new ones from their first.
 */
#ifndef VIGIL_SCHED_MEMORY_BPF_H
#define VIGIL_SCHED_MEMORY_BPF_H

#include "sched_maps.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VIGIL_MEM_PROCESSES);
	__type(key, __u32); /* tgid */
	__type(value, struct vigil_memory_hint);
} memory_hints SEC(".maps");

/* Costs those that are not memory-bound a comparison. */
static __always_inline void take_memory_hint(struct vigil_task *task)
{
	struct vigil_sched_task *t = &task->sched;
	struct vigil_memory_hint *hint;
	__u32 tgid = task->v.key.tgid;
	__s64 lead;

	t->near_set = 0;
	if (task->v.klass != VIGIL_CLASS_VECTORDB && !(task->v.flags & VIGIL_F_MEMORY))
		return;
	hint = bpf_map_lookup_elem(&memory_hints, &tgid);
	if (!hint || hint->start_ns != task->v.key.start_ns)
		return;
	t->near_set = hint->set;
	lead = (__s64)t->lead + (__s64)hint->lead_us * 1000;
	t->lead = lead < 0 ? 0 : lead;
}

#endif
