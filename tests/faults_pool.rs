//! Known ways for a thread pool to fail (the T rows), each provoked on real
//! threads. Where a model covers the same fear, the comment names it.

mod common;
#[path = "faults_pool/reenter.rs"]
mod reenter;
#[path = "faults_pool/reenter_sync.rs"]
mod reenter_sync;
#[path = "faults_pool/sync_user_code.rs"]
mod sync_user_code;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{panic_any, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::{Duration, Instant};
use std::{future::Future, pin::Pin};

use common::{Gate, Held, Tally, hold, pool, running, until, watch};
use raddle::{
    Cancel, CancellationToken, Handle, Map, Refusal, Shutdown, Task as _, TaskError, TaskGroup,
    ThreadPool, When, WhenFull, as_completed, block_on, block_on_timeout, current, dump, task,
    wait,
};
use reenter::{POOL, Reenters, reenter_everything};

/// Models: `a_flag_raised_while_the_worker_falls_asleep_is_seen`,
/// `a_job_injected_while_the_worker_falls_asleep_is_seen`,
/// `jobs_published_while_the_last_two_fall_asleep_are_run` (src/thread/sleep).
#[test]
fn t01_no_submit_is_forgotten_by_a_worker_that_falls_asleep() {
    watch(|| {
        for workers in [1, 2] {
            let pool = pool(workers);
            for round in 0..3_000 {
                // Each wait lets the worker fall asleep, at another moment.
                (0..round % 50).for_each(|_| std::hint::spin_loop());
                pool.submit(|| ()).result().unwrap();
            }
        }
    });
}

/// A waiter that claims its child takes it out of the deque past a newer job:
/// that one must stay in sight.
#[test]
fn t01_a_claim_hides_no_job_from_those_who_fall_asleep() {
    watch(|| {
        let pool = Arc::new(pool(2));
        for _ in 0..1_000 {
            let inner = pool.clone();
            let waits = move || {
                let seen = Gate::new();
                let (told, hear) = (seen.clone(), seen);
                let child = inner.submit(move || hear.wait());
                // On top of the child: only the other worker can run it now.
                inner.submit(move || told.open()).detach();
                child.result().unwrap();
            };
            pool.submit(waits).result().unwrap();
        }
    });
}

/// As many pools as fit into five seconds: about 9,000 in a debug build on two
/// cores, 19,000 in a release build.
#[test]
fn t02_nothing_is_lost_while_a_pool_grows_and_shrinks() {
    watch(|| {
        let end = Instant::now() + Duration::from_secs(5);
        let mut pools = 0;
        while Instant::now() < end {
            let builder = ThreadPool::builder().workers(4).on_demand(true);
            let pool = builder.keep_alive(Duration::ZERO).build().unwrap();
            let handles: Vec<_> = (0..8)
                .map(|i| {
                    if i % 3 == 2 {
                        thread::yield_now();
                    }
                    pool.submit(move || i)
                })
                .collect();
            for (i, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.result().unwrap(), i);
            }
            pools += 1;
        }
        println!("{pools} pools");
    });
}

/// Longer than any test, and yet a limit: a wait with it claims nothing.
const LONG: Duration = Duration::from_secs(3600);

/// Runs the test again in a process where `role` says what to do.
#[cfg(target_os = "linux")]
#[track_caller]
fn in_child(test: &str, role: &str) -> String {
    // With one arena no thread reserves address space beside its stack.
    let output = common::child(test, role, &[("MALLOC_ARENA_MAX", "1")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{role}: {text}{errors}");
    text
}

/// What a child process does. It ends before its parent's watchdog strikes, so
/// that nobody is left behind.
#[cfg(target_os = "linux")]
#[track_caller]
fn watch_child(body: impl FnOnce() + Send + 'static) {
    common::watch_for(common::LIMIT / 2, body);
}

/// Allows this process so many bytes of address space beyond what it has: where
/// a stack finds no room, no thread starts (`EAGAIN`), whoever the user is.
#[cfg(target_os = "linux")]
fn allow_address_space(more: usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: the call has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let bytes = (pages * page + more) as libc::rlim_t;
    limit_address_space(bytes);
}

#[cfg(target_os = "linux")]
fn limit_address_space(bytes: libc::rlim_t) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the pointer is to a local.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(set, 0);
}

/// From now on no thread starts; the heap may still grow a little.
#[cfg(target_os = "linux")]
fn allow_no_thread() {
    allow_address_space(1 << 20);
    let refused = thread::Builder::new().spawn(|| ()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock, "{refused}");
}

#[cfg(target_os = "linux")]
#[test]
fn t03_a_pool_whose_nth_thread_fails_does_not_start() {
    const NAME: &str = "t03_a_pool_whose_nth_thread_fails_does_not_start";
    const STACK: usize = 256 << 20;
    if let Some(role) = common::role() {
        return watch_child(move || {
            let nth: usize = role.parse().unwrap();
            let before = common::threads();
            // Room for the threads before it, and for half a stack.
            allow_address_space((nth - 1) * STACK + STACK / 2);
            let builder = ThreadPool::builder().workers(4).stack_size(STACK);
            let error = builder.build().unwrap_err();
            let raddle::StartError::Threads { wanted, got, .. } = error else {
                panic!("thread {nth} cannot start: {error:?}");
            };
            assert_eq!((wanted, got), (4, nth - 1));
            let text = error.to_string();
            assert!(text.starts_with(&format!("only {got} of 4 ")), "{text}");
            // The system forgets a thread a moment after it was joined.
            until(|| common::threads() == before);
            // What is there is enough for those that can be had.
            if got > 0 {
                let builder = ThreadPool::builder().workers(got).stack_size(STACK);
                let pool = builder.build().unwrap();
                assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
                assert_eq!(common::threads(), before + got);
            }
        });
    }
    watch(|| {
        for nth in 1..=4 {
            in_child(NAME, &nth.to_string());
        }
    });
}

/// Of two workers one waits for its child with a limit, and the other is busy:
/// the child needs a spare. `comes` says whether one can start.
#[cfg(target_os = "linux")]
fn ask_for_a_spare(pool: &Arc<ThreadPool>, comes: bool) {
    let busy = Gate::new();
    let other = running(pool, &busy, || ());
    let (inner, begun) = (pool.clone(), Gate::new());
    let (number, tell) = (Arc::new(Mutex::new(None)), begun.clone());
    let waiter = number.clone();
    let waits = pool.submit(move || {
        let child = inner.submit(move || {
            tell.open();
            1
        });
        *waiter.lock().unwrap() = Some(common::thread_number());
        assert!(child.wait_timeout(LONG), "an hour is not over");
        child.result().unwrap()
    });
    if comes {
        begun.wait();
        assert_eq!(pool.stats().threads, 3);
    } else {
        // The waiter itself has asked for the spare, before it sleeps.
        let asleep = || number.lock().unwrap().is_some_and(common::is_asleep);
        until(|| pool.stats().blocked == 1 && asleep());
        let stats = pool.stats();
        assert_eq!((stats.threads, stats.queued), (2, 1), "{stats:?}");
        assert!(!begun.is_open());
    }
    // The threads that are there go on, and one of them runs the child.
    busy.open();
    other.result().unwrap();
    assert_eq!(waits.result().unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn t03_a_pool_whose_spares_cannot_start_goes_on() {
    const NAME: &str = "t03_a_pool_whose_spares_cannot_start_goes_on";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "spares")));
    }
    watch_child(|| {
        ask_for_a_spare(&Arc::new(pool(2)), true);
        let (one, two) = (Arc::new(pool(1)), Arc::new(pool(2)));
        let growing = ThreadPool::for_blocking(8).unwrap();
        allow_no_thread();
        for _ in 0..10 {
            ask_for_a_spare(&two, false);
        }
        // The only thread waits: at its limit it returns, and then it may claim.
        let inner = one.clone();
        let waits = one.submit(move || {
            let child = inner.submit(|| 1);
            assert!(!child.wait_timeout(Duration::from_millis(20)));
            child.result().unwrap()
        });
        assert_eq!(waits.result().unwrap(), 1);
        // Untimed, for a child that may not be claimed: it is the last resort.
        let inner = one.clone();
        let waits = one.submit(move || inner.submit(task(|| 1).timeout(LONG)).result());
        assert_eq!(waits.result().unwrap().unwrap(), 1);
        assert_eq!(one.stats().threads, 1);
        // Blocking tasks, and workers that are added, make do with the threads there are.
        let blocking = [(); 3].map(|()| one.submit_blocking(|| 1));
        assert_eq!(blocking.map(|task| task.result().unwrap()), [1; 3]);
        let inner = one.clone();
        let waits = one.submit(move || inner.submit_blocking(|| 1).result());
        assert_eq!(waits.result().unwrap().unwrap(), 1);
        one.resize(4);
        let tasks = one.submit_many((0..100).map(|i| move || i));
        let sum: i32 = tasks.into_iter().map(|h| h.result().unwrap()).sum();
        assert_eq!((sum, one.stats().threads), (4950, 1));
        let handles = growing.submit_many((0..100).map(|i| move || i));
        let sum: i32 = handles.into_iter().map(|h| h.result().unwrap()).sum();
        assert_eq!((sum, growing.stats().threads), (4950, 1));
        // Without a timer's thread: the limit is seen at the end, or at the start.
        let late = one.submit(task(|| ()).timeout(Duration::ZERO)).result();
        assert!(late.unwrap_err().is_timed_out());
        let delayed = one.submit_after(Duration::from_millis(1), || ()).result();
        assert!(delayed.unwrap_err().is_cancelled());
    });
}

/// Time limits where the timer gets no thread: what needs it says so or ends by
/// itself, and what does not goes on as ever. Nothing hangs, nothing is lost.
#[cfg(target_os = "linux")]
#[test]
fn t03_a_timer_that_cannot_start_strands_nobody() {
    const NAME: &str = "t03_a_timer_that_cannot_start_strands_nobody";
    const SOON: Duration = Duration::from_millis(5);
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "no timer")));
    }
    watch_child(|| {
        let (pool, tally) = (pool(2), Tally::default());
        allow_no_thread();
        // Not yet due: it is cancelled at once, its callbacks know, and its closure
        // is dropped.
        let (held, (tell, told)) = (tally.make(), mpsc::channel());
        let delayed = pool.submit_after(SOON, move || drop(held));
        delayed.on_done(move |state| tell.send(state).unwrap());
        assert_eq!(told.recv(), Ok(raddle::TaskState::Cancelled));
        assert!(delayed.result().unwrap_err().is_cancelled());
        assert_eq!((tally.dropped(), pool.stats().delayed), (1, 0));
        // A running task sees its limit in its token, and its handle says so when
        // it has ended; here also for a task that has a token of its own.
        let token = CancellationToken::new();
        let waits = || current().unwrap().token().wait();
        let looks = || while current().unwrap().token().check().is_ok() {};
        let at = Instant::now() + SOON;
        for late in [
            pool.submit(task(waits).timeout(SOON)),
            pool.submit(task(waits).deadline(at)),
            pool.submit(task(waits).timeout(SOON).cancelled_by(&token)),
            pool.submit(task(looks).timeout(LONG).deadline(at)),
            pool.submit(task(looks).timeout(SOON).deadline(at + LONG)),
        ] {
            assert!(late.result().unwrap_err().is_timed_out());
        }
        // What is left of a chunk after its limit is not run.
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = ran.clone();
        let chunks = pool.map(0..2, move |_| {
            runs.fetch_add(1, SeqCst);
            current().unwrap().token().wait();
        });
        for late in chunks.chunk(2).timeout_each(SOON) {
            assert!(late.unwrap_err().is_timed_out());
        }
        assert_eq!(ran.load(SeqCst), 1);
        // One that is asked to stop before its limit still stops.
        let (begun, stops) = (Gate::new(), Gate::new());
        let (tell, hears) = (begun.clone(), stops.clone());
        let asked = pool.submit(
            task(move || {
                let token = current().unwrap().token().clone();
                tell.open();
                token.wait();
                hears.open();
            })
            .timeout(LONG),
        );
        begun.wait();
        asked.cancel();
        stops.wait();
        // Tokens and waits look at the clock themselves.
        let tokens = [
            CancellationToken::with_timeout(SOON),
            token.child_with_deadline(at),
        ];
        for token in tokens {
            token.wait();
            block_on(token.cancelled());
        }
        block_on(CancellationToken::with_timeout(SOON).cancelled());
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        assert!(!runs.wait_timeout(SOON));
        let runs = runs.result_timeout(SOON).unwrap_err();
        assert!(!wait([&runs], When::AllDone, Some(SOON)));
        let mut tasks = as_completed([((), running(&pool, &gate, || ()))]);
        assert!(tasks.next_timeout(SOON).is_err());
        assert!(block_on_timeout(std::future::pending::<()>(), SOON).is_err());
        assert!(
            raddle::sync::Semaphore::new(0)
                .acquire_timeout(SOON)
                .is_err()
        );
        assert!(!raddle::sync::Event::new().wait_timeout(SOON));
        gate.open();
        runs.result().unwrap();
        assert_eq!(tasks.count(), 1);
        // With threads to be had, the next limit starts the timer.
        limit_address_space(libc::RLIM_INFINITY);
        pool.submit_after(SOON, || ()).result().unwrap();
        let gate = Gate::new();
        let opens = gate.clone();
        let late = pool.submit(task(move || opens.wait()).timeout(SOON));
        assert!(
            late.result().unwrap_err().is_timed_out(),
            "at the limit, not at the end"
        );
        gate.open();
    });
}

/// What can be seen of it from outside: after any traffic a pool at rest has
/// no task, no queue, no blocked thread, and works as on its first day. The
/// counts themselves are checked in the models of src/thread/sleep.
#[test]
fn t06_a_pool_at_rest_counts_nobody() {
    watch(|| {
        for workers in [2, 3] {
            let pool = Arc::new(pool(workers));
            for round in 0..100 {
                let inner = pool.clone();
                let nested = move || {
                    let children: Vec<_> = (0..4).map(|i| inner.submit(move || i)).collect();
                    children
                        .into_iter()
                        .map(|child| child.result().unwrap())
                        .sum::<i32>()
                };
                let handles: Vec<_> = (0..5).map(|_| pool.submit(nested.clone())).collect();
                handles
                    .into_iter()
                    .for_each(|handle| assert_eq!(handle.result().unwrap(), 6));
                if round % 10 == 0 {
                    let idle = || {
                        let stats = pool.stats();
                        (stats.running, stats.queued, stats.blocked) == (0, 0, 0)
                    };
                    until(idle);
                    // All permits are there: as many tasks run at once as ever.
                    drop(hold(&pool));
                }
            }
        }
    });
}

thread_local! {
    /// Whether a task of this thread holds a lock and waits.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// What a waiter has: its pool, and strangers to put on top of each child.
struct Scene<'a> {
    pool: &'a ThreadPool,
    submit_stranger: &'a dyn Fn(),
}

impl<'a> Scene<'a> {
    fn one(&self) -> Handle<i32> {
        let child = self.pool.submit(|| 1);
        (self.submit_stranger)();
        child
    }

    fn three(&self) -> [Handle<i32>; 3] {
        [(); 3].map(|()| self.one())
    }

    fn keyed(&self) -> [((), Handle<i32>); 3] {
        self.three().map(|child| ((), child))
    }

    fn group(&self) -> TaskGroup<'a, ThreadPool, i32> {
        let mut group = TaskGroup::new(self.pool);
        for n in 0..3 {
            group.submit(move || n);
            (self.submit_stranger)();
        }
        group
    }

    /// Pulls all its items at once, and a stranger comes before each.
    fn map(&self) -> Map<'a, impl ExactSizeIterator<Item = i32> + use<'a>, i32> {
        let submit_stranger = self.submit_stranger;
        let items = (0..3).inspect(move |_| submit_stranger());
        self.pool.map(items, |n| n).buffer(3)
    }
}

type Wait = (&'static str, fn(&Scene<'_>));

/// Every way to wait for children of one's own. Most claim nothing: they sleep
/// on while a spare runs the children.
const EVERY_WAIT: [Wait; 23] = [
    ("result", |scene| {
        assert_eq!(scene.one().result().unwrap(), 1)
    }),
    ("wait", |scene| scene.one().wait()),
    ("wait_timeout", |scene| {
        assert!(scene.one().wait_timeout(LONG))
    }),
    ("wait_deadline", |scene| {
        assert!(scene.one().wait_deadline(Instant::now() + LONG));
    }),
    ("result_timeout", |scene| {
        assert!(scene.one().result_timeout(LONG).is_ok());
    }),
    ("a child with a limit", |scene| {
        let child = scene.pool.submit(task(|| ()).timeout(LONG));
        (scene.submit_stranger)();
        child.result().unwrap();
    }),
    ("block_on", |scene| {
        assert_eq!(block_on(scene.one()).unwrap(), 1)
    }),
    ("block_on_timeout", |scene| {
        assert!(block_on_timeout(scene.one(), LONG).is_ok());
    }),
    ("map", |scene| {
        assert_eq!(scene.map().filter(Result::is_ok).count(), 3)
    }),
    ("map, unordered", |scene| {
        assert_eq!(scene.map().unordered().filter(Result::is_ok).count(), 3);
    }),
    ("map with a limit", |scene| {
        let map = scene.map().timeout_each(LONG);
        assert_eq!(map.filter(Result::is_ok).count(), 3);
    }),
    ("wait for the first", |scene| {
        assert!(wait(&scene.three(), When::FirstDone, None));
    }),
    ("wait for an error", |scene| {
        assert!(wait(&scene.three(), When::FirstError, None));
    }),
    ("wait for all", |scene| {
        assert!(wait(&scene.three(), When::AllDone, None));
    }),
    ("wait for all, timed", |scene| {
        assert!(wait(&scene.three(), When::AllDone, Some(LONG)));
    }),
    ("as_completed", |scene| {
        assert_eq!(as_completed(scene.keyed()).count(), 3)
    }),
    ("as_completed, timed", |scene| {
        let mut completed = as_completed(scene.keyed());
        while completed.next_timeout(LONG).unwrap().is_some() {}
    }),
    ("as_completed, awaited", |scene| {
        let mut completed = as_completed(scene.keyed());
        while block_on(completed.next_async()).is_some() {}
    }),
    ("group, all", |scene| {
        assert_eq!(scene.group().all().unwrap(), [0, 1, 2]);
    }),
    ("group, first", |scene| {
        assert!(scene.group().first().is_ok())
    }),
    ("group, settle", |scene| {
        assert_eq!(scene.group().settle().len(), 3)
    }),
    ("group, awaited", |scene| {
        assert_eq!(block_on(scene.group().all_async()).unwrap(), [0, 1, 2]);
    }),
    ("group, for room", |scene| {
        let mut group = scene.group().limit(1);
        group.submit(|| 3);
        (scene.submit_stranger)();
        group.submit_timeout(|| 4, LONG).unwrap();
        assert_eq!(group.all().unwrap(), [0, 1, 2, 3, 4]);
    }),
];

/// Strangers lie around the children in the waiter's own deque, and in the
/// pool's queue. One that ran on top of the waiter would want a lock which this
/// thread has.
#[test]
fn t07_a_lock_held_across_a_wait_is_wanted_by_nobody_on_top() {
    watch(|| {
        for ((name, waits), workers) in EVERY_WAIT.iter().flat_map(|wait| {
            let workers = [1, 2].repeat(5);
            workers.into_iter().map(move |workers| (wait, workers))
        }) {
            let pool = Arc::new(pool(workers));
            let (made, ran, on_top) = (Tally::default(), Tally::default(), Tally::default());
            let stranger = {
                let (made, ran, on_top) = (made.clone(), ran.clone(), on_top.clone());
                move |pool: &ThreadPool| {
                    let (ran, on_top) = (ran.clone(), on_top.clone());
                    drop(made.make());
                    let stranger = move || {
                        if HOLDS.get() {
                            drop(on_top.make());
                        }
                        drop(ran.make());
                    };
                    pool.submit(stranger).detach();
                }
            };
            let (inner, inside) = (pool.clone(), stranger.clone());
            let waiter = pool.submit(move || {
                (0..20).for_each(|_| inside(&inner));
                HOLDS.set(true);
                waits(&Scene {
                    pool: &inner,
                    submit_stranger: &|| (0..5).for_each(|_| inside(&inner)),
                });
                HOLDS.set(false);
            });
            (0..20).for_each(|_| stranger(&pool));
            waiter.result().unwrap();
            until(|| ran.made() == made.made());
            assert_eq!(on_top.made(), 0, "{name}: strangers ran on top");
        }
    });
}

/// Whoever claims what it waits for needs no other thread: so all others may
/// stand at a lock which it holds.
#[test]
fn t07_all_others_may_stand_at_the_lock_that_a_waiter_holds() {
    watch(|| {
        let (pool, lock) = (Arc::new(pool(2)), Arc::new(Mutex::new(0)));
        let handles: Vec<_> = (0..200)
            .map(|_| {
                let (inner, lock) = (pool.clone(), lock.clone());
                pool.submit(move || {
                    let mut count = lock.lock().unwrap();
                    inner.submit(|| ()).result().unwrap();
                    inner.submit(|| ()).wait();
                    assert_eq!(inner.map(0..3, |n| n).map(Result::unwrap).sum::<i32>(), 3);
                    let mut group = TaskGroup::new(&*inner);
                    (0..3).for_each(|n| group.submit(move || n));
                    assert_eq!(group.all().unwrap(), [0, 1, 2]);
                    *count += 1;
                })
            })
            .collect();
        handles
            .into_iter()
            .for_each(|handle| handle.result().unwrap());
        assert_eq!(*lock.lock().unwrap(), 200);
    });
}

#[test]
fn t09_pools_that_wait_for_each_other() {
    fn bounce(pools: Arc<[ThreadPool; 2]>, left: usize) -> usize {
        let inner = pools.clone();
        match left {
            0 => 0,
            _ => {
                1 + pools[left % 2]
                    .submit(move || bounce(inner, left - 1))
                    .result()
                    .unwrap()
            }
        }
    }
    watch(|| {
        for sleepy in [false, true] {
            let pools = Arc::new([pool(1), pool(1)]);
            if sleepy {
                pools
                    .iter()
                    .for_each(|pool| until(|| pool.stats().running == 0));
            }
            assert_eq!(bounce(pools, 100), 100);
        }
    });
}

fn nest(pool: Arc<ThreadPool>, left: usize) -> usize {
    let inner = pool.clone();
    match left {
        0 => 0,
        _ => 1 + pool.submit(move || nest(inner, left - 1)).result().unwrap(),
    }
}

#[test]
fn t10_a_pool_of_one_waits_for_its_own_tasks() {
    watch(|| {
        assert_eq!(nest(Arc::new(pool(1)), 50), 50);
        let capped = ThreadPool::builder().workers(1).workers_max(1);
        assert_eq!(nest(Arc::new(capped.build().unwrap()), 50), 50);
        assert_eq!(nest(Arc::new(ThreadPool::for_blocking(1).unwrap()), 50), 50);
    });
}

/// Tasks with a limit are not claimed, and at the cap no spare may start: the
/// waiter runs its child as the last resort.
#[test]
fn t10_at_the_cap_a_task_waits_for_a_child_with_a_limit() {
    fn nest(pool: Arc<ThreadPool>, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let inner = pool.clone();
        let child = move || 1 + nest(inner, depth - 1);
        let child = pool.submit(task(child).timeout(common::LIMIT * 9));
        child.result().unwrap()
    }
    watch(|| {
        for workers in [1, 2] {
            let capped = ThreadPool::builder().workers(1).workers_max(workers);
            let pool = Arc::new(capped.build().unwrap());
            let inner = pool.clone();
            let parent = pool.submit(move || nest(inner, 50));
            assert_eq!(parent.result().unwrap(), 50);
        }
    });
}

/// The spare that takes a waiter's place waits for that waiter: it has blocked
/// last, and calls the first one back.
#[test]
fn t10_at_the_cap_the_last_to_block_calls_another() {
    watch(|| {
        for _ in 0..200 {
            let capped = ThreadPool::builder().workers(1).workers_max(2);
            let pool = Arc::new(capped.build().unwrap());
            let (to_first, own_handle) = mpsc::channel::<Arc<Handle<()>>>();
            let inner = pool.clone();
            let first = Arc::new(pool.submit(move || {
                let own = own_handle.recv().unwrap();
                // The spare finds the oldest first.
                let other = inner.submit(move || own.wait());
                let child = inner.submit(task(|| 1).timeout(common::LIMIT * 9));
                assert_eq!(child.result().unwrap(), 1);
                other.detach();
            }));
            to_first.send(first.clone()).unwrap();
            first.wait();
            assert_eq!(first.state(), raddle::TaskState::Finished);
        }
    });
}

/// A child that overruns on its waiter's stack still says `TimedOut`.
#[test]
fn t10_at_the_cap_a_limit_holds() {
    watch(|| {
        let capped = ThreadPool::builder().workers(1).workers_max(1);
        let pool = Arc::new(capped.build().unwrap());
        let inner = pool.clone();
        let parent = pool.submit(move || {
            let until_asked = || while !raddle::current().unwrap().token().is_cancelled() {};
            inner
                .submit(task(until_asked).timeout(Duration::from_millis(5)))
                .result()
        });
        let ended = parent.result().unwrap();
        assert!(matches!(ended, Err(TaskError::TimedOut(_))), "{ended:?}");
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    });
}

/// Models: `a_task_submitted_during_shutdown_has_an_end` (src/thread),
/// `a_job_submitted_while_the_pool_ends_is_run_or_cancelled` (src/thread/sleep).
#[test]
fn t12_every_accepted_task_resolves_when_the_pool_shuts_down() {
    watch(|| {
        for round in 0..150 {
            let (pool, ran) = (pool(2), Tally::default());
            let how = [
                Shutdown::Finish,
                Shutdown::CancelQueued,
                Shutdown::FinishWithin(Duration::ZERO),
                Shutdown::Kill,
            ][round % 4];
            let mut handles = Vec::new();
            thread::scope(|scope| {
                let submitters: Vec<_> = (0..2)
                    .map(|_| {
                        scope.spawn(|| {
                            (0..200)
                                .map(|_| {
                                    let ran = ran.clone();
                                    pool.submit(move || drop(ran.make()))
                                })
                                .collect::<Vec<_>>()
                        })
                    })
                    .collect();
                (0..round * 20).for_each(|_| std::hint::spin_loop());
                pool.shutdown(how);
                submitters
                    .into_iter()
                    .for_each(|s| handles.extend(s.join().unwrap()));
            });
            let mut finished = 0;
            for handle in handles {
                match handle.result() {
                    Ok(()) => finished += 1,
                    Err(TaskError::Cancelled) => {}
                    Err(TaskError::Refused(why)) => assert_eq!(why, Refusal::Shutdown),
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(finished, ran.made());
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn t13_idle_workers_are_gone_after_the_drop() {
    const NAME: &str = "t13_idle_workers_are_gone_after_the_drop";
    if common::role().is_some() {
        return watch_child(|| {
            let before = common::threads();
            for _ in 0..20 {
                let pool = pool(4);
                let asleep = (0..4).map(|_| running(&pool, &Gate::new(), || ()).detach());
                drop(asleep);
                let thread = pool.submit(common::thread_number).result().unwrap();
                until(|| common::is_asleep(thread));
                drop(pool);
                // The system forgets a thread a moment after it was joined.
                until(|| common::threads() == before);
            }
        });
    }
    watch(|| drop(in_child(NAME, "drop")));
}

/// A million tasks, a tenth of them panics: 1.6 s in a debug build on two cores.
#[test]
fn t14_panics_neither_end_the_process_nor_a_worker() {
    watch(|| {
        let pool = pool(2);
        let ids = |pool: &ThreadPool| -> HashSet<_> {
            let gate = Gate::new();
            let both: Vec<_> = (0..2)
                .map(|_| running(pool, &gate, || thread::current().id()))
                .collect();
            gate.open();
            both.into_iter()
                .map(|handle| handle.result().unwrap())
                .collect()
        };
        let before = ids(&pool);
        // Half of them through the panic hook, which is slow.
        let work = |i: u32| match i % 20 {
            0 => panic!("on purpose"),
            10 => resume_unwind(Box::new(i)),
            _ => i,
        };
        let handles = pool.submit_many((0..1_000_000).map(|i| move || work(i)));
        for (i, handle) in (0..).zip(handles) {
            match handle.result() {
                Ok(value) => assert!(value == i && i % 10 != 0),
                Err(error) => assert!(error.is_panicked() && i % 10 == 0),
            }
        }
        assert_eq!(ids(&pool), before);
        until(|| pool.stats().finished + pool.stats().panicked == 1_000_004);
        assert_eq!(pool.stats().panicked, 100_000);
    });
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(Tally);

impl Bomb {
    fn new(drops: &Tally) -> Self {
        Self(drops.clone())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        drop(self.0.make());
        panic!("bomb, on purpose");
    }
}

/// A payload whose drop panics with such a payload, so many times.
struct Chain(u32);

impl Drop for Chain {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Chain(self.0 - 1));
        }
    }
}

/// A waker whose every function does `on(what)`.
fn waker_that(on: fn(&'static str)) -> Waker {
    type On = fn(&'static str);
    fn recall(data: *const ()) -> On {
        // SAFETY: the pointer was made from such a function, below.
        unsafe { std::mem::transmute::<*const (), On>(data) }
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            recall(data)("clone");
            RawWaker::new(data, &TABLE)
        },
        |data| recall(data)("wake"),
        |data| recall(data)("wake_by_ref"),
        |data| recall(data)("drop"),
    );
    // SAFETY: the data is a function pointer, which needs no care.
    unsafe { Waker::new(on as *const (), &TABLE) }
}

/// Polls a handle once with this waker, and forgets the waker itself.
fn poll_once<T>(handle: &mut Handle<T>, waker: Waker) {
    let waker = std::mem::ManuallyDrop::new(waker);
    let polled = Pin::new(handle).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

#[test]
fn t15_bombs_in_every_place() {
    watch(|| {
        let (drops, told) = (Tally::default(), Tally::default());
        let count = told.clone();
        let builder = ThreadPool::builder()
            .workers(1)
            .on_panic(move |_| drop(count.make()));
        let pool = builder.build().unwrap();
        let worker = pool.submit(|| thread::current().id()).result().unwrap();
        // A payload, read and unread, once and in a chain.
        let bomb = Bomb::new(&drops);
        drop(pool.submit(move || panic_any(bomb)).result().unwrap_err());
        let bomb = Bomb::new(&drops);
        pool.submit(move || panic_any(bomb)).detach();
        for depth in 0..4 {
            pool.submit(move || panic_any(Chain(depth))).detach();
            drop(pool.submit(move || panic_any(Chain(depth))).result());
        }
        // A result that nobody takes, before and after the drop of the handle.
        let bomb = Bomb::new(&drops);
        pool.submit(move || bomb).detach();
        let held = hold(&pool);
        let bomb = Bomb::new(&drops);
        let late = pool.submit(move || bomb);
        held.release();
        late.wait();
        drop(late);
        // What a closure has captured: run, cancelled, overdue, refused.
        let captures = |bomb: Bomb| {
            move || {
                std::hint::black_box(&bomb);
            }
        };
        assert!(
            pool.submit(captures(Bomb::new(&drops)))
                .result()
                .unwrap_err()
                .is_panicked()
        );
        let held = hold(&pool);
        let cancelled = pool.submit(captures(Bomb::new(&drops)));
        cancelled.cancel();
        assert!(cancelled.result().unwrap_err().is_cancelled());
        let late = task(captures(Bomb::new(&drops))).deadline(Instant::now());
        assert!(pool.submit(late).result().unwrap_err().is_timed_out());
        // A callback's captures, and a waker.
        let with_callback = pool.submit(|| ());
        let bomb = Bomb::new(&drops);
        with_callback.on_done(move |_| {
            std::hint::black_box(&bomb);
        });
        let mut woken = pool.submit(|| ());
        poll_once(
            &mut woken,
            waker_that(|what| assert!(what == "clone", "{what} on purpose")),
        );
        held.release();
        with_callback.result().unwrap();
        until(|| woken.is_finished());
        woken.detach();
        // Never woken: the waker is dropped with the handle.
        let held = hold(&pool);
        let mut dropped = pool.submit(|| ());
        poll_once(
            &mut dropped,
            waker_that(|what| assert!(what == "clone", "{what} on purpose")),
        );
        drop(dropped);
        held.release();
        // Still the same worker.
        assert_eq!(
            pool.submit(|| thread::current().id()).result().unwrap(),
            worker
        );
        pool.shutdown(Shutdown::Finish);
        let refused = pool.submit(captures(Bomb::new(&drops)));
        assert!(refused.result().unwrap_err().is_refused());
        assert_eq!(drops.made(), 9, "every bomb went off once");
        assert!(told.made() >= 5, "on_panic was told {} times", told.made());
    });
}

#[test]
fn t15_bombs_that_a_pool_drops_unrun() {
    watch(|| {
        let drops = Tally::default();
        let pool = pool(1);
        let gate = Gate::new();
        running(&pool, &gate, || ()).detach();
        for _ in 0..5 {
            let (bomb, later) = (Bomb::new(&drops), Bomb::new(&drops));
            pool.submit(move || drop(bomb)).detach();
            pool.submit_after(Duration::MAX, move || drop(later))
                .detach();
        }
        pool.shutdown(Shutdown::Kill);
        assert_eq!(drops.made(), 10);
        gate.open();
    });
}

#[test]
fn t15_bombs_that_hooks_have_captured() {
    fn hook<A: ?Sized>(bomb: Bomb) -> impl Fn(&A) + Send + Sync {
        move |_| {
            std::hint::black_box(&bomb);
        }
    }
    watch(|| {
        let drops = Tally::default();
        let with_hooks = || {
            let (start, exit) = (hook(Bomb::new(&drops)), hook(Bomb::new(&drops)));
            let builder = ThreadPool::builder().workers(1);
            let builder = builder.on_panic(hook(Bomb::new(&drops)));
            let builder = builder.on_worker_start(move |index| start(&index));
            builder.on_worker_exit(move |index| exit(&index))
        };
        // Of a pool that ends, also while the thread unwinds.
        let pool = with_hooks().build().unwrap();
        drop(pool);
        until(|| drops.made() == 3);
        let unwinds = std::panic::catch_unwind(|| {
            let _pool = with_hooks().build().unwrap();
            panic!("the user's, on purpose");
        });
        assert!(unwinds.is_err());
        until(|| drops.made() == 6);
        // Of no pool at all: given up, refused, and replaced.
        drop(with_hooks());
        assert_eq!(drops.made(), 9);
        assert!(with_hooks().workers(0).build().is_err());
        assert_eq!(drops.made(), 12);
        let replaced = with_hooks().on_panic(|_| ()).on_worker_start(|_| ());
        let replaced = replaced.on_worker_exit(|_| ());
        assert_eq!(drops.made(), 15);
        drop(replaced);
    });
}

#[test]
fn t15_bombs_that_a_group_has_collected() {
    watch(|| {
        let (pool, drops) = (pool(1), Tally::default());
        let bombs = |group: &mut TaskGroup<'_, ThreadPool, Bomb>| {
            for _ in 0..3 {
                let bomb = Bomb::new(&drops);
                group.submit(move || bomb);
            }
        };
        // The error is the task's, not a bomb's.
        for is_async in [false, true] {
            let mut group = TaskGroup::new(&pool);
            bombs(&mut group);
            group.submit(|| panic!("the real error, on purpose"));
            let error = match is_async {
                false => group.all().unwrap_err(),
                true => block_on(group.all_async()).unwrap_err(),
            };
            assert!(error.to_string().contains("the real error"), "{error}");
        }
        assert_eq!(drops.made(), 6);
        // The first value is taken out, the others are dropped.
        let mut group = TaskGroup::new(&pool).limit(1);
        bombs(&mut group);
        std::mem::forget(group.first().unwrap());
        until(|| drops.made() == 8);
        // What `submit` has collected goes with the group, also while the
        // thread unwinds.
        for unwinds in [false, true] {
            let mut group = TaskGroup::new(&pool).limit(1);
            bombs(&mut group);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _group = group;
                assert!(!unwinds, "the user's, on purpose");
            }));
            assert_eq!(outcome.is_err(), unwinds);
        }
        until(|| drops.made() == 14);
    });
}

/// A key that is a bomb, and whose clones are.
#[derive(Debug)]
struct BombKey(Bomb);

impl Clone for BombKey {
    fn clone(&self) -> Self {
        Self(Bomb::new(&self.0.0))
    }
}

#[test]
fn t15_bombs_inside_of_a_map() {
    /// Drops a map of two chunks of four items after `taken` results.
    fn drop_after(taken: usize, unordered: bool, unwinds: bool) {
        let (pool, drops) = (pool(1), Tally::default());
        let results = drops.clone();
        let items = (0..8).map(|_| BombKey(Bomb::new(&drops)));
        let run = move |key| {
            std::mem::forget(key);
            Bomb::new(&results)
        };
        let map = pool.map(items, run).chunk(4).buffer(8);
        let mut keyed = match unordered {
            true => map.unordered().keyed(),
            false => map.keyed(),
        };
        for (key, result) in keyed.by_ref().take(taken) {
            std::mem::forget((key, result));
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _keyed = keyed;
            assert!(!unwinds, "the user's, on purpose");
        }));
        assert_eq!(outcome.is_err(), unwinds);
        drop(pool);
        // For each item its key and its result; its input, if it did not run.
        assert_eq!(drops.made(), 2 * (8 - taken));
    }
    watch(|| {
        for unordered in [false, true] {
            for unwinds in [false, true] {
                drop_after(1, unordered, unwinds);
                drop_after(5, unordered, unwinds);
            }
        }
    });
}

#[test]
fn t15_bombs_in_a_chunk_whose_input_panics() {
    watch(|| {
        let (pool, drops) = (pool(1), Tally::default());
        let items = (0..4).map(|at| {
            assert!(at < 3, "the input's, on purpose");
            BombKey(Bomb::new(&drops))
        });
        let mut keyed = pool.map(items, drop).chunk(4).keyed();
        let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| keyed.next()));
        let payload = next.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"the input's, on purpose"));
        assert!(keyed.next().is_none());
        assert_eq!(drops.made(), 6);
    });
}

#[test]
fn t16_panicking_callbacks_and_hooks_stop_nobody() {
    watch(|| {
        let builder = ThreadPool::builder()
            .workers(1)
            .on_panic(|_| panic!("on purpose"));
        let builder = builder.on_worker_start(|_| panic!("on purpose"));
        let pool = builder
            .on_worker_exit(|_| panic!("on purpose"))
            .build()
            .unwrap();
        for _ in 0..1_000 {
            let handle = pool.submit(|| 1);
            handle.on_done(|_| resume_unwind(Box::new("on purpose")));
            assert_eq!(handle.result().unwrap(), 1);
        }
    });
}

#[test]
fn t17_user_code_may_reenter_every_method_from_anywhere() {
    reenter::assert_nothing_is_forgotten();
    watch(|| {
        let builder = ThreadPool::builder().workers(2).trace_tasks(true);
        let builder = builder.on_panic(|_| reenter_everything());
        POOL.set(builder.build().unwrap()).unwrap();
        let pool = POOL.get().unwrap();
        let hooked = ThreadPool::builder()
            .workers(1)
            // A thread that waits in its hook gives its place away, also to one
            // that will wait in the same hook.
            .workers_max(4)
            .on_worker_start(|_| reenter_everything());
        let hooked = hooked
            .on_worker_exit(|_| reenter_everything())
            .build()
            .unwrap();
        hooked.submit(|| ()).result().unwrap();
        drop(hooked);
        let holding = || -> Held { hold(pool) };
        // Callbacks, by a worker and here.
        let held = holding();
        let handle = pool.submit(|| ());
        handle.on_done(|_| reenter_everything());
        held.release();
        handle.wait();
        handle.on_done(|_| reenter_everything());
        // A captured value: run, cancelled here, cancelled by a token, overdue.
        let guard = Reenters;
        pool.submit(move || drop(guard)).result().unwrap();
        let held = holding();
        let token = CancellationToken::new();
        let captures = || {
            let guard = Reenters;
            move || drop(guard)
        };
        let tied = pool.submit(captures().cancelled_by(&token));
        let cancelled = pool.submit(captures());
        let late = pool.submit(captures().deadline(Instant::now() + Duration::from_millis(1)));
        // The guards wait for tasks, so the workers must go on.
        held.release();
        cancelled.cancel();
        token.cancel();
        for handle in [tied, cancelled, late] {
            let _ = handle.result();
        }
        // A result that nobody reads, a payload, on_panic.
        pool.submit(|| Reenters).detach();
        drop(pool.submit(|| Reenters));
        drop(pool.submit(|| panic_any(Reenters)).result());
        pool.submit(|| panic!("on purpose")).detach();
        // On the timer's thread, where limits strike.
        let (go, done) = (Gate::new(), Gate::new());
        let (goes, told) = (go.clone(), done.clone());
        let late = pool.submit(task(move || goes.wait()).timeout(Duration::from_millis(50)));
        late.on_done(move |_| {
            reenter_everything();
            told.open();
        });
        done.wait();
        go.open();
        // A waker: cloned, woken, dropped.
        let gate = Gate::new();
        let mut woken = running(pool, &gate, || ());
        poll_once(&mut woken, waker_that(|_| reenter_everything()));
        poll_once(&mut woken, waker_that(|_| reenter_everything()));
        gate.open();
        woken.wait();
        let gate = Gate::new();
        let mut dropped = running(pool, &gate, || ());
        poll_once(&mut dropped, waker_that(|_| reenter_everything()));
        drop(dropped);
        gate.open();
        // The end, from the pool's own worker, in user code.
        let (gate, done) = (Gate::new(), Gate::new());
        let (last, told) = (running(pool, &gate, || ()), done.clone());
        last.on_done(move |_| {
            POOL.get().unwrap().shutdown(Shutdown::Finish);
            told.open();
        });
        gate.open();
        done.wait();
        pool.shutdown(Shutdown::Finish);
    });
}

/// A task in every state, and who goes first: its handle, its queue, its pool.
/// Models: `a_handle_dropped_while_its_task_ends_frees_once`,
/// `a_task_runs_or_is_cancelled_and_never_both`,
/// `limit_end_and_drop_free_once` (src/task).
#[test]
fn t18_every_value_is_dropped_once_whoever_goes_first() {
    watch(|| {
        let values = Tally::default();
        let work = || {
            let (captured, make) = (values.make(), values.clone());
            move || {
                drop(captured);
                make.make()
            }
        };
        let panics = || {
            let captured = values.make();
            move || -> common::Counted { panic_any(captured) }
        };
        let check = |what: &str| {
            until(|| values.made() == values.dropped() || what.is_empty());
        };
        for handle_first in [true, false] {
            let finish =
                |pool: ThreadPool, held: Option<Held>, handles: Vec<Handle<common::Counted>>| {
                    if handle_first {
                        drop(handles);
                        drop(held);
                        drop(pool);
                    } else {
                        drop(held);
                        drop(pool);
                        drop(handles);
                    }
                };
            // Queued; panicking; cancelled; expired; with a token; delayed.
            let one = pool(1);
            let held = hold(&one);
            let token = CancellationToken::new();
            let handles = vec![
                one.submit(work()),
                one.submit(panics()),
                one.submit(work()),
                one.submit(work().deadline(Instant::now())),
                one.submit(work().cancelled_by(&token)),
                one.submit(work().cancelled_by(&CancellationToken::new())),
                one.submit_after(Duration::MAX, work()),
                one.submit_after(Duration::ZERO, work()),
                one.submit(work().timeout(Duration::ZERO)),
            ];
            handles[2].cancel();
            token.cancel();
            finish(one, Some(held), handles);
            check("queued");
            // Finished before anybody goes.
            let one = pool(1);
            let handles = vec![one.submit(work()), one.submit(panics())];
            handles.iter().for_each(Handle::wait);
            finish(one, None, handles);
            check("finished");
            // Running, with a limit that has passed.
            let (one, gate) = (pool(1), Gate::new());
            let (make, go) = (values.clone(), gate.clone());
            let late = move || {
                current().unwrap().token().wait();
                go.wait();
                make.make()
            };
            let late = one.submit(late.timeout(Duration::from_millis(1)));
            late.wait();
            if handle_first {
                drop(late);
                gate.open();
            } else {
                gate.open();
                drop(one);
                drop(late);
            }
            check("late");
            // Shut down with a full queue; refused; taken.
            let one = pool(1);
            let held = hold(&one);
            let handles: Vec<_> = (0..5).map(|_| one.submit(work())).collect();
            one.shutdown(Shutdown::Kill);
            drop(one.try_submit(work()));
            drop(one.submit(work()));
            finish(one, Some(held), handles);
            check("shut down");
        }
        // Taken, by wait and by await, claimed by a waiter.
        let one = Arc::new(pool(1));
        drop(one.submit(work()).result());
        drop(block_on(one.submit(work())));
        let inner = one.clone();
        let (captured, make) = (values.make(), values.clone());
        let claims = move || {
            let child = inner.submit(move || {
                drop(captured);
                make.make()
            });
            child.result().unwrap()
        };
        drop(one.submit(claims).result());
        drop(Arc::into_inner(one));
        check("taken");
        assert_eq!(values.made(), values.dropped());
        assert!(values.made() > 50, "{values:?}");
    });
}

/// An idle pool sleeps, it does not spin, even when eight workers have one core.
/// The time is the process's own: what else the machine does is not in it.
#[cfg(target_os = "linux")]
#[test]
fn t20_an_idle_pool_uses_no_processor() {
    const NAME: &str = "t20_an_idle_pool_uses_no_processor";
    const IDLE: Duration = Duration::from_secs(5);
    fn used() -> Duration {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a local of the right type.
        let read = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        assert_eq!(read, 0);
        // SAFETY: the call has succeeded, and zeroes are a value too.
        let usage = unsafe { usage.assume_init() };
        [usage.ru_utime, usage.ru_stime]
            .map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000))
            .iter()
            .sum()
    }
    if let Some(kind) = common::role() {
        if kind != "all cores" {
            pin_to_one_core();
        }
        let pool = match kind.as_str() {
            "workers" | "all cores" => pool(8),
            "blocking" => ThreadPool::for_blocking(8).unwrap(),
            _ => {
                let impatient = ThreadPool::builder().workers(8).on_demand(true);
                impatient.keep_alive(Duration::ZERO).build().unwrap()
            }
        };
        pool.submit_many((0..100).map(|_| || ()))
            .into_iter()
            .for_each(|handle| handle.wait());
        let before = used();
        thread::sleep(IDLE);
        let idle = used() - before;
        println!("{kind}: {idle:?} in {IDLE:?}");
        assert!(idle <= IDLE / 100, "{kind}: {idle:?} in {IDLE:?}");
        return;
    }
    watch(|| {
        let kinds = ["workers", "blocking", "impatient", "all cores"];
        let children = kinds.map(|kind| thread::spawn(move || in_child(NAME, kind)));
        for child in children {
            print!("{}", child.join().unwrap());
        }
    });
}

/// This thread, and those that it starts, run on one core from now on.
#[cfg(target_os = "linux")]
fn pin_to_one_core() {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: the set is an array of integers.
    let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let mut one = cores;
    // SAFETY: the pointer is to a local of that size.
    let read = unsafe { libc::sched_getaffinity(0, size, &raw mut cores) };
    assert_eq!(read, 0);
    // SAFETY: the index is within the set.
    let allowed = |core: &usize| unsafe { libc::CPU_ISSET(*core, &cores) };
    let first = (0..libc::CPU_SETSIZE as usize).find(allowed).unwrap();
    // SAFETY: as above.
    unsafe { libc::CPU_SET(first, &mut one) };
    // SAFETY: the pointer is to a local of that size.
    let set = unsafe { libc::sched_setaffinity(0, size, &raw const one) };
    assert_eq!(set, 0);
}

/// Does everything at its thread's end.
struct AtExit(
    Option<Arc<ThreadPool>>,
    Option<Handle<u32>>,
    Option<CancellationToken>,
    Gate,
);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.submit(|| ()).detach();
            if let Ok(handle) = pool.try_submit(|| 2) {
                let _ = handle.result();
            }
            let _ = pool.submit(|| 2).wait_timeout(Duration::from_millis(1));
            let _ = block_on(pool.submit(|| 3));
            let _ = (pool.stats(), dump(), current());
            let own = ThreadPool::new(1).unwrap();
            assert_eq!(own.submit(|| 4).result().unwrap(), 4);
            // Perhaps the last reference: the pool ends here.
            drop(pool);
        }
        if let Some(handle) = self.1.take() {
            handle.on_done(|_| ());
            let _ = handle.result();
        }
        if let Some(token) = self.2.take() {
            let waits = token.child();
            token.cancel();
            waits.wait();
            assert!(!CancellationToken::new().wait_timeout(Duration::from_millis(1)));
        }
        self.3.open();
    }
}

thread_local!(static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) });

#[test]
fn t21_everything_may_be_used_while_a_thread_ends() {
    watch(|| {
        for first in [true, false] {
            let one = Arc::new(pool(1));
            let (inner, gate) = (one.clone(), Gate::new());
            let told = gate.clone();
            let outsider = thread::spawn(move || {
                let set = || {
                    let handle = inner.submit(|| 1);
                    let guard = AtExit(
                        Some(inner.clone()),
                        Some(handle),
                        Some(CancellationToken::new()),
                        told,
                    );
                    AT_EXIT.set(Some(guard));
                };
                if first {
                    // Before raddle's own locals: they are destroyed after it.
                    AT_EXIT.set(None);
                }
                inner.submit(|| ()).wait();
                set();
            });
            gate.wait();
            outsider.join().unwrap();
            assert_eq!(one.submit(|| 5).result().unwrap(), 5);
        }
    });
}

#[test]
fn t21_a_worker_that_retires_may_end_its_own_pool() {
    watch(|| {
        for _ in 0..5 {
            let builder = ThreadPool::builder().workers(2).on_demand(true);
            let pool = Arc::new(builder.keep_alive(Duration::ZERO).build().unwrap());
            let (gate, end) = (Gate::new(), [Gate::new(), Gate::new()]);
            // Both threads get a guard; one of them retires, the other stays.
            let tasks = end.clone().map(|told| {
                let inner = pool.clone();
                running(&pool, &gate, move || {
                    AT_EXIT.set(Some(AtExit(Some(inner), None, None, told)));
                })
            });
            gate.open();
            tasks.into_iter().for_each(|task| task.result().unwrap());
            until(|| end.iter().any(Gate::is_open));
            // The pool lives on in the other's guard, with its thread.
            drop(pool);
        }
        // The last reference of a pool, in the hands of a thread that retires.
        let builder = ThreadPool::builder().workers(2).on_demand(true);
        let pool = Arc::new(builder.keep_alive(Duration::ZERO).build().unwrap());
        let (gate, end) = (Gate::new(), Gate::new());
        let weak = Arc::downgrade(&pool);
        let stays = running(&pool, &gate, || ());
        let (inner, told) = (pool.clone(), end.clone());
        let retires = running(&pool, &gate, move || {
            AT_EXIT.set(Some(AtExit(Some(inner), None, None, told)));
        });
        drop(pool);
        assert!(weak.upgrade().is_some());
        gate.open();
        stays.result().unwrap();
        retires.result().unwrap();
        // Whichever of the two retires: if it is the other, the pool stays.
        let other = || weak.upgrade().is_some_and(|pool| pool.stats().threads == 1);
        until(|| end.is_open() || other());
    });
}

/// What happens in a child made by `fork`: `body` runs there, and says by its
/// value whether all was well.
#[cfg(unix)]
#[track_caller]
fn forked(body: impl FnOnce() -> bool) {
    // What the child starts of its own needs the tables of parking_lot, which a
    // thread that is just falling asleep may hold: that is not ours to mend.
    #[cfg(target_os = "linux")]
    until(common::others_sleep);
    let body = std::mem::ManuallyDrop::new(body); // only the child has it
    // SAFETY: the child runs `body` in a copy of this process and leaves by
    // `_exit`; raddle promises to touch no lock that the fork may have caught,
    // and the allocator of glibc can be used after a fork.
    match unsafe { libc::fork() } {
        -1 => panic!("fork fails"),
        0 => {
            let body = std::mem::ManuallyDrop::into_inner(body);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = match outcome {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(_) => 2,
            };
            // SAFETY: the call has no preconditions.
            unsafe { libc::_exit(code) }
        }
        child => {
            let (mut status, end) = (0, Instant::now() + common::LIMIT / 2);
            loop {
                // SAFETY: the pointer is to a local.
                match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
                    0 if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
                    0 => {
                        // SAFETY: our own child, which was not waited for.
                        unsafe { libc::kill(child, libc::SIGKILL) };
                        panic!("the forked child hangs");
                    }
                    _ => break,
                }
            }
            assert_eq!(
                status, 0,
                "1: false, 2: panic, else a signal (in the high byte)"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn t22_a_forked_child_is_refused_and_does_not_hang() {
    const NAME: &str = "t22_a_forked_child_is_refused_and_does_not_hang";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "fork")));
    }
    let is_forked = |error: &TaskError| matches!(error, TaskError::Refused(Refusal::Forked));
    let pools = || {
        let limited = ThreadPool::builder()
            .workers(1)
            .queue_limit(1, WhenFull::Wait);
        [
            pool(2),
            ThreadPool::for_blocking(2).unwrap(),
            limited.build().unwrap(),
        ]
    };
    for pool in pools() {
        let (gate, other) = (Gate::new(), ThreadPool::new(1).unwrap());
        let ended = pool.submit(|| 5);
        ended.wait();
        let runs = running(&pool, &gate, || ());
        let (mut awaited, on_drop) = (running(&other, &gate, || ()), pool.submit(|| ()));
        let later = pool.submit_after(Duration::from_secs(60), || ());
        poll_once(&mut awaited, Waker::noop().clone());
        forked(|| {
            // The result that came before the fork is there.
            assert_eq!(ended.result().unwrap(), 5);
            assert!(is_forked(&pool.submit(|| ()).result().unwrap_err()));
            assert!(is_forked(
                &pool
                    .submit_timeout(|| (), Duration::MAX)
                    .result()
                    .unwrap_err()
            ));
            assert!(is_forked(
                &pool
                    .submit_after(Duration::ZERO, || ())
                    .result()
                    .unwrap_err()
            ));
            assert_eq!(pool.try_submit(|| ()).unwrap_err().why, Refusal::Forked);
            let many = pool.submit_many([|| (), || ()]);
            assert!(
                many.into_iter()
                    .all(|handle| is_forked(&handle.result().unwrap_err()))
            );
            runs.wait();
            assert!(!runs.wait_timeout(Duration::MAX));
            assert!(is_forked(&runs.result().unwrap_err()));
            assert!(is_forked(
                &later.result_timeout(Duration::MAX).unwrap().unwrap_err()
            ));
            assert!(is_forked(&block_on(&mut awaited).unwrap_err()));
            drop((awaited, on_drop.cancel_on_drop()));
            assert!(pool.shutdown(Shutdown::Finish).still_running.is_empty());
            drop(pool);
            // A pool of the child's own works, its timer and limits too.
            let own = ThreadPool::new(2).unwrap();
            assert_eq!(own.submit(|| 6).result().unwrap(), 6);
            own.submit_after(Duration::from_millis(1), || ())
                .result()
                .unwrap();
            let late = own.submit(
                task(|| current().unwrap().token().wait()).timeout(Duration::from_millis(1)),
            );
            assert!(late.result().unwrap_err().is_timed_out());
            drop(own);
            true
        });
        gate.open();
    }
}

/// Futures wait in the parent's list; their wakers do nothing in the child.
#[cfg(target_os = "linux")]
#[test]
fn t22_a_forked_child_leaves_the_futures_to_its_parent() {
    const NAME: &str = "t22_a_forked_child_leaves_the_futures_to_its_parent";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "fork")));
    }
    let pool = pool(1);
    let wakers = Arc::new(Mutex::new(Vec::new()));
    let future = || {
        let (wakers, mut is_first) = (wakers.clone(), true);
        pool.spawn_async(std::future::poll_fn(move |context| {
            wakers.lock().unwrap().push(context.waker().clone());
            match std::mem::take(&mut is_first) {
                true => Poll::Pending,
                false => Poll::Ready(9),
            }
        }))
    };
    let (one, two) = (future(), future());
    until(|| wakers.lock().unwrap().len() == 2 && pool.stats().running == 0);
    let mut there = std::mem::take(&mut *wakers.lock().unwrap());
    let here = there.clone();
    forked(|| {
        let refused = pool.spawn_async(async {}).result().unwrap_err();
        assert!(matches!(refused, TaskError::Refused(Refusal::Forked)));
        there.iter().for_each(Waker::wake_by_ref);
        there.clear();
        assert_eq!(one.cancel(), Cancel::TooLate);
        let never = one.result().unwrap_err();
        assert!(matches!(never, TaskError::Refused(Refusal::Forked)));
        drop((two, pool));
        here.into_iter().for_each(Waker::wake);
        true
    });
}

/// The forked thread is itself a worker of a pool that is not there.
#[cfg(target_os = "linux")]
#[test]
fn t22_a_task_that_forks_runs_nothing_of_its_pool_in_the_child() {
    const NAME: &str = "t22_a_task_that_forks_runs_nothing_of_its_pool_in_the_child";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "fork")));
    }
    let pool = Arc::new(pool(1));
    let inner = pool.clone();
    let forks = pool.submit(move || {
        let queued = inner.submit(|| ());
        forked(|| {
            // Each of these would let a spare take this worker's place.
            assert!(!CancellationToken::new().wait_timeout(Duration::from_millis(20)));
            let never = std::future::pending::<()>();
            assert!(block_on_timeout(never, Duration::from_millis(20)).is_err());
            queued.wait();
            assert!(!queued.is_finished(), "it belongs to the parent");
            assert_eq!(common::threads(), 1, "no thread of the pool starts here");
            let own = ThreadPool::new(1).unwrap();
            assert_eq!(own.submit(|| 7).result().unwrap(), 7);
            true
        });
    });
    forks.result().unwrap();
}

/// The task returns in the child too: what is queued behind it is the parent's.
#[cfg(target_os = "linux")]
#[test]
fn t22_a_task_that_returns_in_the_child_leaves_the_queue_to_its_parent() {
    const NAME: &str = "t22_a_task_that_returns_in_the_child_leaves_the_queue_to_its_parent";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "fork")));
    }
    let path = std::env::temp_dir().join(format!("raddle-fork-{}", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    let pool = Arc::new(pool(1));
    let inner = pool.clone();
    let forks = pool.submit(move || {
        let say = |file: &std::fs::File| {
            use std::io::Write;
            let mut file = file.try_clone().unwrap();
            move || writeln!(file, "{}", std::process::id()).unwrap()
        };
        let queued: Vec<_> = (0..3).map(|_| inner.submit(say(&file))).collect();
        until(common::others_sleep);
        // SAFETY: the child returns to raddle, which promises to end it then.
        (unsafe { libc::fork() }, queued)
    });
    let (child, queued) = forks.result().unwrap();
    assert!(child > 0, "the child's handles are resolved by nobody");
    let mut status = 0;
    // SAFETY: the pointer is to a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    for task in queued {
        task.result().unwrap();
    }
    let said = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let us = std::process::id().to_string();
    assert_eq!(said.lines().collect::<Vec<_>>(), [us.as_str(); 3]);
}

/// A thread on its way out may wait for the pool of whoever joins it.
#[test]
fn t22_a_pool_of_one_that_drops_a_pool_lends_its_place_to_the_destructors() {
    struct Waits(Arc<ThreadPool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            // Until the worker is past its wait for the end, and joins this thread.
            thread::sleep(Duration::from_millis(50));
            assert_eq!(self.0.submit(|| 7).result().unwrap(), 7);
        }
    }
    thread_local!(static LAST: RefCell<Option<Waits>> = const { RefCell::new(None) });
    watch(|| {
        let outer = Arc::new(pool(1));
        let waits = Waits(outer.clone());
        let dropped = outer.submit(|| {
            let inner = pool(1);
            let keeps = inner.submit(move || LAST.set(Some(waits)));
            keeps.result().unwrap();
            drop(inner);
        });
        dropped.result().unwrap();
    });
}

/// The parent's inbox is left behind also by a task that the child adds.
#[cfg(target_os = "linux")]
#[test]
fn t22_what_a_child_adds_to_its_parents_tasks_is_yielded() {
    const NAME: &str = "t22_what_a_child_adds_to_its_parents_tasks_is_yielded";
    if common::role().is_none() {
        return watch(|| drop(in_child(NAME, "fork")));
    }
    let (pool, gate) = (pool(1), Gate::new());
    let mut tasks = as_completed([("parent's", running(&pool, &gate, || ()))]);
    forked(|| {
        let (own, gate) = (ThreadPool::new(1).unwrap(), Gate::new());
        tasks.add("child's", running(&own, &gate, || ()));
        let first = tasks.next();
        // The child's own task ends when the new inbox is in use already.
        gate.open();
        let second = tasks.next();
        let is = |end: Option<(_, Result<(), _>)>, its, fine| {
            end.is_some_and(|(key, end)| key == its && end.is_ok() == fine)
        };
        is(first, "parent's", false) && is(second, "child's", true)
    });
    gate.open();
    assert!(tasks.all(|(key, end)| key == "parent's" && end.is_ok()));
}

/// Waits that claim nothing, each in every thread of a pool that may have no
/// more: the last resort runs what they wait for.
#[test]
fn t10_at_the_cap_every_untimed_wait_ends() {
    type WaitFor = fn(&ThreadPool) -> i32;
    let waits: [WaitFor; 5] = [
        |pool| {
            pool.submit(task(|| 1).timeout(common::LIMIT * 9))
                .result()
                .unwrap()
        },
        |pool| {
            let handles = [pool.submit(|| 1), pool.submit(|| 1)];
            let _ = wait(&handles, When::FirstDone, None);
            handles
                .into_iter()
                .map(|handle| handle.result().unwrap())
                .sum::<i32>()
                - 1
        },
        |pool| {
            let mut handles = Vec::from([pool.submit(|| 1), pool.submit(|| 1)]);
            let _ = wait(&handles, When::FirstError, None);
            handles.pop().unwrap().result().unwrap()
        },
        |pool| {
            let limited = pool.map([1], |n| n).timeout_each(common::LIMIT * 9);
            limited.map(Result::unwrap).sum()
        },
        |pool| {
            let limited = pool.map([1], |n| n).timeout_each(common::LIMIT * 9);
            limited.unordered().map(Result::unwrap).sum()
        },
    ];
    watch(move || {
        for wait_for in waits {
            for workers in [1, 3] {
                let pool = Arc::new(ThreadPool::for_blocking(workers).unwrap());
                let gate = Arc::new(Barrier::new(workers));
                let each = |_| {
                    let (inner, gate) = (pool.clone(), gate.clone());
                    pool.submit(move || {
                        gate.wait();
                        wait_for(&inner)
                    })
                };
                for handle in (0..workers).map(each).collect::<Vec<_>>() {
                    assert_eq!(handle.result().unwrap(), 1);
                }
            }
        }
    });
}
