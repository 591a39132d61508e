// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is there already: iterators that decide tasks and cgroups which no event has told of, and the program by which the
 * daemon writes a decision of its own.
 *
 * Run after the tracepoints are attached, so nothing falls between. A task whose verdict is of the rule generation in force
 * is left alone (an event was faster, and knew more); so the same iterators serve at start, after a reload and after lost
 * records. Parents are decided before their children where pids allow, else the child waits for the next run.
 *
 * Only the daemon runs these, one at a time: a single scratch is enough.
 */
#include "storm.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_scratch);
} snapshot_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_snapshot);
} snapshot SEC(".maps");

struct snapshot_work {
	struct vigil_verdict parent;
	struct vigil_verdict own;
	struct vigil_ev_task record;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_work);
} snapshot_work SEC(".maps");

static __always_inline struct vigil_scratch *scratch_get(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&snapshot_scratch, &zero);
}

/* A script keeps its own name as comm while the executable is the interpreter, and is its second or third argument. */
static __always_inline void gather_script(const struct vigil_config *cfg, struct vigil_scratch *s, struct task_struct *p)
{
	char comm[VIGIL_COMM_LEN];
	int n, i;

	bpf_probe_read_kernel_str(comm, sizeof(comm), p->comm);
	bpf_for(n, 0, 2) {
		bool same = s->arg_len[n] > 0;

		bpf_for(i, 0, VIGIL_COMM_LEN - 1) {
			char c = (__u32)i < s->arg_len[n] ? s->buf[(s->arg_off[n] + i) & BUF_MASK] : 0;
			if (comm[i] != c)
				same = false;
			if (!c || !comm[i])
				break;
		}
		if (same) {
			match_flag(&cfg->index[cfg->gen & 1], VIGIL_KFLAG_SCRIPT);
			match_string(VIGIL_FIELD_SCRIPT, s->arg_off[n], s->arg_len[n]);
			return;
		}
	}
}

static __always_inline bool copy_verdict(struct vigil_verdict *to, struct task_struct *from, __u32 gen)
{
	struct vigil_task *t = bpf_task_storage_get(&tasks, from, 0, 0);

	if (!t || t->v.gen != gen)
		return false;
	__builtin_memcpy(to, &t->v, sizeof(*to));
	return true;
}

/*
 * What a task is can be read again, where it comes from cannot: its parent may have gone, its former images have. So an
 * ancestry decided under the rules before stays, under the new number of its rule.
 */
static __always_inline bool keep_ancestry(const struct vigil_config *cfg, const struct vigil_verdict *was, struct vigil_verdict *v)
{
	if (!was->gen || !was->decision[VIGIL_LEVEL_ANCESTRY].rule)
		return false;
	v->decision[VIGIL_LEVEL_ANCESTRY] = was->decision[VIGIL_LEVEL_ANCESTRY];
	v->marks = was->marks;
	if (was->gen != (cfg->gen | VIGIL_GEN_AGAIN))
		outlive_rules(v);
	if (v->decision[VIGIL_LEVEL_ANCESTRY].rule)
		return true;
	v->marks = 0;
	return false;
}

/* Odd while the task executes something (on_exec). */
static __always_inline __u32 seq_read(const struct vigil_task *t)
{
	return *(const volatile __u32 *)&t->brood.seq;
}

static __always_inline bool commit(const struct vigil_config *cfg, struct vigil_task *t, const struct vigil_verdict *v, __u32 seq)
{
	if (seq_read(t) != seq)
		return false;
	__builtin_memcpy(&t->v, v, sizeof(t->v));
	barrier();
	if (seq_read(t) == seq)
		return true;
	t->v.gen = cfg->gen | VIGIL_GEN_AGAIN; /* the two are mixed up */
	return false;
}

/*
 * Decides one task afresh, beside its storage, for it takes its time and sleeps: if the task has executed something meanwhile, what
 * was decided then stands. False: not yet, its parent comes first, or it is executing.
 */
static __always_inline bool decide_task(struct vigil_scratch *s, struct vigil_config *cfg, struct vigil_snapshot *req,
					struct snapshot_work *work, struct task_struct *p, struct vigil_task *t)
{
	struct vigil_verdict *v = &work->own, *parent = &work->parent;
	const struct vigil_verdict *was = &t->v; /* until it is committed */
	__u32 seq = seq_read(t);
	struct task_struct *other;
	struct mm_struct *mm;
	bool thread, have, kept, boundary, inherited;
	__u32 pid = p->pid;

	if (seq & 1)
		return false;
	thread = pid != p->tgid;
	bpf_rcu_read_lock();
	other = thread ? p->group_leader : p->real_parent;
	have = other && copy_verdict(parent, other, cfg->gen);
	bpf_rcu_read_unlock();

	if (thread && have) {
		__builtin_memcpy(v, parent, sizeof(*v));
		verdict_identify(v, p);
		v->reported = 0;
		if (was->decision[VIGIL_LEVEL_USER].rule == VIGIL_RULE_USER)
			v->decision[VIGIL_LEVEL_USER] = was->decision[VIGIL_LEVEL_USER];
		decide_thread(s, v, p->comm);
		v->event_ns = 0;
		verdict_resolve(v, VIGIL_EV_SNAPSHOT, bpf_ktime_get_ns());
		return commit(cfg, t, v, seq);
	}
	if (!have && !req->force && pid > 2)
		return false;

	__builtin_memset(v, 0, sizeof(*v));
	kept = keep_ancestry(cfg, was, v);
	verdict_identify(v, p);
	v->reported = was->reported;
	if (was->decision[VIGIL_LEVEL_USER].rule == VIGIL_RULE_USER)
		v->decision[VIGIL_LEVEL_USER] = was->decision[VIGIL_LEVEL_USER];
	/* What matched by itself will match again; what was inherited is kept, or found at the parent. */
	v->profile = was->matched;
	inherited = was->matched && !(was->matched & VIGIL_PROFILE_MARK) && profile_of(v);
	v->matched = inherited ? was->matched : have && !thread ? parent->matched & VIGIL_PROFILE_ID : 0;
	v->profile = was->profile & VIGIL_PROFILE_MARK ? was->profile : 0;
	if (kept) {
		v->inherited_from = was->inherited_from;
		v->appid = was->appid;
	} else if (have && !thread) {
		if (hand_on(&v->decision[VIGIL_LEVEL_ANCESTRY], parent))
			v->inherited_from = parent->key.tgid;
		v->marks = parent->marks;
		v->appid = parent->appid;
	}
	apply_cgroup(v, task_cgroup_id(p));

	match_reset(s);
	gather_flags(cfg, p);
	mm = p->mm;
	if (mm && !(p->flags & PF_KTHREAD)) {
		gather_exe(s, mm->exe_file);
		scan_strings(s, p, VIGIL_FIELD_ARG, mm->arg_start, mm->arg_end);
		gather_script(cfg, s, p);
		scan_strings(s, p, VIGIL_FIELD_ENV, mm->env_start, mm->env_end);
	}
	gather_comm(s, p->comm);
	boundary = decide_image(s, v, cfg, have ? parent->klass : VIGIL_CLASS_REGULAR);
	decide_profile(v, s->profile, PROFILE_EXEC | (boundary ? PROFILE_BOUNDARY : 0),
		       inherited ? was->klass : have ? parent->klass : VIGIL_CLASS_REGULAR);
	verdict_resolve(v, VIGIL_EV_SNAPSHOT, bpf_ktime_get_ns());
	if (s->refine)
		v->flags |= VIGIL_F_REFINE;
	if (v->level != VIGIL_LEVEL_ANCESTRY)
		v->inherited_from = 0;
	if (!commit(cfg, t, v, seq))
		return false;
	note_image(s, t);
	return true;
}

SEC("iter.s/task")
int snapshot_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct vigil_config *cfg = config_get();
	struct vigil_scratch *s = scratch_get();
	struct vigil_snapshot *req;
	struct snapshot_work *work;
	struct vigil_task *t;
	__u32 zero = 0, flags = 0;
	bool leader;

	req = bpf_map_lookup_elem(&snapshot, &zero);
	work = bpf_map_lookup_elem(&snapshot_work, &zero);
	if (!p || !cfg || !s || !req || !work || (p->flags & PF_EXITING))
		return 0;
	req->tasks++;
	leader = p->pid == p->tgid;
	t = bpf_task_storage_get(&tasks, p, 0, req->count_only ? 0 : BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t && !req->count_only && t->v.gen != cfg->gen) {
		__u8 before = t->v.klass;

		if (!decide_task(s, cfg, req, work, p, t)) {
			req->deferred++;
			return 0;
		}
		req->decided++;
		if (before != t->v.klass)
			flags |= VIGIL_EVF_CHANGED;
	}
	if (t) {
		req->threads[t->v.klass & 15]++;
		if (leader)
			req->classes[t->v.klass & 15]++;
	} else {
		req->threads[0]++;
		if (leader)
			req->classes[0]++;
	}
	if (!t || req->count_only)
		return 0;

	/* Told: processes that are not regular or are to be looked at closer; threads only where their name decided. */
	if (!req->emit_all && t->v.klass == VIGIL_CLASS_REGULAR && !t->v.profile && !(t->v.flags & VIGIL_F_REFINE))
		return 0;
	if (!leader && t->v.level != VIGIL_LEVEL_THREAD)
		return 0;
	task_record(&work->record, p, &t->v, VIGIL_EV_SNAPSHOT, flags);
	if (p->mm)
		bpf_probe_read_kernel_str(work->record.exe, sizeof(work->record.exe),
					  p->mm->exe_file->f_path.dentry->d_name.name);
	if (bpf_seq_write(ctx->meta->seq, &work->record, sizeof(work->record)))
		return 0;
	t->v.reported = 1;
	if (!leader) {
		struct vigil_task *process;

		bpf_rcu_read_lock();
		process = bpf_task_storage_get(&tasks, p->group_leader, 0, 0);
		if (process)
			process->v.reported = 1;
		bpf_rcu_read_unlock();
	}
	return 0;
}

/* Takes back what rested on storms that are over. Told of: those whose class user space has heard of. */
SEC("iter/task")
int calm_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct vigil_config *cfg = config_get();
	struct vigil_snapshot *req;
	struct snapshot_work *work;
	struct vigil_task *t;
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0, rested = 0;

	req = bpf_map_lookup_elem(&snapshot, &zero);
	work = bpf_map_lookup_elem(&snapshot_work, &zero);
	if (!p || !cfg || !req || !work)
		return 0;
	t = bpf_task_storage_get(&tasks, p, 0, 0);
	if (!t)
		return 0;
	for (int i = 0; i < VIGIL_LEVEL_COUNT; i++)
		rested |= t->v.decision[i].flags & VIGIL_F_STORM;
	if (!rested)
		return 0;
	if (storm_of(cfg, &t->brood, now)) {
		req->tasks++;
		return 0;
	}
	for (int i = 0; i < VIGIL_LEVEL_COUNT; i++)
		if (t->v.decision[i].flags & VIGIL_F_STORM)
			__builtin_memset(&t->v.decision[i], 0, sizeof(struct vigil_decision));
	if (!t->v.decision[VIGIL_LEVEL_IMAGE].rule)
		t->brood.image_rank = 0;
	t->v.inherited_from = 0;
	req->decided++;
	if (!verdict_resolve(&t->v, VIGIL_EV_STORM, now) || !t->v.reported)
		return 0;
	task_record(&work->record, p, &t->v, VIGIL_EV_STORM, VIGIL_EVF_CHANGED);
	bpf_seq_write(ctx->meta->seq, &work->record, sizeof(work->record));
	return 0;
}

/* Parents first, so that a child finds its parent's entry. */
SEC("iter/cgroup")
int snapshot_cgroups(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgrp = ctx->cgroup;
	struct vigil_config *cfg = config_get();
	struct vigil_scratch *s = scratch_get();
	struct vigil_cgroup entry, *old;
	struct vigil_snap_cgroup out = {};
	__u64 parent_id;

	if (!cgrp || !cfg || !s || cgrp->root->hierarchy_id != 0)
		return 0;
	out.id = cgrp->kn->id;
	old = bpf_map_lookup_elem(&cgroups, &out.id);
	if (old && old->gen == cfg->gen && old->decision.source != VIGIL_SOURCE_KERNEL)
		return 0;
	if (!decide_cgroup(s, cfg, cgrp, &entry)) {
		if (old)
			bpf_map_delete_elem(&cgroups, &out.id);
		return 0;
	}
	if (!s->best[VIGIL_LEVEL_CGROUP].rank)
		return 0; /* as its parent */
	parent_id = cgrp->self.parent->cgroup->kn->id;
	out.parent = parent_id;
	out.decision = entry.decision;
	out.appid = entry.appid;
	out.evidence = entry.evidence;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

/* One task of those that `assign` is for. True when its class changed. */
static __always_inline bool assign_task(const struct vigil_assign *ctx, struct vigil_task *t, struct task_struct *p, __u64 now)
{
	__u32 level = ctx->level, direct = 0;

	if (!t->v.key.tgid)
		verdict_identify(&t->v, p);
	switch (ctx->op) {
	case VIGIL_ASSIGN_PROFILE:
		t->v.profile = (ctx->profile & VIGIL_PROFILE_ID) | VIGIL_PROFILE_MARK;
		break;
	case VIGIL_ASSIGN_AUTO:
		t->v.profile = 0;
		break;
	case VIGIL_ASSIGN_MATCHED:
		direct = ctx->profile & VIGIL_PROFILE_ID;
		break;
	case VIGIL_ASSIGN_DECISION:
		if (level < VIGIL_LEVEL_COUNT)
			t->v.decision[level] = ctx->decision;
		if (ctx->appid)
			t->v.appid = ctx->appid;
		break;
	}
	decide_profile(&t->v, direct, 0, t->v.klass);
	return verdict_resolve(&t->v, VIGIL_EV_ASSIGN, ctx->event_ns ? ctx->event_ns : now);
}

#define TREE_DEPTH 64

/* Is p of the tree that begins with the process `root`? */
static __always_inline bool descends(struct task_struct *p, __u32 root)
{
	int i;

	bpf_for(i, 0, TREE_DEPTH) {
		if (!p)
			return false;
		if (p->tgid == root)
			return true;
		if (p->tgid <= 1)
			return false;
		p = p->group_leader->real_parent;
	}
	return false;
}

/*
 * The daemon's and a person's decisions: one level of every thread of a process, or of one thread; or the profile of a process, a
 * tree, everyone.
 */
SEC("syscall")
int assign(struct vigil_assign *ctx)
{
	struct task_struct *leader, *p;
	__u64 now = bpf_ktime_get_ns();
	__u32 level = ctx->level, root = ctx->key.tgid;
	int n = 0;

	ctx->result = -3; /* ESRCH */
	if (level >= VIGIL_LEVEL_COUNT)
		return 0;
	if (ctx->scope == VIGIL_ASSIGN_ALL) {
		bpf_rcu_read_lock();
		bpf_for_each(task, p, NULL, BPF_TASK_ITER_ALL_THREADS) {
			struct vigil_task *t = bpf_task_storage_get(&tasks, p, 0, 0);

			if (!t || !t->v.gen)
				continue;
			assign_task(ctx, t, p, now);
			n++;
		}
		bpf_rcu_read_unlock();
		ctx->result = n;
		return 0;
	}
	leader = bpf_task_from_pid(root);
	if (!leader)
		return 0;
	if (leader->group_leader->start_boottime != ctx->key.start_ns) {
		bpf_task_release(leader);
		return 0;
	}
	bpf_rcu_read_lock();
	if (ctx->scope == VIGIL_ASSIGN_TREE) {
		bpf_for_each(task, p, NULL, BPF_TASK_ITER_ALL_THREADS) {
			struct vigil_task *t;

			if (!descends(p, root))
				continue;
			t = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
			if (!t)
				continue;
			assign_task(ctx, t, p, now);
			n++;
		}
	} else {
		bpf_for_each(task, p, leader, BPF_TASK_ITER_PROC_THREADS) {
			struct vigil_task *t;

			if (ctx->pid && p->pid != ctx->pid)
				continue;
			t = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
			if (!t)
				continue;
			if (assign_task(ctx, t, p, now))
				t->v.reported = 1;
			n++;
		}
	}
	bpf_rcu_read_unlock();
	bpf_task_release(leader);
	ctx->result = n;
	return 0;
}

char _license[] SEC("license") = "GPL";
