// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts the run time of memory-bound tasks where our scheduler does not (sampling.bpf.h). Attached only while there are
 * memory-bound processes.
 *
 * sched_stat_runtime comes with every tick and every switch of a task, so one that has a CPU for itself is seen, too; a
 * switch would never tell of it. Interrupts are off, the runqueue is locked.
 */
#include "kernel.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps"); /* the events object's, by descriptor */

#include "sampling.bpf.h"

SEC("tp_btf/sched_stat_runtime")
int BPF_PROG(on_runtime, struct task_struct *p, __u64 ran)
{
	struct vigil_task *t = bpf_task_storage_get(&tasks, p, 0, 0);

	if (t)
		sampling_ran(&t->v, ran, bpf_ktime_get_ns(), VIGIL_ACCOUNTS_KERNEL);
	return 0;
}

char _license[] SEC("license") = "GPL";
