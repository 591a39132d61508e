/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What witness.bpf.c tells witness.cpp.
 */
#ifndef VIGIL_TEST_WITNESS_H
#define VIGIL_TEST_WITNESS_H

#define WITNESS_CPUS 64

struct witnessed {
	__u64 ns;
	__u32 pid;
	__u32 cpu;
	char comm[16];
};

struct witness {
	__u64 on;	/* count waits that began after this time, 0: none */
	__u64 switches; /* to anything but idle */
	struct witnessed wait;	   /* longest from wanting to run to running */
	struct witnessed idle;	   /* ... during which a CPU was idle on which it might have run: for how long, which */
	struct witnessed trespass; /* ran where it may not: 1 */
};

#endif
