// SPDX-License-Identifier: GPL-2.0-only
/*
 * What devices do, pushed: power transitions of those the daemon named, and which processes open which kind of character device.
 *
 * Both are optional, and each is loaded by itself: a kernel that refuses one (no CONFIG_PM, fentry not allowed) has the other.
 * Neither touches a device: the first is told by runtime power management in passing, the second sees the opener before the
 * driver does. What nobody asked about costs a lookup and no record: no wake-up of user space.
 */
#include "kernel.bpf.h"
#include "devices_abi.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
};

struct inode {
	unsigned int i_rdev; /* 12 bits of major, 20 of minor */
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} device_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VIGIL_MAX_WATCHED_DEVICES);
	__type(key, struct vigil_device_name);
	__type(value, __u32);
} watched_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VIGIL_MAX_WATCHED_NODES);
	__type(key, struct vigil_node);
	__type(value, __u32);
} watched_nodes SEC(".maps");

/* What each process (its leader's storage) has been told to have opened. Goes with the task. */
struct opened {
	__u32 kinds;
	__u32 exec_id; /* low bits of the image that opened them */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct opened);
} opened_by SEC(".maps");

/* The kernel names a device's kobject once it is registered; the status is enum rpm_status, stable since 5.18. */
SEC("tp_btf/rpm_status")
int BPF_PROG(on_rpm_status, struct device *dev, int status)
{
	struct vigil_device_name device = {};
	struct vigil_ev_power *ev;

	if (status != VIGIL_POWER_ACTIVE && status != VIGIL_POWER_SUSPENDED)
		return 0; /* on the way there */
	if (!dev || bpf_probe_read_kernel_str(device.name, sizeof(device.name), dev->kobj.name) <= 1)
		return 0;
	if (!bpf_map_lookup_elem(&watched_devices, &device))
		return 0;
	ev = bpf_ringbuf_reserve(&device_events, sizeof(*ev), 0);
	if (!ev)
		return 0; /* 64 KiB unread: the daemon looks at all of them when it wakes */
	ev->hdr.kind = VIGIL_DEV_POWER;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = bpf_ktime_get_ns();
	ev->device = device;
	ev->status = status;
	ev->pad = 0;
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

static __always_inline __u32 kind_of(__u32 rdev)
{
	struct vigil_node node = {.major = rdev >> 20, .minor = rdev & 0xfffff};
	__u32 *kind = bpf_map_lookup_elem(&watched_nodes, &node);

	if (kind)
		return *kind;
	node.minor = VIGIL_ANY_MINOR;
	kind = bpf_map_lookup_elem(&watched_nodes, &node);
	return kind ? *kind : 0;
}

/* Every open of a character device passes here once, and nothing else does: some ten a second on a busy desktop. */
SEC("fentry/chrdev_open")
int BPF_PROG(on_chrdev_open, struct inode *inode, struct file *filp)
{
	struct task_struct *leader = bpf_get_current_task_btf();
	__u32 kind = kind_of(inode->i_rdev), exec_id;
	struct vigil_ev_opened *ev;
	struct opened *o;

	if (!kind)
		return 0;
	leader = leader->group_leader;
	o = bpf_task_storage_get(&opened_by, leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!o)
		return 0;
	/* Another image is another program: what it opens is told anew. */
	exec_id = leader->self_exec_id;
	if (o->exec_id != exec_id) {
		o->exec_id = exec_id;
		o->kinds = 0;
	}
	if (o->kinds & kind)
		return 0;
	ev = bpf_ringbuf_reserve(&device_events, sizeof(*ev), 0);
	if (!ev)
		return 0; /* not remembered either: the next open is told */
	o->kinds |= kind;
	ev->hdr.kind = VIGIL_DEV_OPENED;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = bpf_ktime_get_ns();
	ev->key.tgid = leader->tgid;
	ev->key.pad = 0;
	ev->key.start_ns = leader->start_boottime;
	ev->kinds = kind;
	ev->all = o->kinds;
	ev->ppid = leader->real_parent->tgid;
	ev->uid = leader->cred->uid.val;
	bpf_probe_read_kernel_str(ev->comm, sizeof(ev->comm), leader->comm);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
