//! What the tests outside of the crate cannot see: tasks that nobody runs, and
//! the lists of waiters.

use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use super::super::{Claim, Job, Origin, accept};
use super::*;
use crate::primitive::fork::NO_POOL;

/// A task that nobody has run.
fn queued<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> (Job, Handle<R>) {
    let origin = Origin {
        site: Location::caller(),
        pool: NO_POOL,
        claim: Claim::Nobody,
    };
    accept(f, origin)
}

fn has_entries<T>(handle: &Handle<T>) -> bool {
    let task = handle.task();
    let state = &task.header().state;
    let Some(list) = state.take_list() else {
        return false;
    };
    let has_entries = list.oldest().is_some();
    assert!(state.put_back(list).is_ok());
    has_entries
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn waiting_again_and_again_leaves_nothing_behind() {
    let (_job, handle) = queued(|| ());
    for _ in 0..20_000 {
        assert!(!wait(
            [&handle],
            When::FirstDone,
            Some(Duration::from_nanos(1))
        ));
    }
    assert!(!wait(
        [&handle, &handle],
        When::FirstError,
        Some(Duration::from_millis(1))
    ));
    assert!(!has_entries(&handle));
}

#[test]
fn dropping_the_iterator_detaches_and_leaves_nothing_behind() {
    let (job, handle) = queued(|| 7);
    let mut tasks = as_completed([((), handle)]);
    assert!(tasks.next_timeout(Duration::ZERO).is_err());
    let inbox = Arc::downgrade(&tasks.inbox);
    drop(tasks);
    assert!(inbox.upgrade().is_none());
    let _ = job.run(&());
}

#[test]
fn a_dropped_next_async_loses_nothing() {
    let (job, handle) = queued(|| 7);
    let mut tasks = as_completed([("a", handle)]);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(pin!(tasks.next_async()).poll(&mut context).is_pending());
    let _ = job.run(&());
    assert_eq!(count.0.load(SeqCst), 1);
    match pin!(tasks.next_async()).poll(&mut context) {
        Poll::Ready(Some(("a", Ok(7)))) => {}
        other => panic!("{other:?}"),
    }
    drop(tasks);
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn a_waker_that_panics_when_dropped_stays_inside() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a waker's destructor");
        }
    }
    let (_job, handle) = queued(|| 7);
    let mut tasks = as_completed([((), handle)]);
    let waker = Waker::from(Arc::new(Bomb));
    let mut context = Context::from_waker(&waker);
    assert!(tasks.poll_next(&mut context).is_pending());
    std::mem::forget(waker);
    let other = Waker::noop();
    assert!(
        tasks
            .poll_next(&mut Context::from_waker(other))
            .is_pending()
    );
}

#[test]
fn slots_are_used_again_and_unclaimed_keys_do_not_pile_up() {
    let mut tasks = as_completed([]);
    for n in 0..10_000 {
        let (job, handle) = queued(move || n);
        tasks.add(n, handle);
        let _ = job.run(&());
        assert_eq!(tasks.next().unwrap().1.unwrap(), n);
    }
    assert!(format!("{tasks:?}").contains("left: 0"));
    assert!(tasks.sizes() <= (1, 4));
}

#[test]
fn a_job_that_is_lost_is_yielded_as_cancelled() {
    let (job, handle) = queued(|| 7);
    let mut tasks = as_completed([(1, handle)]);
    drop(job);
    assert!(tasks.next().unwrap().1.unwrap_err().is_cancelled());
}
