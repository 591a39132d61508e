/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types we touch, as a CO-RE subset: libbpf matches them by name against the running kernel's BTF, so only
 * the members that are read are listed and their offsets do not matter. Where kernels differ, the comment says how.
 */
#ifndef VIGIL_KERNEL_BPF_H
#define VIGIL_KERNEL_BPF_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
typedef int pid_t;
#define true 1
#define false 0
#define NULL ((void *)0)

/* uapi/linux/bpf.h as far as we use it; enums, so that BTF carries them. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum {
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_MMAPABLE = 1U << 10,
};

enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1ULL << 0,
};

enum {
	BPF_RB_NO_WAKEUP = 1ULL << 0,
	BPF_RB_FORCE_WAKEUP = 1ULL << 1,
};

/* what bpf_ringbuf_query() is asked */
enum {
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
	BPF_RB_CONS_POS = 2,
	BPF_RB_PROD_POS = 3,
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * A loop that the verifier follows without unrolling and the JIT runs without a call: the instruction (since 6.9) ends it
 * after eight million rounds, which no loop here gets near. Twice as fast as bpf_for() where the body is a few
 * instructions. Nothing is known of the counter's range inside, so mask what it indexes. Only where it pays: a counter that
 * is compared with a length makes the verifier of 7.3 give up (more than 8,192 jumps pending), where bpf_for() does not.
 */
#define can_loop                                                                                                   \
	({                                                                                                         \
		__label__ out, next;                                                                               \
		bool again = true;                                                                                 \
		asm volatile goto("may_goto %l[out]" : : : : out);                                                 \
		goto next;                                                                                         \
	out:                                                                                                       \
		again = false;                                                                                     \
	next:;                                                                                                     \
		again;                                                                                             \
	})

#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

struct bpf_spin_lock {
	__u32 val;
};

/* include/linux/sched.h */
#define PF_EXITING   0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD   0x00200000
#define CLONE_THREAD 0x00010000

#define SCHED_FIFO     1
#define SCHED_RR       2
#define SCHED_IDLE     5
#define SCHED_DEADLINE 6

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct kernfs_node {
	const char *name;
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

/* CONFIG_CGROUP_SCHED; weight and idle with CONFIG_FAIR_GROUP_SCHED */
struct task_group {
	struct cgroup_subsys_state css;
	int idle;
	unsigned long shares; /* 1024 × 1024 is cpu.weight 100 */
	struct task_group *parent;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	int counter;
} atomic_t;

struct tty_struct;

struct signal_struct {
	atomic_t live;
	int nr_threads;
	unsigned int is_child_subreaper : 1;
	int leader; /* of its session */
	struct tty_struct *tty;
	unsigned long cmin_flt; /* of children that were waited for */
};

struct pid {
	unsigned int level;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct linux_binprm {
	const char *filename; /* as given to execve */
	const char *interp;   /* differs from filename when filename is a script */
};

struct cpumask {
	unsigned long bits[1]; /* NR_CPUS of them; never indexed here */
};

/* First member as in the kernel: a bpf_cpumask may be given where a cpumask is asked for. */
struct bpf_cpumask {
	struct cpumask cpumask;
};

struct sched_ext_entity {
	u32 flags;
	u64 slice;
	u64 dsq_vtime;
};

struct task_struct {
	unsigned int flags;
	int static_prio;
	int nr_cpus_allowed;
	const struct cpumask *cpus_ptr;
	unsigned short migration_disabled;
	struct sched_ext_entity scx;
	unsigned int policy;
	struct mm_struct *mm;
	unsigned in_execve : 1;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 start_boottime;
	u64 self_exec_id; /* one more with every exec */
	const struct cred *cred;
	char comm[16];
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct task_group *sched_task_group;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};

#pragma clang attribute pop

/* kernel/bpf/helpers.c, task_iter.c; all present since 6.7 */
struct bpf_iter_num {
	u64 opaque[1];
} __attribute__((aligned(8)));

struct bpf_iter_task {
	u64 opaque[3];
} __attribute__((aligned(8)));

enum {
	BPF_TASK_ITER_ALL_PROCS = 0,
	BPF_TASK_ITER_ALL_THREADS = 1,
	BPF_TASK_ITER_PROC_THREADS = 2,
};

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

#endif
