// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vigil's scheduler: earliest virtual deadline first, per last-level cache.
 *
 * Clock. A task's share is its nice value's weight times its class's, or, in a cgroup with a cpu.weight, its part of what that is
 * due (sched_group); its vtime grows by 1/share for each nanosecond it
 * runs. Each LLC has a clock: the mean vtime of everything runnable there, weighted by share. It is kept, not computed:
 * service moves it by 1/load (load: the sum of the shares), coming and going by the distance of who comes or goes.
 *
 * Deadline. A task asks for `request` ns of service at a time, due at vtime + request/share on the clock. The queue of
 * an LLC is ordered by the real time at which the clock is expected to be there. When the request has been served, a new one is made; until then the deadline stays, also across
 * preemption. Over time each gets service in proportion to its share, whatever its requests are: a short request buys
 * an earlier deadline at the price of more switches, nothing else.
 *
 * Sleep. Who comes back starts at most `credit` behind the clock (so that a long sleep is no licence), and at most
 * `bound` ahead; some classes are forgiven what they had too much.
 *
 * Class. Share, request, credit, lead (how much earlier than its deadline a task is queued) and urgency come from a table
 * by class (tunables). No class has a queue of its own and none
 * is absolutely first: a wrong class is a small error.
 *
 * No starvation. The time at which a queued task is due is never further ahead than wait_bound, and nobody who comes later
 * is put further back than a quarter of it; so every queued task becomes the earliest, whoever comes.
 *
 * CPU. A task may ask for a set of CPUs (sched_sets): by its class, by where its memory is, or, in the background while a
 * game runs, to be out of the way. A wake-up takes an idle CPU if there is one: of its set first, then any; in both the one
 * before with its whole core, a whole core of the same LLC, the one before, the same LLC, the waker's LLC, the memory node,
 * any. It goes there without queueing. Who is prompt and finds its set busy takes the place of something in the background
 * there before it looks elsewhere. With no idle CPU at all, who is prompt or urgent takes the place of something less urgent,
 * unless somebody in the queue has been due for long; otherwise it is queued. A CPU that needs work takes the earliest of:
 * its LLC's queue, its own queue (tasks that may run nowhere else), the task it was running. If there is nothing it takes
 * from other LLCs, and now and then it does so to even out load and service. Who runs outside its set leaves at a tick when a CPU of the
 * set is idle, and so moves when an exec or a rule gave it another class.
 *
 * Behaviour. Tasks of unknown purpose are prompt when they sleep after short bursts and background when they keep
 * running; see policy/burst.h.
 *
 * Files: sched_maps (state), sched_account (who had what), sched_group (cpu.weight), sched_sets (sets of CPUs), sched_place (where), sched_preempt (who
 * makes way), policy/ (arithmetic).
 */
#include "sched_maps.bpf.h"
#include "sched_account.bpf.h"
#include "sched_place.bpf.h"
#include "policy/balance.h"

char _license[] SEC("license") = "GPL";

#define HELD_BACK (-2) /* no CPU, on purpose */
#define PRESSED_NS 500000000ULL /* longer than anybody waits */
#define NEVER (~0ULL) /* later than any time a task is due */

/* --- wake-up ----------------------------------------------------------------------------------------------- */

s32 BPF_STRUCT_OPS(vigil_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	struct vigil_sched_tunables *tun = tunables();
	struct vigil_task *task = task_of(p);
	bool preempt = false;
	s32 cpu;

	if (!tun)
		return prev_cpu;
	if (is_unbound_worker(p))
		note_waker(task);
	cpu = pick_cpu(p, task, prev_cpu, wake_flags, tun, &preempt);
	if (cpu < 0) {
		cpu = task && (wake_flags & SCX_WAKE_SYNC) ? hand_over(p, task, tun) : -1;
		if (cpu < 0)
			return prev_cpu;
		dsq_insert(p, SCX_DSQ_LOCAL, (u64)tun->lease_us * 1000, 0);
		count(handed);
		return cpu;
	}
	dsq_insert(p, SCX_DSQ_LOCAL, (u64)tun->lease_us * 1000, preempt ? SCX_ENQ_PREEMPT : 0);
	if (preempt)
		count(kicks);
	else
		count(direct);
	return cpu;
}

/* p wants to run, on the runqueue of the CPU chosen for it. Comes before enqueue(), and also when that is skipped. */
void BPF_STRUCT_OPS(vigil_runnable, struct task_struct *p, u64 enq_flags)
{
	struct vigil_sched_tunables *tun = tunables();
	struct vigil_task *task = task_of(p);
	struct cpu *cpu = cpu_of(scx_bpf_task_cpu(p));
	struct vigil_sched_class *class;
	struct vigil_sched_task *t;
	struct llc *llc;
	u32 klass;

	if (!task || !cpu || !tun)
		return;
	llc = llc_of(cpu->llc);
	if (!llc)
		return;
	t = &task->sched;
	group_enter(t);
	refresh(p, task, tun);
	if (t->llc != cpu->llc)
		move_llc(t, llc, cpu->llc, 0);
	klass = t->klass;
	if (klass >= VIGIL_CLASS_COUNT)
		return;
	class = &tun->classes[klass];
	if (!(t->flags & VIGIL_ST_PLACED)) {
		t->flags |= VIGIL_ST_PLACED;
		t->vtime = llc->clock;
	} else {
		t->vtime = vigil_rejoin(t->vtime, llc->clock, (u64)class->credit_us * 1000,
					vigil_bound(wait_ns(tun), vigil_spread(llc->load, llc->cpus)),
					class->flags & VIGIL_SCHED_FORGIVE);
	}
	join(llc, t);
	if (enq_flags & SCX_ENQ_WAKEUP) {
		t->deadline = 0;
		t->woken_at = now_ns();
	}
}

/* p no longer wants to run, or its attributes change (then runnable() follows). */
void BPF_STRUCT_OPS(vigil_quiescent, struct task_struct *p, u64 deq_flags)
{
	struct vigil_sched_tunables *tun = tunables();
	struct vigil_task *task = task_of(p);
	struct vigil_sched_task *t;
	struct llc *llc;

	if (!task || !tun)
		return;
	t = &task->sched;
	group_leave(t);
	llc = llc_of(t->llc);
	if (llc)
		leave(llc, t);
	if (deq_flags & SCX_DEQ_SLEEP) {
		t->average = vigil_burst_average(t->average, t->burst, tun->short_burst_us * 1000);
		t->burst = 0;
	}
}

/* --- queues ------------------------------------------------------------------------------------------------ */

/*
 * p is prompt and nobody was idle: who makes way for it? Nobody while somebody in the queue has been due for long, for then the
 * order of the queue must hold; else strings of short prompt runs could keep the others waiting.
 */
static __always_inline s32 make_way(struct task_struct *p, struct vigil_task *task, struct cpu *cpu, s32 here, bool pinned,
				    struct llc *llc, u64 due, u64 now, struct vigil_sched_tunables *tun)
{
	u64 head = dsq_head_key(cpu->llc, NEVER), begun_before = now;
	struct vigil_sched_task *t = &task->sched;

	if (head < due && head + wait_ns(tun) / 4 < now) {
		count(held_back);
		return HELD_BACK;
	}
	/* Prompt by behaviour, not by class: what has just begun is left alone for a while. */
	if (t->urgency == RUNS_BRISK)
		begun_before -= (u64)tun->guard_us * 1000;
	if (!pinned) {
		struct cpu_set *set = set_of(set_for(task, tun));
		s32 target = set ? claim_in_set(p, set, t->urgency, now, begun_before) : -1;

		if (target >= 0 || strict_set(p, task, tun))
			return target;
		return pick_victim(p, t->urgency, llc, here, now, begun_before);
	}
	if (!gives_way(cpu, here, t->urgency, now, begun_before))
		return -1;
	ask(cpu, t->urgency, now);
	return here;
}

void BPF_STRUCT_OPS(vigil_enqueue, struct task_struct *p, u64 enq_flags)
{
	struct vigil_sched_tunables *tun = tunables();
	struct vigil_task *task = task_of(p);
	s32 here = scx_bpf_task_cpu(p);
	struct cpu *cpu = cpu_of(here);
	struct vigil_sched_task *t;
	bool pinned = is_pinned(p);
	u64 lease, due, now;
	struct llc *llc;
	s32 target;
	u32 set;

	if (!cpu || !tun)
		return;
	llc = llc_of(cpu->llc);
	if (!llc)
		return;
	lease = (u64)tun->lease_us * 1000;

	/* A kernel thread that serves this CPU: at once, ahead of all. If it keeps on running it queues like others. */
	if (pinned && (p->flags & PF_KTHREAD) && (enq_flags & SCX_ENQ_WAKEUP)) {
		dsq_insert(p, SCX_DSQ_LOCAL, lease, SCX_ENQ_PREEMPT);
		count(kthreads);
		return;
	}

	now = now_ns();
	if (task) {
		t = &task->sched;
		t->flags &= ~VIGIL_ST_LEAVING;
		if (request_served(t))
			renew(p, task, llc, tun);
		due = due_of(t, llc, now, tun);
		if ((enq_flags & SCX_ENQ_WAKEUP) && t->urgency >= RUNS_BRISK) {
			target = make_way(p, task, cpu, here, pinned, llc, due, now, tun);
			if (target >= 0) {
				dsq_insert(p, target == here ? SCX_DSQ_LOCAL : SCX_DSQ_LOCAL_ON | target, lease, SCX_ENQ_PREEMPT);
				count(kicks);
				return;
			}
			if (target != HELD_BACK)
				count(no_room);
		}
	} else {
		due = now;
		count(no_storage);
	}

	if (pinned) {
		dsq_insert_vtime(p, CPU_DSQ + here, lease, due, enq_flags);
		count(pinned);
		return;
	}
	/* It was not a wake-up, so nobody has looked for an idle CPU. */
	if (!(enq_flags & SCX_ENQ_WAKEUP)) {
		target = pick_again(p, task, llc, here, tun);
		if (target >= 0) {
			/* While a CPU comes or goes our masks lag behind; the kernel does not forgive a CPU that p may not use. */
			if (bpf_cpumask_test_cpu(target, p->cpus_ptr)) {
				dsq_insert(p, SCX_DSQ_LOCAL_ON | target, lease, 0);
				count(direct);
				return;
			}
			scx_bpf_kick_cpu(target, SCX_KICK_IDLE);
		}
	}
	set = task ? strict_set(p, task, tun) : 0;
	if (set) {
		strict_wait(p, set, lease, due, enq_flags);
		return;
	}
	if (!(enq_flags & SCX_ENQ_WAKEUP)) {
		/* It wanted to leave, but the room is gone, and nobody else waits here. */
		if (enq_flags & SCX_ENQ_LAST) {
			dsq_insert(p, SCX_DSQ_LOCAL, lease, 0);
			return;
		}
	}
	if (task && t->urgency >= RUNS_PROMPT)
		llc->pressed_due = due;
	dsq_insert_vtime(p, cpu->llc, lease, due, enq_flags);
	/* A CPU may have gone idle, and looked into the queue, since one was looked for. */
	if (enq_flags & SCX_ENQ_WAKEUP) {
		const struct cpumask *idle = scx_bpf_get_idle_cpumask();
		u32 sleeper = bpf_cpumask_any_and_distribute(idle, p->cpus_ptr);

		scx_bpf_put_idle_cpumask(idle);
		if (sleeper < nr_cpus)
			scx_bpf_kick_cpu(sleeper, SCX_KICK_IDLE);
	}
	count(queued);
}

/* The share of the first in a queue; 0: there is nobody. */
static __always_inline u32 head_share(u64 dsq_id)
{
	struct bpf_iter_scx_dsq it;
	struct vigil_task *task;
	struct task_struct *p;
	u32 share = 0;

	if (!bpf_iter_scx_dsq_new(&it, dsq_id, 0)) {
		p = bpf_iter_scx_dsq_next(&it);
		if (p) {
			task = task_of(p);
			share = task && task->sched.share ? task->sched.share : 1;
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return share;
}

/*
 * Evens out service between LLCs: takes the other's earliest if loads are more equal then, or if ours had clearly more for its
 * shares (policy/balance.h). It brings the difference along as service it is due.
 */
static __always_inline bool balance(struct llc *llc, struct cpu *cpu, u64 now, struct vigil_sched_tunables *tun)
{
	struct llc *peer;
	u32 other, share;
	u64 ahead;

	if (!tun->balance_us || vigil_before(now, llc->balance_at))
		return false;
	llc->balance_at = now + (u64)tun->balance_us * 1000;
	other = cpu->next_peer + 1;
	if (other >= nr_llcs)
		other = 0;
	cpu->next_peer = other;
	if (other == cpu->llc)
		return false;
	peer = llc_of(other);
	if (!peer)
		return false;
	share = head_share(other);
	/* Nobody waits there: nobody there has had too little. */
	if (!share) {
		peer->turn = vigil_later(peer->turn, llc->turn);
		return false;
	}
	ahead = vigil_turn_ahead(llc->turn, peer->turn);
	if (ahead == VIGIL_TURN_MOST)
		peer->turn = llc->turn - VIGIL_TURN_MOST;
	if (!vigil_move_evens(llc->load, llc->cpus, peer->load, peer->cpus, share) &&
	    !vigil_turn_calls(ahead, llc->load, llc->cpus, peer->load, peer->cpus))
		return false;
	if (!dsq_take(other))
		return false;
	cpu->pulled = ahead;
	return true;
}

static __always_inline bool steal(u32 own)
{
	u32 i, other = own;

	bpf_for(i, 1, nr_llcs) {
		if (++other >= nr_llcs)
			other = 0;
		if (dsq_take(other))
			return true;
	}
	return false;
}

/* This CPU needs something to run. prev, if it still wants to, goes on when nothing is taken here. */
void BPF_STRUCT_OPS(vigil_dispatch, s32 here, struct task_struct *prev)
{
	struct vigil_sched_tunables *tun = tunables();
	struct cpu *cpu = cpu_of(here);
	struct vigil_task *task;
	struct llc *llc;
	bool runs_on = false, leaves = false, own;
	u64 now, key_prev = NEVER, key_own, key_llc, key_strict, strict;

	if (!cpu || !tun)
		return;
	llc = llc_of(cpu->llc);
	if (!llc)
		return;
	now = now_ns();
	if (prev && (prev->scx.flags & SCX_TASK_QUEUED)) {
		runs_on = true;
		task = task_of(prev);
		if (task && (task->sched.flags & VIGIL_ST_LEAVING)) {
			runs_on = false;
			leaves = true;
		} else if (task) {
			charge(task, llc, now);
			if (request_served(&task->sched))
				renew(prev, task, llc, tun);
			key_prev = due_of(&task->sched, llc, now, tun);
		}
	}
	if (nr_llcs > 1 && !leaves && balance(llc, cpu, now, tun)) {
		count(balanced);
		return;
	}
	own = scx_bpf_dsq_nr_queued(CPU_DSQ + here) > 0;
	strict = strict_queue(here);
	if (runs_on || own || strict) {
		key_llc = dsq_head_key(cpu->llc, NEVER);
		key_own = own ? dsq_head_key(CPU_DSQ + here, NEVER) : NEVER;
		key_strict = strict ? dsq_head_key(strict, NEVER) : NEVER;
		/* Its first may be one that may not run here; then nothing is taken. */
		if (key_strict < key_prev && key_strict <= key_llc && key_strict <= key_own && dsq_take(strict))
			return;
		if (runs_on && key_prev <= key_llc && key_prev <= key_own) {
			prev->scx.slice = (u64)tun->lease_us * 1000;
			count(kept);
			return;
		}
		if (own && key_own <= key_llc) {
			if (dsq_take(CPU_DSQ + here))
				return;
		}
	}
	if (dsq_take(cpu->llc))
		return;
	if (own && dsq_take(CPU_DSQ + here))
		return;
	if (strict && !runs_on && dsq_take(strict))
		return;
	if (nr_llcs > 1 && !runs_on && !leaves && steal(cpu->llc)) {
		count(stolen);
		return;
	}
	if (runs_on)
		prev->scx.slice = (u64)tun->lease_us * 1000;
}

/* --- running ------------------------------------------------------------------------------------------------ */

/* Somebody who asks for CPUs of its own, by its profile or because its memory is near them, begins to run. */
static __always_inline void note_place(struct vigil_sched_stats *s, const struct vigil_sched_task *t, s32 here)
{
	bool profile = t->profile & VIGIL_PROFILE_CPUS;
	const struct bpf_cpumask *wanted = strict_mask(profile ? t->set : t->near_set);
	bool inside;

	if (!wanted)
		return;
	inside = bpf_cpumask_test_cpu(here, (const struct cpumask *)wanted);
	if (profile && inside)
		s->profile_inside++;
	else if (profile)
		s->profile_outside++;
	else if (inside)
		s->near_inside++;
	else
		s->near_outside++;
}

void BPF_STRUCT_OPS(vigil_running, struct task_struct *p)
{
	s32 here = bpf_get_smp_processor_id();
	struct vigil_task *task = task_of(p);
	struct cpu *cpu = cpu_of(here);
	struct vigil_sched_stats *s = stats();
	struct vigil_sched_task *t;
	struct llc *llc;
	u64 now;

	if (!task || !cpu || !s)
		return;
	llc = llc_of(cpu->llc);
	if (!llc)
		return;
	t = &task->sched;
	now = now_ns();
	s->switches++;
	if ((t->profile & VIGIL_PROFILE_CPUS) || t->near_set)
		note_place(s, t, here);
	if (t->llc != cpu->llc) {
		move_llc(t, llc, cpu->llc, cpu->pulled);
		s->moved_llc++;
	} else if (t->cpu != here) {
		s->moved_cpu++;
	}
	cpu->pulled = 0;
	t->cpu = here;
	t->since = now;
	cpu->since = now;
	if (t->urgency >= cpu->asked) {
		cpu->asked = 0;
	} else if (now - cpu->asked_at < ASKED_NS && scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | here)) {
		/* Somebody more urgent was sent here in the same moment, and came to stand behind p, where only p ends p's run. */
		cpu->asked = 0;
		scx_bpf_kick_cpu(here, SCX_KICK_PREEMPT);
		count(overtaken);
	}
	cpu->busy = 1;
	show_urgency(cpu, here, llc, t->urgency);
	if (llc->pressed_due && t->urgency >= RUNS_PROMPT)
		llc->pressed_due = 0; /* of several who wait the others' word is lost; they are first in the queue all the same */
	if (t->klass == VIGIL_CLASS_GAMING && now - game_at > GAME_NOTE_NS)
		game_at = now;
	if (t->klass < VIGIL_CLASS_COUNT) {
		s->class_runs[t->klass]++;
		if (t->woken_at) {
			u64 waited = (now - t->woken_at) >> 10; /* about microseconds */
			u32 bucket = 0;

			if ((s64)waited > 1)
				bucket = 63 - __builtin_clzll(waited);
			if (bucket >= VIGIL_SCHED_WAIT_BUCKETS)
				bucket = VIGIL_SCHED_WAIT_BUCKETS - 1;
			s->wait[t->klass][bucket]++;
			t->woken_at = 0;
		}
	}
}

void BPF_STRUCT_OPS(vigil_stopping, struct task_struct *p, bool runnable)
{
	struct cpu *cpu = cpu_of(bpf_get_smp_processor_id());
	struct vigil_task *task = task_of(p);
	struct llc *llc;

	if (!task || !cpu)
		return;
	cpu->busy = 0;
	llc = llc_of(task->sched.llc);
	if (llc)
		charge(task, llc, now_ns());
}

/* Is somebody prompt in the queue? Keys of the prompt are far ahead of the others' by their lead. */
static __always_inline bool pressed(struct llc *llc, u64 now)
{
	u64 due = llc->pressed_due;

	return due && now - due < PRESSED_NS && dsq_head_key(llc->id, NEVER) <= due;
}

/* The timer tick on a busy CPU: a lease ends early when the request is served and someone is due sooner. */
void BPF_STRUCT_OPS(vigil_tick, struct task_struct *p)
{
	struct vigil_sched_tunables *tun = tunables();
	struct vigil_task *task = task_of(p);
	s32 here = bpf_get_smp_processor_id();
	struct cpu *cpu = cpu_of(here);
	struct vigil_sched_task *t;
	struct llc *llc;
	u64 now, due, strict;
	bool served;

	if (!task || !cpu || !tun)
		return;
	t = &task->sched;
	llc = llc_of(t->llc);
	if (!llc)
		return;
	now = now_ns();
	charge(task, llc, now);
	if (wants_to_move(p, task, here, tun)) {
		t->flags |= VIGIL_ST_LEAVING;
		p->scx.slice = 0;
		count(yielded);
		return;
	}
	served = request_served(t);
	/* Who was sent here waits for this CPU alone, and somebody prompt in the queue for any. */
	if (((served || t->urgency < RUNS_BRISK) && scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | here)) ||
	    (t->urgency < RUNS_PROMPT && pressed(llc, now))) {
		p->scx.slice = 0;
		count(yielded);
		return;
	}
	if (!served)
		return;
	renew(p, task, llc, tun);
	show_urgency(cpu, here, llc, t->urgency);
	due = due_of(t, llc, now, tun);
	strict = strict_queue(here);
	if (dsq_head_key(t->llc, NEVER) < due || dsq_head_key(CPU_DSQ + here, NEVER) < due ||
	    (strict && dsq_head_key(strict, NEVER) < due)) {
		p->scx.slice = 0;
		count(yielded);
	}
}

/* --- tasks and CPUs come and go -------------------------------------------------------------------------------- */

static __always_inline void take_weight(struct task_struct *p, struct vigil_task *task)
{
	task->sched.weight = vigil_nice_weight(p->static_prio, p->policy == SCHED_IDLE);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(vigil_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	struct vigil_task *task = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	/* Without storage a task is scheduled with neutral values; that is no reason to refuse a fork. */
	if (!task)
		return 0;
	take_weight(p, task);
	task->sched.group = bpf_core_field_exists(args->cgroup) ? group_number(args->cgroup->kn->id) : 0;
	task->sched.group_counted = 0;
	return 0;
}

/* p comes under sched_ext: at start, after a fork, or from another policy. */
void BPF_STRUCT_OPS(vigil_enable, struct task_struct *p)
{
	struct vigil_task *task = task_of(p);

	if (!task)
		return;
	take_weight(p, task);
	task->sched.flags &= ~VIGIL_ST_PLACED;
	task->sched.counted = 0;
	task->sched.group_counted = 0;
	task->sched.deadline = 0;
	task->sched.woken_at = 0;
}

void BPF_STRUCT_OPS(vigil_set_weight, struct task_struct *p, u32 weight)
{
	struct vigil_task *task = task_of(p);

	if (task)
		take_weight(p, task);
}

static void set_online(s32 id, bool online)
{
	u32 any = VIGIL_SET_ANY;
	struct cpu_set *all = bpf_map_lookup_elem(&sched_sets, &any);
	struct cpu *cpu = cpu_of(id);
	struct bpf_cpumask *mask;
	struct llc *llc;

	if (!cpu || !all || cpu->online == online)
		return;
	llc = llc_of(cpu->llc);
	if (!llc)
		return;
	cpu->online = online;
	__sync_fetch_and_add(&llc->cpus, online ? 1 : -1);
	__sync_fetch_and_add(&nr_online, online ? 1 : -1);
	bpf_rcu_read_lock();
	mask = all->mask;
	if (mask && online)
		bpf_cpumask_set_cpu(id, mask);
	else if (mask)
		bpf_cpumask_clear_cpu(id, mask);
	bpf_rcu_read_unlock();
}

/* Being there is enough to keep the scheduler over a hotplug; the kernel moves the tasks. */
void BPF_STRUCT_OPS(vigil_cpu_online, s32 cpu)
{
	set_online(cpu, true);
}

void BPF_STRUCT_OPS(vigil_cpu_offline, s32 cpu)
{
	set_online(cpu, false);
}

/* --- start and end ------------------------------------------------------------------------------------------------ */

static int make_mask(struct bpf_cpumask **slot)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();

	if (!mask)
		return -12;
	mask = bpf_kptr_xchg(slot, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

static void report(u32 state, struct scx_exit_info *info)
{
	struct vigil_ev_sched *ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);

	if (!ev)
		return;
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->hdr.kind = VIGIL_EV_SCHED;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.cpu = bpf_get_smp_processor_id();
	ev->hdr.at_ns = bpf_ktime_get_ns();
	ev->state = state;
	if (info) {
		ev->kind = info->kind;
		ev->exit_code = info->exit_code;
		bpf_probe_read_kernel_str(ev->reason, sizeof(ev->reason), info->reason);
	}
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(vigil_init)
{
	const struct cpumask *online;
	u32 any = VIGIL_SET_ANY;
	struct cpu_set *all = bpf_map_lookup_elem(&sched_sets, &any);
	s32 err;
	int i;

	if (!all || make_mask(&all->mask))
		return -12;
	bpf_for(i, 0, nr_llcs) {
		struct llc *llc = llc_of(i);

		if (!llc)
			return -22;
		llc->id = i;
		err = scx_bpf_create_dsq(i, -1);
		if (err)
			return err;
		if (make_mask(&llc->mask) || make_mask(&llc->background) || make_mask(&llc->normal) ||
		    make_mask(&llc->brisk) || make_mask(&llc->prompt))
			return -12;
	}
	bpf_for(i, 1, STRICT_SETS) {
		err = scx_bpf_create_dsq(STRICT_DSQ + i, -1);
		if (err)
			return err;
	}
	bpf_for(i, 0, nr_cpus) {
		u32 key = i;
		struct vigil_sched_cpu_info *info = bpf_map_lookup_elem(&sched_topology, &key);
		struct cpu *cpu = cpu_of(i);
		struct bpf_cpumask *mask;
		struct llc *llc;
		bool is_online;

		if (!info || !cpu)
			return -22;
		llc = llc_of(info->llc);
		if (!llc)
			return -22;
		err = scx_bpf_create_dsq(CPU_DSQ + i, -1);
		if (err)
			return err;
		cpu->llc = info->llc;
		cpu->node_set = VIGIL_SET_NODE + info->node < VIGIL_SET_COUNT ? VIGIL_SET_NODE + info->node : VIGIL_SET_ANY;
		cpu->urgency = CPU_UNSET;
		if (make_mask(&cpu->scratch) || make_mask(&cpu->narrow))
			return -12;
		bpf_rcu_read_lock();
		mask = llc->mask;
		if (mask)
			bpf_cpumask_set_cpu(i, mask);
		bpf_rcu_read_unlock();
		online = scx_bpf_get_online_cpumask();
		is_online = bpf_cpumask_test_cpu(i, online);
		scx_bpf_put_cpumask(online);
		set_online(i, is_online);
	}
	report(VIGIL_SCHED_STARTED, NULL);
	return 0;
}

void BPF_STRUCT_OPS(vigil_exit, struct scx_exit_info *info)
{
	u32 zero = 0;
	struct vigil_sched_exit *out = bpf_map_lookup_elem(&sched_exit, &zero);

	if (out) {
		bpf_probe_read_kernel_str(out->reason, sizeof(out->reason), info->reason);
		bpf_probe_read_kernel_str(out->message, sizeof(out->message), info->msg);
		bpf_probe_read_kernel_str(out->dump, sizeof(out->dump), info->dump);
		out->exit_code = info->exit_code;
		__sync_lock_test_and_set(&out->kind, (u32)info->kind); /* last: readers look at it first */
	}
	report(VIGIL_SCHED_STOPPED, info);
}

/* name and flags are set by the loader. A task that waits 5 s ends us; the kernel's scheduler takes over. */
SEC(".struct_ops.link")
struct sched_ext_ops vigil_ops = {
	.select_cpu = (void *)vigil_select_cpu,
	.enqueue = (void *)vigil_enqueue,
	.dispatch = (void *)vigil_dispatch,
	.tick = (void *)vigil_tick,
	.runnable = (void *)vigil_runnable,
	.running = (void *)vigil_running,
	.stopping = (void *)vigil_stopping,
	.quiescent = (void *)vigil_quiescent,
	.set_weight = (void *)vigil_set_weight,
	.init_task = (void *)vigil_init_task,
	.enable = (void *)vigil_enable,
	.cpu_online = (void *)vigil_cpu_online,
	.cpu_offline = (void *)vigil_cpu_offline,
	.cgroup_init = (void *)vigil_cgroup_init,
	.cgroup_exit = (void *)vigil_cgroup_exit,
	.cgroup_move = (void *)vigil_cgroup_move,
	.cgroup_set_weight = (void *)vigil_cgroup_set_weight,
	.cgroup_set_idle = (void *)vigil_cgroup_set_idle,
	.cgroup_set_bandwidth = (void *)vigil_cgroup_set_bandwidth,
	.init = (void *)vigil_init,
	.exit = (void *)vigil_exit,
	.flags = SCX_OPS_ENQ_LAST, /* so that the last one can leave */
	.timeout_ms = 5000,
	.name = "vigil",
};
