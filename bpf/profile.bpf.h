/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which profile a task has: settings for one game or use, for the process that matches and what it starts.
 *
 * `matched` is what matching says, `profile` what is in force: the same, unless a person chose. A class that a profile sets lies on
 * the USER level, where only a person's own word (vigilctl class) takes its place. All of it is in the task's storage, so a
 * profile ends with its last process and there is nothing to undo.
 */
#ifndef VIGIL_PROFILE_BPF_H
#define VIGIL_PROFILE_BPF_H

#include "maps.bpf.h"

enum profile_how {
	PROFILE_EXEC = 1 << 0,	   /* a new image: what it inherited is looked at again */
	PROFILE_BOUNDARY = 1 << 1, /* and inheritance ends here */
};

static __always_inline __u32 profile_find(const struct vigil_config *cfg, __u32 kind, __u32 value)
{
	struct vigil_profile_key key = {.gen = cfg->gen, .kind = kind, .value = value};
	__u32 *id;

	if (!value || !(cfg->profile_keys >> kind & 1))
		return 0;
	id = bpf_map_lookup_elem(&profile_keys, &key);
	return id ? *id & VIGIL_PROFILE_ID : 0;
}

/*
 * `direct`: the profile that a rule of its own found, 0 none. `previous`: the class in force before. Leaves the USER level saying what
 * the profile says, for verdict_resolve(). A function of its own, so that the verifier follows it once.
 */
__noinline int decide_profile(struct vigil_verdict *v, __u32 direct, __u32 how, __u32 previous)
{
	__u8 klass = VIGIL_CLASS_REGULAR, kind = 0, level = VIGIL_LEVEL_COUNT;
	struct vigil_config *cfg = config_get();
	struct vigil_profile *profile;
	struct vigil_decision *said;
	__u32 found = direct, rule = 0;

	if (!v || !cfg)
		return 0;
	/* What the rules say. */
	for (int i = VIGIL_LEVEL_COUNT - 1; i > VIGIL_LEVEL_USER; i--) {
		if (!v->decision[i].rule)
			continue;
		rule = v->decision[i].rule;
		klass = v->decision[i].klass;
		kind = v->decision[i].kind;
		level = i;
	}
	if (!found && klass == VIGIL_CLASS_GAMING)
		found = profile_find(cfg, VIGIL_PROFILE_BY_APPID, v->appid);
	if (!found)
		found = profile_find(cfg, VIGIL_PROFILE_BY_RULE, rule);

	if (found) {
		/* Between two images only what was not known by its own evidence can become known. */
		if ((how & PROFILE_EXEC) || direct || !(v->matched & VIGIL_PROFILE_MARK))
			v->matched = found | VIGIL_PROFILE_MARK;
	} else if (how & PROFILE_EXEC) {
		/* Inherited, unless this image is known to be something else. */
		if ((how & PROFILE_BOUNDARY) || (level <= VIGIL_LEVEL_IMAGE && klass != previous))
			v->matched = 0;
		v->matched &= VIGIL_PROFILE_ID;
	}
	if (how & PROFILE_BOUNDARY)
		v->profile = 0;
	if (!(v->profile & VIGIL_PROFILE_MARK))
		v->profile = (klass == VIGIL_CLASS_GAMING && cfg->profile_all ? cfg->profile_all : v->matched) & VIGIL_PROFILE_ID;

	said = &v->decision[VIGIL_LEVEL_USER];
	if (said->rule == VIGIL_RULE_USER)
		return 0;
	__builtin_memset(said, 0, sizeof(*said));
	profile = profile_of(v);
	if (!profile || profile->klass >= VIGIL_CLASS_COUNT)
		return 0;
	said->rule = VIGIL_RULE_PROFILE;
	said->klass = profile->klass;
	said->kind = profile->klass == klass ? kind : 0;
	said->flags = VIGIL_F_INHERIT;
	said->source = v->profile != (v->matched & VIGIL_PROFILE_ID) ? VIGIL_SOURCE_USER : VIGIL_SOURCE_KERNEL;
	return 0;
}

#endif
