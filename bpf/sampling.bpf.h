/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters cannot ask to be read, and the daemon has no timer. So the run time of memory-bound tasks asks for it: whoever
 * accounts run time adds theirs here, and when enough has come together a SAMPLE record wakes the daemon. When none of them
 * runs, nothing is asked and nothing is read.
 *
 * The map is the events object's; others are given its descriptor. O(1), atomics only where the flag says that somebody
 * listens and the task is memory-bound.
 */
#ifndef VIGIL_SAMPLING_BPF_H
#define VIGIL_SAMPLING_BPF_H

#include "task.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vigil_sampling);
} sampling SEC(".maps");

static __always_inline bool is_memory_bound(const struct vigil_verdict *v)
{
	return v->klass == VIGIL_CLASS_VECTORDB || (v->flags & VIGIL_F_MEMORY);
}

static __always_inline void sampling_ask(struct vigil_sampling *s, __u64 now)
{
	struct vigil_ev_sample *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);

	if (!ev)
		return; /* the daemon has been woken by whatever filled the ring; the next slice of run time asks again */
	ev->hdr.kind = VIGIL_EV_SAMPLE;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = now;
	ev->ran_ns = s->ran_ns;
	__sync_fetch_and_add(&s->asked, 1);
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
}

/* `ran` more nanoseconds of a task's run time have been accounted, `who` accounts. Any context. */
static __always_inline void sampling_ran(const struct vigil_verdict *v, __u64 ran, __u64 now, __u32 who)
{
	__u32 zero = 0;
	struct vigil_sampling *s;
	__u64 due;

	if (!is_memory_bound(v))
		return;
	s = bpf_map_lookup_elem(&sampling, &zero);
	if (!s || s->accountant != who)
		return;
	__sync_fetch_and_add(&s->ran_ns, ran);
	due = s->due_ns;
	if ((__s64)(now - due) < 0)
		return;
	/* Whoever moves the time on, asks. */
	if (__sync_val_compare_and_swap(&s->due_ns, due, now + s->interval_ns) == due)
		sampling_ask(s, now);
}

#endif
