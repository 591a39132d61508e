/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything the kernel half and the daemon share: ring records, map keys and values, numbers.
 *
 * Included by BPF C, C and C++; fixed-width types, explicit padding, no pointers, no bitfields. Sizes are
 * asserted wherever it is included. Enum values are explicit and never reused. Change a record or
 * what one contains: bump VIGIL_ABI_VERSION (recordings carry it). In src/, only wire/ and edge/kernel/ include this file.
 */
#ifndef VIGIL_ABI_H
#define VIGIL_ABI_H

#ifndef __BPF__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define VIGIL_ASSERT(cond, why) static_assert(cond, why)
#else
#define VIGIL_ASSERT(cond, why) _Static_assert(cond, why)
#endif
#define ABI_SIZE(type, bytes)	      VIGIL_ASSERT(sizeof(type) == (bytes), #type " changed size")
#define ABI_AT(type, member, offset)                                                                \
	VIGIL_ASSERT(__builtin_offsetof(type, member) == (offset), #type "." #member " moved")

#define VIGIL_ABI_VERSION 2
#define VIGIL_ABI_OLDEST 1 /* recordings since this version are read: their records differ only in what was padding */

#define VIGIL_COMM_LEN	  16	/* TASK_COMM_LEN, with the NUL */
#define VIGIL_NAME_LEN	  64	/* longest name or argument that is compared, with the NUL */
#define VIGIL_PATH_LEN	  256	/* tail of a cgroup path in a record */
#define VIGIL_MAX_RULES	  32768 /* both generations together */
#define VIGIL_MAX_CANDS	  131072
#define VIGIL_MAX_ATOMS	  65536 /* of one generation */
#define VIGIL_SIGNALS	  256	/* bits a task's evidence can have */
#define VIGIL_SIGNAL_WORDS (VIGIL_SIGNALS / 64)

/* --- classes ------------------------------------------------------------------------------------------- */

enum vigil_class {
	VIGIL_CLASS_REGULAR = 0,
	VIGIL_CLASS_GAMING = 1,
	VIGIL_CLASS_INTERACTIVE = 2,
	VIGIL_CLASS_BATCH = 3,
	VIGIL_CLASS_AI = 4,
	VIGIL_CLASS_VM = 5,
	VIGIL_CLASS_CONTAINER = 7,
	VIGIL_CLASS_LATENCY = 8,
	VIGIL_CLASS_VECTORDB = 9,
	VIGIL_CLASS_KWORKER = 10,
	VIGIL_CLASS_COUNT = 11,
};

/*
 * Where a verdict comes from, strongest first. A task keeps one decision a level; the first level that has one is
 * in force. So a cgroup move only rewrites CGROUP, and what lies below shows again when it is taken away.
 */
enum vigil_level {
	VIGIL_LEVEL_USER = 0,	  /* vigilctl class, a profile */
	VIGIL_LEVEL_THREAD = 1,	  /* this thread's name */
	VIGIL_LEVEL_IMAGE = 2,	  /* what was executed: names, arguments, environment */
	VIGIL_LEVEL_CGROUP = 3,	  /* where it lives */
	VIGIL_LEVEL_ANCESTRY = 4, /* what the image before this one was */
	VIGIL_LEVEL_COUNT = 5,
};

enum vigil_source {
	VIGIL_SOURCE_KERNEL = 0,
	VIGIL_SOURCE_DAEMON = 1,
	VIGIL_SOURCE_USER = 2,
};

/* vigil_decision.flags and vigil_rule.flags */
enum vigil_decision_flags {
	VIGIL_F_INHERIT = 1 << 0,  /* what it executes keeps the class, unless a boundary says otherwise */
	VIGIL_F_REFINE = 1 << 1,   /* the daemon is to look closer (command line, path) */
	VIGIL_F_BOUNDARY = 1 << 2, /* cuts ancestry off; without a class of its own the rest of the chain decides */
	VIGIL_F_MEMORY = 1 << 3,   /* memory-bound: placement follows memory */
	VIGIL_F_VCPU = 1 << 4,	   /* a thread that runs guest code */
	VIGIL_F_STORM = 1 << 5,	   /* holds only while a storm (struct vigil_storm) lasts; never of a rule */
};

#define VIGIL_RULE_USER 0xffffffffU /* no rule: a person said so */
#define VIGIL_RULE_PROFILE 0xfffffffeU /* no rule: the profile in force (vigil_verdict.profile) sets the class */

#define VIGIL_MAX_PROFILES 1024
#define VIGIL_PROFILE_ID 0x7fff	  /* the number in vigil_verdict.profile and .matched */
#define VIGIL_PROFILE_MARK 0x8000 /* profile: a person chose it; matched: this very process matched, not one it descends from */

struct vigil_decision {
	__u32 rule; /* 0: none */
	__u8 klass; /* enum vigil_class */
	__u8 kind;  /* index into the rule set's kinds; 0 none */
	__u8 flags;
	__u8 source; /* enum vigil_source */
};
ABI_SIZE(struct vigil_decision, 8);

struct vigil_proc_key {
	__u32 tgid;
	__u32 pad;
	__u64 start_ns; /* leader's task_struct::start_boottime */
};
ABI_SIZE(struct vigil_proc_key, 16);

#define VIGIL_EVIDENCE 6

/*
 * The head of every task's storage (map `tasks`): the verdict and what it rests on. The first 16 bytes are all
 * the scheduler reads.
 */
struct vigil_verdict {
	__u8 klass; /* in force */
	__u8 kind;
	__u8 level; /* enum vigil_level of the decision in force; VIGIL_LEVEL_COUNT when nothing decided */
	__u8 flags; /* of the decision in force */
	__u32 appid; /* Steam's number for the game, 0 unknown */
	__u32 marks; /* lineage: set by rules, inherited, asked for by rules */
	__u8 cause;  /* enum vigil_event: what made the last change */
	__u8 reported; /* user space has seen this process */
	__u16 truncated; /* strings of the image that were not looked at (saturates); evidence may be incomplete */

	struct vigil_decision decision[VIGIL_LEVEL_COUNT];
	struct vigil_proc_key key;
	__u32 pid;
	__u32 inherited_from; /* tgid whose class ANCESTRY (or a fork) brought, 0 none */
	__u64 cgroup_id;
	__u64 event_ns;	  /* when the event that made the last change began */
	__u64 decided_ns; /* when the change was in force */
	__u64 signals[VIGIL_SIGNAL_WORDS];
	__u32 evidence[VIGIL_EVIDENCE]; /* ids of the atoms behind the IMAGE or THREAD decision; 0 none */
	__u32 gen; /* rule generation these numbers belong to */
	__u16 profile; /* in force: index into map `profiles`, 0 none */
	__u16 matched; /* the one that matching says, whatever a person chose */
};
ABI_SIZE(struct vigil_verdict, 168);
ABI_AT(struct vigil_verdict, decision, 16);
ABI_AT(struct vigil_verdict, signals, 104);

/* With vigil_verdict.gen: decided under these rules, but in part from what is still of the rules before; to be decided again. */
#define VIGIL_GEN_AGAIN 0x80000000U

/* --- rules, as tables ---------------------------------------------------------------------------------- */

/*
 * A rule is an AND of conditions, a condition an OR of atoms ("exe is gcc, g++ or cc1"). Each condition that
 * needs combining owns a signal bit; a rule is tried when one of its anchor's atoms is seen (`cands`) and holds
 * when all of `need` and none of `avoid` are among the task's signals. The highest priority wins a level.
 */
enum vigil_field {
	VIGIL_FIELD_EXE = 1,	/* base name of the executable file */
	VIGIL_FIELD_SCRIPT = 2, /* base name of a #! script */
	VIGIL_FIELD_ARG0 = 3,	/* base name of argv[0], after the last '/' or '\' */
	VIGIL_FIELD_ARG = 4,	/* any argument, argv[0] included */
	VIGIL_FIELD_ENV = 5,	/* name of an environment variable */
	VIGIL_FIELD_ENV_VALUE = 6, /* NAME=value */
	VIGIL_FIELD_DIR = 7,	/* name of one of the folders the executable lies in (nearest 8) */
	VIGIL_FIELD_COMM = 8,	/* thread name */
	VIGIL_FIELD_CGROUP = 9, /* last component of the cgroup's path, and of its ancestors' */
	VIGIL_FIELD_FLAG = 10,	/* what the kernel says of the task: enum vigil_kernel_flag is the hash */
};

enum vigil_op {
	VIGIL_OP_EXACT = 0,
	VIGIL_OP_PREFIX = 1,
	VIGIL_OP_SUFFIX = 2,
};

enum vigil_kernel_flag {
	VIGIL_KFLAG_KTHREAD = 1,  /* PF_KTHREAD */
	VIGIL_KFLAG_KWORKER = 2,  /* PF_WQ_WORKER, or a kthread named kworker/ */
	VIGIL_KFLAG_PIDNS = 3,	  /* lives in a pid namespace of its own */
	VIGIL_KFLAG_NICE = 4,	  /* nice above 0 */
	VIGIL_KFLAG_REALTIME = 5, /* SCHED_FIFO, SCHED_RR or SCHED_DEADLINE */
	VIGIL_KFLAG_ANY = 6,	  /* every task */
	VIGIL_KFLAG_SCRIPT = 7,	  /* a #! script: the executable is its interpreter */
	VIGIL_KFLAG_STORM = 8,	  /* the root of an exec storm: becomes known while it runs */
};

/* FNV-1a over the bytes (for SUFFIX: last byte first), 64 bit. */
#define VIGIL_HASH_SEED	 0xcbf29ce484222325ULL
#define VIGIL_HASH_PRIME 0x100000001b3ULL

struct vigil_atom_key {
	__u64 hash;
	__u32 gen;
	__u16 len;
	__u8 field;
	__u8 op;
};
ABI_SIZE(struct vigil_atom_key, 16);

enum vigil_capture {
	VIGIL_CAPTURE_NONE = 0,
	VIGIL_CAPTURE_APPID = 1, /* the decimal number behind NAME= or behind the argument's prefix */
};

#define VIGIL_ATOM_BITS 8
struct vigil_atom {
	__u32 id; /* what explain calls it; > 0 */
	__u32 cand_first;
	__u16 cand_count;
	__u8 capture;
	__u8 nr_bits;
	__u8 bits[VIGIL_ATOM_BITS];
};
ABI_SIZE(struct vigil_atom, 20);

struct vigil_rule {
	__u64 need[VIGIL_SIGNAL_WORDS];
	__u64 avoid[VIGIL_SIGNAL_WORDS];
	__u32 id;
	__u32 mark;	   /* lineage bits it sets */
	__u32 need_marks;  /* lineage bits it asks for (all) */
	__u32 avoid_marks; /* ... and must not find (any) */
	__u32 previous;	   /* mask of classes the task had before this image; 0 any */
	__u16 priority;
	__u8 level; /* THREAD, IMAGE or CGROUP */
	__u8 klass; /* VIGIL_CLASS_COUNT: says nothing of the class (marks, boundaries) */
	__u8 kind;
	__u8 flags;
	__u16 profile; /* a rule without a class: the profile it chooses, 0 none */
	__u8 pad[4];
};
ABI_SIZE(struct vigil_rule, 96);

/*
 * Maps `names_even`, `names_odd` -> struct vigil_decision: thousands of program names that somebody else has classes for (ananicy's), below
 * all rules. Apart from the atoms, so that they cost nothing where there are none.
 */
#define VIGIL_MAX_NAMES 65536 /* of one generation */
struct vigil_name_key {
	__u64 hash; /* as of an EXACT atom */
	__u16 len;
	__u16 windows; /* 1: of the first argument, which ends in .exe; 0: of the executable or the script */
	__u32 pad;
};
ABI_SIZE(struct vigil_name_key, 16);

#define VIGIL_FILTER_BITS 4096
#define VIGIL_HASH_BITS	  262144
#define VIGIL_ARGS_MAX	      64

/* One generation's index, beside the atoms, cands and rules it refers to. */
struct vigil_index {
	__u64 prefix_lens[16]; /* by field: bit n set when some PREFIX atom has length n */
	__u64 suffix_lens[16];
	__u64 exact_fields; /* bit f: some EXACT atom on field f, or a name */
	__u64 names;	    /* not 0: map `names` has something to say where no rule decides an image */
	/*
	 * Strings that come in dozens are looked at closer only when four of their bytes are known: VIGIL_SLOT of the
	 * first four (ENV and ENV_VALUE; ARG EXACT and PREFIX) or of the last four (ARG SUFFIX), little endian. So
	 * patterns on these fields have at least four bytes.
	 */
	__u64 env_head[VIGIL_FILTER_BITS / 64];
	__u64 arg_head[VIGIL_FILTER_BITS / 64];
	__u64 arg_tail[VIGIL_FILTER_BITS / 64];
	__u64 hashes[VIGIL_HASH_BITS / 64]; /* VIGIL_HASH_SLOT of every atom: what is not here need not be looked up */
};
ABI_SIZE(struct vigil_index, 16 * 8 * 2 + 16 + 3 * 512 + VIGIL_HASH_BITS / 8);

/* Map `config`, one element, mmapable: written by the daemon, read by every program. */
struct vigil_config {
	__u32 gen;	  /* generation in force; 0: no rules yet */
	__u32 stream_all; /* someone watches: report every event */
	__u32 own_tgid;	  /* the daemon: never reported */
	__u32 enabled;	  /* 0 until the rules are in */
	__u32 prompt;	  /* someone watches: wake the reader for all that is told */
	__u32 may_wait;	  /* mask of classes: what is told of them waits for the next wake-up, whatever causes it */
	__u32 profile_all; /* a person's choice for every game; VIGIL_PROFILE_MARK is set, 0: no choice */
	__u32 profile_keys; /* bit enum vigil_profile_key_kind: some profile is found that way */
	__u32 storm_execs; /* programs executed below a process in a second that make a storm; 0: never */
	__u32 pad;
	struct vigil_index index[2]; /* by gen & 1 */
};

/* Same four bytes, same slot, on both sides. */
#define VIGIL_SLOT(four) (((__u32)(four) * 2654435761U) >> 20)
/* Same hash, same slot. */
#define VIGIL_HASH_SLOT(hash) ((__u32)((hash) ^ (hash) >> 32) & (VIGIL_HASH_BITS - 1))

/*
 * --- profiles: settings for one game or use, for a process and what it starts ---------------------------------
 *
 * Found at exec by a rule of their own (exe, argv, …), by AppID or by the rule that decided. A number stands for the same
 * profile as long as the daemon runs; one that is no longer used means none.
 */
enum vigil_profile_key_kind {
	VIGIL_PROFILE_BY_APPID = 0, /* where the rules take the process for a game */
	VIGIL_PROFILE_BY_RULE = 1,
};

/* Map `profile_keys` -> __u32 number */
struct vigil_profile_key {
	__u32 gen;
	__u32 kind; /* enum vigil_profile_key_kind */
	__u32 value;
};
ABI_SIZE(struct vigil_profile_key, 12);

enum vigil_profile_flags {
	VIGIL_PROFILE_USED = 1 << 0,
	VIGIL_PROFILE_TOLD = 1 << 1,   /* its processes are told of when they fork, too: somebody waits for the last one's end */
	VIGIL_PROFILE_CPUS = 1 << 2,   /* cpu_set counts, even if it is ANY */
	VIGIL_PROFILE_STRICT = 1 << 3, /* not on other CPUs than those of cpu_set while one of them is there */
	VIGIL_PROFILE_PROMPT = 1 << 4, /* it holds a mode: that its processes begin and end is told at once, whatever their class */
};

enum vigil_smt_preference {
	VIGIL_SMT_DEFAULT = 0,
	VIGIL_SMT_WHOLE = 1, /* a whole idle core, even if that is another LLC's, before half of one */
	VIGIL_SMT_SHARE = 2, /* any idle CPU: whole cores are left to others */
};

/* Map `profiles`, mmapable: written by the daemon at any time. The scheduler reads it when it takes up a task's class. */
struct vigil_profile {
	__u8 flags;   /* enum vigil_profile_flags */
	__u8 klass;   /* VIGIL_CLASS_COUNT: leaves the class to the rules */
	__u8 cpu_set; /* enum vigil_cpu_set */
	__u8 smt;     /* enum vigil_smt_preference */
	__u32 request_us; /* 0: its class's */
	__u32 lead_us;	  /* more than its class's */
	__u32 share;	  /* factor on its class's; 1024: the same */
};
ABI_SIZE(struct vigil_profile, 16);

/* Map `cgroups`: cgroup id -> what its path says. Children take their parent's entry when they have none. */
struct vigil_cgroup {
	struct vigil_decision decision;
	__u64 signals[VIGIL_SIGNAL_WORDS];
	__u32 appid;
	__u32 gen;
	__u32 evidence;
	__u32 pad;
};
ABI_SIZE(struct vigil_cgroup, 56);

/* Map `storms`, by the root's tgid: exec storms, the last ones that were. */
#define VIGIL_MAX_STORMS 64
#define VIGIL_STORM_HOLD_NS 3000000000ULL /* a storm is over when its rate has been gone for this long */
struct vigil_storm {
	__u64 begin_ns;
	__u64 hot_ns;	 /* when it last had the rate */
	__u64 second_ns; /* when the second that is being counted began */
	__u64 execs;
	__u64 forks;
	__u64 hushed; /* changes of class that user space was not told of */
	__u32 second_execs;
	__u32 root;
	__u32 gen;
	__u32 pad;
	struct vigil_decision decision; /* what its descendants inherit */
};
ABI_SIZE(struct vigil_storm, 72);

/* --- events -------------------------------------------------------------------------------------------- */

enum vigil_event {
	VIGIL_EV_NONE = 0,
	VIGIL_EV_FORK = 1,
	VIGIL_EV_EXEC = 2,
	VIGIL_EV_EXIT = 3, /* last thread */
	VIGIL_EV_RENAME = 4,
	VIGIL_EV_CGROUP_MKDIR = 5,
	VIGIL_EV_CGROUP_RMDIR = 6,
	VIGIL_EV_CGROUP_ATTACH = 7,
	VIGIL_EV_SNAPSHOT = 8, /* found by the iterator */
	VIGIL_EV_ASSIGN = 9,   /* the daemon wrote a decision */
	VIGIL_EV_SCHED = 10,   /* the scheduler started, stopped or was ejected */
	VIGIL_EV_STORM = 11,   /* a process has become the root of an exec storm, or the storm is over */
	VIGIL_EV_SAMPLE = 12,  /* memory-bound tasks have run: read the memory counters */
	VIGIL_EV_COUNT = 16,
};

struct vigil_ev_hdr {
	__u16 kind; /* enum vigil_event */
	__u16 size; /* of the whole record, for readers that skip unknown kinds */
	__u32 cpu;
	__u64 at_ns; /* CLOCK_MONOTONIC */
};
ABI_SIZE(struct vigil_ev_hdr, 16);

enum vigil_task_event_flags {
	VIGIL_EVF_CHANGED = 1 << 0, /* the class in force is not what it was */
	VIGIL_EVF_LEADER = 1 << 1,  /* the thread group leader (else one thread) */
	VIGIL_EVF_KTHREAD = 1 << 2,
	VIGIL_EVF_THREAD = 1 << 3, /* FORK: a new thread, not a process */
};

/* FORK, EXEC, EXIT, RENAME, CGROUP_ATTACH, SNAPSHOT, STORM */
struct vigil_ev_task {
	struct vigil_ev_hdr hdr;
	__u32 ppid; /* tgid of the real parent */
	__u32 flags;
	__u32 uid;
	__u32 threads;
	char comm[VIGIL_COMM_LEN];
	char exe[VIGIL_NAME_LEN]; /* base name; EXEC and SNAPSHOT */
	struct vigil_verdict verdict;
};
ABI_SIZE(struct vigil_ev_task, 16 + 16 + 16 + 64 + 168);

/* CGROUP_MKDIR, CGROUP_RMDIR */
struct vigil_ev_cgroup {
	struct vigil_ev_hdr hdr;
	__u64 id;
	__u64 parent;
	struct vigil_cgroup cgroup;
	__u32 path_len;		   /* of the whole path; larger than VIGIL_PATH_LEN - 1: only the tail is here */
	__u32 flags;		   /* VIGIL_EVF_CHANGED: some rule spoke */
	char path[VIGIL_PATH_LEN]; /* relative to the root of the hierarchy, NUL-terminated */
};
ABI_SIZE(struct vigil_ev_cgroup, 16 + 16 + 56 + 8 + 256);

/* Map `counters`, one element, mmapable: written by BPF, read by the daemon without a system call. */
struct vigil_counters {
	__u64 lost_gen; /* bumped with every lost record: compare after each drain */
	__u64 lost[VIGIL_EV_COUNT];
	__u64 seen[VIGIL_EV_COUNT];	/* events that passed, reported or not */
	__u64 reported[VIGIL_EV_COUNT]; /* records submitted */
	__u64 truncated;		/* images whose strings were not all looked at */
	__u64 storage_failed;		/* task storage could not be had */
};
ABI_SIZE(struct vigil_counters, 8 + 3 * 128 + 16);

/* Context of the SEC("syscall") program `assign`: a decision for every thread of one process (or one thread). */
struct vigil_assign {
	struct vigil_proc_key key;
	__u32 level; /* enum vigil_level */
	__u32 pid;   /* 0: all threads; else this one */
	struct vigil_decision decision; /* rule 0 takes the level's decision away */
	__u32 appid; /* 0: leave */
	__s32 result; /* out: threads changed, or -ESRCH when the process is gone */
	__u64 event_ns; /* the event this answers, for decided_after; 0: now */
	__u32 op;    /* enum vigil_assign_op */
	__u16 profile;
	__u8 scope;  /* enum vigil_assign_scope */
	__u8 pad;
};
ABI_SIZE(struct vigil_assign, 56);

enum vigil_assign_op {
	VIGIL_ASSIGN_DECISION = 0,
	VIGIL_ASSIGN_PROFILE = 1, /* a person's choice; profile 0: none, whatever matches */
	VIGIL_ASSIGN_MATCHED = 2, /* what the daemon found to match */
	VIGIL_ASSIGN_AUTO = 3,	  /* forget a person's choice */
	VIGIL_ASSIGN_SETTLE = 4,  /* vigil_config.profile_all has changed */
};

/* Of the operations on profiles. */
enum vigil_assign_scope {
	VIGIL_ASSIGN_PROCESS = 0,
	VIGIL_ASSIGN_TREE = 1, /* the process and what descends from it */
	VIGIL_ASSIGN_ALL = 2,  /* every process; key is not looked at */
};

/* Map `snapshot`, one element: what an iterator run is asked for, and what it found. */
struct vigil_snapshot {
	__u32 emit_all;	 /* every process, not only those with something to say */
	__u32 count_only; /* only `classes`: nothing is decided or emitted */
	__u32 force;	 /* decide even where the parent is not decided yet */
	__u32 decided;	 /* out: tasks decided in this run */
	__u32 deferred;	 /* out: tasks that wait for their parent */
	__u32 tasks;	 /* out: all tasks seen; of calm_tasks: those that still belong to a storm */
	__u32 classes[16]; /* out: processes by class */
	__u32 threads[16]; /* out: threads by class */
};
ABI_SIZE(struct vigil_snapshot, 24 + 128);

/*
 * Map `heirs`, by rule number of the generation before: the same rule's decision in the generation in force, zero when it is
 * gone. Element 0: `rule` is the mask of lineage bits that still mean the same.
 */
#define VIGIL_MAX_HEIRS (VIGIL_MAX_RULES / 2)

/* What the cgroup iterator writes for each cgroup that some rule speaks of: small, for one read must hold them all. */
struct vigil_snap_cgroup {
	__u64 id;
	__u64 parent;
	struct vigil_decision decision;
	__u32 appid;
	__u32 evidence;
};
ABI_SIZE(struct vigil_snap_cgroup, 32);

/* --- scheduler ----------------------------------------------------------------------------------------- */

/* How far a task may push others aside. A task asks a CPU to reschedule only where the one that runs is below it. */
enum vigil_urgency {
	VIGIL_URGENCY_BACKGROUND = 0, /* batch, ai, and whatever was seen to burn CPU: never asks */
	VIGIL_URGENCY_NORMAL = 1,	    /* never asks */
	VIGIL_URGENCY_PROMPT = 2,	    /* games, desktops, and the unknown that sleep often and run briefly */
	VIGIL_URGENCY_URGENT = 3,	    /* audio, input, compositor */
};

enum vigil_sched_class_flags {
	VIGIL_SCHED_FORGIVE = 1 << 0, /* what it used beyond its share is forgotten when it sleeps */
	VIGIL_SCHED_JUDGE = 1 << 1,   /* behaviour (bursts) may move its urgency up or down */
	VIGIL_SCHED_SPREAD = 1 << 2,  /* a whole idle core, however far, before a busy core's second thread */
};

/*
 * CPU sets, rebuilt at run time. A task asks for one, softly: an idle CPU of the set first, any other where it has none.
 * A set without CPUs asks for nothing.
 */
enum vigil_cpu_set {
	VIGIL_SET_ANY = 0,
	VIGIL_SET_VCACHE = 1,	   /* the LLCs with stacked cache, beside others */
	VIGIL_SET_FREQUENCY = 2,   /* ... and those others */
	VIGIL_SET_PERFORMANCE = 3, /* of a hybrid machine: the large cores */
	VIGIL_SET_EFFICIENT = 4,   /* ... the small ones */
	VIGIL_SET_LOW_POWER = 5,   /* ... those of the low-power island */
	VIGIL_SET_PREFERRED = 6,   /* firmware ranks them first */
	VIGIL_SET_NODE = 16,	   /* 16 + n: near memory node n */
	VIGIL_SET_COUNT = 64,
};

/* What a class means to the scheduler. See bpf/README.md for who gains and who loses by each number. */
struct vigil_sched_class {
	__u32 share;	  /* service relative to `regular`; 1024 = the same */
	__u32 request_us; /* service asked for at a time: shorter = earlier deadline, more switches */
	__u32 credit_us;  /* how far behind the clock a sleeper may come back */
	__u32 lead_us;	  /* how much earlier than its deadline it is queued: whom that lets pass, waits this much longer */
	__u8 urgency;	  /* enum vigil_urgency */
	__u8 flags;	  /* enum vigil_sched_class_flags */
	__u8 set;	  /* enum vigil_cpu_set: where it would rather run */
	__u8 pad;
};
ABI_SIZE(struct vigil_sched_class, 20);

/* Map `sched_tunables`, one element, mmapable: written by the daemon at any time, read by every decision. */
struct vigil_sched_tunables {
	struct vigil_sched_class classes[VIGIL_CLASS_COUNT];
	__u32 lease_us;	      /* longest run while nobody with an earlier deadline waits */
	__u32 wait_bound_us;  /* no deadline lies further ahead than the clock moves in this time */
	__u32 short_burst_us; /* average run below this: prompt; a task above 8 times this: background */
	__u32 guard_us;	      /* what runs is left alone this long before a PROMPT task may ask */
	__u32 balance_us;     /* how often a CPU compares its LLC's load with another's; 0 never */
	__u32 steer;	      /* 1: CPU sets are looked at */
	__u32 away_set;	      /* enum vigil_cpu_set: where background goes while a game runs */
};
ABI_SIZE(struct vigil_sched_tunables, 20 * VIGIL_CLASS_COUNT + 28);

#define VIGIL_SCHED_MAX_CPUS 1024
#define VIGIL_SCHED_MAX_LLCS 64

enum vigil_sched_cpu_flags {
	VIGIL_CPU_VCACHE = 1 << 0,
	VIGIL_CPU_EFFICIENT = 1 << 1, /* an E-core */
};

/* Map `sched_topology`, by CPU number: written before the scheduler is attached. */
struct vigil_sched_cpu_info {
	__u16 llc; /* dense index */
	__u16 flags;
	__u32 core; /* dense index: equal for SMT siblings */
	__u32 capacity; /* 1024 = the fastest */
	__u32 rank;	/* larger is faster, 0 unknown */
	__u32 node;	/* memory node it belongs to */
};
ABI_SIZE(struct vigil_sched_cpu_info, 20);

/* Map `sched_set_bits`, by enum vigil_cpu_set: the CPUs of a set, as the daemon last wrote them. */
struct vigil_cpu_bits {
	__u64 words[VIGIL_SCHED_MAX_CPUS / 64];
};
ABI_SIZE(struct vigil_cpu_bits, VIGIL_SCHED_MAX_CPUS / 8);

/* Context of the SEC("syscall") program `rebuild_cpu_set`: takes one set over from its bits. */
struct vigil_rebuild_set {
	__u32 set;    /* enum vigil_cpu_set */
	__s32 result; /* out: 0 or a negative errno */
};
ABI_SIZE(struct vigil_rebuild_set, 8);

#define VIGIL_SCHED_WAIT_BUCKETS 20 /* bucket n: waited [2^n, 2^(n+1)) microseconds; 0 holds all below 2 */

/* Map `sched_stats`, by CPU number, mmapable: each CPU writes its own, readers add them up. */
struct vigil_sched_stats {
	__u64 switches;	     /* a task began to run */
	__u64 direct;	     /* sent to an idle CPU at wake-up */
	__u64 queued;	     /* went through an LLC's queue */
	__u64 pinned;	     /* went through one CPU's queue */
	__u64 kthreads;	     /* per-CPU kernel threads sent straight to their CPU */
	__u64 kept;	     /* a running task went on, its deadline being the earliest */
	__u64 moved_cpu;     /* began to run on another CPU of the same LLC */
	__u64 moved_llc;     /* ... on another LLC */
	__u64 stolen;	     /* taken from another LLC's queue by a CPU that had nothing */
	__u64 balanced;	     /* taken from another LLC's queue to even out load */
	__u64 kicks;	     /* a prompt or urgent task took the place of a less urgent one */
	__u64 held_back;     /* ... did not, because somebody in the queue had been due for long */
	__u64 no_room;	     /* ... did not, because nobody less urgent ran */
	__u64 yielded;	     /* a tick ended a lease because someone with an earlier deadline waited */
	__u64 no_storage;    /* decisions without task storage: neutral values were used */
	__u64 steered;	     /* wake-ups of games sent to a CPU of the V-Cache set */
	__u64 spilled;	     /* ... that found none there */
	__u64 profile_inside;  /* a task whose profile names CPUs began to run on one of them */
	__u64 profile_outside; /* ... on another */
	__u64 strict_waits;    /* ... waited for one of them, since its profile is strict */
	__u64 handed;	       /* woken by what was about to sleep, and took its CPU over */
	__u64 overtaken;       /* had just begun to run when somebody more urgent was found behind it: made way at once */
	__u64 near_inside;     /* a task that prefers the CPUs near its memory began to run on one of them */
	__u64 near_outside;    /* ... on another */
	__u64 class_runs[VIGIL_CLASS_COUNT]; /* switches by class */
	__u64 class_ns[VIGIL_CLASS_COUNT];   /* run time by class */
	__u64 wait[VIGIL_CLASS_COUNT][VIGIL_SCHED_WAIT_BUCKETS]; /* from wake-up to running */
	__u64 groups_full;    /* cgroups whose cpu.weight could not be remembered: their tasks count with the root's */
	__u64 workers_promoted; /* wake-ups of unbound kernel workers that mostly serve somebody prompt */
	__u64 groups_limited; /* cgroups with a cpu.max, which is not enforced; differences: only the sum means something */
};
ABI_SIZE(struct vigil_sched_stats, 8 * (27 + 2 * VIGIL_CLASS_COUNT + VIGIL_CLASS_COUNT * VIGIL_SCHED_WAIT_BUCKETS));

enum vigil_sched_state {
	VIGIL_SCHED_STARTED = 1,
	VIGIL_SCHED_STOPPED = 2, /* kind says how: taken down by its owner, SysRq-S, an error */
};

/* SCHED */
struct vigil_ev_sched {
	struct vigil_ev_hdr hdr;
	__u32 state; /* enum vigil_sched_state */
	__u32 kind;  /* enum scx_exit_kind of the running kernel; 0 when started */
	__s64 exit_code;
	char reason[128];
};
ABI_SIZE(struct vigil_ev_sched, 16 + 16 + 128);

#define VIGIL_SCHED_DUMP_LEN 16384

/* Map `sched_exit`, one element, mmapable: why the scheduler ended. kind 0: it has not. */
struct vigil_sched_exit {
	__u32 kind;
	__u32 pad;
	__s64 exit_code;
	char reason[128];
	char message[1024];
	char dump[VIGIL_SCHED_DUMP_LEN];
};
ABI_SIZE(struct vigil_sched_exit, 16 + 128 + 1024 + VIGIL_SCHED_DUMP_LEN);

/* --- memory counters ------------------------------------------------------------------------------------ */

/* SAMPLE */
struct vigil_ev_sample {
	struct vigil_ev_hdr hdr;
	__u64 ran_ns; /* run time of memory-bound tasks, as in the map */
};
ABI_SIZE(struct vigil_ev_sample, 24);

enum vigil_accountant {
	VIGIL_ACCOUNTS_NOBODY = 0,    /* nothing is asked for */
	VIGIL_ACCOUNTS_KERNEL = 1,    /* the kernel's own accounting: tracepoint sched_stat_runtime */
	VIGIL_ACCOUNTS_SCHEDULER = 2, /* ours */
};

/* Map `sampling`, one element, mmapable. The first two are the daemon's to write. */
struct vigil_sampling {
	__u32 accountant; /* enum vigil_accountant */
	__u32 pad;
	__u64 interval_ns; /* between two requests, at least */
	__u64 due_ns;	   /* not before this; moved on by whoever asks */
	__u64 ran_ns;	   /* run time of memory-bound tasks so far */
	__u64 asked;	   /* requests so far */
};
ABI_SIZE(struct vigil_sampling, 40);

#include "abi_memory.h"

#endif
