/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classifier's maps. Owned by the events object; snapshot and assign get the same ones by file descriptor.
 */
#ifndef VIGIL_MAPS_BPF_H
#define VIGIL_MAPS_BPF_H

#include "profiles_map.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_counters);
} counters SEC(".maps");

/* By generation, even and odd: what is no longer in force goes in one sweep. */
struct atoms_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VIGIL_MAX_ATOMS);
	__type(key, struct vigil_atom_key);
	__type(value, struct vigil_atom);
};
struct atoms_map atoms_even SEC(".maps");
struct atoms_map atoms_odd SEC(".maps");

struct names_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VIGIL_MAX_NAMES);
	__type(key, struct vigil_name_key);
	__type(value, struct vigil_decision);
};
struct names_map names_even SEC(".maps");
struct names_map names_odd SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct vigil_cgroup);
} cgroups SEC(".maps");

/* Two generations side by side: the sizes are set at load from the rule set. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_MAX_CANDS);
	__type(key, __u32);
	__type(value, __u32);
} cands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_MAX_RULES);
	__type(key, __u32);
	__type(value, struct vigil_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4 * VIGIL_MAX_PROFILES);
	__type(key, struct vigil_profile_key);
	__type(value, __u32);
} profile_keys SEC(".maps");

/* After a reload: what old rule numbers in tasks have become. Written before the new rules are in force. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIGIL_MAX_HEIRS);
	__type(key, __u32);
	__type(value, struct vigil_decision);
} heirs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, VIGIL_MAX_STORMS);
	__type(key, __u32);
	__type(value, struct vigil_storm);
} storms SEC(".maps");

static __always_inline struct vigil_config *config_get(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline struct vigil_counters *counters_get(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&counters, &zero);
}

#endif
