//! Models of waiting for many tasks.

use std::panic::Location;
use std::sync::Arc;

use super::super::{Claim, Handle, Job, Origin, accept};
use super::*;
use crate::primitive::UnsafeCell;
use crate::primitive::fork::NO_POOL;
use crate::primitive::model::run::Model;
use crate::primitive::thread;
use crate::wait::waiter::List;

/// A task that has not run.
fn queued<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> (Job, Handle<R>) {
    let origin = Origin {
        site: Location::caller(),
        pool: NO_POOL,
        claim: Claim::Nobody,
    };
    accept(f, origin)
}

fn run(job: Job) -> thread::JoinHandle<()> {
    let spawned = thread::spawn(String::from("runner"), None, move || {
        let _ = job.run(&());
    });
    spawned.unwrap()
}

/// Fear: two ends at once, and one is lost, or comes twice, or sleeps for ever;
/// or the result of a task is not seen.
/// Must fail when: the sleeper is left after the look; only a later key wakes.
/// Bound: three threads, 3 preemptions; 2 in the quick tier.
#[test]
fn two_ends_racing_with_the_consumer_come_once_each() {
    Model::new("collect::two_ends_racing_with_the_consumer_come_once_each")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (one, first) = queued(|| UnsafeCell::new(1_u32));
            let (two, second) = queued(|| UnsafeCell::new(2_u32));
            let mut tasks = as_completed([(1, first), (2, second)]);
            let runners = [run(one), run(two)];
            let mut seen = 0;
            for left in [1, 0] {
                let (key, value) = tasks.next().unwrap();
                assert_eq!(value.unwrap().into_inner(), key);
                assert_eq!(seen & key, 0, "each once");
                seen |= key;
                assert_eq!(tasks.len(), left);
            }
            assert!(tasks.next().is_none());
            for runner in runners {
                runner.join().unwrap();
            }
        });
}

/// Fear: the consumer leaves while a task ends: its entry is freed twice, or
/// never, or its key goes to an inbox that is gone.
/// Must fail when: a task takes an entry after its end.
/// Bound: none, two threads.
#[test]
fn a_consumer_that_leaves_races_with_an_end() {
    Model::new("collect::a_consumer_that_leaves_races_with_an_end")
        .unbounded()
        .check(|| {
            let (job, handle) = queued(|| UnsafeCell::new(7_u32));
            let payload = Arc::new(());
            let tasks = as_completed([(payload.clone(), handle)]);
            let inbox = Arc::downgrade(&tasks.inbox);
            let runner = run(job);
            drop(tasks);
            runner.join().unwrap();
            assert_eq!(Arc::strong_count(&payload), 1);
            assert!(inbox.upgrade().is_none(), "no entry is left");
        });
}

/// Fear: a wait for the first of two misses it, or leaves an entry with the
/// other.
/// Must fail when: entries are left behind; the sleeper is left after the look.
/// Bound: none, two threads.
#[test]
fn a_wait_for_the_first_sees_it_and_leaves_nothing() {
    Model::new("collect::a_wait_for_the_first_sees_it_and_leaves_nothing")
        .unbounded()
        .check(|| {
            let (job, handle) = queued(|| ());
            let (never, other) = queued(|| ());
            let runner = run(job);
            assert!(wait([&other, &handle], When::FirstDone, None));
            assert!(handle.is_finished());
            let list = other.task().header().state.take_list().unwrap();
            assert_eq!(list, List::EMPTY);
            other.task().header().state.put_back(list).unwrap();
            runner.join().unwrap();
            drop(never);
        });
}

/// Fear: a wait that gives up takes the list away while the task ends, and
/// another sleeper in it is never woken.
/// Must fail when: the remover forgets those whom it took away.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn a_wait_that_gives_up_loses_nobody_else() {
    Model::new("collect::a_wait_that_gives_up_loses_nobody_else")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (job, handle) = queued(|| ());
            let handle = Arc::new(handle);
            let runner = run(job);
            let other = Arc::clone(&handle);
            let sleeper =
                thread::spawn(String::from("sleeper"), None, move || other.wait()).unwrap();
            wait([&*handle], When::FirstDone, Some(Duration::from_secs(1)));
            sleeper.join().unwrap();
            runner.join().unwrap();
            assert!(handle.is_finished());
        });
}
