//! Whom a list tells first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake as Wakeable;

use super::*;
use crate::primitive::now;

/// A waker that looks whether a thread has its token, and how many were told.
struct Looks {
    thread: Arc<Parker>,
    found: AtomicUsize,
    told: Arc<AtomicUsize>,
}

const NOT_TOLD: usize = usize::MAX;

impl Wakeable for Looks {
    fn wake(self: Arc<Self>) {
        let had_token = self.thread.park_until(Some(now()));
        assert!(had_token, "the thread waits for a waker");
        let told = self.told.fetch_add(1, Ordering::SeqCst);
        self.found.store(told, Ordering::SeqCst);
    }
}

/// Gathers for a future.
struct Gathers(Waker);

impl Collect for Gathers {
    fn collect(&self, key: usize) -> Option<Waker> {
        assert_eq!(key, 3);
        Some(self.0.clone())
    }
}

/// A future came first, then a callback, a collector for another future, and two
/// threads. The threads are told first, and no future waits for the callback.
#[test]
fn threads_are_told_before_wakers_and_wakers_before_callbacks() {
    let told = Arc::new(AtomicUsize::new(0));
    let looks = || {
        Arc::new(Looks {
            thread: Arc::new(Parker::new()),
            found: AtomicUsize::new(NOT_TOLD),
            told: Arc::clone(&told),
        })
    };
    let (first, second) = (looks(), looks());
    let called = Arc::new(AtomicUsize::new(NOT_TOLD));
    let call = {
        let (called, told) = (called.clone(), told.clone());
        move |outcome| {
            assert_eq!(outcome, 7);
            called.store(told.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
        }
    };

    let gathers = Arc::new(Gathers(second.clone().into()));
    let threads = [first.thread.clone(), second.thread.clone()].map(Waiter::for_thread);
    let oldest_first = [
        Waiter::boxed(Wake::Future(first.clone().into())),
        Waiter::boxed(Wake::Call(Box::new(call))),
        Waiter::boxed(Wake::Collect(gathers, 3)),
        &threads[0],
        &threads[1],
    ];
    let mut newest = List::EMPTY;
    for entry in oldest_first {
        entry.set_next(newest);
        newest = List::from_addr(entry.addr());
    }
    let panics = newest.notify(7);

    assert_eq!(panics.len(), 0);
    assert!(threads.iter().all(Waiter::is_done));
    let order = [&first.found, &second.found, &called].map(|at| at.load(Ordering::SeqCst));
    assert_eq!(order, [0, 1, 2]);
}
