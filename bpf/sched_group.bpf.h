/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups of tasks with a cpu.weight: the cpu controller's cgroups, as far as they count for who gets how much.
 *
 * The kernel tells of them by the cgroup operations (where it was built with CONFIG_EXT_GROUP_SCHED); a task carries the
 * number of its group. Number 0 is the root: its tasks compete with the groups of the first level directly, so where no
 * cgroup uses the cpu controller everything here is one comparison a wake-up.
 *
 * A group knows what its runnable members weigh together. Only when the first member comes or the last one goes does its
 * parent hear of it, and so on upwards. What a group weighs beside the root's tasks (policy/group.h) is computed when a task
 * asks for it and something above has changed since, at most every half millisecond.
 *
 * Weight and idleness are also read from the task's own task group while that is done: cpu.idle has no operation before
 * 7.x, and switching it off changes the weight without a word.
 */
#ifndef VIGIL_SCHED_GROUP_BPF_H
#define VIGIL_SCHED_GROUP_BPF_H

#include "sched_maps.bpf.h"
#include "policy/group.h"

#define MAX_GROUPS 4096
#define GROUP_STALE_NS 500000ULL     /* a flattened weight is good for this long, whatever happens */
#define GROUP_REVIEW_NS 100000000ULL /* ... and never good for longer: what nobody tells is noticed then */

struct group {
	u64 id;	  /* cgroup */
	u64 load; /* what its runnable members weigh together: tasks and child groups */
	u64 flat; /* what it weighs beside the root's tasks, in 1024ths */
	u64 flat_at;
	u32 gen;	/* group_gen when flat was computed */
	u32 active;	/* runnable tasks and active child groups */
	u32 weight;	/* 1024 is cpu.weight 100 */
	u32 counted;	/* what its parent's load has of it; under lock */
	u16 parent;
	u8 used;
	u8 idle;	/* cpu.idle, its own or that of a group above */
	u8 limited;	/* has a cpu.max, which is not enforced */
	u8 gone;	/* the cgroup is removed; free when the last task has left */
	struct bpf_spin_lock lock;
} __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_GROUPS);
	__type(key, u32);
	__type(value, struct group);
} sched_groups SEC(".maps");

/* cgroup id → number */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_GROUPS);
	__type(key, u64);
	__type(value, u32);
} sched_group_ids SEC(".maps");

u32 group_gen;	 /* moves when a weight above some task may have changed */
u32 group_next = 1; /* where to look for a free number */

static __always_inline struct group *group_of(u32 number)
{
	return bpf_map_lookup_elem(&sched_groups, &number);
}

static __always_inline u32 group_number(u64 cgroup_id)
{
	u32 *number = bpf_map_lookup_elem(&sched_group_ids, &cgroup_id);

	return number ? *number : 0;
}

/*
 * Brings what a group's parent has counted of it in line with what it is: active or not, and its weight. Goes on upwards as
 * long as that makes a group active or idle. Whoever comes last sees the final state, so lost races mend themselves.
 */
static __noinline int group_settle(u32 number)
{
	int i;

	bpf_for(i, 0, VIGIL_GROUP_DEPTH) {
		struct group *g = group_of(number), *parent;
		u32 want, had, before;

		if (!number || !g)
			break;
		bpf_spin_lock(&g->lock);
		had = g->counted;
		want = g->active ? g->weight : 0;
		g->counted = want;
		bpf_spin_unlock(&g->lock);
		if (want == had || !g->parent)
			break;
		number = g->parent;
		parent = group_of(number);
		if (!parent)
			break;
		__sync_fetch_and_add(&group_gen, 1);
		__sync_fetch_and_add(&parent->load, (u64)want - had);
		if (want && had)
			break;
		before = __sync_fetch_and_add(&parent->active, want ? 1 : -1);
		if (before != (want ? 0 : 1))
			break;
	}
	return 0;
}

static __always_inline void group_leave(struct vigil_sched_task *t)
{
	struct group *g;
	u32 weight = t->group_counted;

	if (!weight)
		return;
	t->group_counted = 0;
	g = group_of(t->group);
	if (!g)
		return;
	__sync_fetch_and_sub(&g->load, weight);
	if (__sync_fetch_and_sub(&g->active, 1) == 1)
		group_settle(t->group);
}

/* The task becomes runnable: it competes within its group. */
static __always_inline void group_enter(struct vigil_sched_task *t)
{
	struct group *g;

	if (!t->group)
		return;
	group_leave(t);
	g = group_of(t->group);
	if (!g)
		return;
	t->group_counted = t->weight;
	__sync_fetch_and_add(&g->load, t->weight);
	if (__sync_fetch_and_add(&g->active, 1) == 0)
		group_settle(t->group);
}

static __always_inline bool group_is_idle(struct task_group *tg)
{
	return bpf_core_field_exists(tg->idle) && tg->idle;
}

/* What the kernel's task group says, where it can be read; nothing is written when it is not the one we know. */
static __always_inline void group_review(struct group *g, u32 number, struct task_group *tg)
{
	u32 weight;

	if (!bpf_core_field_exists(tg->shares) || tg->css.cgroup->kn->id != g->id)
		return;
	weight = group_is_idle(tg) ? VIGIL_GROUP_IDLE_WEIGHT : tg->shares >> 10;
	if (!weight)
		weight = 1;
	if (weight == g->weight)
		return;
	g->weight = weight;
	group_settle(number);
}

/* Computes flat and idle anew: from the group up to the root. */
static __noinline int group_refresh(struct task_struct *p, u32 number, u64 now)
{
	struct group *own = group_of(number), *g = own;
	u64 fraction = 1ULL << VIGIL_GROUP_FRACTION_BITS;
	struct task_group *tg;
	u32 gen = group_gen;
	u8 idle = 0;
	int i;

	if (!own || !bpf_core_field_exists(p->sched_task_group))
		return 0;
	tg = p->sched_task_group;
	bpf_for(i, 0, VIGIL_GROUP_DEPTH) {
		struct group *parent;

		group_review(g, number, tg);
		if (group_is_idle(tg))
			idle = 1;
		tg = tg->parent;
		number = g->parent;
		parent = number ? group_of(number) : NULL;
		if (!parent)
			break;
		fraction = vigil_group_fraction(fraction, g->weight, parent->load);
		g = parent;
	}
	own->flat = vigil_group_flat(fraction, g->weight);
	own->idle = idle;
	own->gen = gen;
	own->flat_at = now;
	return 0;
}

/* The share of a task that lives in a group, and whether that group is to run only when nobody else wants to. */
static __always_inline u32 group_share(struct task_struct *p, struct vigil_sched_task *t, u32 class_share, bool *idle)
{
	struct group *g = group_of(t->group);
	u64 now = now_ns();

	if (!g)
		return vigil_share(t->weight, class_share);
	if (now - g->flat_at > GROUP_REVIEW_NS || (g->gen != group_gen && now - g->flat_at > GROUP_STALE_NS))
		group_refresh(p, t->group, now);
	*idle = g->idle;
	return vigil_group_share(g->flat, t->weight, g->load, class_share);
}

/* cpu.max is not enforced: it is only known that somebody set it. */
static __always_inline void group_limit(struct group *g, bool limited)
{
	struct vigil_sched_stats *s = stats();

	if (s && g->limited != limited)
		__sync_fetch_and_add(&s->groups_limited, limited ? 1 : -1);
	g->limited = limited;
}

/* --- operations: the kernel's word on groups ------------------------------------------------------------------- */

/* A number that no group has, 0 when all are taken. From where the last one was found, for numbers are rarely given back. */
static __noinline u32 group_free_number(void)
{
	u32 first = group_next, found = 0;
	int i;

	bpf_for(i, 0, MAX_GROUPS) {
		u32 number = (first + i) & (MAX_GROUPS - 1);
		struct group *g = group_of(number);

		if (number && g && (!g->used || (g->gone && !g->active && !g->counted))) {
			found = number;
			break;
		}
	}
	group_next = found + 1;
	return found;
}

s32 BPF_STRUCT_OPS_SLEEPABLE(vigil_cgroup_init, struct cgroup *cgrp, struct scx_cgroup_init_args *args)
{
	struct cgroup_subsys_state *above;
	u64 id = cgrp->kn->id;
	struct group *g;
	u32 number;

	if (cgrp->level == 0)
		return 0;
	number = group_free_number();
	g = group_of(number);
	if (!number || !g) {
		count(groups_full); /* counts with the root: its tasks are scheduled by their own weights */
		return 0;
	}
	above = cgrp->self.parent;
	g->parent = above ? group_number(above->cgroup->kn->id) : 0;
	g->id = id;
	g->weight = vigil_group_weight(args->weight);
	g->flat_at = 0;
	g->idle = 0;
	group_limit(g, bpf_core_field_exists(args->bw_quota_us) && args->bw_quota_us != ~0ULL);
	g->gone = 0;
	g->used = 1;
	bpf_map_update_elem(&sched_group_ids, &id, &number, BPF_ANY);
	return 0;
}

void BPF_STRUCT_OPS_SLEEPABLE(vigil_cgroup_exit, struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;
	struct group *g = group_of(group_number(id));

	bpf_map_delete_elem(&sched_group_ids, &id);
	if (g && g->id == id) {
		group_limit(g, false);
		g->gone = 1;
	}
}

void BPF_STRUCT_OPS(vigil_cgroup_move, struct task_struct *p, struct cgroup *from, struct cgroup *to)
{
	struct vigil_task *task = task_of(p);
	bool counted;

	if (!task)
		return;
	counted = task->sched.group_counted;
	group_leave(&task->sched);
	task->sched.group = group_number(to->kn->id);
	if (counted)
		group_enter(&task->sched);
}

void BPF_STRUCT_OPS(vigil_cgroup_set_weight, struct cgroup *cgrp, u32 weight)
{
	u32 number = group_number(cgrp->kn->id);
	struct group *g = group_of(number);

	if (!number || !g)
		return;
	g->weight = vigil_group_weight(weight);
	__sync_fetch_and_add(&group_gen, 1);
	group_settle(number);
}

/* 7.x. The weight that goes with it is the task group's, read at the next refresh. */
void BPF_STRUCT_OPS(vigil_cgroup_set_idle, struct cgroup *cgrp, bool idle)
{
	u32 number = group_number(cgrp->kn->id);
	struct group *g = group_of(number);

	if (!number || !g)
		return;
	g->flat_at = 0;
	__sync_fetch_and_add(&group_gen, 1);
}

/* 6.17 */
void BPF_STRUCT_OPS(vigil_cgroup_set_bandwidth, struct cgroup *cgrp, u64 period_us, u64 quota_us, u64 burst_us)
{
	u32 number = group_number(cgrp->kn->id);
	struct group *g = group_of(number);

	if (number && g)
		group_limit(g, quota_us != ~0ULL);
}

#endif
