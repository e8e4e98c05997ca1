//! What handles and promises must do: rows C001 to C033.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use common::{CountWaker, Gate, Tally, asleep, hold, pool, running, until, watch, watch_all};
use raddle::{
    Cancel, CancellationToken, Handle, Inline, Refusal, Task as _, TaskError, TaskState,
    ThreadPool, as_completed, block_on, current, task,
};

/// Adds a callback that sends what it is called with.
fn states<T>(handle: &Handle<T>) -> std::sync::mpsc::Receiver<(TaskState, thread::ThreadId)> {
    let (send, receive) = channel();
    handle.on_done(move |state| {
        let _ = send.send((state, thread::current().id()));
    });
    receive
}

fn message(error: &TaskError) -> &str {
    match error {
        TaskError::Panicked(panic) => panic.message(),
        other => panic!("not a panic: {other}"),
    }
}

// C001 to C003. Models: `a_callback_added_while_the_task_ends_is_called_once` (src/task).

#[test]
fn c001_callback_added_while_pending_runs_once() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let handle = pool.submit(|| 1);
        let calls = states(&handle);
        assert!(calls.try_recv().is_err(), "it is pending");
        held.release();
        assert_eq!(calls.recv().unwrap().0, TaskState::Finished);
        // The callback is gone, so nobody can call it again.
        assert!(calls.recv().is_err());
        assert_eq!(handle.result().unwrap(), 1);
    });
}

#[test]
fn c002_callback_of_a_panicked_task_sees_panicked() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let handle = pool.submit(|| panic!("broken on purpose"));
        let calls = states(&handle);
        held.release();
        assert_eq!(calls.recv().unwrap().0, TaskState::Panicked);
        assert!(calls.recv().is_err());
        assert_eq!(message(&handle.result().unwrap_err()), "broken on purpose");
    });
}

#[test]
fn c003_callback_of_a_cancelled_task_sees_cancelled() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let handle = pool.submit(|| ());
        let calls = states(&handle);
        assert_eq!(handle.cancel(), Cancel::Prevented);
        // In the thread that cancels, before `cancel` returns.
        assert_eq!(
            calls.try_recv(),
            Ok((TaskState::Cancelled, thread::current().id()))
        );
        assert!(calls.recv().is_err());
        held.release();
    });
}

#[test]
fn c004_a_panicking_callback_stops_nobody() {
    watch(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let pool = ThreadPool::builder()
            .workers(1)
            .on_panic(move |panic| list.lock().unwrap().push(panic.message().to_owned()))
            .build()
            .unwrap();
        let worker = pool.submit(|| thread::current().id()).result().unwrap();
        let held = hold(&pool);
        let handle = pool.submit(|| ());
        handle.on_done(|_| panic!("callback, on purpose"));
        let later = states(&handle);
        held.release();
        assert_eq!(later.recv().unwrap().0, TaskState::Finished);
        let after = pool.submit(|| thread::current().id()).result().unwrap();
        assert_eq!(after, worker, "the worker lives");
        drop(pool);
        assert_eq!(*told.lock().unwrap(), ["callback, on purpose"]);
    });
}

#[test]
fn c005_callback_on_a_finished_handle_runs_at_once_here() {
    watch_all(|backend| {
        let handle = backend.submit(|| ());
        handle.wait();
        let call = states(&handle).try_recv().unwrap();
        assert_eq!(call, (TaskState::Finished, thread::current().id()));
    });
}

#[test]
fn c006_callback_on_a_failed_handle_runs_at_once_here() {
    watch_all(|backend| {
        let handle = backend.submit(|| panic!("on purpose"));
        handle.wait();
        let call = states(&handle).try_recv().unwrap();
        assert_eq!(call, (TaskState::Panicked, thread::current().id()));
        assert!(handle.result().is_err());
    });
}

#[test]
fn c007_callback_on_a_cancelled_handle_runs_at_once_here() {
    watch_all(|backend| {
        let token = CancellationToken::new();
        token.cancel();
        let handle = backend.submit(task(|| ()).cancelled_by(&token));
        handle.wait();
        let call = states(&handle).try_recv().unwrap();
        assert_eq!(call, (TaskState::Cancelled, thread::current().id()));
    });
}

#[test]
fn c008_a_panicking_immediate_callback_changes_nothing() {
    watch_all(|backend| {
        let handle = backend.submit(|| 7);
        handle.wait();
        handle.on_done(|_| panic!("on purpose"));
        assert_eq!(handle.state(), TaskState::Finished);
        assert_eq!(handle.result().unwrap(), 7);
    });
}

/// Models: `a_task_runs_or_is_cancelled_and_never_both` (src/task).
#[test]
fn c009_cancel_says_what_it_came_to() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || 1);
        let queued = pool.submit(|| 2);
        assert_eq!(runs.cancel(), Cancel::Asked);
        assert_eq!(runs.cancel(), Cancel::Asked);
        assert_eq!(queued.cancel(), Cancel::Prevented);
        assert_eq!(queued.cancel(), Cancel::TooLate);
        assert_eq!(queued.kill(), Cancel::TooLate);
        gate.open();
        runs.wait();
        assert_eq!(runs.cancel(), Cancel::TooLate);
        assert_eq!(runs.result().unwrap(), 1);
        assert!(queued.result().unwrap_err().is_cancelled());
    });
}

#[test]
fn c009_cancel_on_inline_is_too_late() {
    watch(|| assert_eq!(Inline.submit(|| ()).cancel(), Cancel::TooLate));
}

#[test]
fn c010_state_and_is_finished_agree() {
    fn agree<T>(handle: &Handle<T>, state: TaskState) {
        assert_eq!(handle.state(), state);
        assert_eq!(handle.is_finished(), state.is_final(), "{state:?}");
    }
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || ());
        let queued = pool.submit(|| ());
        let cancelled = pool.submit(|| ());
        let late = pool.submit(task(|| ()).deadline(Instant::now()));
        agree(&runs, TaskState::Running);
        agree(&queued, TaskState::Queued);
        cancelled.cancel();
        agree(&cancelled, TaskState::Cancelled);
        gate.open();
        late.wait();
        agree(&late, TaskState::TimedOut);
        queued.wait();
        runs.wait();
        agree(&runs, TaskState::Finished);
        pool.shutdown(raddle::Shutdown::Finish);
        agree(&pool.submit(|| ()), TaskState::Failed);
    });
    watch_all(|backend| {
        let ends = backend.submit(|| ());
        ends.wait();
        agree(&ends, TaskState::Finished);
        let panics = backend.submit(|| panic!("on purpose"));
        panics.wait();
        agree(&panics, TaskState::Panicked);
        drop(panics.result());
        let late = backend.submit(task(|| ()).deadline(Instant::now()));
        late.wait();
        agree(&late, TaskState::TimedOut);
    });
}

#[test]
fn c011_a_zero_limit_gives_the_handle_back() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || 1);
        let queued = pool.submit(|| 2);
        let runs = runs.result_timeout(Duration::ZERO).unwrap_err();
        let queued = queued.result_timeout(Duration::ZERO).unwrap_err();
        assert!(!queued.wait_timeout(Duration::ZERO));
        gate.open();
        assert_eq!(runs.result().unwrap() + queued.result().unwrap(), 3);
    });
}

#[test]
fn c012_a_blocked_result_is_released_by_the_value() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let handle = running(&pool, &gate, || "value");
        let waiter = asleep(move || handle.result().unwrap());
        gate.open();
        assert_eq!(waiter.join().unwrap(), "value");
    });
}

#[test]
fn c013_a_blocked_result_is_released_by_a_cancel() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let token = CancellationToken::new();
        let handle = pool.submit(task(|| ()).cancelled_by(&token));
        let waiter = asleep(move || handle.result());
        token.cancel();
        assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
        held.release();
    });
}

#[test]
fn c014_an_error_comes_out_of_result_timeout() {
    watch_all(|backend| {
        let handle = backend.submit(|| panic!("on purpose"));
        let outcome = handle.result_timeout(Duration::MAX).expect("it ends");
        assert_eq!(message(&outcome.unwrap_err()), "on purpose");
    });
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let handle = running(&pool, &gate, || panic!("on purpose"));
        let handle = handle.result_timeout(Duration::ZERO).unwrap_err();
        gate.open();
        assert!(handle.result_timeout(Duration::MAX).unwrap().is_err());
    });
}

/// A task that says that it runs, outlives its limit, and then calls `end`.
fn overdue<T: Send + 'static>(
    pool: &ThreadPool,
    end: impl FnOnce() -> T + Send + 'static,
) -> Handle<T> {
    let late = move || {
        // The token is cancelled when the limit strikes.
        current().unwrap().token().wait();
        end()
    };
    pool.submit(late.timeout(Duration::from_millis(1)))
}

/// Models: `a_limit_that_strikes_while_the_task_runs_resolves_it_once`,
/// `limit_end_and_drop_free_once` (src/task).
#[test]
fn c015_a_late_value_is_refused_and_dropped_once() {
    watch(|| {
        let (pool, values) = (pool(1), Tally::default());
        let (gate, make) = (Gate::new(), values.clone());
        let go = gate.clone();
        let handle = overdue(&pool, move || {
            go.wait();
            make.make()
        });
        handle.wait();
        let calls = states(&handle);
        assert_eq!(handle.state(), TaskState::TimedOut);
        gate.open();
        pool.shutdown(raddle::Shutdown::Finish);
        assert_eq!((values.made(), values.dropped()), (1, 1));
        assert_eq!(calls.iter().count(), 1);
        let error = handle.result().unwrap_err();
        assert!(error.is_timed_out(), "the first outcome stays: {error}");
        assert_eq!(pool.stats().overdue, 1);
    });
}

#[test]
fn c016_a_late_panic_is_refused() {
    watch(|| {
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let builder = ThreadPool::builder().workers(1);
        let builder = builder.on_panic(move |_| {
            count.fetch_add(1, SeqCst);
        });
        let pool = builder.build().unwrap();
        let handle = overdue(&pool, || panic!("late, on purpose"));
        assert!(handle.result().unwrap_err().is_timed_out());
        drop(pool);
        assert_eq!(told.load(SeqCst), 1, "nobody else will read it");
    });
}

/// Models: `a_task_runs_or_is_cancelled_and_never_both`,
/// `two_cancels_drop_the_closure_once` (src/task).
#[test]
fn c017_cancelled_before_the_start_never_runs_and_drops_at_once() {
    watch(|| {
        let (pool, captured) = (pool(1), Tally::default());
        let held = hold(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let (count, value) = (ran.clone(), captured.make());
        let handle = pool.submit(move || {
            count.fetch_add(1, SeqCst);
            drop(value);
        });
        assert_eq!(handle.cancel(), Cancel::Prevented);
        assert_eq!(captured.dropped(), 1, "before anybody reaches the queue");
        held.release();
        drop(pool);
        assert_eq!((ran.load(SeqCst), captured.dropped()), (0, 1));
    });
}

#[test]
fn c018_cancel_after_the_end_leaves_the_value() {
    watch_all(|backend| {
        let handle = backend.submit(|| 5);
        handle.wait();
        assert_eq!(handle.cancel(), Cancel::TooLate);
        assert_eq!(handle.result().unwrap(), 5);
    });
}

#[test]
fn c020_cancel_of_a_running_task_sets_only_its_token() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let looks = running(&pool, &gate, || current().unwrap().token().is_cancelled());
        assert_eq!(looks.cancel(), Cancel::Asked);
        assert_eq!(looks.state(), TaskState::Running);
        gate.open();
        assert!(looks.result().unwrap(), "it found its token cancelled");
        let gate = Gate::new();
        let ignores = running(&pool, &gate, || "undisturbed");
        assert_eq!(ignores.cancel(), Cancel::Asked);
        gate.open();
        assert_eq!(ignores.result().unwrap(), "undisturbed");
    });
}

#[test]
fn c021_what_the_task_did_is_seen_by_its_waiter() {
    watch_all(|backend| {
        for round in 0..500 {
            // Not atomic: the wait alone orders it (ThreadSanitizer looks too).
            let mut text = vec![0_usize; 8];
            let handle = backend.submit(move || {
                text.fill(round);
                text
            });
            assert_eq!(handle.result().unwrap(), vec![round; 8]);
        }
    });
}

#[test]
fn c022_a_timed_waiter_is_released_by_a_cancel() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let token = CancellationToken::new();
        let handle = pool.submit(task(|| ()).cancelled_by(&token));
        let waiter = asleep(move || handle.result_timeout(common::LIMIT * 2));
        token.cancel();
        let outcome = waiter.join().unwrap().expect("not the limit");
        assert!(outcome.unwrap_err().is_cancelled());
        held.release();
    });
}

#[test]
fn c023_a_panic_surfaces_as_an_error_value() {
    watch_all(|backend| {
        let error = backend
            .submit(|| panic!("on purpose {}", 1))
            .result()
            .unwrap_err();
        assert_eq!(message(&error), "on purpose 1");
    });
}

#[test]
fn c024_extreme_limits_neither_overflow_nor_return_early() {
    watch(|| {
        let pool = pool(1);
        let gate = Gate::new();
        let mut handle = running(&pool, &gate, || 3);
        let past = Instant::now();
        for limit in [Duration::ZERO, Duration::from_nanos(1)] {
            assert!(!handle.wait_timeout(limit));
            handle = handle.result_timeout(limit).unwrap_err();
        }
        assert!(!handle.wait_deadline(past));
        let handle = handle.result_deadline(past).unwrap_err();
        thread::scope(|scope| {
            let waits = scope.spawn(|| handle.wait_timeout(Duration::MAX));
            gate.open();
            assert!(waits.join().unwrap());
        });
        assert_eq!(handle.result_timeout(Duration::MAX).unwrap().unwrap(), 3);
    });
    watch_all(|backend| {
        let past = Instant::now();
        assert_eq!(
            backend
                .submit(task(|| 1).timeout(Duration::MAX))
                .result()
                .unwrap(),
            1
        );
        for late in [
            backend.submit(task(|| 1).deadline(past)),
            backend.submit(task(|| 1).timeout(Duration::ZERO)),
        ] {
            assert!(late.result().unwrap_err().is_timed_out());
        }
    });
}

#[test]
#[ignore = "no periodic tasks"]
fn c025_a_cancelled_periodic_task_never_fires_again() {}

#[test]
#[ignore = "not applicable: handles are owned, not Clone"]
fn c026_take_twice() {}

#[test]
fn c027_next_timeout_zero_gives_only_finished_handles() {
    watch(|| {
        let pool = pool(2);
        let gate = Gate::new();
        let runs = running(&pool, &gate, || 1);
        let ended = pool.submit(|| 2);
        ended.wait();
        let mut completed = as_completed([("runs", runs), ("ended", ended)]);
        let (name, value) = completed.next_timeout(Duration::ZERO).unwrap().unwrap();
        assert_eq!((name, value.unwrap()), ("ended", 2));
        assert!(completed.next_timeout(Duration::ZERO).is_err());
        assert_eq!(completed.len(), 1);
        gate.open();
        assert_eq!(completed.next().unwrap().0, "runs");
    });
}

#[test]
fn c028_a_result_is_freed_with_its_handle() {
    watch_all(|backend| {
        let values = Tally::default();
        let make = values.clone();
        let handle = backend.submit(move || make.make());
        handle.wait();
        assert_eq!((values.made(), values.dropped()), (1, 0));
        drop(handle);
        assert_eq!(values.dropped(), 1, "while the pool lives");
    });
}

/// Models: `an_awaited_handle_dropped_while_its_task_ends_keeps_no_waker` (src/task).
#[test]
fn c031_poll_then_drop_the_handle_then_the_task_ends() {
    watch(|| {
        let (pool, values) = (pool(1), Tally::default());
        let (gate, make) = (Gate::new(), values.clone());
        let mut handle = running(&pool, &gate, move || make.make());
        let (calls, waker) = CountWaker::new();
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut handle).poll(&mut context).is_pending());
        assert_eq!(Arc::strong_count(&calls), 3);
        drop(handle);
        assert_eq!(Arc::strong_count(&calls), 2, "the waker was given back");
        gate.open();
        drop(pool);
        assert_eq!(calls.count(), 0, "nobody was woken");
        assert_eq!((values.made(), values.dropped()), (1, 1));
    });
}

/// Models: `a_handle_dropped_while_its_task_ends_frees_once` (src/task).
#[test]
fn c032_handle_dropped_while_the_task_is_scheduled() {
    watch(|| {
        let (pool, values) = (pool(2), Tally::default());
        for _ in 0..5_000 {
            let (captured, make) = (values.make(), values.clone());
            drop(pool.submit(move || {
                drop(captured);
                make.make()
            }));
        }
        drop(pool);
        assert_eq!((values.made(), values.dropped()), (10_000, 10_000));
    });
}

/// Models: `a_task_runs_or_is_cancelled_and_never_both` (src/task).
#[test]
fn c033_cancel_all_while_they_complete() {
    watch(|| {
        let pool = pool(2);
        for _ in 0..50 {
            let (ran, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let handles: Vec<_> = (0..100)
                .map(|_| {
                    let (ran, calls) = (ran.clone(), calls.clone());
                    let handle = pool.submit(move || ran.fetch_add(1, SeqCst));
                    handle.on_done(move |_| {
                        calls.fetch_add(1, SeqCst);
                    });
                    handle
                })
                .collect();
            let prevented = (handles.iter().rev())
                .filter(|handle| handle.cancel() == Cancel::Prevented)
                .count();
            let outcomes: Vec<_> = handles.into_iter().map(Handle::result).collect();
            let cancelled = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            assert_eq!(cancelled, prevented);
            assert_eq!(ran.load(SeqCst), 100 - prevented);
            until(|| calls.load(SeqCst) == 100);
        }
    });
}

#[test]
fn c013_a_refused_handle_has_its_error_at_once() {
    watch(|| {
        let pool = pool(1);
        pool.shutdown(raddle::Shutdown::Finish);
        let error = pool.submit(|| ()).result().unwrap_err();
        assert!(matches!(error, TaskError::Refused(Refusal::Shutdown)));
    });
}

/// The outcome is gone, but how the task ended is not.
#[test]
fn a_handle_awaited_by_reference_keeps_its_state() {
    watch_all(|backend| {
        let mut fine = backend.submit(|| 1);
        assert_eq!(block_on(&mut fine).unwrap(), 1);
        let mut bad = backend.submit(|| -> i32 { panic!("on purpose") });
        assert!(block_on(&mut bad).is_err());
        assert_eq!(fine.state(), TaskState::Finished);
        assert_eq!(bad.state(), TaskState::Panicked);
        let seen = Arc::new(Mutex::new(None));
        let told = seen.clone();
        bad.on_done(move |state| *told.lock().unwrap() = Some(state));
        assert_eq!(*seen.lock().unwrap(), Some(TaskState::Panicked));
        assert!(matches!(bad.result(), Err(TaskError::Cancelled)));
        assert!(matches!(fine.result(), Err(TaskError::Cancelled)));
    });
}
