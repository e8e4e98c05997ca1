//! What we fear of futures that a whole pool drives.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::super::{Shutdown, ThreadPool};
use super::{Letter, build, pool, signal};
use crate::primitive::model::run::{Model, rest_in_one_order};
use crate::primitive::{Mutex, Parker, thread};
use crate::task::{Cancel, Handle};

/// A future that is pending once; its waker comes out when it was polled.
struct Once {
    waker: Mutex<Option<Waker>>,
    is_polled: Arc<Parker>,
    letter: Arc<Letter>,
}

impl Once {
    fn spawn(pool: &ThreadPool) -> (Arc<Self>, Handle<u32>) {
        let once = Arc::new(Self {
            waker: Mutex::new(None),
            is_polled: signal(),
            letter: Letter::new(),
        });
        let (inner, mut is_first) = (once.clone(), true);
        let handle = pool.spawn_async(poll_fn(move |context| {
            if std::mem::take(&mut is_first) {
                *inner.waker.lock() = Some(context.waker().clone());
                inner.is_polled.unpark();
                return Poll::Pending;
            }
            Poll::Ready(inner.letter.read())
        }));
        (once, handle)
    }

    /// The waker of a future that was polled, or still is.
    fn waker(&self) -> Waker {
        self.is_polled.park();
        self.waker.lock().take().unwrap()
    }
}

/// Fear: a wake-up during a poll, which calls nobody, is seen by nobody; or the poll
/// after it does not see what came before it.
/// Must fail when: the wake-up is forgotten.
/// Bound: 3 preemptions, a pool of one; 2 in the quick tier.
#[test]
fn a_future_woken_as_its_poll_ends_is_polled_by_its_pool() {
    Model::new("thread::a_future_woken_as_its_poll_ends_is_polled_by_its_pool")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (once, handle) = Once::spawn(&pool);
            let waker = once.waker();
            once.letter.write();
            waker.wake();
            assert_eq!(handle.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: the pool ends though a future waits, and the wake-up comes to nothing.
/// Must fail when: the end looks at queues and threads only.
/// Bound: 3 preemptions, a pool of one and who wakes; 2 in the quick tier.
#[test]
fn a_pool_that_finishes_waits_for_a_future_that_is_woken_then() {
    Model::new("thread::a_pool_that_finishes_waits_for_a_future_that_is_woken_then")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (once, handle) = Once::spawn(&pool);
            let waker = once.waker();
            let other = thread::spawn(String::from("other"), None, move || {
                once.letter.write();
                waker.wake();
            });
            pool.shutdown(Shutdown::Finish);
            assert_eq!(handle.result().unwrap(), 42);
            other.unwrap().join().unwrap();
            pool.is_quiet();
        });
}

/// Fear: the last future is cancelled from outside when all threads are parked, and
/// nobody is left to end the pool.
/// Must fail when: who takes the last future away does not look.
/// Bound: 3 preemptions, a pool of one and who cancels; 2 in the quick tier.
#[test]
fn a_future_cancelled_as_its_pool_finishes_lets_it_end() {
    Model::new("thread::a_future_cancelled_as_its_pool_finishes_lets_it_end")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = build(1, 1);
            let (once, handle) = Once::spawn(&pool);
            let waker = once.waker();
            let other = thread::spawn(String::from("other"), None, move || {
                let cancel = handle.cancel();
                assert_ne!(cancel, Cancel::TooLate);
                assert!(handle.result().unwrap_err().is_cancelled());
            });
            pool.shutdown(Shutdown::Finish);
            other.unwrap().join().unwrap();
            rest_in_one_order();
            drop((once, waker));
            pool.is_quiet();
        });
}

/// Fear: a shutdown that cancels misses a future that is woken or polled at that
/// moment, or counts it twice; or uses what is gone.
/// Must fail when: what is taken from the list is not held.
/// Bound: 3 preemptions, a pool of one and who wakes; 2 in the quick tier.
#[test]
fn a_future_woken_as_its_pool_cancels_is_over() {
    Model::new("thread::a_future_woken_as_its_pool_cancels_is_over")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (once, handle) = Once::spawn(&pool);
            let waker = once.waker();
            let other = thread::spawn(String::from("other"), None, {
                let once = once.clone();
                move || {
                    once.letter.write();
                    waker.wake_by_ref();
                    waker
                }
            });
            let report = pool.shutdown(Shutdown::CancelQueued);
            let counts = (report.finished, report.cancelled);
            match handle.result() {
                Ok(letter) => assert_eq!((letter, counts), (42, (1, 0))),
                Err(error) => assert!(error.is_cancelled() && counts == (0, 1)),
            }
            drop(other.unwrap().join().unwrap());
            pool.is_quiet();
        });
}

/// Fear: a shutdown that cancels comes as a future is polled: nobody tells the poll,
/// and the pool waits for a wake-up that does not come.
/// Must fail when: the list is left alone; the end of a poll does not look.
/// Bound: 4 preemptions, a pool of one; 2 in the quick tier.
#[test]
fn a_future_polled_as_its_pool_cancels_is_over() {
    Model::new("thread::a_future_polled_as_its_pool_cancels_is_over")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (once, handle) = Once::spawn(&pool);
            let report = pool.shutdown(Shutdown::CancelQueued);
            assert_eq!((report.finished, report.cancelled), (0, 1));
            assert!(handle.result().unwrap_err().is_cancelled());
            drop(once.waker.lock().take());
            pool.is_quiet();
        });
}
