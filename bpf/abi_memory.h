/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory objects (memory.bpf.c, damon.bpf.c) and the daemon share. Part of abi.h, which includes it; these records
 * have a ring of their own and are not part of recordings.
 */
#ifndef VIGIL_ABI_MEMORY_H
#define VIGIL_ABI_MEMORY_H

#define VIGIL_MEM_NODES	    48	/* as many as there are near sets */
#define VIGIL_MEM_NO_NODE   0xff
#define VIGIL_MEM_CPUS	    1024
#define VIGIL_MEM_PROCESSES 256
#define VIGIL_MEM_RANGES    16

/* Map `mem_config`, one element, mmapable: written by the daemon. */
struct vigil_mem_config {
	__u64 tell_ns; /* what a process must run before it is told of as busy, from when it is first seen */
	__u8 node[VIGIL_MEM_CPUS]; /* of each CPU; VIGIL_MEM_NO_NODE unknown */
};
ABI_SIZE(struct vigil_mem_config, 8 + VIGIL_MEM_CPUS);

/* Map `mem_cpus`, by CPU number, mmapable: each CPU writes its own. */
struct vigil_mem_cpu {
	__u64 busy_ns; /* run time of all tasks since the programs are attached */
};
ABI_SIZE(struct vigil_mem_cpu, 8);

/* Map `mem_procs`, by tgid: a memory-bound process that has run. Made and removed in the kernel. */
struct vigil_mem_proc {
	__u64 start_ns; /* leader's start: with the tgid, the process */
	__u64 ran_ns;	/* all threads */
	__u64 tell_at;	/* tell of it as busy when ran_ns gets here; 0: no more */
	__u64 moves;	/* of its threads to another node */
	__u64 node_ns[VIGIL_MEM_NODES];
};
ABI_SIZE(struct vigil_mem_proc, 32 + 8 * VIGIL_MEM_NODES);

enum vigil_mem_event {
	VIGIL_MEM_SEEN = 1,   /* a memory-bound process ran for the first time */
	VIGIL_MEM_BUSY = 2,   /* it ran as long as it was to be told of */
	VIGIL_MEM_GONE = 3,   /* its last thread has ended */
	VIGIL_MEM_ACCESS = 5, /* struct vigil_mem_access */
	VIGIL_MEM_IDLE = 6,   /* it is watched, but has hardly run for some time */
};

/* Map `memory_hints`, by tgid: what memory makes of a process. No entry: nothing. */
struct vigil_memory_hint {
	__u64 start_ns; /* leader's start: with the tgid, the process */
	__s32 lead_us;	/* due so much sooner than its class says */
	__u16 set;	/* enum vigil_cpu_set; 0: no preference */
	__u16 pad;
};
ABI_SIZE(struct vigil_memory_hint, 16);

struct vigil_mem_hdr {
	__u32 kind; /* enum vigil_mem_event */
	__u32 tgid;
	__u64 start_ns;
	__u64 at_ns;
	__u64 ran_ns; /* of the process */
};
ABI_SIZE(struct vigil_mem_hdr, 32);

struct vigil_mem_range {
	__u64 start;
	__u64 end;
};
ABI_SIZE(struct vigil_mem_range, 16);

/* One aggregation of DAMON's that is not like the one told before. */
struct vigil_mem_access {
	struct vigil_mem_hdr hdr;
	__u64 span_ns;	    /* since the record before; 0: the first */
	__u64 hot_bytes;    /* found used at least every second time */
	__u64 warm_bytes;   /* ... at all */
	__u64 cold_bytes;   /* ... never */
	__u64 used;	    /* sum over regions: 4 KiB pages times how often they were found used */
	__u64 cost_ns;	    /* CPU time of the kdamond in the span */
	__u64 samples;	    /* pages looked at in the span */
	__u32 aggregations; /* in the span */
	__u32 regions;
	__u32 kdamond; /* pid */
	__u32 nr_ranges;
	struct vigil_mem_range ranges[VIGIL_MEM_RANGES]; /* largest runs of hot regions */
};
ABI_SIZE(struct vigil_mem_access, 32 + 7 * 8 + 16 + 16 * VIGIL_MEM_RANGES);

/* Map `damon_targets`, by kdamond pid: what is asked of it, and what has been gathered. Made and removed by the daemon. */
struct vigil_damon_target {
	/* the daemon's */
	__u32 tgid;
	__u32 max_accesses; /* samples in an aggregation */
	__u64 start_ns;
	/* the kernel's: this aggregation */
	__u32 seen;
	__u32 nr_ranges;
	__u64 hot, warm, cold, used;
	__u64 samples;
	struct vigil_mem_range ranges[VIGIL_MEM_RANGES];
	/* ... as told last */
	__u64 told_at, told_cost, told_hot, told_warm, told_moves, told_migrations;
	/* ... at the end of the aggregation before */
	__u64 last_ran, last_at, last_cost;
	__u32 aggregations; /* since the last record */
	__u32 idle;	    /* aggregations in a row in which the process hardly ran */
};
ABI_SIZE(struct vigil_damon_target, 24 + 5 * 8 + 16 * VIGIL_MEM_RANGES + 9 * 8 + 8);

#endif
