//! Those who wait: threads with and without a limit, futures, callbacks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::*;
use crate::primitive::Parker;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::unmodelled::AtomicU64;
use crate::wait::block_on;

const LATER: Duration = Duration::from_secs(1);

/// Fear: a waiter whose time is up takes its entry out while the notifier has
/// it: it leaves its frame too early, or is lost.
/// Must fail when: `done` is not released or acquired.
/// Bound: none, two threads.
#[test]
fn a_waiter_that_gives_up_while_the_task_ends_is_told_or_gone() {
    model("task::a_waiter_that_gives_up_while_the_task_ends_is_told_or_gone")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            match handle.result_timeout(LATER) {
                Ok(result) => result.unwrap().0.read(),
                Err(handle) => drop(handle),
            }
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a waiter that leaves has the list in its hands when the task ends,
/// and the one that stays is never woken.
/// Must fail when: `put_back` forgets the rest.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_waiter_that_leaves_hands_the_wake_up_on() {
    model("task::a_waiter_that_leaves_hands_the_wake_up_on")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let handle = Arc::new(handle);
            let worker = start(move || run(job));
            let shared = Arc::clone(&handle);
            let leaver = start(move || {
                shared.wait_timeout(LATER);
            });
            handle.wait();
            desk.0.read();
            leaver.join().unwrap();
            worker.join().unwrap();
            drop(handle);
            desk.is_cleared();
        });
}

/// Fear: an await that races with the end is never woken, or sees no result.
/// Must fail when: a waiter is pushed on a task that has ended; the push is
/// not released.
/// Bound: none, two threads.
#[test]
fn an_await_racing_with_the_end_gets_the_result() {
    model("task::an_await_racing_with_the_end_gets_the_result")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            block_on(handle).unwrap().0.read();
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Wakes a parker, and counts.
struct Bell {
    parker: Arc<Parker>,
    rings: AtomicU64,
}

impl Bell {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            parker: Parker::current(),
            rings: AtomicU64::new(0),
        })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rings.fetch_add(1, Relaxed);
        self.parker.unpark();
    }
}

/// Fear: the waker has changed between two polls, and the old one is woken.
/// Must fail when: a second poll leaves the first one's entry as it is.
/// Bound: none, two threads; 3 preemptions in the quick tier.
#[test]
fn the_latest_waker_is_the_one_that_is_woken() {
    model("task::the_latest_waker_is_the_one_that_is_woken")
        .unbounded()
        .quick(3)
        .check(|| {
            let desk = Desk::new();
            let (job, mut handle) = queued(desk.task());
            let worker = start(move || run(job));
            let (first, last) = (Bell::new(), Bell::new());
            let mut poll = |bell: &Arc<Bell>| {
                let waker = Waker::from(Arc::clone(bell));
                Pin::new(&mut handle).poll(&mut Context::from_waker(&waker))
            };
            let mut polled = poll(&first);
            if polled.is_pending() {
                polled = poll(&last);
            }
            if polled.is_pending() {
                while last.rings.load(Relaxed) == 0 {
                    last.parker.park();
                }
                polled = poll(&last);
            }
            match polled {
                Poll::Ready(result) => result.unwrap().0.read(),
                Poll::Pending => panic!("woken, and not ready"),
            }
            drop(handle);
            worker.join().unwrap();
            assert_eq!(Arc::strong_count(&last), 1, "a waker leaks");
            assert_eq!(Arc::strong_count(&first), 1, "a waker leaks");
            desk.is_cleared();
        });
}

/// Fear: an awaited handle is dropped while its task ends: the entry is freed
/// twice, or its waker is kept.
/// Must fail when: the drop leaves the entry in the list of a task that lives
/// on.
/// Bound: none, two threads.
#[test]
fn an_awaited_handle_dropped_while_its_task_ends_keeps_no_waker() {
    model("task::an_awaited_handle_dropped_while_its_task_ends_keeps_no_waker")
        .unbounded()
        .quick(3)
        .check(|| {
            let desk = Desk::new();
            let (job, mut handle) = queued(desk.task());
            let bell = Bell::new();
            let waker = Waker::from(Arc::clone(&bell));
            let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            drop(waker);
            let worker = start(move || run(job));
            drop(handle);
            worker.join().unwrap();
            assert_eq!(Arc::strong_count(&bell), 1, "a waker leaks");
            desk.is_cleared();
        });
}

/// Fear: a handle leaves a callback behind, and whoever runs the task takes it for
/// nobody's.
/// Must fail when: a task without a handle is a task that nobody waits for.
/// Bound: unbounded, two threads.
#[test]
fn a_callback_is_called_though_its_handle_leaves() {
    model("task::a_callback_is_called_though_its_handle_leaves")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            let calls = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&calls);
            handle.on_done(move |_| {
                count.fetch_add(1, Relaxed);
            });
            drop(handle);
            worker.join().unwrap();
            assert_eq!(calls.load(Relaxed), 1);
            desk.is_cleared();
        });
}

/// Fear: a callback added while the task ends is called twice, or never.
/// Must fail when: it is pushed on a task that has ended.
/// Bound: none, two threads.
#[test]
fn a_callback_added_while_the_task_ends_is_called_once() {
    model("task::a_callback_added_while_the_task_ends_is_called_once")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            let calls = Arc::new(AtomicU64::new(0));
            let (count, seen) = (Arc::clone(&calls), desk.clone());
            handle.on_done(move |state| {
                assert_eq!(state, TaskState::Finished);
                seen.0.read();
                count.fetch_add(1, Relaxed);
            });
            handle.result().unwrap().0.read();
            worker.join().unwrap();
            assert_eq!(calls.load(Relaxed), 1);
            desk.is_cleared();
        });
}

/// Fear: the task is cancelled while somebody falls asleep waiting for it.
/// Must fail when: the cancel does not acquire the entries.
/// Bound: none, two threads.
#[test]
fn a_waiter_of_a_task_that_is_cancelled_is_woken() {
    model("task::a_waiter_of_a_task_that_is_cancelled_is_woken")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let queue = start(move || drop(job));
            assert!(handle.result().is_err_and(|error| error.is_cancelled()));
            queue.join().unwrap();
            desk.is_cleared();
        });
}
