/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From facts to verdict, for one task: gathers what the kernel knows of it, has the rules tried, and writes one decision a
 * level into its storage. Shared by the tracepoints (facts at the moment of the event) and the iterators (facts of tasks
 * that were there before).
 */
#ifndef VIGIL_CLASSIFY_BPF_H
#define VIGIL_CLASSIFY_BPF_H

#include "match.bpf.h"
#include "profile.bpf.h"

#define NAME_AT(n) (NAMES + (n) * 256) /* one 256-byte slot a name: d_name has at most 255 bytes */
enum name_slot { SLOT_EXE = 0, SLOT_SCRIPT = 1, SLOT_COMM = 2, SLOT_DIR = 3, SLOT_CGROUP = 4 };

#define DIRS_MAX 8

static __always_inline struct vigil_task *task_get(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, 0, 0);
}

static __always_inline struct vigil_task *task_create(struct task_struct *p)
{
	struct vigil_task *t = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct vigil_counters *c;

	if (!t && (c = counters_get()))
		__sync_fetch_and_add(&c->storage_failed, 1);
	return t;
}

static __always_inline __u64 task_cgroup_id(struct task_struct *p)
{
	return p->cgroups->dfl_cgrp->kn->id;
}

/* A name from kernel memory into its slot; its length without the NUL. */
static __always_inline __u32 name_load(struct vigil_scratch *s, enum name_slot slot, const void *from, __u32 size)
{
	long n = bpf_probe_read_kernel_str(&s->buf[NAME_AT(slot)], size, from);
	return n > 1 ? (__u32)n - 1 : 0;
}

/* Executable: its base name, and the names of the folders it lies in. Stops at the root of its mount. */
static __always_inline void gather_exe(struct vigil_scratch *s, struct file *exe)
{
	struct vigil_config *cfg = config_get();
	struct dentry *d = exe->f_path.dentry;
	__u64 dirs;
	__u32 n;
	int i;

	n = name_load(s, SLOT_EXE, d->d_name.name, 256);
	match_string(VIGIL_FIELD_EXE, NAME_AT(SLOT_EXE), n);
	if (!cfg)
		return;
	dirs = 1ULL << VIGIL_FIELD_DIR;
	if (!(cfg->index[cfg->gen & 1].exact_fields & dirs) && !cfg->index[cfg->gen & 1].prefix_lens[VIGIL_FIELD_DIR] &&
	    !cfg->index[cfg->gen & 1].suffix_lens[VIGIL_FIELD_DIR])
		return;
	bpf_for(i, 0, DIRS_MAX) {
		struct dentry *parent = d->d_parent;
		if (!parent || parent == d)
			break;
		d = parent;
		n = name_load(s, SLOT_DIR, d->d_name.name, 256);
		match_string(VIGIL_FIELD_DIR, NAME_AT(SLOT_DIR), n);
	}
}

static __always_inline void gather_comm(struct vigil_scratch *s, const void *comm)
{
	__u32 n = name_load(s, SLOT_COMM, comm, VIGIL_COMM_LEN);
	match_string(VIGIL_FIELD_COMM, NAME_AT(SLOT_COMM), n);
}

static __always_inline void gather_flags(const struct vigil_config *cfg, struct task_struct *p)
{
	__u32 flags = p->flags, policy = p->policy;
	const struct vigil_index *index = &cfg->index[cfg->gen & 1];

	match_flag(index, VIGIL_KFLAG_ANY);
	if (flags & PF_KTHREAD)
		match_flag(index, VIGIL_KFLAG_KTHREAD);
	if (flags & PF_WQ_WORKER)
		match_flag(index, VIGIL_KFLAG_KWORKER);
	if (p->thread_pid->level > 0)
		match_flag(index, VIGIL_KFLAG_PIDNS);
	if (p->static_prio > 120)
		match_flag(index, VIGIL_KFLAG_NICE);
	if (policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE)
		match_flag(index, VIGIL_KFLAG_REALTIME);
}

/*
 * The strings of one area of an image, a chunk at a time. At exec (`other` NULL) they are current's, and present: the kernel
 * has just written those pages. An iterator names the task and may fault them in.
 */
static __always_inline void scan_strings(struct vigil_scratch *s, struct task_struct *other, __u32 field, __u64 at, __u64 end)
{
	int i;

	s->skip = 0;
	bpf_for(i, 0, MAX_CHUNKS) {
		__u64 left = end - at;
		__u32 size, used;
		long failed;

		if (at >= end)
			return;
		size = left < CHUNK ? left : CHUNK;
		barrier_var(size);
		if (size > CHUNK)
			return;
		if (other)
			failed = bpf_copy_from_user_task(s->buf, size, (void *)at, other, 0);
		else
			failed = bpf_probe_read_user(s->buf, size, (void *)at);
		if (failed)
			break;
		used = match_chunk(field, size);
		if (used > size)
			return;
		if (!used && size == CHUNK) {
			/* One string fills the chunk: match its beginning, then look for its end. */
			if (!s->skip && field == VIGIL_FIELD_ENV)
				match_env(0, CHUNK);
			else if (!s->skip)
				match_arg(0, CHUNK);
			s->skip = 1;
			used = CHUNK;
		}
		if (!used)
			return;
		at += used;
	}
	if (at < end)
		s->truncated += s->truncated < 0xffff;
}

/*
 * What lives in this cgroup: its signals count for every rule, its decision is a level of its own. The generation of rules that these are
 * of, 0 when nothing is known of the group.
 */
static __always_inline __u32 apply_cgroup(struct vigil_verdict *v, __u64 id)
{
	struct vigil_cgroup *cg = bpf_map_lookup_elem(&cgroups, &id);

	v->cgroup_id = id;
	if (!cg) {
		__builtin_memset(&v->decision[VIGIL_LEVEL_CGROUP], 0, sizeof(struct vigil_decision));
		return 0;
	}
	v->decision[VIGIL_LEVEL_CGROUP] = cg->decision;
	if (cg->appid)
		v->appid = cg->appid;
	return cg->gen;
}

static __always_inline void add_cgroup_signals(struct vigil_scratch *s, __u64 id)
{
	struct vigil_cgroup *cg = bpf_map_lookup_elem(&cgroups, &id);

	if (!cg)
		return;
	for (int i = 0; i < VIGIL_SIGNAL_WORDS; i++)
		s->signals[i] |= cg->signals[i];
}

/*
 * The decision in force becomes where the next image (exec) or a child (snapshot) comes from, if it is one that is handed
 * on. A cgroup's is not: who leaves the cgroup leaves the class.
 */
static __always_inline bool hand_on(struct vigil_decision *ancestry, const struct vigil_verdict *from)
{
	/* A profile goes its own way (profile.bpf.h): what is handed on is what the rules say beneath it. */
	bool beneath = from->level == VIGIL_LEVEL_USER && from->decision[VIGIL_LEVEL_USER].rule == VIGIL_RULE_PROFILE;
	bool handed = false;

	for (__u32 i = 0; i < VIGIL_LEVEL_COUNT; i++) {
		if (beneath ? i == VIGIL_LEVEL_USER || handed || !from->decision[i].rule : i != from->level)
			continue;
		if (i == VIGIL_LEVEL_CGROUP || !(from->decision[i].flags & VIGIL_F_INHERIT))
			continue;
		*ancestry = from->decision[i];
		handed = true;
	}
	return handed;
}

/*
 * A verdict from under the rules before: what it inherited stays, under the new number of its rule, if that is still there and handed
 * on; so do marks that still mean the same. A function of its own, so that the verifier follows it once.
 */
__noinline int outlive_rules(struct vigil_verdict *v)
{
	struct vigil_decision *ancestry, *heir;
	__u32 rule, zero = 0;
	__u8 storm;

	if (!v)
		return 0;
	ancestry = &v->decision[VIGIL_LEVEL_ANCESTRY];
	rule = ancestry->rule;
	storm = ancestry->flags & VIGIL_F_STORM;
	heir = bpf_map_lookup_elem(&heirs, &zero);
	v->marks = heir ? v->marks & heir->rule : 0;
	if (!rule || rule == VIGIL_RULE_USER)
		return 0;
	heir = bpf_map_lookup_elem(&heirs, &rule);
	if (heir && heir->rule && (heir->flags & VIGIL_F_INHERIT)) {
		*ancestry = *heir;
		ancestry->flags |= storm;
	} else {
		__builtin_memset(ancestry, 0, sizeof(*ancestry));
	}
	return 0;
}

/* The first level that decided is in force. True when the class changed; another kind of the same is no news. */
static __always_inline bool verdict_resolve(struct vigil_verdict *v, __u32 cause, __u64 event_ns)
{
	__u8 klass = VIGIL_CLASS_REGULAR, kind = 0, level = VIGIL_LEVEL_COUNT, flags = 0;
	bool changed;

	for (int i = VIGIL_LEVEL_COUNT - 1; i >= 0; i--) {
		if (!v->decision[i].rule)
			continue;
		level = i;
		klass = v->decision[i].klass;
		kind = v->decision[i].kind;
		flags = v->decision[i].flags;
	}
	changed = klass != v->klass;
	if (changed || kind != v->kind || !v->event_ns || cause == VIGIL_EV_EXEC) {
		v->cause = cause;
		v->event_ns = event_ns;
		v->decided_ns = bpf_ktime_get_ns();
	}
	v->kind = kind;
	v->level = level;
	v->flags = flags;
	v->klass = klass;
	return changed;
}

/*
 * After the facts of an image are gathered in scratch: decide THREAD and IMAGE. ANCESTRY is the caller's, set before. True: nothing
 * is carried over from what it was before.
 */
static __always_inline bool decide_image(struct vigil_scratch *s, struct vigil_verdict *v, struct vigil_config *cfg,
					 __u32 previous)
{
	bool boundary;
	__u32 by;

	add_cgroup_signals(s, v->cgroup_id);
	match_rules(previous, v->marks);

	by = s->best[VIGIL_LEVEL_IMAGE].rank;
	boundary = s->boundary && s->boundary >= by;
	if (boundary) {
		/* The last word on where it comes from: nothing is carried over. */
		__builtin_memset(&v->decision[VIGIL_LEVEL_ANCESTRY], 0, sizeof(struct vigil_decision));
		v->marks = 0;
		v->appid = 0;
		v->inherited_from = 0;
	}
	v->marks |= s->marks;
	if (s->appid)
		v->appid = s->appid;
	__builtin_memset(&v->decision[VIGIL_LEVEL_IMAGE], 0, sizeof(struct vigil_decision));
	__builtin_memset(&v->decision[VIGIL_LEVEL_THREAD], 0, sizeof(struct vigil_decision));
	if (by)
		v->decision[VIGIL_LEVEL_IMAGE] = s->best[VIGIL_LEVEL_IMAGE].decision;
	else if (s->named.rule)
		v->decision[VIGIL_LEVEL_IMAGE] = s->named;
	if (s->best[VIGIL_LEVEL_THREAD].rank)
		v->decision[VIGIL_LEVEL_THREAD] = s->best[VIGIL_LEVEL_THREAD].decision;
	if (by || s->best[VIGIL_LEVEL_THREAD].rank)
		match_evidence(s, s->best[VIGIL_LEVEL_THREAD].rank ? VIGIL_LEVEL_THREAD : VIGIL_LEVEL_IMAGE, v->evidence);
	else
		__builtin_memset(v->evidence, 0, sizeof(v->evidence));
	__builtin_memcpy(v->signals, s->signals, sizeof(v->signals));
	v->truncated = s->truncated;
	v->gen = cfg->gen;
	return boundary;
}

/* What later evidence and storms ask of an image. */
static __always_inline void note_image(const struct vigil_scratch *s, struct vigil_task *t)
{
	t->brood.image_rank = s->best[VIGIL_LEVEL_IMAGE].rank;
	t->brood.boundary = s->boundary && s->boundary >= s->best[VIGIL_LEVEL_IMAGE].rank;
	if (t->brood.boundary)
		t->brood.storm = 0;
}

/* A thread's new name: only THREAD rules, in the light of what its process is. */
static __always_inline void decide_thread(struct vigil_scratch *s, struct vigil_verdict *v, const void *comm)
{
	match_reset(s);
	__builtin_memcpy(s->signals, v->signals, sizeof(s->signals));
	add_cgroup_signals(s, v->cgroup_id);
	gather_comm(s, comm);
	match_rules(v->klass, v->marks);
	__builtin_memset(&v->decision[VIGIL_LEVEL_THREAD], 0, sizeof(struct vigil_decision));
	if (!s->best[VIGIL_LEVEL_THREAD].rank)
		return;
	v->decision[VIGIL_LEVEL_THREAD] = s->best[VIGIL_LEVEL_THREAD].decision;
	match_evidence(s, VIGIL_LEVEL_THREAD, v->evidence);
}

/* A cgroup's own name, in the light of its parent's entry. Writes the entry when there is anything to say. */
static __always_inline bool decide_cgroup(struct vigil_scratch *s, struct vigil_config *cfg, struct cgroup *cgrp,
					  struct vigil_cgroup *entry)
{
	__u64 id = cgrp->kn->id;
	__u64 parent_id = cgrp->self.parent->cgroup->kn->id;
	struct vigil_cgroup *parent = bpf_map_lookup_elem(&cgroups, &parent_id);
	__u64 any = 0;
	__u32 n;

	__builtin_memset(entry, 0, sizeof(*entry));
	if (parent)
		*entry = *parent;
	match_reset(s);
	__builtin_memcpy(s->signals, entry->signals, sizeof(s->signals));
	n = name_load(s, SLOT_CGROUP, cgrp->kn->name, 256);
	match_string(VIGIL_FIELD_CGROUP, NAME_AT(SLOT_CGROUP), n);
	match_rules(VIGIL_CLASS_REGULAR, 0);
	if (s->best[VIGIL_LEVEL_CGROUP].rank) {
		__u32 evidence[VIGIL_EVIDENCE];

		entry->decision = s->best[VIGIL_LEVEL_CGROUP].decision;
		match_evidence(s, VIGIL_LEVEL_CGROUP, evidence);
		entry->evidence = evidence[0];
		entry->appid = s->appid;
	}
	__builtin_memcpy(entry->signals, s->signals, sizeof(entry->signals));
	entry->gen = cfg->gen;
	for (int i = 0; i < VIGIL_SIGNAL_WORDS; i++)
		any |= entry->signals[i];
	if (!any && !entry->decision.rule)
		return false;
	bpf_map_update_elem(&cgroups, &id, entry, BPF_ANY);
	return true;
}

/* Fills what every task record has. */
static __always_inline void task_record(struct vigil_ev_task *ev, struct task_struct *p, const struct vigil_verdict *v,
					__u32 kind, __u32 flags)
{
	struct task_struct *leader = p->group_leader;

	ev->hdr.kind = kind;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = bpf_ktime_get_ns();
	ev->ppid = p->real_parent->tgid;
	ev->uid = p->cred->uid.val;
	ev->threads = p->signal->nr_threads;
	if (leader == p)
		flags |= VIGIL_EVF_LEADER;
	if (p->flags & PF_KTHREAD)
		flags |= VIGIL_EVF_KTHREAD;
	ev->flags = flags;
	bpf_probe_read_kernel_str(ev->comm, sizeof(ev->comm), p->comm);
	ev->exe[0] = 0;
	__builtin_memcpy(&ev->verdict, v, sizeof(ev->verdict));
}

static __always_inline void verdict_identify(struct vigil_verdict *v, struct task_struct *p)
{
	v->key.tgid = p->tgid;
	v->key.start_ns = p->group_leader->start_boottime;
	v->pid = p->pid;
}

#endif
