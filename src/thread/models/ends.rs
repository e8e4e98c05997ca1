//! What we fear of the end of a pool.

use std::sync::Arc;

use super::super::Shutdown;
use super::{Letter, build, pool, signal};
use crate::error::TaskError;
use crate::primitive::model::run::Model;
use crate::primitive::thread;

/// Fear: a task that is submitted as the pool ends is lost, and its handle
/// never says anything.
/// Must fail when: nothing looks at what was pushed after the end.
/// Bound: 4 preemptions, a pool of one and a submitter; 2 in the quick tier.
#[test]
fn a_task_submitted_during_shutdown_has_an_end() {
    Model::new("thread::a_task_submitted_during_shutdown_has_an_end")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let submitter = thread::spawn(String::from("submitter"), None, {
                let (pool, letter) = (pool.clone(), Letter::new());
                move || {
                    letter.write();
                    pool.submit(move || letter.read())
                }
            });
            pool.shutdown(Shutdown::Finish);
            let handle = submitter.unwrap().join().unwrap();
            match handle.result() {
                Ok(letter) => assert_eq!(letter, 42),
                Err(TaskError::Cancelled | TaskError::Refused(_)) => {}
                Err(error) => panic!("{error}"),
            }
            pool.is_quiet();
        });
}

/// Fear: the drop of a pool forgets a task in the queue.
/// Must fail when: the worker parks without a look.
/// Bound: 4 preemptions, a pool of one; 3 in the quick tier.
#[test]
fn dropping_a_pool_runs_what_is_queued() {
    Model::new("thread::dropping_a_pool_runs_what_is_queued")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let pool = build(1, 1);
            let letter = Letter::new();
            letter.write();
            let handle = pool.submit(move || letter.read());
            drop(pool);
            assert_eq!(handle.result().unwrap(), 42);
        });
}

/// Fear: one of two workers leaves as its pool ends, and what the other is
/// called for is forgotten, or the other is never told.
/// Must fail when: the dismissed are not woken; who leaves last tells nobody.
/// Bound: 3 preemptions, a pool of two; 2 in the quick tier.
#[test]
fn two_workers_end_with_their_pool() {
    Model::new("thread::two_workers_end_with_their_pool")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = pool(2, 2);
            letter.write();
            let handle = pool.submit(move || letter.read());
            pool.shutdown(Shutdown::Finish);
            assert_eq!(handle.result().unwrap(), 42);
            pool.is_quiet();
        });
}

/// Fear: a shutdown that cancels the queue loses a task which a worker takes at
/// that moment, or counts it twice, or not at all.
/// Must fail when: the worker that finds the pool ending does not count.
/// Bound: 4 preemptions, a pool of one; 3 in the quick tier.
#[test]
fn a_task_taken_as_the_queue_is_cancelled_is_run_or_cancelled() {
    Model::new("thread::a_task_taken_as_the_queue_is_cancelled_is_run_or_cancelled")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let (pool, letter) = (pool(1, 1), Letter::new());
            letter.write();
            let handle = pool.submit(move || letter.read());
            let report = pool.shutdown(Shutdown::CancelQueued);
            let counts = (report.finished, report.cancelled);
            match handle.result() {
                Ok(letter) => assert_eq!((letter, counts), (42, (1, 0))),
                Err(TaskError::Cancelled) => assert_eq!(counts, (0, 1)),
                Err(error) => panic!("{error}"),
            }
            pool.is_quiet();
        });
}

/// Fear: a shutdown that cancels the queue waits for what runs before it has
/// cancelled, and what runs waits for that.
/// Must fail when: the queue is left to the workers.
/// Bound: 4 preemptions, a pool of one; 3 in the quick tier.
#[test]
fn the_queue_is_cancelled_before_what_runs_is_waited_for() {
    Model::new("thread::the_queue_is_cancelled_before_what_runs_is_waited_for")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let (pool, begins, ends) = (pool(1, 1), signal(), signal());
            let runs = pool.submit({
                let (begins, ends) = (begins.clone(), ends.clone());
                move || {
                    begins.unpark();
                    ends.park();
                }
            });
            begins.park();
            let queued = pool.submit(|| ());
            queued.on_done(move |_| ends.unpark());
            let report = pool.shutdown(Shutdown::CancelQueued);
            assert_eq!((report.finished, report.cancelled), (1, 1));
            assert!(queued.result().unwrap_err().is_cancelled());
            runs.result().unwrap();
            pool.is_quiet();
        });
}

/// Fear: a task that ends its own pool at the cap of threads waits for its
/// child, which no thread is left to run.
/// Must fail when: a closer does not look after it has given its place away.
/// Bound: 3 preemptions, a pool of one and its substitute; 2 in the quick tier.
#[test]
fn a_task_that_ends_its_pool_at_the_cap_leaves_nobody_behind() {
    Model::new("thread::a_task_that_ends_its_pool_at_the_cap_leaves_nobody_behind")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(1, 1));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    letter.write();
                    let child = pool.submit(move || letter.read());
                    pool.shutdown(Shutdown::Finish);
                    child
                }
            });
            // The parent's thread may still be on its way out.
            let child = parent.result().unwrap();
            assert_eq!(child.result().unwrap(), 42);
        });
}
