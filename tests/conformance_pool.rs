//! What an executor must do, and how it ends: rows C053 and C059 to C098 on
//! the thread pool, on `Inline` too where they apply.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use common::{Gate, Tally, hold, pool, running, until, watch, watch_all};
use raddle::{
    Cancel, Inline, Refusal, Shutdown, StartError, TaskError, TaskState, ThreadPool, WhenFull,
    current, task,
};

fn is_refused(error: &TaskError, why: Refusal) -> bool {
    matches!(error, TaskError::Refused(refusal) if *refusal == why)
}

#[test]
fn c053_the_value_comes_back() {
    watch_all(|backend| {
        assert_eq!(backend.submit(|| 6 * 7).result().unwrap(), 42);
        let text = String::from("moved in and out");
        assert_eq!(
            backend.submit(move || text).result().unwrap(),
            "moved in and out"
        );
    });
}

#[test]
fn c059_no_workers_and_absurd_counts_are_refused() {
    watch(|| {
        assert!(matches!(ThreadPool::new(0), Err(StartError::Workers)));
        assert!(matches!(
            ThreadPool::for_blocking(0),
            Err(StartError::Workers)
        ));
        let error = ThreadPool::new(usize::MAX).unwrap_err();
        assert!(matches!(
            error,
            StartError::TooMany {
                asked: usize::MAX,
                ..
            }
        ));
        let no_room = ThreadPool::builder().queue_limit(0, WhenFull::Wait);
        assert!(matches!(no_room.build(), Err(StartError::NoRoom)));
        let many = ThreadPool::builder().workers(1).workers_max(usize::MAX);
        assert!(matches!(many.build(), Err(StartError::TooMany { .. })));
    });
}

#[test]
fn c060_the_cap_is_stated_and_enforced() {
    // As the documentation of `workers` and `workers_max` says.
    const MAX: usize = 32_767;
    watch(|| {
        for asked in [MAX + 1, usize::MAX] {
            let threads = ThreadPool::builder().workers(1).workers_max(asked).build();
            for refused in [ThreadPool::new(asked), threads] {
                let error = refused.unwrap_err();
                assert!(
                    matches!(error, StartError::TooMany { asked: n, max: MAX, .. } if n == asked)
                );
                let text = format!("a pool of {asked} threads is too large: ask for at most 32767");
                assert_eq!(error.to_string(), text);
            }
        }
        // The cap itself, without starting as many threads.
        let pool = ThreadPool::builder().workers(MAX).on_demand(true).build();
        assert_eq!(pool.unwrap().submit(|| 1).result().unwrap(), 1);
        let pool = ThreadPool::builder().workers(1).workers_max(MAX).build();
        assert_eq!(pool.unwrap().submit(|| 1).result().unwrap(), 1);
    });
}

#[test]
fn c061_blocked_tasks_start_at_most_as_many_threads() {
    watch(|| {
        let pool = ThreadPool::for_blocking(3).unwrap();
        let (gate, seen) = (Gate::new(), Arc::new(Mutex::new(HashSet::new())));
        let handles: Vec<_> = (0..20)
            .map(|_| {
                let (gate, seen) = (gate.clone(), seen.clone());
                pool.submit(move || {
                    seen.lock().unwrap().insert(thread::current().id());
                    gate.wait();
                })
            })
            .collect();
        until(|| seen.lock().unwrap().len() == 3);
        assert_eq!(pool.stats().threads, 3);
        gate.open();
        handles
            .into_iter()
            .for_each(|handle| handle.result().unwrap());
        assert_eq!(seen.lock().unwrap().len(), 3);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn c062_sequential_submits_use_one_thread() {
    watch(|| {
        let pool = ThreadPool::for_blocking(8).unwrap();
        for _ in 0..50 {
            // A growing pool has no reason to grow while its thread sleeps.
            let thread = pool.submit(common::thread_number).result().unwrap();
            until(|| common::is_asleep(thread));
        }
        assert_eq!(pool.stats().threads, 1);
    });
}

#[test]
fn c063_submit_after_shutdown_is_refused() {
    watch(|| {
        for how in [
            Shutdown::Finish,
            Shutdown::FinishWithin(Duration::ZERO),
            Shutdown::CancelQueued,
            Shutdown::Kill,
        ] {
            let pool = pool(2);
            pool.shutdown(how);
            let refused = pool.submit(|| ()).result().unwrap_err();
            assert!(is_refused(&refused, Refusal::Shutdown));
            let error = pool.try_submit(|| 5).unwrap_err();
            assert_eq!(error.why, Refusal::Shutdown);
            assert_eq!(error.into_task()(), 5);
            let many = pool.submit_many([|| 1, || 2]);
            assert!(many.into_iter().all(|h| h.state() == TaskState::Failed));
            let later = pool.submit_after(Duration::ZERO, || ());
            assert!(is_refused(&later.result().unwrap_err(), Refusal::Shutdown));
        }
    });
}

/// The documented outcome: what nobody waits for ends with the process.
#[test]
fn c064_process_exit_with_pending_tasks() {
    if common::role().is_some() {
        let pool = ThreadPool::global();
        let held = hold(pool);
        (0..100).for_each(|_| pool.submit(|| unreachable!("never reached")).detach());
        pool.submit_after(Duration::from_secs(60), || ()).detach();
        std::mem::forget(held);
        std::process::exit(7);
    }
    watch(|| {
        let output = common::child("c064_process_exit_with_pending_tasks", "exit", &[]);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
    });
}

/// Models: `jobs_published_while_the_last_two_fall_asleep_are_run`,
/// `a_job_submitted_while_the_pool_ends_is_run_or_cancelled` (src/thread/sleep).
#[test]
fn c066_shutdown_while_all_workers_wait_on_more_work() {
    watch(|| {
        for workers in [1, 2] {
            let pool = Arc::new(pool(workers));
            let (gate, go) = (Gate::new(), Gate::new());
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    let (inner, go) = (Arc::downgrade(&pool), go.clone());
                    running(&pool, &gate, move || {
                        // Before the shutdown: children that are still queued.
                        let pool = inner.upgrade().unwrap();
                        let children: Vec<_> = (0..10).map(|i| pool.submit(move || i)).collect();
                        drop(pool);
                        go.wait();
                        children
                            .into_iter()
                            .map(|child| child.result().unwrap())
                            .sum::<i32>()
                    })
                })
                .collect();
            gate.open();
            until(|| pool.stats().queued == 10 * workers);
            thread::scope(|scope| {
                let report = scope.spawn(|| pool.shutdown(Shutdown::Finish));
                let more = common::until_closed(&pool);
                go.open();
                assert_eq!(report.join().unwrap().finished, 11 * workers as u64 + more);
            });
            handles
                .into_iter()
                .for_each(|handle| assert_eq!(handle.result().unwrap(), 45));
        }
    });
}

/// Models: `a_task_submitted_during_shutdown_has_an_end` (src/thread).
#[test]
fn c067_cancel_queued_finishes_the_running_and_cancels_the_queue() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || 1);
        let queued: Vec<_> = (0..10).map(|i| pool.submit(move || i)).collect();
        // These are cancelled already: the shutdown has nothing to do with them.
        assert_eq!(queued[0].cancel(), Cancel::Prevented);
        let later = pool.submit_after(Duration::MAX, || ());
        let gone = pool.submit_after(Duration::MAX, || ());
        gone.cancel();
        let report = thread::scope(|scope| {
            let report = scope.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            for handle in queued {
                assert!(handle.result().unwrap_err().is_cancelled());
            }
            assert!(later.result().unwrap_err().is_cancelled());
            gate.open();
            report.join().unwrap()
        });
        assert_eq!(runs.result().unwrap(), 1);
        assert_eq!((report.finished, report.cancelled), (1, 10), "{report}");
        assert!(report.still_running.is_empty());
    });
}

#[test]
fn c068_finish_within_zero_returns_and_names_who_runs() {
    watch(|| {
        let pool = pool(1);
        let (gate, begun) = (Gate::new(), Gate::new());
        let (told, go) = (begun.clone(), gate.clone());
        let slow = move || {
            told.open();
            go.wait();
            current().unwrap().token().is_cancelled()
        };
        let runs = pool.submit(task(slow).named("slow"));
        begun.wait();
        let queued = pool.submit(|| ());
        let report = pool.shutdown(Shutdown::FinishWithin(Duration::ZERO));
        assert!(queued.result().unwrap_err().is_cancelled());
        let [who] = &report.still_running[..] else {
            panic!("one task runs: {report}");
        };
        assert_eq!((who.id, who.name.as_deref()), (runs.id(), Some("slow")));
        assert!(report.to_string().contains("slow"));
        gate.open();
        assert!(runs.result().unwrap(), "its token was cancelled");
    });
}

#[test]
fn c071_threads_are_gone_once_their_tasks_have_returned() {
    watch(|| {
        let exits = Tally::default();
        let count = exits.clone();
        let builder = ThreadPool::builder().workers(3);
        let pool = builder
            .on_worker_exit(move |_| drop(count.make()))
            .build()
            .unwrap();
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        let report = pool.shutdown(Shutdown::Kill);
        assert_eq!(report.still_running.len(), 1, "{report}");
        gate.open();
        runs.result().unwrap();
        until(|| pool.stats().threads == 0);
        assert_eq!(exits.made(), 3);
    });
}

#[test]
fn c072_the_end_of_the_block_waits_for_all() {
    watch(|| {
        let ran = Tally::default();
        {
            let pool = pool(2);
            for _ in 0..100 {
                let ran = ran.clone();
                pool.submit(move || drop(ran.make())).detach();
            }
        }
        assert_eq!(ran.made(), 100);
    });
}

#[test]
fn c073_drop_finishes_what_was_submitted_by_tasks_too() {
    fn countdown(pool: &Weak<ThreadPool>, ran: &Tally, n: usize) {
        drop(ran.make());
        if n > 0
            && let Some(strong) = pool.upgrade()
        {
            let (pool, ran) = (pool.clone(), ran.clone());
            strong
                .submit(move || countdown(&pool, &ran, n - 1))
                .detach();
        }
    }
    watch(|| {
        let (ran, exits) = (Tally::default(), Tally::default());
        let count = exits.clone();
        let builder = ThreadPool::builder().workers(2);
        let builder = builder.on_worker_exit(move |_| drop(count.make()));
        let pool = Arc::new(builder.build().unwrap());
        let (weak, count) = (Arc::downgrade(&pool), ran.clone());
        pool.submit(move || countdown(&weak, &count, 100))
            .result()
            .unwrap();
        until(|| ran.made() == 101);
        // A task may hold the last reference for an instant: then its worker drops.
        until(|| Arc::strong_count(&pool) == 1);
        drop(pool);
        assert_eq!(exits.made(), 2, "no worker is left");
    });
}

#[test]
#[ignore = "not applicable: Finish and drop wait (do them on another thread)"]
fn c074_shutdown_without_waiting() {}

#[test]
fn c076_threads_are_named() {
    watch(|| {
        let name = || thread::current().name().unwrap().to_owned();
        let named = ThreadPool::builder()
            .workers(2)
            .name("cook")
            .build()
            .unwrap();
        let names: HashSet<_> = (0..50)
            .map(|_| named.submit(name).result().unwrap())
            .collect();
        assert!(
            names.iter().all(|n| n == "cook-0" || n == "cook-1"),
            "{names:?}"
        );
        assert!(pool(1).submit(name).result().unwrap().ends_with("-0"));
        let odd = ThreadPool::builder()
            .workers(1)
            .name("a\0b")
            .build()
            .unwrap();
        assert_eq!(odd.submit(name).result().unwrap(), "ab-0");
    });
}

#[test]
fn c077_a_pool_made_in_another_pools_task_at_exit() {
    if common::role().is_some() {
        ThreadPool::global()
            .submit(|| {
                let inner = pool(1);
                inner.submit(thread::park).detach();
                inner.submit(|| ()).detach();
                std::mem::forget(inner);
            })
            .result()
            .unwrap();
        std::process::exit(8);
    }
    watch(|| {
        let output = common::child(
            "c077_a_pool_made_in_another_pools_task_at_exit",
            "exit",
            &[],
        );
        assert_eq!(output.status.code(), Some(8), "{output:?}");
    });
    watch(|| {
        let outer = pool(1);
        let inner = || pool(1).submit(|| 3).result().unwrap();
        assert_eq!(outer.submit(inner).result().unwrap(), 3);
    });
}

#[test]
fn c078_the_start_hook_runs_once_per_worker_before_any_task() {
    thread_local!(static HOOKED: AtomicUsize = const { AtomicUsize::new(0) });
    watch(|| {
        let starts = Arc::new(Mutex::new(Vec::new()));
        let list = starts.clone();
        let builder = ThreadPool::builder()
            .workers(3)
            .on_worker_start(move |index| {
                HOOKED.with(|count| count.fetch_add(1, SeqCst));
                list.lock().unwrap().push(index);
            });
        let pool = builder.build().unwrap();
        for _ in 0..200 {
            let hooked = || HOOKED.with(|count| count.load(SeqCst));
            assert_eq!(pool.submit(hooked).result().unwrap(), 1);
        }
        drop(pool);
        let mut starts = starts.lock().unwrap().clone();
        starts.sort_unstable();
        assert_eq!(starts, [0, 1, 2]);
    });
}

/// A thread pool has no initialiser that can fail: a start hook that panics is
/// contained, and the worker works.
#[test]
fn c079_a_panicking_start_hook_costs_no_task() {
    watch(|| {
        let builder = ThreadPool::builder().workers(2);
        let builder = builder.on_worker_start(|_| panic!("start hook, on purpose"));
        let pool = builder.build().unwrap();
        assert!((0..20).all(|i| pool.submit(move || i).result().unwrap() == i));
    });
}

#[test]
#[ignore = "process pool: not built yet"]
fn c079_a_failing_initializer_fails_the_pool() {}

#[test]
#[ignore = "process pool: not built yet"]
fn c080_a_failed_initializer_leaks_nothing() {}

#[test]
fn c081_the_active_count_never_overestimates() {
    watch(|| {
        let pool = pool(2);
        assert_eq!(pool.stats().running, 0);
        let gate = Gate::new();
        let one = running(&pool, &gate, || ());
        assert_eq!(pool.stats().running, 1);
        let two = running(&pool, &gate, || ());
        let queued = pool.submit(|| ());
        assert_eq!((pool.stats().running, pool.stats().queued), (2, 1));
        gate.open();
        [one, two, queued]
            .into_iter()
            .for_each(|h| h.result().unwrap());
        until(|| pool.stats().running == 0);
    });
}

#[test]
fn c082_the_finished_count_is_monotone_and_never_ahead() {
    watch(|| {
        let pool = pool(2);
        let ended = Arc::new(AtomicUsize::new(0));
        let mut last = 0;
        for _ in 0..2_000 {
            let ended = ended.clone();
            pool.submit(move || ended.fetch_add(1, SeqCst)).detach();
            let now = pool.stats().finished;
            assert!(now >= last, "{now} < {last}");
            last = now;
        }
        let stats = pool.stats();
        assert!(stats.finished <= ended.load(SeqCst) as u64, "{stats:?}");
        let report = pool.shutdown(Shutdown::Finish);
        assert_eq!((report.finished, pool.stats().finished), (2_000, 2_000));
    });
}

/// Models: `a_task_runs_or_is_cancelled_and_never_both` (src/task).
#[test]
fn c083_a_queued_task_can_be_removed_a_running_one_cannot() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        let queued = pool.submit(|| unreachable!());
        assert_eq!(
            (queued.cancel(), runs.cancel()),
            (Cancel::Prevented, Cancel::Asked)
        );
        gate.open();
        runs.result().unwrap();
        assert_eq!(pool.shutdown(Shutdown::Finish).finished, 1);
    });
}

#[test]
fn c084_cancelled_tasks_in_the_queue_hold_no_closure() {
    watch(|| {
        let (pool, captured) = (pool(1), Tally::default());
        let held = hold(&pool);
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let value = captured.make();
                pool.submit(move || drop(value))
            })
            .collect();
        for handle in &handles {
            handle.cancel();
        }
        assert_eq!(captured.dropped(), 100);
        assert_eq!(pool.stats().queued, 100, "empty shells, not yet found");
        held.release();
    });
}

fn limited(when_full: WhenFull) -> ThreadPool {
    let builder = ThreadPool::builder().workers(1).queue_limit(1, when_full);
    builder.build().unwrap()
}

#[test]
fn c086_a_full_queue_refuses() {
    watch(|| {
        let pool = limited(WhenFull::Refuse);
        let held = hold(&pool);
        let fits = pool.submit(|| 1);
        let full = pool.submit(|| 2).result().unwrap_err();
        assert!(is_refused(&full, Refusal::Full));
        let back = pool.try_submit(|| 3).unwrap_err();
        assert_eq!((back.why, back.into_task()()), (Refusal::Full, 3));
        held.release();
        assert_eq!(fits.result().unwrap(), 1);
        // There is room again.
        assert_eq!(pool.submit(|| 4).result().unwrap(), 4);
    });
    watch(|| {
        let pool = limited(WhenFull::Wait);
        let held = hold(&pool);
        let fits = pool.submit(|| 1);
        assert_eq!(pool.try_submit(|| 2).unwrap_err().why, Refusal::Full);
        let late = pool.submit_timeout(|| 3, Duration::from_millis(1));
        assert!(is_refused(&late.result().unwrap_err(), Refusal::Full));
        thread::scope(|scope| {
            let waits = scope.spawn(|| pool.submit(|| 4).result().unwrap());
            held.release();
            assert_eq!(waits.join().unwrap(), 4);
        });
        assert_eq!(fits.result().unwrap(), 1);
    });
}

#[test]
fn c086_a_shutdown_refuses_those_who_wait_for_room() {
    watch(|| {
        let pool = limited(WhenFull::Wait);
        let held = hold(&pool);
        pool.submit(|| ()).detach();
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| pool.submit(|| ()).result()))
                .collect();
            scope.spawn(|| pool.shutdown(Shutdown::FinishWithin(Duration::ZERO)));
            for waiter in waiters {
                let error = waiter.join().unwrap().unwrap_err();
                assert!(error.is_refused() || error.is_cancelled(), "{error}");
            }
            held.release();
        });
    });
}

#[test]
fn c087_run_here_runs_in_the_caller() {
    watch(|| {
        let pool = limited(WhenFull::RunHere);
        let held = hold(&pool);
        let fits = pool.submit(|| thread::current().id());
        let here = pool.submit(|| thread::current().id());
        assert!(here.is_finished());
        assert_eq!(here.result().unwrap(), thread::current().id());
        held.release();
        assert_ne!(fits.result().unwrap(), thread::current().id());
    });
    watch(|| {
        let here = Inline.submit(|| thread::current().id());
        assert_eq!(here.result().unwrap(), thread::current().id());
    });
}

#[test]
#[ignore = "not applicable: nothing queued is discarded; at the limit Refused(Full)"]
fn c088_discard_policies() {}

#[test]
fn c089_run_here_does_not_resurrect_a_shut_pool() {
    watch(|| {
        let pool = limited(WhenFull::RunHere);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        let queued = pool.submit(|| ());
        pool.shutdown(Shutdown::FinishWithin(Duration::ZERO));
        let error = pool.submit(|| ()).result().unwrap_err();
        assert!(is_refused(&error, Refusal::Shutdown));
        assert!(queued.result().unwrap_err().is_cancelled());
        gate.open();
        runs.result().unwrap();
    });
}

#[test]
fn c091_idle_workers_exit_and_the_next_submit_starts_one() {
    watch(|| {
        let builder = ThreadPool::builder().workers(4).on_demand(true);
        let pool = builder
            .keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        for _ in 0..3 {
            let gate = Gate::new();
            let all: Vec<_> = (0..4).map(|_| running(&pool, &gate, || ())).collect();
            assert_eq!(pool.stats().threads, 4);
            gate.open();
            all.into_iter().for_each(|handle| handle.result().unwrap());
            until(|| pool.stats().threads == 1);
        }
    });
}

/// The crew has let it go: it runs nothing itself, and others do.
#[test]
fn c091_the_exit_hook_of_an_idle_worker_may_wait_for_the_pool() {
    watch(|| {
        static POOL: OnceLock<ThreadPool> = OnceLock::new();
        static FIRST: AtomicUsize = AtomicUsize::new(0);
        let (tell, told) = channel();
        let builder = ThreadPool::builder().workers(2).on_demand(true);
        let builder = builder.keep_alive(Duration::from_millis(1));
        let pool = builder.on_worker_exit(move |_| {
            // The tasks below start threads, which retire too.
            if FIRST.fetch_add(1, SeqCst) > 0 {
                return;
            }
            let pool = POOL.get().unwrap();
            let me = thread::current().id();
            let other = move || thread::current().id() != me;
            let claimed = pool.submit(other).result();
            let limited = pool.submit(task(other).timeout(common::LIMIT * 9)).result();
            let _ = tell.send((claimed, limited));
        });
        POOL.set(pool.build().unwrap()).unwrap();
        let pool = POOL.get().unwrap();
        let gate = Gate::new();
        let both = [0, 1].map(|_| running(pool, &gate, || ()));
        gate.open();
        both.into_iter().for_each(|handle| handle.result().unwrap());
        let (claimed, limited) = told.recv().unwrap();
        assert!(claimed.unwrap() && limited.unwrap());
    });
}

#[test]
fn c092_a_task_that_was_given_back_may_be_submitted_again() {
    watch(|| {
        let pool = limited(WhenFull::Refuse);
        let held = hold(&pool);
        let fits = pool.submit(|| 0);
        let (captured, name) = (Tally::default(), "again");
        let value = captured.make();
        let work = task(move || drop(value)).named(name);
        let work = pool.try_submit(work).unwrap_err().into_task();
        assert_eq!(captured.dropped(), 0);
        held.release();
        fits.result().unwrap();
        let handle = pool.try_submit(work).expect("there is room");
        assert_eq!(handle.name(), Some(name), "its options came back too");
        handle.result().unwrap();
        assert_eq!(captured.dropped(), 1);
    });
}

#[test]
fn c093_finish_within_a_limit_on_a_busy_pool() {
    watch(|| {
        let pool = pool(2);
        let gate = Gate::new();
        let busy = running(&pool, &gate, || ());
        let quick = pool.submit(|| 2);
        let report = pool.shutdown(Shutdown::FinishWithin(Duration::from_millis(20)));
        let ids: Vec<_> = report.still_running.iter().map(|info| info.id).collect();
        assert_eq!(ids, [busy.id()]);
        // One CPU may leave the quick one no time: then it was cancelled.
        assert!(quick.result().is_ok_and(|two| two == 2) || report.cancelled == 1);
        gate.open();
        busy.result().unwrap();
    });
}

#[test]
fn c094_close_drain_stop_in_that_order() {
    watch(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let exits = log.clone();
        let builder = ThreadPool::builder().workers(1);
        let builder = builder.on_worker_exit(move |_| exits.lock().unwrap().push("exit"));
        let pool = builder.build().unwrap();
        let gate = Gate::new();
        let list = log.clone();
        let runs = running(&pool, &gate, move || list.lock().unwrap().push("running"));
        let list = log.clone();
        pool.submit(move || list.lock().unwrap().push("queued"))
            .detach();
        thread::scope(|scope| {
            let first = scope.spawn(|| pool.shutdown(Shutdown::Finish));
            let second = scope.spawn(|| pool.shutdown(Shutdown::Finish));
            let more = common::until_closed(&pool);
            log.lock().unwrap().push("closed");
            gate.open();
            let (first, second) = (first.join().unwrap(), second.join().unwrap());
            assert_eq!((first.finished, second.finished), (2 + more, 2 + more));
            assert_eq!(pool.shutdown(Shutdown::Kill).finished, 2 + more);
        });
        runs.result().unwrap();
        drop(pool);
        assert_eq!(
            *log.lock().unwrap(),
            ["closed", "running", "queued", "exit"]
        );
    });
}

#[test]
fn c094_two_tasks_shut_their_own_pool_down() {
    watch(|| {
        for round in 0..20 {
            let pool = Arc::new(pool(2));
            let (gate, how) = (Gate::new(), Shutdown::Finish);
            let tasks = [0, 1].map(|_| {
                let pool = pool.clone();
                running(&pool.clone(), &gate, move || {
                    pool.shutdown(how).still_running.len()
                })
            });
            gate.open();
            if round % 2 == 0 {
                pool.shutdown(how);
            }
            for handle in tasks {
                // They name each other, and themselves: they run.
                assert!(handle.result().unwrap() <= 2);
            }
        }
    });
}

#[test]
fn c094_an_exit_hook_may_shut_the_pool_down() {
    watch(|| {
        static POOL: OnceLock<ThreadPool> = OnceLock::new();
        let builder = ThreadPool::builder().workers(2);
        let builder =
            builder.on_worker_exit(|_| drop(POOL.get().unwrap().shutdown(Shutdown::Finish)));
        POOL.set(builder.build().unwrap()).unwrap();
        assert_eq!(POOL.get().unwrap().shutdown(Shutdown::Finish).finished, 0);
    });
}

/// A hook is no search for work: while it lasts, others are woken.
#[test]
fn c078_a_slow_start_hook_keeps_nobody_from_working() {
    watch(|| {
        let gate = Gate::new();
        let slow = gate.clone();
        let builder = ThreadPool::builder()
            .workers(2)
            .on_worker_start(move |index| {
                if index == 0 {
                    slow.wait();
                }
            });
        let pool = builder.build().unwrap();
        for _ in 0..100 {
            pool.submit(|| ()).result().unwrap();
            // Long enough for the other worker to fall asleep.
            until(|| pool.stats().running == 0);
            (0..200).for_each(|_| thread::yield_now());
        }
        gate.open();
    });
}

/// A report that looks at a task keeps nobody from cancelling it.
#[test]
fn c068_kill_reaches_a_task_that_is_being_looked_at() {
    watch(|| {
        let over = Gate::new();
        let looker = thread::spawn({
            let over = over.clone();
            move || {
                while !over.is_open() {
                    drop(raddle::dump());
                }
            }
        });
        for _ in 0..300 {
            let pool = pool(1);
            let begun = Gate::new();
            let told = begun.clone();
            let waits = pool.submit(move || {
                let token = current().unwrap().token().clone();
                told.open();
                token.wait();
            });
            begun.wait();
            pool.shutdown(Shutdown::Kill);
            waits.result().unwrap();
        }
        over.open();
        looker.join().unwrap();
    });
}

#[test]
#[ignore = "no hooks around each task yet (k2 in docs/limitations.md)"]
fn c095_hooks_before_and_after_each_task() {}

#[test]
fn c096_shutdown_cancels_what_is_not_yet_due() {
    watch(|| {
        for how in [
            Shutdown::Finish,
            Shutdown::FinishWithin(Duration::MAX),
            Shutdown::CancelQueued,
            Shutdown::Kill,
        ] {
            let pool = pool(1);
            let later = pool.submit_after(Duration::from_secs(3600), || ());
            assert_eq!(pool.shutdown(how).cancelled, 1);
            assert!(later.result().unwrap_err().is_cancelled());
        }
        let pool = pool(1);
        let later = pool.submit_after(Duration::from_secs(3600), || ());
        drop(pool);
        assert!(later.result().unwrap_err().is_cancelled());
    });
}

#[test]
#[ignore = "no periodic tasks"]
fn c096_shutdown_and_periodic_tasks() {}

#[test]
fn c097_a_huge_delay_stops_nothing() {
    watch(|| {
        let pool = pool(1);
        let never = pool.submit_after(Duration::MAX, || ());
        let centuries = pool.submit_after(Duration::from_secs(1 << 40), || ());
        let soon = pool.submit_after(Duration::from_nanos(1), || 1);
        let now = pool.submit_after(Duration::ZERO, || 2);
        assert_eq!(soon.result().unwrap() + now.result().unwrap(), 3);
        assert_eq!(pool.stats().delayed, 2);
        assert_eq!(never.cancel(), Cancel::Prevented);
        drop(pool);
        assert!(centuries.result().unwrap_err().is_cancelled());
    });
}

/// A task that was cancelled, or whose limit has passed, is not kept until it
/// would have been due; and it is counted once.
#[test]
fn what_has_ended_does_not_wait_until_it_is_due() {
    const HOUR: Duration = Duration::from_secs(3600);
    watch(|| {
        let pool = pool(1);
        let kept: Vec<_> = (0..10).map(|_| pool.submit_after(HOUR, || ())).collect();
        for at in 0..100_000 {
            let later = pool.submit_after(HOUR, || ());
            match at % 3 {
                0 => drop(later.cancel_on_drop()),
                _ => assert_eq!(later.cancel(), Cancel::Prevented),
            }
        }
        let stats = pool.stats();
        assert!((10..2_000).contains(&stats.delayed), "{stats:?}");
        assert_eq!(stats.cancelled, 100_010 - stats.delayed as u64);
        for _ in 0..1_000 {
            let overdue = task(|| ()).deadline(Instant::now());
            pool.submit_after(HOUR, overdue).wait();
        }
        let stats = pool.stats();
        assert!((10..2_000).contains(&stats.delayed), "{stats:?}");
        assert!(stats.expired > 0, "{stats:?}");
        let counted = stats.cancelled + stats.expired + stats.delayed as u64;
        assert_eq!(counted, 101_010);
        assert!(kept.iter().all(|handle| !handle.is_finished()));
    });
}

#[test]
#[ignore = "no periodic tasks"]
fn c098_the_rate_is_kept() {}

/// Drop while unwinding cancels the queue, and waits for what runs.
#[test]
fn c073_drop_while_unwinding_cancels_the_queue() {
    watch(|| {
        let (gate, ran) = (Gate::new(), Tally::default());
        let (queued, go, count) = (channel(), gate.clone(), ran.clone());
        let outcome = std::panic::catch_unwind(move || {
            let pool = pool(1);
            running(&pool, &go, || ()).detach();
            let handle = pool.submit(move || drop(count.make()));
            handle.on_done(move |_| go.open());
            queued.0.send(handle).unwrap();
            panic!("unwinding, on purpose");
        });
        assert!(outcome.is_err());
        let handle = queued.1.recv().unwrap();
        assert!(handle.result().unwrap_err().is_cancelled());
        assert_eq!(ran.made(), 0);
    });
}
