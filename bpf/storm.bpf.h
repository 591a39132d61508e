/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exec storms: a tree that executes programs by the hundred, whatever they are called, is a build or a script at work. Its root
 * is decided once (rules with `kernel = "storm"`), what it starts inherits, and user space hears of neither.
 *
 * Rate: while the whole machine executes fast enough for there to be a storm, every process counts the programs executed below
 * it, STORM_LEVELS deep, with the count halved each second. Shape: the children come and go, which shows in the page faults that a parent is given of those it has reaped; a session or a launcher
 * that starts a hundred programs which stay has none. The root is the topmost process with the rate which may be one: the
 * climb ends at whatever has a class of its own, at boundaries (editors, terminals, launchers), at a shell on its
 * terminal, at service managers.
 *
 * A storm is over when its rate has been below a quarter for some seconds; then decisions that rest on it are no longer handed on,
 * and the daemon's calm_tasks takes them back from those who still have them.
 *
 * Costs: below a storm, one lookup an exec or fork; elsewhere a counter an exec, and where these come at half a storm's rate at
 * most STORM_LEVELS lookups each.
 */
#ifndef VIGIL_STORM_BPF_H
#define VIGIL_STORM_BPF_H

#include "classify.bpf.h"

#define STORM_LEVELS 8
#define SECOND	     1000000000ULL
#define STORM_FAULTS 3 /* a program executed costs some ten minor faults at least, and some are still running */

/* Classes among which a change below a storm is no news. */
#define STORM_QUIET (1U << VIGIL_CLASS_REGULAR | 1U << VIGIL_CLASS_BATCH | 1U << VIGIL_CLASS_CONTAINER)

/* The storm a task belongs to, while it lasts. */
static __always_inline struct vigil_storm *storm_of(const struct vigil_config *cfg, struct vigil_brood *brood, __u64 now)
{
	struct vigil_storm *storm;
	__u32 root = brood->storm;

	if (!root)
		return NULL;
	storm = bpf_map_lookup_elem(&storms, &root);
	/* Signed: another CPU may have looked at its clock later than we did. */
	if (storm && storm->gen == cfg->gen && (__s64)(now - storm->hot_ns) < (__s64)VIGIL_STORM_HOLD_NS)
		return storm;
	brood->storm = 0;
	return NULL;
}

static __always_inline void storm_count_exec(const struct vigil_config *cfg, struct vigil_storm *storm, __u64 now)
{
	__sync_fetch_and_add(&storm->execs, 1);
	if (now - storm->second_ns > SECOND) {
		storm->second_ns = now;
		storm->second_execs = 0;
	}
	if (++storm->second_execs * 4 >= cfg->storm_execs)
		storm->hot_ns = now;
}

/*
 * Before a new image is decided: below a storm (1), one that brings no ancestry of its own comes from the storm's root. What
 * rested on a storm that is over, or on being the root oneself, ends here. A function of its own, so that the verifier follows it once.
 */
__noinline int storm_before_exec(struct vigil_task *t, __u64 now)
{
	struct vigil_config *cfg = config_get();
	struct vigil_decision *ancestry;
	struct vigil_storm *storm;

	if (!t || !cfg)
		return 0;
	ancestry = &t->v.decision[VIGIL_LEVEL_ANCESTRY];
	storm = storm_of(cfg, &t->brood, now);
	if (storm && storm->root == t->v.key.tgid) {
		t->brood.storm = 0;
		storm = NULL;
	}
	t->brood.execs = 0;
	if (!storm) {
		if (ancestry->flags & VIGIL_F_STORM) {
			__builtin_memset(ancestry, 0, sizeof(*ancestry));
			t->v.inherited_from = 0;
		}
		return 0;
	}
	storm_count_exec(cfg, storm, now);
	if (!ancestry->rule) {
		*ancestry = storm->decision;
		t->v.inherited_from = storm->root;
	}
	return 1;
}

/* Is this change one below a storm that nobody need hear of? */
static __always_inline bool storm_hushes(const struct vigil_config *cfg, struct vigil_task *t, __u32 before, __u64 now)
{
	struct vigil_storm *storm;

	if (!t->brood.storm || cfg->stream_all || t->v.profile || (t->v.flags & VIGIL_F_REFINE))
		return false;
	if (!(STORM_QUIET >> (before & 31) & 1) || !(STORM_QUIET >> (t->v.klass & 31) & 1))
		return false;
	storm = storm_of(cfg, &t->brood, now);
	if (!storm)
		return false;
	__sync_fetch_and_add(&storm->hushed, 1);
	return true;
}

/* May a storm have this process for its root, or go on above it? */
static __always_inline bool storm_may_root(struct task_struct *p, const struct vigil_task *t)
{
	struct signal_struct *signal = p->signal;

	if (t->brood.boundary || !(STORM_QUIET >> (t->v.klass & 31) & 1))
		return false;
	if (signal->leader && signal->tty)
		return false;
	return !BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
}

/* One more program below this process: has it the rate, and have those before it come and gone? */
static __always_inline bool storm_rate(const struct vigil_config *cfg, struct task_struct *p, struct vigil_brood *brood, __u64 now)
{
	__u64 faults = p->signal->cmin_flt, elapsed = now - brood->since_ns;

	if (elapsed > SECOND) {
		brood->execs = elapsed > 2 * SECOND ? 0 : brood->execs / 2;
		brood->since_ns = now;
		brood->faults = faults;
	}
	return ++brood->execs >= cfg->storm_execs && faults - brood->faults >= (__u64)brood->execs * STORM_FAULTS;
}

/*
 * What has become known of an image after its exec: the rules that ask for `flag` are tried in the light of all that was
 * known then. True when one of them decides, which a stronger one about the image prevents. Uses the scratch.
 */
static __always_inline bool decide_late(struct vigil_scratch *s, const struct vigil_config *cfg, struct vigil_task *t, __u32 flag,
					__u8 mark)
{
	struct vigil_decision *image = &t->v.decision[VIGIL_LEVEL_IMAGE];
	__u32 rank;

	if (t->v.gen != cfg->gen)
		return false;
	match_reset(s);
	__builtin_memcpy(s->signals, t->v.signals, sizeof(s->signals));
	add_cgroup_signals(s, t->v.cgroup_id);
	match_flag(&cfg->index[cfg->gen & 1], flag);
	match_rules(t->v.klass, t->v.marks);
	rank = s->best[VIGIL_LEVEL_IMAGE].rank;
	if (!rank || (image->rule && rank <= t->brood.image_rank))
		return false;
	*image = s->best[VIGIL_LEVEL_IMAGE].decision;
	image->flags |= mark;
	t->brood.image_rank = rank;
	match_evidence(s, VIGIL_LEVEL_IMAGE, t->v.evidence);
	return true;
}

/* What was started before the storm was noticed belongs to it from now on: this one, and its ancestor just below the root. */
static __always_inline void storm_takes_in(const struct vigil_storm *storm, struct vigil_task *t, struct vigil_task *below, __u64 now)
{
	t->brood.storm = storm->root;
	if (!below)
		return;
	below->brood.storm = storm->root;
	if (below->v.level < VIGIL_LEVEL_ANCESTRY || below->v.decision[VIGIL_LEVEL_ANCESTRY].rule)
		return;
	below->v.decision[VIGIL_LEVEL_ANCESTRY] = storm->decision;
	below->v.inherited_from = storm->root;
	verdict_resolve(&below->v, VIGIL_EV_STORM, now);
}

/* The root is decided, if it is not batch by itself, and is what its descendants come from. True: its class is another now. */
static __always_inline bool storm_begin(struct vigil_scratch *s, const struct vigil_config *cfg, struct vigil_task *root, __u64 now)
{
	struct vigil_storm storm = {};
	bool changed = false;

	root->brood.execs = 0;
	if (!(root->v.flags & VIGIL_F_INHERIT)) {
		if (!decide_late(s, cfg, root, VIGIL_KFLAG_STORM, VIGIL_F_STORM))
			return false;
		changed = verdict_resolve(&root->v, VIGIL_EV_STORM, now);
	}
	if (!hand_on(&storm.decision, &root->v))
		return changed;
	storm.begin_ns = storm.hot_ns = storm.second_ns = now;
	storm.root = root->v.key.tgid;
	storm.gen = cfg->gen;
	root->brood.storm = storm.root;
	bpf_map_update_elem(&storms, &storm.root, &storm, BPF_ANY);
	return changed;
}

#endif
