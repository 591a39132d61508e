/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integer types and small arithmetic for policy/: the same text is compiled for BPF and for the host.
 */
#ifndef VIGIL_POLICY_NUMBERS_H
#define VIGIL_POLICY_NUMBERS_H

#ifdef __BPF__
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
#else
#include <linux/types.h>
#endif

#define VIGIL_POLICY static inline __attribute__((always_inline, unused))

/* Virtual times wrap; compare them by difference. */
VIGIL_POLICY int vigil_before(__u64 a, __u64 b)
{
	return (__s64)(a - b) < 0;
}

VIGIL_POLICY __u64 vigil_later(__u64 a, __u64 b)
{
	return vigil_before(a, b) ? b : a;
}

VIGIL_POLICY __u64 vigil_earlier(__u64 a, __u64 b)
{
	return vigil_before(a, b) ? a : b;
}

#endif
