/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory objects share: their maps (owned by the memory object, lent to the DAMON object) and the records.
 */
#ifndef VIGIL_MEMORY_BPF_H
#define VIGIL_MEMORY_BPF_H

#include "kernel.bpf.h"
#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} mem_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VIGIL_MEM_PROCESSES);
	__type(key, __u32);
	__type(value, struct vigil_mem_proc);
} mem_procs SEC(".maps");

#endif
