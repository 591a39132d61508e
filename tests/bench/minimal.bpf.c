// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least a sched_ext scheduler can be: one queue for all, first come first served, idle CPUs by the kernel's choice.
 * What ours is measured beside.
 */
#include "scx.bpf.h"

char _license[] SEC("license") = "GPL";

#define SHARED_DSQ 0
#define SLICE (20 * 1000 * 1000ULL)

s32 BPF_STRUCT_OPS(minimal_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	if (idle)
		dsq_insert(p, SCX_DSQ_LOCAL, SLICE, 0);
	return cpu;
}

void BPF_STRUCT_OPS(minimal_enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert(p, SHARED_DSQ, SLICE, enq_flags);
}

void BPF_STRUCT_OPS(minimal_dispatch, s32 cpu, struct task_struct *prev)
{
	dsq_take(SHARED_DSQ);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(minimal_init)
{
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops vigil_ops = {
	.select_cpu = (void *)minimal_select_cpu,
	.enqueue = (void *)minimal_enqueue,
	.dispatch = (void *)minimal_dispatch,
	.init = (void *)minimal_init,
	.timeout_ms = 5000,
	.name = "bench_minimal",
};
