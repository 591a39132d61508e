// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classes by thread name, for suites that run the scheduler without the classifier: a load names its threads
 * "game-render", "audio-mix", ... and is what the word before the dash says.
 */
#include "task.bpf.h"

char _license[] SEC("license") = "GPL";

struct prefix {
	char text[8]; /* NUL-terminated */
	u32 klass;
};

const volatile struct prefix prefixes[8];

SEC("tp_btf/task_rename")
int BPF_PROG(by_name, struct task_struct *p, const char *comm)
{
	struct vigil_task *task;
	char name[VIGIL_COMM_LEN];
	int i, j;

	if (bpf_probe_read_kernel_str(name, sizeof(name), comm) < 0)
		return 0;
	bpf_for(i, 0, 8) {
		bool same = true;

		if (!prefixes[i & 7].text[0])
			break;
		bpf_for(j, 0, 8) {
			char c = prefixes[i & 7].text[j & 7];

			if (!c)
				break;
			if (c != name[j & 7]) {
				same = false;
				break;
			}
		}
		if (!same)
			continue;
		task = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (task)
			task->v.klass = prefixes[i & 7].klass;
		break;
	}
	return 0;
}
