/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What devices.bpf.c shares with user space, in the manner of abi.h. A header of its own: none of it is in recordings, so it may
 * change without making them old. In src/, only edge/kernel/ includes it.
 */
#ifndef VIGIL_DEVICES_ABI_H
#define VIGIL_DEVICES_ABI_H

#include "abi.h"

/* Name of a PCI function, "0000:01:00.0" (domains can have five digits), with the NUL. */
#define VIGIL_DEVICE_NAME_LEN 24
#define VIGIL_MAX_WATCHED_DEVICES 256

/* include/linux/pm.h, enum rpm_status: what `status` of the tracepoint is */
enum vigil_power {
	VIGIL_POWER_ACTIVE = 0,
	VIGIL_POWER_RESUMING = 1,
	VIGIL_POWER_SUSPENDED = 2,
	VIGIL_POWER_SUSPENDING = 3,
};

/* Key of map `watched_devices`: whose power transitions user space is told of. The value means nothing. */
struct vigil_device_name {
	char name[VIGIL_DEVICE_NAME_LEN];
};

enum vigil_device_event {
	VIGIL_DEV_POWER = 1,
	VIGIL_DEV_OPENED = 2,
};

/* POWER */
struct vigil_ev_power {
	struct vigil_ev_hdr hdr;
	struct vigil_device_name device;
	__u32 status; /* enum vigil_power */
	__u32 pad;
};
ABI_SIZE(struct vigil_ev_power, 16 + 24 + 8);

/*
 * Character devices whose users matter. Key of map `watched_nodes`: a minor number, or VIGIL_ANY_MINOR for all of the major's.
 * The value is the bit of a kind of device.
 */
#define VIGIL_ANY_MINOR 0xffffffffU
#define VIGIL_MAX_WATCHED_NODES 256

struct vigil_node {
	__u32 major;
	__u32 minor;
};
ABI_SIZE(struct vigil_node, 8);

/* OPENED: a process opened a node of this kind for the first time since it was last executed or told of. */
struct vigil_ev_opened {
	struct vigil_ev_hdr hdr;
	struct vigil_proc_key key;
	__u32 kinds; /* the bit of what it opened now */
	__u32 all;   /* ... and of everything it has */
	__u32 ppid;
	__u32 uid;
	char comm[VIGIL_COMM_LEN]; /* of the leader */
};
ABI_SIZE(struct vigil_ev_opened, 16 + 16 + 16 + 16);

#endif
