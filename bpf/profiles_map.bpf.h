/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the profile in a task's verdict says: written by the daemon at any time, read by who decides and by the scheduler. The events
 * object owns the map; the others are given its file descriptor.
 */
#ifndef VIGIL_PROFILES_MAP_BPF_H
#define VIGIL_PROFILES_MAP_BPF_H

#include "task.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VIGIL_MAX_PROFILES);
	__type(key, __u32);
	__type(value, struct vigil_profile);
} profiles SEC(".maps");

/* The profile in force, or NULL. */
static __always_inline struct vigil_profile *profile_of(const struct vigil_verdict *v)
{
	__u32 id = v->profile & VIGIL_PROFILE_ID;
	struct vigil_profile *profile;

	if (!id)
		return 0;
	profile = bpf_map_lookup_elem(&profiles, &id);
	return profile && (profile->flags & VIGIL_PROFILE_USED) ? profile : 0;
}

#endif
