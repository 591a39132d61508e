// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process and cgroup events: the class is decided here, inside the event, and user space hears only what it must.
 *
 * fork    the child starts with its parent's verdict (same image, same class)
 * exec    names, arguments and environment of the new image are matched; what no rule decides falls to the cgroup, then to
 *         what the process was before (ancestry)
 * rename  thread rules
 * cgroup  a new cgroup is matched by name and takes its parent's entry otherwise; a task that moves takes the new one
 * exit    told only for processes that user space has heard of
 *
 * All run in process context with preemption off (tracepoints on non-RT kernels), so the per-CPU scratch is ours. A verdict
 * lives in task storage: losing a ring record loses no verdict, only the news of it, which counters->lost_gen makes up for.
 * Works on kernels without sched_ext.
 */
#include "storm.bpf.h"
#include "sampling.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_scratch);
} scratch SEC(".maps");

static __always_inline struct vigil_scratch *scratch_get(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline void count(struct vigil_counters *c, __u32 kind)
{
	if (c)
		__sync_fetch_and_add(&c->seen[kind & (VIGIL_EV_COUNT - 1)], 1);
}

static __always_inline void *record_reserve(struct vigil_counters *c, __u32 kind, __u64 size)
{
	void *record = bpf_ringbuf_reserve(&events, size, 0);

	if (!c)
		return record;
	if (record) {
		__sync_fetch_and_add(&c->reported[kind & (VIGIL_EV_COUNT - 1)], 1);
	} else {
		__sync_fetch_and_add(&c->lost[kind & (VIGIL_EV_COUNT - 1)], 1);
		__sync_fetch_and_add(&c->lost_gen, 1);
	}
	return record;
}

/* On the leader too: the last thread to exit may be another than the one that was told of. */
static __always_inline void remember_told(struct task_struct *p, struct vigil_task *t)
{
	struct vigil_task *leader = task_get(p->group_leader);

	t->v.reported = 1;
	if (leader)
		leader->v.reported = 1;
}

/*
 * Behind the last record that woke the reader. It sleeps only once it has consumed all that was reserved, so while it has not
 * come by here it need not be woken again. Written by every CPU without order: a lower value costs a wake-up too many.
 */
__u64 woken;

/*
 * How to submit a record that has been reserved. Waking the reader costs the one who forks or executes more than all the
 * rest, so it is woken once for all that comes before it has caught up, and not at all for news that nobody acts on at once
 * (`may_wait`: a build's compilers) until someone watches or a quarter of the ring is full.
 */
static __always_inline __u64 submit_flags(const struct vigil_config *cfg, bool may_wait)
{
	/* Also a barrier: the reservation must be seen by the reader's last look before we look where the reader is. */
	__u64 last = __sync_fetch_and_add(&woken, 0);
	__u64 consumed = bpf_ringbuf_query(&events, BPF_RB_CONS_POS);
	__u64 produced = bpf_ringbuf_query(&events, BPF_RB_PROD_POS);

	if (may_wait && cfg && !cfg->prompt && produced - consumed < bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 4)
		return BPF_RB_NO_WAKEUP;
	if (consumed < last)
		return BPF_RB_NO_WAKEUP;
	woken = produced;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * Of a class that can wait, nobody was asked to look closer, and no mode begins or ends with it. `before`: what it was, for a game
 * that ends must be heard of.
 */
static __always_inline bool may_wait(const struct vigil_config *cfg, const struct vigil_task *t, __u32 kind, __u32 before)
{
	struct vigil_profile *profile;

	if (kind == VIGIL_EV_STORM) /* its end is looked for from when it is heard of */
		return false;
	if (!(cfg->may_wait >> (t->v.klass & 31) & 1) || !(cfg->may_wait >> (before & 31) & 1) || t->v.flags & VIGIL_F_REFINE)
		return false;
	if (kind == VIGIL_EV_FORK)
		return true;
	profile = profile_of(&t->v);
	return !profile || !(profile->flags & VIGIL_PROFILE_PROMPT);
}

/*
 * Tells user space of a task. What is remembered on the leader is that its process was told of, so that its exit will be, too.
 */
static __always_inline void tell(const struct vigil_config *cfg, struct task_struct *p, struct vigil_task *t, __u32 kind,
				 __u32 flags, __u32 before)
{
	struct vigil_counters *c = counters_get();
	struct vigil_ev_task *ev = record_reserve(c, kind, sizeof(*ev));

	if (!ev)
		return;
	task_record(ev, p, &t->v, kind, flags);
	if (kind == VIGIL_EV_EXEC) {
		struct vigil_scratch *s = scratch_get();
		if (s)
			bpf_probe_read_kernel_str(ev->exe, sizeof(ev->exe), &s->buf[NAME_AT(SLOT_EXE)]);
	}
	bpf_ringbuf_submit(ev, submit_flags(cfg, may_wait(cfg, t, kind, before)));
	remember_told(p, t);
}

static __always_inline bool worth_telling(const struct vigil_config *cfg, const struct vigil_task *t, bool changed)
{
	return (changed || cfg->stream_all) && t->v.key.tgid != cfg->own_tgid;
}

/* Somebody waits for the last process of its profile to end, so each is to be heard of. */
static __always_inline bool profile_is_told(const struct vigil_verdict *v)
{
	struct vigil_profile *profile = profile_of(v);

	return profile && (profile->flags & VIGIL_PROFILE_TOLD);
}

/* Of the whole machine, written by every CPU without order: a count that is a little off opens the gate a little sooner or later. */
struct vigil_brood all_execs;

/* Can there be a storm somewhere? One that is about to begin is noticed half its rate later. */
static __always_inline bool execs_are_dense(const struct vigil_config *cfg, __u64 now)
{
	__u64 elapsed = now - all_execs.since_ns;

	if (!cfg->storm_execs)
		return false;
	if (elapsed > SECOND) {
		all_execs.execs = elapsed > 2 * SECOND ? 0 : all_execs.execs / 2;
		all_execs.since_ns = now;
	}
	return ++all_execs.execs >= cfg->storm_execs / 2;
}

/*
 * One more exec below each of current's ancestors: is one of them the root of a storm now, or already? A global function, for
 * the verifier to look at once, not behind each of the ways through on_exec.
 */
__noinline int watch_for_storm(void)
{
	struct task_struct *a = bpf_get_current_task_btf(), *root_task = NULL;
	struct vigil_task *t = task_get(a), *root = NULL, *below = NULL;
	struct vigil_config *cfg = config_get();
	struct vigil_scratch *s = scratch_get();
	__u64 now = bpf_ktime_get_ns();
	struct vigil_storm *storm;
	__u8 before;
	int i;

	if (!t || !cfg || !s)
		return 0;
	bpf_for(i, 0, STORM_LEVELS) {
		struct vigil_task *at;

		a = a->real_parent;
		if (!a)
			break;
		a = a->group_leader;
		if (!a || a->pid <= 1 || (a->flags & PF_KTHREAD))
			break;
		at = task_get(a);
		if (!at || !storm_may_root(a, at))
			break;
		if (at->brood.storm && (storm = storm_of(cfg, &at->brood, now))) {
			storm_takes_in(storm, t, below, now);
			return 0;
		}
		below = at;
		if (storm_rate(cfg, a, &at->brood, now)) {
			root = at;
			root_task = a;
		}
	}
	if (!root || !root_task)
		return 0;
	before = root->v.klass;
	if (storm_begin(s, cfg, root, now) && worth_telling(cfg, root, true))
		tell(cfg, root_task, root, VIGIL_EV_STORM, VIGIL_EVF_CHANGED, before);
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct *p, __u64 clone_flags)
{
	struct vigil_config *cfg = config_get();
	struct task_struct *parent = bpf_get_current_task_btf();
	struct vigil_counters *c = counters_get();
	struct vigil_storm *storm;
	struct vigil_task *t, *pt;
	bool thread = clone_flags & CLONE_THREAD, changed;
	__u64 now, cgroup_id;
	__u8 previous;

	count(c, VIGIL_EV_FORK);
	if (!cfg || !cfg->enabled)
		return 0;
	t = task_create(p);
	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	pt = task_get(parent);
	if (pt) {
		__builtin_memcpy(&t->v, &pt->v, sizeof(t->v));
		t->brood.storm = pt->brood.storm;
		t->brood.image_rank = pt->brood.image_rank;
		t->brood.boundary = pt->brood.boundary;
	}
	storm = storm_of(cfg, &t->brood, now);
	if (storm && !thread)
		__sync_fetch_and_add(&storm->forks, 1);
	verdict_identify(&t->v, p);
	t->v.cause = VIGIL_EV_FORK;
	t->v.event_ns = t->v.decided_ns = now;
	t->v.reported = 0;
	if (!thread) {
		/* A person's word is for the process it was said of; its children inherit it like any verdict. */
		if (t->v.decision[VIGIL_LEVEL_USER].rule == VIGIL_RULE_USER) {
			t->v.decision[VIGIL_LEVEL_ANCESTRY] = t->v.decision[VIGIL_LEVEL_USER];
			__builtin_memset(&t->v.decision[VIGIL_LEVEL_USER], 0, sizeof(struct vigil_decision));
			__builtin_memset(&t->v.decision[VIGIL_LEVEL_IMAGE], 0, sizeof(struct vigil_decision));
			__builtin_memset(&t->v.decision[VIGIL_LEVEL_THREAD], 0, sizeof(struct vigil_decision));
		}
		t->v.inherited_from = t->v.klass != VIGIL_CLASS_REGULAR ? parent->tgid : 0;
	}
	/* CLONE_INTO_CGROUP is not announced by cgroup_attach_task. */
	cgroup_id = task_cgroup_id(p);
	if (cgroup_id != t->v.cgroup_id)
		apply_cgroup(&t->v, cgroup_id);
	previous = t->v.klass;
	changed = verdict_resolve(&t->v, VIGIL_EV_FORK, now);
	if (worth_telling(cfg, t, changed || (!thread && profile_is_told(&t->v))) && !storm_hushes(cfg, t, previous, now))
		tell(cfg, p, t, VIGIL_EV_FORK, (changed ? VIGIL_EVF_CHANGED : 0) | (thread ? VIGIL_EVF_THREAD : 0), previous);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
	__u64 now = bpf_ktime_get_ns(), cgroup_id;
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	struct vigil_scratch *s = scratch_get();
	const char *filename, *interp;
	struct vigil_task *t;
	struct mm_struct *mm;
	__u16 profile;
	__u8 previous;
	bool changed, boundary, stormy;

	count(c, VIGIL_EV_EXEC);
	if (!cfg || !s || !cfg->enabled)
		return 0;
	t = task_create(p);
	if (!t)
		return 0;
	t->brood.seq++;
	barrier();
	verdict_identify(&t->v, p);
	previous = t->v.klass;
	profile = t->v.profile;

	/* What it was becomes where it comes from. */
	if (hand_on(&t->v.decision[VIGIL_LEVEL_ANCESTRY], &t->v)) {
		if (!t->v.inherited_from)
			t->v.inherited_from = t->v.key.tgid;
	} else if (t->v.level < VIGIL_LEVEL_CGROUP) {
		__builtin_memset(&t->v.decision[VIGIL_LEVEL_ANCESTRY], 0, sizeof(struct vigil_decision));
	}

	/* After a reload, before the snapshot has come by. */
	if (t->v.gen && (t->v.gen & ~VIGIL_GEN_AGAIN) != cfg->gen)
		outlive_rules(&t->v);

	stormy = storm_before_exec(t, now);

	cgroup_id = task_cgroup_id(p);
	s->cgroup_gen = apply_cgroup(&t->v, cgroup_id);

	match_reset(s);
	gather_flags(cfg, p);
	mm = p->mm;
	if (mm) {
		gather_exe(s, mm->exe_file);
		scan_strings(s, NULL, VIGIL_FIELD_ARG, mm->arg_start, mm->arg_end);
		scan_strings(s, NULL, VIGIL_FIELD_ENV, mm->env_start, mm->env_end);
	}
	filename = bprm->filename;
	interp = bprm->interp;
	if (filename != interp) {
		match_flag(&cfg->index[cfg->gen & 1], VIGIL_KFLAG_SCRIPT);
		/* The chunk area is free again: the path may be long. */
		long n = bpf_probe_read_kernel_str(s->buf, CHUNK, filename);
		if (n > 1 && n <= CHUNK) {
			__u32 base = match_base_name(0, n - 1);
			match_string(VIGIL_FIELD_SCRIPT, base, n - 1 - base);
		}
	}
	gather_comm(s, p->comm);
	boundary = decide_image(s, &t->v, cfg, previous);
	decide_profile(&t->v, s->profile, PROFILE_EXEC | (boundary ? PROFILE_BOUNDARY : 0), previous);
	note_image(s, t);
	/* What its cgroup says is still of the rules before: the snapshot decides it once more. */
	if (s->cgroup_gen && s->cgroup_gen != cfg->gen)
		t->v.gen |= VIGIL_GEN_AGAIN;

	changed = verdict_resolve(&t->v, VIGIL_EV_EXEC, now);
	if (s->refine)
		t->v.flags |= VIGIL_F_REFINE;
	if (t->v.level != VIGIL_LEVEL_ANCESTRY)
		t->v.inherited_from = 0;
	barrier();
	t->brood.seq++;
	if (t->v.truncated && c)
		__sync_fetch_and_add(&c->truncated, 1);
	if (worth_telling(cfg, t, changed || profile != t->v.profile || (t->v.flags & VIGIL_F_REFINE)) &&
	    !storm_hushes(cfg, t, previous, now))
		tell(cfg, p, t, VIGIL_EV_EXEC, changed ? VIGIL_EVF_CHANGED : 0, previous);
	if (!stormy && execs_are_dense(cfg, now))
		watch_for_storm();
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *p, const char *comm)
{
	__u64 now = bpf_ktime_get_ns();
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	struct vigil_scratch *s = scratch_get();
	struct vigil_task *t;
	__u8 previous;
	bool changed;

	count(c, VIGIL_EV_RENAME);
	if (!cfg || !s || !cfg->enabled)
		return 0;
	/* During exec the facts are half old, half new; on_exec follows. */
	if (bpf_core_field_exists(p->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(p, in_execve))
		return 0;
	t = task_get(p);
	/* Of other rules, or of none yet: the snapshot looks at its name, too. */
	if (!t || (t->v.gen & ~VIGIL_GEN_AGAIN) != cfg->gen)
		return 0;
	decide_thread(s, &t->v, comm);
	previous = t->v.klass;
	changed = verdict_resolve(&t->v, VIGIL_EV_RENAME, now);
	if (worth_telling(cfg, t, changed)) {
		struct vigil_ev_task *ev = record_reserve(c, VIGIL_EV_RENAME, sizeof(*ev));
		if (ev) {
			task_record(ev, p, &t->v, VIGIL_EV_RENAME, changed ? VIGIL_EVF_CHANGED : 0);
			bpf_probe_read_kernel_str(ev->comm, sizeof(ev->comm), comm);
			bpf_ringbuf_submit(ev, submit_flags(cfg, may_wait(cfg, t, VIGIL_EV_RENAME, previous)));
			remember_told(p, t);
		}
	}
	return 0;
}

/* Fires for every thread; the process is gone with the last. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	struct vigil_task *t;
	bool reported;

	if (!cfg || !cfg->enabled || p->signal->live.counter > 0)
		return 0;
	count(c, VIGIL_EV_EXIT);
	t = task_get(p);
	if (!t)
		return 0;
	reported = t->v.reported;
	if (p->group_leader != p) {
		struct vigil_task *leader = task_get(p->group_leader);
		if (leader) {
			t = leader;
			reported |= leader->v.reported;
		}
	}
	if (worth_telling(cfg, t, reported))
		tell(cfg, p, t, VIGIL_EV_EXIT, 0, t->v.klass);
	return 0;
}

/* --- cgroups, v2 hierarchy only --------------------------------------------------------------------------- */

static __always_inline bool is_v2(struct cgroup *cgrp)
{
	return cgrp->root->hierarchy_id == 0;
}

static __always_inline void tell_cgroup(struct cgroup *cgrp, const char *path, __u32 kind, const struct vigil_cgroup *entry)
{
	struct vigil_counters *c = counters_get();
	struct vigil_ev_cgroup *ev = record_reserve(c, kind, sizeof(*ev));
	struct vigil_scratch *s = scratch_get();
	long n;

	if (!ev)
		return;
	ev->hdr.kind = kind;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = bpf_ktime_get_ns();
	ev->id = cgrp->kn->id;
	ev->parent = cgrp->self.parent->cgroup->kn->id;
	ev->flags = 0;
	ev->path_len = 0;
	ev->path[0] = 0;
	if (entry) {
		__builtin_memcpy(&ev->cgroup, entry, sizeof(*entry));
		if (entry->decision.rule)
			ev->flags |= VIGIL_EVF_CHANGED;
	} else {
		__builtin_memset(&ev->cgroup, 0, sizeof(ev->cgroup));
	}
	n = s ? bpf_probe_read_kernel_str(s->buf, CHUNK, path) : 0;
	if (n > 1 && n <= CHUNK) {
		__u32 len = n - 1, skip = len >= VIGIL_PATH_LEN ? len - (VIGIL_PATH_LEN - 1) : 0;
		ev->path_len = len;
		bpf_probe_read_kernel_str(ev->path, sizeof(ev->path), path + skip);
	}
	bpf_ringbuf_submit(ev, submit_flags(NULL, false));
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgrp, const char *path)
{
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	struct vigil_scratch *s = scratch_get();
	struct vigil_cgroup entry;

	if (!is_v2(cgrp))
		return 0;
	count(c, VIGIL_EV_CGROUP_MKDIR);
	if (!cfg || !s || !cfg->enabled)
		return 0;
	decide_cgroup(s, cfg, cgrp, &entry);
	tell_cgroup(cgrp, path, VIGIL_EV_CGROUP_MKDIR, &entry);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgrp, const char *path)
{
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	__u64 id;

	if (!is_v2(cgrp))
		return 0;
	count(c, VIGIL_EV_CGROUP_RMDIR);
	id = cgrp->kn->id;
	bpf_map_delete_elem(&cgroups, &id);
	if (cfg && cfg->enabled)
		tell_cgroup(cgrp, path, VIGIL_EV_CGROUP_RMDIR, NULL);
	return 0;
}

/* A function of its own, so that the verifier follows it once and not in every round of the loop. */
__noinline int move_to_cgroup(struct vigil_verdict *v, __u64 id, __u64 now)
{
	if (!v)
		return 0;
	apply_cgroup(v, id);
	decide_profile(v, 0, 0, v->klass);
	return verdict_resolve(v, VIGIL_EV_CGROUP_ATTACH, now);
}

/* One event a migration, with the leader; all its threads have moved when `threadgroup`. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *dst, const char *path, struct task_struct *leader, bool threadgroup)
{
	__u64 now = bpf_ktime_get_ns(), id;
	struct vigil_config *cfg = config_get();
	struct vigil_counters *c = counters_get();
	struct task_struct *p;
	struct vigil_task *t;
	__u8 previous;
	bool changed;

	if (!is_v2(dst))
		return 0;
	count(c, VIGIL_EV_CGROUP_ATTACH);
	if (!cfg || !cfg->enabled)
		return 0;
	id = dst->kn->id;
	if (threadgroup) {
		bpf_for_each(task, p, leader, BPF_TASK_ITER_PROC_THREADS) {
			if (p == leader)
				continue;
			t = task_get(p);
			if (t)
				move_to_cgroup(&t->v, id, now);
		}
	}
	t = task_get(leader);
	if (!t)
		return 0;
	previous = t->v.klass;
	changed = move_to_cgroup(&t->v, id, now);
	if (worth_telling(cfg, t, changed))
		tell(cfg, leader, t, VIGIL_EV_CGROUP_ATTACH, changed ? VIGIL_EVF_CHANGED : 0, previous);
	return 0;
}

char _license[] SEC("license") = "GPL";
