// SPDX-License-Identifier: GPL-2.0-only
/*
 * What DAMON sees of the processes that the daemon watches: which memory is hot, warm, cold, and where the hot lies.
 *
 * damon_aggregated comes once a region at the end of each aggregation, in the kdamond's context, in the order of addresses.
 * The regions are summed up here, and user space is told of an aggregation only when something changed: much more or less is
 * hot or in use, tasks moved to another node, pages were migrated, the watching costs more than a hundredth of a CPU, or the process has hardly run for a
 * while (then it asks to be left alone). Other people's kdamonds are not in `damon_targets` and cost one lookup a region.
 *
 * Loads only where the kernel has DAMON's tracepoint. Each of our kdamonds has one target.
 */
#include "memory.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct damon_addr_range {
	unsigned long start, end;
};

struct damon_region {
	struct damon_addr_range ar;
	unsigned int nr_accesses;
};

struct sched_entity___memory {
	u64 sum_exec_runtime;
};
struct task_struct___memory {
	struct sched_entity___memory se;
};
#pragma clang attribute pop

#define IDLE_AGGREGATIONS 5
#define IDLE_FRACTION	  1000 /* ran less than this part of the time */
#define NOTICEABLE	  16   /* a change by more than this part is one */
#define COST_FRACTION	  100  /* of a CPU */
#define MIN_CHANGE	  (1 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct vigil_damon_target);
} damon_targets SEC(".maps");

__u64 migrations;   /* times that pages were migrated, by whomever */
__u64 lost;	    /* records that did not fit */
__u64 aggregations; /* of our targets */

/* Hot regions that touch are one run; the largest runs are kept. */
static __always_inline void add_range(struct vigil_damon_target *t, __u64 start, __u64 end)
{
	__u32 last = t->nr_ranges - 1, smallest = 0, i;
	__u64 least = ~0ULL;

	if (last < VIGIL_MEM_RANGES && t->ranges[last].end == start) {
		t->ranges[last].end = end;
		return;
	}
	if (t->nr_ranges < VIGIL_MEM_RANGES) {
		i = t->nr_ranges & (VIGIL_MEM_RANGES - 1);
		t->ranges[i].start = start;
		t->ranges[i].end = end;
		t->nr_ranges++;
		return;
	}
	/* Full: the smallest makes way, and what comes stands last, so that it can grow. */
	bpf_for(i, 0, VIGIL_MEM_RANGES) {
		__u64 bytes = t->ranges[i & (VIGIL_MEM_RANGES - 1)].end - t->ranges[i & (VIGIL_MEM_RANGES - 1)].start;

		if (bytes < least) {
			least = bytes;
			smallest = i;
		}
	}
	t->ranges[smallest & (VIGIL_MEM_RANGES - 1)] = t->ranges[VIGIL_MEM_RANGES - 1];
	t->ranges[VIGIL_MEM_RANGES - 1].start = start;
	t->ranges[VIGIL_MEM_RANGES - 1].end = end;
}

static __always_inline bool differs(__u64 now, __u64 before)
{
	__u64 by = now > before ? now - before : before - now;

	return by > MIN_CHANGE && by > before / NOTICEABLE;
}

static __always_inline void tell_idle(const struct vigil_damon_target *t, __u64 now, __u64 ran)
{
	struct vigil_mem_hdr *record = bpf_ringbuf_reserve(&mem_events, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	record->kind = VIGIL_MEM_IDLE;
	record->tgid = t->tgid;
	record->start_ns = t->start_ns;
	record->at_ns = now;
	record->ran_ns = ran;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

static __always_inline bool tell_access(struct vigil_damon_target *t, __u32 kdamond, __u64 now, __u64 ran, __u64 cost)
{
	struct vigil_mem_access *record = bpf_ringbuf_reserve(&mem_events, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return false;
	}
	record->hdr.kind = VIGIL_MEM_ACCESS;
	record->hdr.tgid = t->tgid;
	record->hdr.start_ns = t->start_ns;
	record->hdr.at_ns = now;
	record->hdr.ran_ns = ran;
	record->span_ns = t->told_at ? now - t->told_at : 0;
	record->hot_bytes = t->hot;
	record->warm_bytes = t->warm;
	record->cold_bytes = t->cold;
	record->used = t->used;
	record->cost_ns = t->told_at ? cost - t->told_cost : 0;
	record->samples = t->samples;
	record->aggregations = t->aggregations;
	record->regions = t->seen;
	record->kdamond = kdamond;
	record->nr_ranges = t->nr_ranges;
	__builtin_memcpy(record->ranges, t->ranges, sizeof(record->ranges));
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	return true;
}

/* All regions of an aggregation have been seen. */
static __always_inline void finish(struct vigil_damon_target *t, __u32 kdamond)
{
	struct task_struct___memory *self = (void *)bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns(), cost = self->se.sum_exec_runtime, ran = 0, moves = 0;
	struct vigil_mem_proc *proc;
	bool changed = !t->told_at;
	__u32 tgid = t->tgid;

	__sync_fetch_and_add(&aggregations, 1);
	t->aggregations++;
	t->samples += (__u64)t->seen * t->max_accesses;
	proc = bpf_map_lookup_elem(&mem_procs, &tgid);
	if (proc && proc->start_ns == t->start_ns) {
		ran = proc->ran_ns;
		moves = proc->moves;
	}
	if (t->last_at) {
		__u64 span = now - t->last_at;

		t->idle = (ran - t->last_ran) * IDLE_FRACTION < span ? t->idle + 1 : 0;
		changed |= (cost - t->last_cost) * COST_FRACTION > span;
	}
	t->last_at = now;
	t->last_ran = ran;
	t->last_cost = cost;
	changed |= differs(t->hot, t->told_hot) || differs(t->hot + t->warm, t->told_hot + t->told_warm);
	changed |= moves != t->told_moves || migrations != t->told_migrations;
	if (t->idle >= IDLE_AGGREGATIONS) {
		t->idle = 0;
		tell_idle(t, now, ran);
	} else if (!t->idle && changed && tell_access(t, kdamond, now, ran, cost)) {
		t->told_at = now;
		t->told_cost = cost;
		t->told_hot = t->hot;
		t->told_warm = t->warm;
		t->told_moves = moves;
		t->told_migrations = migrations;
		t->aggregations = 0;
		t->samples = 0;
	}
}

SEC("tp_btf/damon_aggregated")
int BPF_PROG(on_aggregated, unsigned int target, struct damon_region *region, unsigned int nr_regions)
{
	__u32 kdamond = bpf_get_current_pid_tgid(), accesses;
	struct vigil_damon_target *t = bpf_map_lookup_elem(&damon_targets, &kdamond);
	__u64 start, end, bytes;

	if (!t || !region || target)
		return 0;
	start = region->ar.start;
	end = region->ar.end;
	accesses = region->nr_accesses;
	bytes = end - start;
	if (!t->seen) {
		t->hot = t->warm = t->cold = t->used = 0;
		t->nr_ranges = 0;
	}
	t->seen++;
	t->used += (bytes >> 12) * accesses;
	if (!accesses) {
		t->cold += bytes;
	} else if (accesses * 2 < t->max_accesses) {
		t->warm += bytes;
	} else {
		t->hot += bytes;
		add_range(t, start, end);
	}
	if (t->seen < nr_regions)
		return 0;
	finish(t, kdamond);
	t->seen = 0;
	return 0;
}

SEC("tp_btf/mm_migrate_pages")
int BPF_PROG(on_migrated, unsigned long succeeded)
{
	if (succeeded)
		__sync_fetch_and_add(&migrations, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
