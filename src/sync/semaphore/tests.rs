//! The bound of the fast mode, to the unit; and who is user code and where.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The documented bound: so many newcomers pass the first in line, and not one
/// more.
#[test]
fn exactly_so_many_newcomers_pass_the_first() {
    let seats = Semaphore::new(2);
    let seat = seats.acquire().unwrap();
    let mut both = seats.acquire_many_async(2);
    assert!(poll(&mut both).is_pending());
    for passed in 0..Semaphore::OVERTAKES_MAX {
        assert!(seats.try_acquire().is_ok(), "{passed} have passed");
    }
    for _ in 0..3 {
        assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::NotNow);
    }
    // Who is next is passed by no more.
    let mut next = seats.acquire_many_async(2);
    assert!(poll(&mut next).is_pending());
    drop(both);
    for _ in 0..Semaphore::OVERTAKES_MAX {
        assert!(seats.try_acquire().is_ok());
    }
    assert!(seats.try_acquire().is_err());
    drop(seat);
    assert!(matches!(poll(&mut next), Poll::Ready(Ok(_))));
}

#[test]
fn nobody_passes_the_line_of_a_fair_one() {
    let seats = Semaphore::fair(2);
    let seat = seats.acquire().unwrap();
    let mut both = seats.acquire_many_async(2);
    assert!(poll(&mut both).is_pending());
    assert_eq!(seats.available(), 1);
    assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::NotNow);
    drop((seat, both));
    assert_eq!(seats.drain().map(|all| all.count()), Some(2));
}

/// Uses the semaphore wherever a waker's code runs: under the lock it would
/// hang.
struct Meddler(Arc<Semaphore>, AtomicUsize);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, SeqCst);
        let _ = self.0.waiting();
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let _ = self.0.waiting();
    }
}

#[test]
fn wakers_run_outside_of_the_lock() {
    for seats in [Semaphore::new(1), Semaphore::fair(1)] {
        let seats = Arc::new(seats);
        let waker = || Waker::from(Arc::new(Meddler(seats.clone(), AtomicUsize::new(0))));
        let seat = seats.acquire().unwrap();
        let mut waits = seats.acquire_async();
        for _ in 0..3 {
            let waker = waker();
            let mut context = Context::from_waker(&waker);
            assert!(Pin::new(&mut waits).poll(&mut context).is_pending());
        }
        drop(seat);
        let mut context = Context::from_waker(Waker::noop());
        let seat = Pin::new(&mut waits).poll(&mut context);
        assert!(seat.is_ready());
        let mut dropped = seats.acquire_async();
        let waker = waker();
        assert!((Pin::new(&mut dropped).poll(&mut Context::from_waker(&waker))).is_pending());
        drop(waker);
        drop(dropped);
    }
}
