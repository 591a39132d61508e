/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules against strings: finds the atoms in a task's names, arguments and environment, and the rules that hold.
 *
 * The including object defines scratch_get(). Work is bounded and does not depend on the number of rules: each string is
 * hashed once, and only hits are looked at. Strings lie in scratch->buf; functions here are global, so the verifier checks
 * each once, and take offsets instead of pointers.
 */
#ifndef VIGIL_MATCH_BPF_H
#define VIGIL_MATCH_BPF_H

#include "maps.bpf.h"

#define CHUNK	    4096 /* bytes of arguments or environment read at once */
#define NAMES	    CHUNK /* offset of the area for single names */
#define BUF_MASK    (2 * CHUNK - 1)
#define NAME_MAX_CMP (VIGIL_NAME_LEN - 1)
#define MAX_HITS    48
#define MAX_CANDS   128	 /* rules tried for one atom */
#define MAX_CHUNKS  16	 /* 64 KiB of arguments, 64 KiB of environment */

struct match_best {
	__u32 rank; /* priority + 1 in the high half, rule index below; 0 none */
	__u32 anchor; /* index into hits */
	struct vigil_decision decision;
	__u64 need[VIGIL_SIGNAL_WORDS];
};

struct vigil_scratch {
	char buf[2 * CHUNK + 64];
	__u64 signals[VIGIL_SIGNAL_WORDS];
	__u32 zero; /* where loops with can_loop start: a number the verifier does not know, so that rounds look alike to it */
	__u32 nr_hits;
	__u32 args;
	__u32 skip; /* in the middle of a string longer than a chunk */
	__u32 arg_off[2]; /* base names of the second and third argument, */
	__u32 arg_len[2]; /* while the chunk that holds them is in buf */
	__u32 left; /* see unknown() */
	__u32 truncated;
	__u32 appid;
	__u32 marks;
	__u32 boundary; /* rank of the strongest boundary */
	__u32 refine; /* some rule that holds wants the daemon to look closer, whether it decides anything or not */
	__u32 profile; /* chosen by the strongest rule that chooses one, */
	__u32 profile_rank;
	__u32 cgroup_gen; /* of the rules that what the cgroup says is of; here, so that the verifier forgets it meanwhile */
	struct vigil_decision named; /* by its name alone, where no rule says more */
	struct vigil_atom hits[MAX_HITS];
	struct match_best best[VIGIL_LEVEL_COUNT];
};

static __always_inline struct vigil_scratch *scratch_get(void);

static __always_inline void match_reset(struct vigil_scratch *s)
{
	__builtin_memset(s->signals, 0, sizeof(s->signals));
	s->nr_hits = 0;
	s->args = 0;
	s->skip = 0;
	s->arg_len[0] = s->arg_len[1] = 0;
	s->truncated = 0;
	s->appid = 0;
	s->marks = 0;
	s->boundary = 0;
	s->refine = 0;
	s->profile = s->profile_rank = 0;
	s->named.rule = 0;
	for (int i = 0; i < VIGIL_LEVEL_COUNT; i++)
		s->best[i].rank = 0;
}

/*
 * The same number, but the verifier has forgotten what it knew of it: loops over bytes that compare with it then look alike in
 * every round, and are followed once instead of once for each length a string can have.
 */
static __always_inline __u32 unknown(const struct vigil_scratch *s)
{
	return *(const volatile __u32 *)&s->left;
}

static __always_inline bool filter_has(const __u64 *bits, __u32 four)
{
	__u32 slot = VIGIL_SLOT(four);
	return bits[(slot >> 6) & (VIGIL_FILTER_BITS / 64 - 1)] >> (slot & 63) & 1;
}

/* Could some atom have this hash? Nearly always not, and then nothing need be called or looked up. */
static __always_inline bool hash_known(const struct vigil_index *index, __u64 hash)
{
	__u32 slot = VIGIL_HASH_SLOT(hash);
	return index->hashes[slot >> 6] >> (slot & 63) & 1;
}

/* The decimal number that starts at buf[off]. */
__noinline int match_number(__u32 off)
{
	struct vigil_scratch *s = scratch_get();
	__u64 value = 0;
	int i;

	if (!s)
		return 0;
	bpf_for(i, 0, 11) {
		__u32 digit = (__u32)s->buf[(off + i) & BUF_MASK] - '0';
		if (digit > 9)
			break;
		value = value * 10 + digit;
	}
	s->appid = value > 0xffffffffULL ? 0 : (__u32)value;
	return 0;
}

/* Is there an atom for this hash? Then its bits are set and it is kept for evaluation. `after`: what follows the match. */
__noinline int match_atom(__u64 hash, __u32 len, __u32 field_op, __u32 after)
{
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_atom_key key = {};
	struct vigil_atom *atom;
	int i;

	if (!s || !cfg)
		return 0;
	key.hash = hash;
	key.gen = cfg->gen;
	key.len = len;
	key.field = field_op >> 8;
	key.op = field_op & 0xff;
	atom = cfg->gen & 1 ? bpf_map_lookup_elem(&atoms_odd, &key) : bpf_map_lookup_elem(&atoms_even, &key);
	if (!atom)
		return 0;
	if (atom->capture == VIGIL_CAPTURE_APPID)
		match_number(after);
	for (i = 0; i < VIGIL_ATOM_BITS; i++) {
		__u8 bit = atom->bits[i];
		if (i >= atom->nr_bits)
			break;
		s->signals[(bit >> 6) & (VIGIL_SIGNAL_WORDS - 1)] |= 1ULL << (bit & 63);
	}
	if (s->nr_hits < MAX_HITS) {
		s->hits[s->nr_hits] = *atom;
		s->nr_hits++;
	} else if (s->truncated < 0xffff) {
		s->truncated++;
	}
	return 1;
}

/* A program's name in somebody else's list. A script's counts more than its first argument's, that more than the executable's. */
__noinline int match_name(__u64 hash, __u32 len, __u32 field, __u32 last)
{
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_name_key key = {};
	struct vigil_decision *named;

	if (!s || !cfg)
		return 0;
	key.hash = hash;
	key.len = len;
	key.windows = field == VIGIL_FIELD_ARG0;
	if (key.windows && (last | 0x20) != 'e')
		return 0;
	named = cfg->gen & 1 ? bpf_map_lookup_elem(&names_odd, &key) : bpf_map_lookup_elem(&names_even, &key);
	if (named)
		s->named = *named;
	return 0;
}

/* One string, buf[off .. off + len), against the atoms of one field. */
__noinline int match_string(__u32 field, __u32 off, __u32 len)
{
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_index *index;
	__u64 hash, prefix, suffix;
	bool exact;
	__u32 n;
	int i;

	if (!s || !cfg || !len)
		return 0;
	field &= 15;
	index = &cfg->index[cfg->gen & 1];
	prefix = index->prefix_lens[field];
	suffix = index->suffix_lens[field];
	n = len < NAME_MAX_CMP ? len : NAME_MAX_CMP;
	s->left = n;
	exact = len <= NAME_MAX_CMP && (index->exact_fields >> field & 1);

	/* Eight bytes a round: a round of bpf_for() costs more than a byte. */
	if (prefix || exact) {
		hash = VIGIL_HASH_SEED;
		bpf_for(i, 0, VIGIL_NAME_LEN / 8) {
			__u32 at = i * 8;
			__u64 bytes, lens;

			if (at >= unknown(s))
				break;
			bytes = *(__u64 *)&s->buf[(off + at) & BUF_MASK];
			lens = prefix >> (at & 63);
			for (int k = 0; k < 8; k++) {
				if (at + k >= unknown(s))
					break;
				hash = (hash ^ (__u8)bytes) * VIGIL_HASH_PRIME;
				bytes >>= 8;
				/* Of lens, bit k is a prefix of at + k bytes. */
				if ((lens >> k >> 1 & 1) && hash_known(index, hash))
					match_atom(hash, at + k + 1, field << 8 | VIGIL_OP_PREFIX, off + at + k + 1);
			}
		}
		if (exact && hash_known(index, hash))
			match_atom(hash, len, field << 8 | VIGIL_OP_EXACT, off + len);
		if (exact && index->names && field <= VIGIL_FIELD_ARG0)
			match_name(hash, len, field, s->buf[(off + len - 1) & BUF_MASK]);
	}
	/* No suffix is as short as the string? n is at most 63. */
	if (suffix & ((2ULL << (n & 63)) - 1)) {
		hash = VIGIL_HASH_SEED;
		bpf_for(i, 0, VIGIL_NAME_LEN / 8) {
			__u32 at = i * 8, end;
			__u64 bytes, lens;

			if (at >= unknown(s))
				break;
			lens = suffix >> (at & 63);
			if (!lens)
				break;
			/* The eight bytes before `end`, the last one on top. */
			end = off + len - at;
			if (end >= 8)
				bytes = *(__u64 *)&s->buf[(end - 8) & BUF_MASK];
			else
				bytes = *(__u64 *)&s->buf[0] << ((8 - end) * 8 & 63);
			for (int k = 0; k < 8; k++) {
				if (at + k >= unknown(s))
					break;
				hash = (hash ^ bytes >> 56) * VIGIL_HASH_PRIME;
				bytes <<= 8;
				if ((lens >> k >> 1 & 1) && hash_known(index, hash))
					match_atom(hash, at + k + 1, field << 8 | VIGIL_OP_SUFFIX, off + len);
			}
		}
	}
	return 0;
}

/* NAME=value: the name exactly or by prefix, and the whole. */
__noinline int match_env(__u32 off, __u32 len)
{
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_index *index;
	__u64 hash = VIGIL_HASH_SEED, prefix, value_prefix;
	bool in_name = true;
	int i;

	if (!s || !cfg)
		return 0;
	index = &cfg->index[cfg->gen & 1];
	prefix = index->prefix_lens[VIGIL_FIELD_ENV];
	value_prefix = index->prefix_lens[VIGIL_FIELD_ENV_VALUE];
	bpf_for(i, 0, NAME_MAX_CMP) {
		__u8 c;

		if ((__u32)i >= len)
			break;
		c = s->buf[(off + i) & BUF_MASK];
		if (in_name && c == '=') {
			in_name = false;
			if (hash_known(index, hash))
				match_atom(hash, i, VIGIL_FIELD_ENV << 8 | VIGIL_OP_EXACT, off + i + 1);
		}
		hash = (hash ^ c) * VIGIL_HASH_PRIME;
		if (in_name && (prefix >> ((i + 1) & 63) & 1) && hash_known(index, hash))
			match_atom(hash, i + 1, VIGIL_FIELD_ENV << 8 | VIGIL_OP_PREFIX, off + i + 1);
		if ((value_prefix >> ((i + 1) & 63) & 1) && hash_known(index, hash))
			match_atom(hash, i + 1, VIGIL_FIELD_ENV_VALUE << 8 | VIGIL_OP_PREFIX, off + i + 1);
	}
	if (len <= NAME_MAX_CMP && (index->exact_fields >> VIGIL_FIELD_ENV_VALUE & 1) && hash_known(index, hash))
		match_atom(hash, len, VIGIL_FIELD_ENV_VALUE << 8 | VIGIL_OP_EXACT, off + len);
	return 0;
}

/* Where the last component of a path starts; a backslash separates too (Windows paths of Wine programs). */
__noinline int match_base_name(__u32 off, __u32 len)
{
	struct vigil_scratch *s = scratch_get();
	int i;

	if (!s)
		return 0;
	s->left = len;
	bpf_for(i, 0, VIGIL_NAME_LEN / 8) {
		__u32 at = i * 8, end = off + len - at;
		__u64 bytes;

		if (at >= unknown(s))
			break;
		if (end >= 8)
			bytes = *(__u64 *)&s->buf[(end - 8) & BUF_MASK];
		else
			bytes = *(__u64 *)&s->buf[0] << ((8 - end) * 8 & 63);
		for (int k = 0; k < 8; k++) {
			if (at + k >= unknown(s))
				break;
			if (bytes >> 56 == '/' || bytes >> 56 == '\\')
				return len - at - k;
			bytes <<= 8;
		}
	}
	return len > VIGIL_NAME_LEN ? len - VIGIL_NAME_LEN : 0;
}

/* One argument, complete or (longer than a chunk) its beginning. */
__noinline int match_arg(__u32 off, __u32 len)
{
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_index *index;
	__u32 head, tail;

	if (!s || !cfg)
		return 0;
	index = &cfg->index[cfg->gen & 1];
	off &= BUF_MASK;
	if (s->args++ == 0) {
		__u32 base = match_base_name(off, len);
		match_string(VIGIL_FIELD_ARG0, off + base, len - base);
	}
	if (s->args == 2 || s->args == 3) {
		__u32 base = match_base_name(off, len), n = s->args - 2;
		s->arg_off[n & 1] = off + base;
		s->arg_len[n & 1] = len - base;
	}
	if (s->args > VIGIL_ARGS_MAX) {
		s->truncated += s->truncated < 0xffff;
		return 0;
	}
	if (len < 4)
		return 0;
	head = *(__u32 *)&s->buf[off];
	tail = *(__u32 *)&s->buf[(off + len - 4) & BUF_MASK];
	if (filter_has(index->arg_head, head) || filter_has(index->arg_tail, tail))
		match_string(VIGIL_FIELD_ARG, off, len);
	return 0;
}

/*
 * The strings in buf[0 .. len), len <= CHUNK. Returns where the one that is not complete starts. Eight bytes at a time: a
 * byte of `zero` has its top bit set where the byte of the word is NUL. This is where an exec's time goes: a variable that
 * the filter does not know costs a few instructions and no call.
 */
__noinline int match_chunk(__u32 field, __u32 len)
{
	const __u64 low7 = 0x7f7f7f7f7f7f7f7fULL;
	struct vigil_scratch *s = scratch_get();
	struct vigil_config *cfg = config_get();
	struct vigil_index *index;
	__u32 start, off;

	if (!s || !cfg)
		return 0;
	start = s->zero;
	index = &cfg->index[cfg->gen & 1];
	for (off = start; off < len && can_loop; off += 8) {
		__u64 word = *(__u64 *)&s->buf[off & (CHUNK - 1)];
		__u64 zero = ~(((word & low7) + low7) | word | low7);

		if (zero && len - off < 8)
			zero &= (1ULL << (((len - off) * 8) & 63)) - 1;
		while (zero && can_loop) {
			__u64 lowest = zero & -zero;
			__u32 at = off + (__u32)(((lowest >> 7) * 0x0001020304050607ULL) >> 56);

			if (s->skip) {
				s->skip = 0;
			} else if (field == VIGIL_FIELD_ENV) {
				if (filter_has(index->env_head, *(__u32 *)&s->buf[start & (CHUNK - 1)]))
					match_env(start, at - start);
			} else {
				match_arg(start, at - start);
			}
			start = at + 1;
			zero &= zero - 1;
		}
	}
	return start;
}

/* Every task has these; `flag` is an enum vigil_kernel_flag. */
static __always_inline void match_flag(const struct vigil_index *index, __u32 flag)
{
	if (hash_known(index, flag))
		match_atom(flag, 0, VIGIL_FIELD_FLAG << 8 | VIGIL_OP_EXACT, 0);
}

static __always_inline bool rule_holds(const struct vigil_scratch *s, const struct vigil_rule *rule, __u32 previous,
				       __u32 marks)
{
	for (int i = 0; i < VIGIL_SIGNAL_WORDS; i++)
		if ((rule->need[i] & ~s->signals[i]) || (rule->avoid[i] & s->signals[i]))
			return false;
	if (rule->previous && !(rule->previous >> (previous & 31) & 1))
		return false;
	return (rule->need_marks & ~marks) == 0 && !(rule->avoid_marks & marks);
}

/*
 * Tries the rules that the hits anchor. The strongest decision of each level ends up in scratch->best; ties go to the later
 * rule. `previous` is the class before, `marks` the lineage.
 */
__noinline int match_rules(__u32 previous, __u32 marks)
{
	struct vigil_scratch *s = scratch_get();
	int h, c;

	if (!s)
		return 0;
	bpf_for(h, 0, MAX_HITS) {
		if ((__u32)h >= s->nr_hits)
			break;
		bpf_for(c, 0, MAX_CANDS) {
			__u32 slot = s->hits[h].cand_first + c;
			struct vigil_rule *rule;
			struct match_best *best;
			__u32 *id, rank;

			if (c >= s->hits[h].cand_count)
				break;
			id = bpf_map_lookup_elem(&cands, &slot);
			if (!id)
				break;
			rule = bpf_map_lookup_elem(&rules, id);
			if (!rule || !rule_holds(s, rule, previous, marks))
				continue;
			s->marks |= rule->mark;
			rank = ((__u32)rule->priority + 1) << 15 | (rule->id & 0x7fff);
			if (rule->flags & VIGIL_F_REFINE)
				s->refine = 1;
			if ((rule->flags & VIGIL_F_BOUNDARY) && rank > s->boundary)
				s->boundary = rank;
			if (rule->profile && rank > s->profile_rank) {
				s->profile_rank = rank;
				s->profile = rule->profile;
			}
			if (rule->klass >= VIGIL_CLASS_COUNT || rule->level >= VIGIL_LEVEL_COUNT)
				continue;
			best = &s->best[rule->level];
			if (rank <= best->rank)
				continue;
			best->rank = rank;
			best->anchor = h;
			best->decision.rule = rule->id;
			best->decision.klass = rule->klass;
			best->decision.kind = rule->kind;
			best->decision.flags = rule->flags;
			best->decision.source = VIGIL_SOURCE_KERNEL;
			__builtin_memcpy(best->need, rule->need, sizeof(best->need));
		}
	}
	return 0;
}

/* The atoms that the decision of `level` rests on: its anchor, and every hit that lent it a bit. */
static __always_inline void match_evidence(const struct vigil_scratch *s, __u32 level, __u32 *out)
{
	__u32 n = 0, anchor = s->best[level].anchor;
	int h, b;

	__builtin_memset(out, 0, VIGIL_EVIDENCE * sizeof(*out));
	if (anchor >= MAX_HITS)
		return;
	out[n++] = s->hits[anchor].id;
	bpf_for(h, 0, MAX_HITS) {
		bool lent = false;

		if ((__u32)h >= s->nr_hits || n >= VIGIL_EVIDENCE)
			break;
		if ((__u32)h == anchor)
			continue;
		for (b = 0; b < VIGIL_ATOM_BITS; b++) {
			__u8 bit = s->hits[h].bits[b];
			if (b >= s->hits[h].nr_bits)
				break;
			if (s->best[level].need[(bit >> 6) & (VIGIL_SIGNAL_WORDS - 1)] >> (bit & 63) & 1)
				lent = true;
		}
		if (lent)
			out[n++] = s->hits[h].id;
	}
}

#endif
