//! Known ways for futures and handles to fail (the H rows), each provoked on
//! real threads. The races are also models; the comments name them.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{CountWaker, Gate, Tally, hold, pool, running, until, watch, watch_all};
use raddle::{
    Cancel, CancellationToken, Handle, Inline, Shutdown, TaskError, TaskGroup, TaskState,
    ThreadPool, When, WhenFull, as_completed, block_on, block_on_timeout, current, task, wait,
};

/// Longer than any test.
const LATER: Duration = Duration::from_secs(3600);

const EVERY_LIMIT: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Models: `a_task_runs_or_is_cancelled_and_never_both`,
/// `two_cancels_drop_the_closure_once` (src/task).
#[test]
fn h01_a_task_is_cancelled_or_runs_never_both() {
    watch(|| {
        let pool = pool(2);
        let (mut prevented, mut ran) = (0, 0);
        for round in 0..3_000 {
            let count = Arc::new(AtomicUsize::new(0));
            let inside = count.clone();
            let handle = pool.submit(move || inside.fetch_add(1, SeqCst));
            (0..round % 64 * 60).for_each(|_| std::hint::spin_loop());
            // Two who cancel: at most one prevents.
            let (one, two) = thread::scope(|scope| match round % 8 {
                0 => {
                    let other = scope.spawn(|| handle.cancel());
                    (handle.cancel(), other.join().unwrap())
                }
                _ => (handle.cancel(), Cancel::TooLate),
            });
            assert!(one != Cancel::Prevented || two != Cancel::Prevented);
            let cancelled = [one, two].contains(&Cancel::Prevented);
            assert_eq!(handle.result().is_err(), cancelled);
            assert_eq!(count.load(SeqCst), usize::from(!cancelled));
            prevented += usize::from(cancelled);
            ran += usize::from(!cancelled);
        }
        println!("{prevented} prevented, {ran} ran");
    });
}

/// Models: `the_result_comes_with_what_the_task_wrote` (src/task).
#[test]
fn h02_no_waiter_sleeps_after_the_end() {
    watch(|| {
        let pool = pool(1);
        for round in 0..2_000 {
            let start = Arc::new(Barrier::new(2));
            let meet = start.clone();
            let handle = pool.submit(move || {
                meet.wait();
                round
            });
            start.wait();
            (0..round % 40).for_each(|_| std::hint::spin_loop());
            assert_eq!(handle.result().unwrap(), round);
        }
    });
}

/// Models: `a_waiter_that_gives_up_while_the_task_ends_is_told_or_gone`,
/// `a_waiter_that_leaves_hands_the_wake_up_on` (src/task). Under the address
/// sanitizer this is where an entry left in the list would be seen.
#[test]
fn h03_a_wait_that_times_out_at_the_end_leaves_no_entry() {
    watch(|| {
        let pool = pool(2);
        let (mut early, mut late) = (0, 0);
        for round in 0..1_500_u64 {
            let handle = pool.submit(move || {
                (0..round % 100).for_each(|_| std::hint::spin_loop());
                vec![round; 3]
            });
            let limit = Duration::from_nanos(round * 37 % 20_000);
            // Several entries in one list: the middle one leaves as well.
            thread::scope(|scope| {
                if round % 10 == 0 {
                    scope.spawn(|| handle.wait());
                    scope.spawn(|| handle.wait_timeout(limit));
                }
                handle.wait_timeout(limit / 2);
            });
            let value = match handle.result_timeout(limit) {
                Ok(value) => {
                    early += 1;
                    value
                }
                Err(handle) => {
                    late += 1;
                    handle.result()
                }
            };
            assert_eq!(value.unwrap(), vec![round; 3]);
        }
        println!("{early} in time, {late} too late");
    });
}

#[test]
fn h04_duplicates_in_one_wait_hang_nobody() {
    watch_all(|backend| {
        let (one, two) = (backend.submit(|| 1), backend.submit(|| 2));
        for when in [When::FirstDone, When::AllDone, When::FirstError] {
            assert!(wait([&one, &one, &two, &one], when, None));
        }
        assert_eq!(one.result().unwrap() + two.result().unwrap(), 3);
    });
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        assert!(!wait([&runs; 5], When::AllDone, Some(Duration::ZERO)));
        assert!(!wait(
            [&runs; 5],
            When::FirstDone,
            Some(Duration::from_nanos(1))
        ));
        gate.open();
        assert!(wait([&runs; 5], When::AllDone, None));
    });
}

fn poll_with<T>(handle: &mut Handle<T>, waker: &Waker) -> Poll<Result<T, raddle::TaskError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

/// Models: `the_latest_waker_is_the_one_that_is_woken`,
/// `an_await_racing_with_the_end_gets_the_result` (src/task).
#[test]
fn h05_the_waker_of_the_last_poll_is_woken_and_no_other() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let mut handle = running(&pool, &gate, || 1);
        let wakers: Vec<_> = (0..3).map(|_| CountWaker::new()).collect();
        for (_, waker) in &wakers {
            assert!(poll_with(&mut handle, waker).is_pending());
        }
        gate.open();
        until(|| wakers[2].0.count() == 1);
        assert_eq!(wakers[0].0.count() + wakers[1].0.count(), 0);
        let Poll::Ready(value) = poll_with(&mut handle, &wakers[0].1) else {
            panic!("it was woken");
        };
        assert_eq!(value.unwrap(), 1);
    });
    watch(|| {
        // The change of wakers races with the end: the last one must be told.
        let pool = pool(1);
        for round in 0..2_000 {
            let mut handle = pool.submit(move || round);
            let mut last = None;
            for _ in 0..4 {
                let (count, waker) = CountWaker::new();
                match poll_with(&mut handle, &waker) {
                    Poll::Pending => last = Some(count),
                    Poll::Ready(value) => {
                        assert_eq!(value.unwrap(), round);
                        last = None;
                        break;
                    }
                }
            }
            if let Some(count) = last {
                until(|| count.count() == 1);
                assert_eq!(block_on(handle).unwrap(), round);
            }
        }
    });
}

#[test]
fn h07_a_waker_may_outlive_its_block_on() {
    watch(|| {
        let kept = Mutex::new(Vec::new());
        let keep = std::future::poll_fn(|context| {
            kept.lock().unwrap().push(context.waker().clone());
            context.waker().wake_by_ref();
            if kept.lock().unwrap().len() > 3 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        thread::scope(|scope| {
            let ended = scope.spawn(|| {
                block_on(keep);
                let never = std::future::poll_fn(|context| {
                    kept.lock().unwrap().push(context.waker().clone());
                    Poll::<()>::Pending
                });
                block_on_timeout(never, Duration::from_nanos(1)).unwrap_err();
            });
            ended.join().unwrap();
        });
        // The thread is gone, and its parker lives as long as its wakers.
        for waker in kept.into_inner().unwrap() {
            waker.wake_by_ref();
            thread::spawn(move || waker.wake()).join().unwrap();
        }
    });
}

#[test]
fn h07_a_stale_token_is_only_a_spurious_wake_up() {
    watch(|| {
        let (_, waker) = CountWaker::new();
        drop(waker);
        let mut kept = None;
        block_on(std::future::poll_fn(|context| {
            kept = Some(context.waker().clone());
            Poll::Ready(())
        }));
        let (pool, gate, kept) = (pool(1), Gate::new(), kept.unwrap());
        let handle = running(&pool, &gate, || 9);
        // Wakes this thread before each wait: none returns early.
        kept.wake_by_ref();
        assert!(!handle.wait_timeout(Duration::from_millis(1)));
        kept.wake_by_ref();
        assert!(!CancellationToken::new().wait_timeout(Duration::from_millis(1)));
        kept.wake();
        gate.open();
        assert_eq!(handle.result().unwrap(), 9);
    });
}

/// Models: `a_callback_added_while_the_task_ends_is_called_once` (src/task).
#[test]
fn h08_a_callback_is_called_once_whoever_ends_the_task() {
    watch(|| {
        let pool = pool(2);
        for round in 0..1_500 {
            let calls = Tally::default();
            let handle = pool.submit(|| ());
            let add = || {
                let calls = calls.clone();
                handle.on_done(move |state| {
                    assert!(matches!(state, TaskState::Finished | TaskState::Cancelled));
                    drop(calls.make());
                });
            };
            thread::scope(|scope| {
                if round % 8 == 0 {
                    scope.spawn(add);
                }
                add();
                if round % 2 == 0 {
                    handle.cancel();
                }
                add();
            });
            handle.wait();
            let expected = if round % 8 == 0 { 3 } else { 2 };
            until(|| calls.made() == expected);
            drop(handle);
            assert_eq!(calls.made(), expected);
        }
    });
}

#[test]
fn h09_extreme_limits_everywhere() {
    watch(|| {
        let past = Instant::now();
        let far = past
            .checked_add(Duration::from_secs(1 << 40))
            .unwrap_or(past + common::LIMIT * 9);
        // Nothing comes: short limits end, and end with "no".
        let token = CancellationToken::new();
        for limit in &EVERY_LIMIT[..2] {
            let pool = pool(1);
            let gate = Gate::new();
            let mut handle = running(&pool, &gate, || Ok::<_, raddle::TaskError>(()));
            assert!(!handle.wait_timeout(*limit) && !handle.wait_deadline(past));
            handle = handle.result_timeout(*limit).unwrap_err();
            handle = handle.flat_result_timeout(*limit).unwrap_err();
            handle = handle.flat_result_deadline(past).unwrap_err();
            assert!(!wait([&handle], When::FirstDone, Some(*limit)));
            assert!(!token.wait_timeout(*limit) && !token.wait_deadline(past));
            assert!(block_on_timeout(pin!(std::future::pending::<()>()), *limit).is_err());
            let mut completed = as_completed([((), handle)]);
            assert!(completed.next_timeout(*limit).is_err());
            assert!(completed.next_deadline(past).is_err());
            gate.open();
            assert!(completed.next_timeout(Duration::MAX).unwrap().is_some());
            until(|| CancellationToken::with_timeout(*limit).is_cancelled());
        }
        // Something comes: endless limits wait for it.
        let pool = pool(2);
        let quick = || pool.submit(|| Ok::<_, raddle::TaskError>(1));
        for at in [far, past + LATER] {
            assert!(quick().wait_deadline(at));
            assert!(quick().result_deadline(at).is_ok_and(|value| value.is_ok()));
            assert!(quick().flat_result_deadline(at).is_ok());
            let child = CancellationToken::with_deadline(at).child_with_deadline(far);
            let tied = pool.submit(task(|| 1).deadline(at).cancelled_by(&child));
            assert_eq!(tied.result().unwrap(), 1);
            assert_eq!(pool.submit_deadline(|| 1, at).result().unwrap(), 1);
        }
        assert!(quick().wait_timeout(Duration::MAX));
        assert!(wait([&quick()], When::AllDone, Some(Duration::MAX)));
        assert!(block_on_timeout(quick(), Duration::MAX).is_ok());
        assert!(!CancellationToken::with_timeout(Duration::MAX).is_cancelled());
        let mut group = TaskGroup::new(&pool).deadline(far);
        group.submit(|| 1);
        assert_eq!(group.all().unwrap(), [1]);
        let mapped = pool.map(0..3, |i| i).deadline(far);
        assert_eq!(mapped.map(Result::unwrap).sum::<i32>(), 3);
        for limit in EVERY_LIMIT {
            let pool = ThreadPool::builder()
                .workers(1)
                .queue_limit(1, WhenFull::Wait);
            let pool = pool.keep_alive(limit).build().unwrap();
            assert_eq!(pool.submit_timeout(|| 1, limit).result().unwrap(), 1);
            let held = hold(&pool);
            pool.submit(|| ()).detach();
            if limit != Duration::MAX {
                let full = pool.submit_timeout(|| (), limit).result().unwrap_err();
                assert!(full.is_refused());
                assert!(
                    pool.submit_deadline(|| (), past)
                        .result()
                        .unwrap_err()
                        .is_refused()
                );
            }
            let delayed = pool.submit_after(limit, || ());
            held.release();
            if limit != Duration::MAX {
                delayed.result().unwrap();
            }
            pool.shutdown(Shutdown::FinishWithin(limit));
        }
    });
}

#[test]
fn h09_extreme_limits_of_a_group_that_has_no_room() {
    watch(|| {
        let past = Instant::now();
        let pool = pool(2);
        let is_full = |outcome: Result<(), raddle::SubmitError<fn() -> i32>>| {
            assert_eq!(outcome.unwrap_err().why, raddle::Refusal::Full);
        };
        let one: fn() -> i32 = || 1;
        let mut group = TaskGroup::new(&pool).limit(1);
        let gate = Gate::new();
        let go = gate.clone();
        group.submit(move || {
            go.wait();
            1
        });
        for limit in &EVERY_LIMIT[..2] {
            is_full(group.submit_timeout(one, *limit));
        }
        is_full(group.submit_deadline(one, past));
        assert_eq!(group.len(), 1, "what was refused has no place");
        // An endless limit waits for the room that comes.
        thread::scope(|scope| {
            let waits = scope.spawn(|| group.submit_timeout(one, Duration::MAX).is_ok());
            gate.open();
            assert!(waits.join().unwrap());
        });
        group.submit_deadline(one, past + LATER).unwrap();
        assert_eq!(group.all().unwrap(), [1, 1, 1]);
        // Where there is room, nobody waits for it.
        let mut group = TaskGroup::new(&pool);
        for limit in EVERY_LIMIT {
            group.submit_timeout(one, limit).unwrap();
        }
        group.submit_deadline(one, past).unwrap();
        assert_eq!(group.all().unwrap(), [1; 4]);
    });
}

#[test]
fn h09_extreme_limits_of_each_item_of_a_map() {
    fn until_asked(_: i32) {
        current().unwrap().token().wait();
    }
    watch(|| {
        let (pool, past) = (pool(2), Instant::now());
        for (limit, chunk) in [(0, 1), (0, 2), (1, 1), (1, 3)] {
            let limit = Duration::from_nanos(limit);
            // Each runs until its limit strikes, if it starts at all.
            let map = pool.map(0..6, until_asked).timeout_each(limit);
            let map = map.chunk(chunk);
            assert_eq!(map.filter(timed_out).count(), 6);
            let map = pool.map(0..6, until_asked).timeout_each(limit);
            assert_eq!(map.chunk(chunk).unordered().filter(timed_out).count(), 6);
            let inline = Inline.map(0..6, until_asked).timeout_each(limit);
            assert_eq!(inline.chunk(chunk).filter(timed_out).count(), 6);
        }
        // So many times the longest limit does not overflow.
        for chunk in [1, 3, usize::MAX] {
            let map = pool.map(0..6, |n| n).timeout_each(Duration::MAX);
            assert_eq!(map.chunk(chunk).map(Result::unwrap).sum::<i32>(), 15);
            let map = pool.map(0..6, |n| n).timeout_each(Duration::MAX);
            let map = map.chunk(chunk).unordered();
            assert_eq!(map.map(Result::unwrap).sum::<i32>(), 15);
            let inline = Inline.map(0..6, |n| n).timeout_each(Duration::MAX);
            assert_eq!(inline.chunk(chunk).map(Result::unwrap).sum::<i32>(), 15);
        }
        // With a deadline that has passed, nothing is pulled.
        for limit in EVERY_LIMIT {
            let map = pool.map(0..6, until_asked).timeout_each(limit);
            assert_eq!(map.deadline(past).count(), 0);
        }
        // Beside a deadline to come, the earlier of the two counts.
        let map = pool.map(0..6, until_asked).timeout_each(Duration::ZERO);
        assert_eq!(map.deadline(past + LATER).filter(timed_out).count(), 6);
        let map = pool.map(0..6, until_asked).timeout_each(Duration::MAX);
        let map = map.deadline(Instant::now() + Duration::from_millis(1));
        assert!(map.into_iter().all(|result| timed_out(&result)));
    });
}

fn timed_out<T>(result: &Result<T, TaskError>) -> bool {
    result.as_ref().is_err_and(TaskError::is_timed_out)
}

/// Every wait with a limit, to its end.
#[cfg(target_os = "linux")]
fn every_timed_wait() {
    const SOON: Duration = Duration::from_millis(10);
    let soon = || Instant::now() + SOON;
    let (pool, gate) = (Arc::new(pool(1)), Gate::new());
    let builder = ThreadPool::builder().workers(1).keep_alive(SOON);
    let full = builder.queue_limit(1, WhenFull::Wait).build().unwrap();
    let held = hold(&full);
    full.submit(|| ()).detach();
    let wait_for = |pool: &ThreadPool| {
        let mut handle = running(pool, &gate, || Ok::<_, TaskError>(()));
        assert!(!handle.wait_timeout(SOON) && !handle.wait_deadline(soon()));
        handle = handle.result_timeout(SOON).unwrap_err();
        handle = handle.result_deadline(soon()).unwrap_err();
        handle = handle.flat_result_timeout(SOON).unwrap_err();
        handle = handle.flat_result_deadline(soon()).unwrap_err();
        for when in [When::FirstDone, When::FirstError, When::AllDone] {
            assert!(!wait([&handle], when, Some(SOON)));
        }
        let token = CancellationToken::new();
        assert!(!token.wait_timeout(SOON) && !token.wait_deadline(soon()));
        CancellationToken::with_timeout(SOON).wait();
        token.child_with_deadline(soon()).wait();
        assert!(block_on_timeout(pin!(std::future::pending::<()>()), SOON).is_err());
        assert!(block_on_timeout(&mut handle, SOON).is_err());
        let mut completed = as_completed([((), handle)]);
        assert!(completed.next_timeout(SOON).is_err());
        assert!(completed.next_deadline(soon()).is_err());
    };
    // Outside of a pool, and on a worker, whose place a spare takes.
    wait_for(&pool);
    gate.open();
    let gate = Gate::new();
    let (inner, go) = (pool.clone(), gate.clone());
    let waits = pool.submit(move || {
        let handle = inner.submit(move || go.wait());
        assert!(!handle.wait_timeout(SOON));
        assert!(!wait([&handle], When::AllDone, Some(SOON)));
        assert!(!CancellationToken::new().wait_timeout(SOON));
    });
    waits.result().unwrap();
    // For room.
    assert!(full.submit_timeout(|| (), SOON).result().is_err());
    assert!(full.submit_deadline(|| (), soon()).result().is_err());
    let mut group = TaskGroup::new(&*pool).deadline(soon());
    let go = gate.clone();
    group.submit(move || go.wait());
    assert_eq!(
        group.settle().iter().filter(|one| timed_out(one)).count(),
        1
    );
    let mut group = TaskGroup::new(&*pool).limit(1);
    let go = gate.clone();
    group.submit(move || go.wait());
    assert!(group.submit_timeout(|| (), SOON).is_err());
    assert!(group.submit_deadline(|| (), soon()).is_err());
    gate.open();
    group.all().unwrap();
    // By the timer.
    let until_asked = |_| current().unwrap().token().wait();
    let map = pool.map(0..2, until_asked).timeout_each(SOON);
    assert_eq!(map.filter(timed_out).count(), 2);
    // On a busy machine the time is up before the first item.
    let map = pool.map(0..2, until_asked).deadline(soon());
    assert!(map.into_iter().all(|one| timed_out(&one)));
    assert!(timed_out(
        &pool
            .submit(task(move || until_asked(0)).timeout(SOON))
            .result()
    ));
    assert!(timed_out(
        &pool
            .submit(task(move || until_asked(0)).deadline(soon()))
            .result()
    ));
    pool.submit_after(SOON, || ()).result().unwrap();
    // At the end: a spare's patience and a shutdown's.
    thread::sleep(2 * SOON);
    let report = full.shutdown(Shutdown::FinishWithin(SOON));
    assert_eq!(report.still_running.len(), 1);
    held.release();
}

/// A step of the wall clock must not reach a wait: no system call that waits
/// with a limit names that clock.
#[cfg(target_os = "linux")]
#[test]
fn h10_no_timed_wait_is_on_the_wall_clock() {
    const NAME: &str = "h10_no_timed_wait_is_on_the_wall_clock";
    if common::role().is_some() {
        // Before the parent's watchdog, so that nobody is left behind.
        return common::watch_for(common::LIMIT / 2, every_timed_wait);
    }
    watch(|| {
        let strace = || std::process::Command::new("strace");
        // It may be missing, or not be allowed to look.
        let tried = strace().args(["-f", "-e", "trace=futex", "true"]).output();
        if !tried.is_ok_and(|output| output.status.success()) {
            common::skipped("h10: strace is not installed, or may not trace");
            return;
        }
        let log = format!("h10-{}.txt", std::process::id());
        let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(log);
        let mut traced = strace();
        traced.args(["-f", "-e", "trace=futex", "-o"]).arg(&log);
        traced.arg(std::env::current_exe().unwrap());
        traced.args(["--exact", NAME, "--nocapture", "--test-threads=1"]);
        let output = traced.env("RADDLE_CHILD", "waits").output().unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        assert!(output.status.success(), "{output:?}");
        // Without a limit there is NULL; glibc joins threads so, with any clock.
        let timed: Vec<_> = text
            .lines()
            .filter(|line| line.contains("tv_sec"))
            .collect();
        println!("{} waits with a limit", timed.len());
        assert!(timed.len() >= 20, "too few to be all of them:\n{text}");
        for line in timed {
            assert!(!line.contains("FUTEX_CLOCK_REALTIME"), "{line}");
        }
    });
}

#[test]
fn h10_no_wall_clock_in_the_sources() {
    fn look(folder: &std::path::Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for clock in ["SystemTime", "CLOCK_REALTIME"] {
                assert!(!text.contains(clock), "{clock} in {}", path.display());
            }
        }
    }
    look(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
}
