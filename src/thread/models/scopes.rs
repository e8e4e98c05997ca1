//! What we fear of scopes, on whole pools.

use std::sync::Arc;

use std::time::Duration;

use super::{Letter, pool, signal};
use crate::error::TaskError;
use crate::primitive::model::run::{Model, in_one_order, rest_in_one_order};
use crate::primitive::{Parker, thread};
use crate::thread::{Shutdown, blocking};

/// Fear: a child is run twice, or by nobody, or misses what the scope has written,
/// when a worker takes it while the scope comes to its end.
/// Must fail when: the last child's end wakes nobody.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_child_ends_before_its_scope() {
    Model::new("thread::a_child_ends_before_its_scope")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = pool(1, 1);
            pool.scope(|s| {
                s.submit(|| letter.write());
            });
            rest_in_one_order();
            assert_eq!(letter.read(), 42);
            pool.end();
        });
}

/// Fear: as above, where one of two workers has the scope and the other its last child.
/// Must fail when: the last child's end wakes nobody.
/// Bound: 2 preemptions, a pool of two and who started it; 1 in the quick tier.
#[test]
fn the_scope_of_a_worker_ends_beside_its_last_child() {
    Model::new("thread::the_scope_of_a_worker_ends_beside_its_last_child")
        .preemptions(2)
        .quick(1)
        .check(|| {
            let (letter, taken) = (Letter::new(), signal());
            let pool = Arc::new(pool(2, 2));
            let (inner, writes, takes) = (pool.clone(), letter.clone(), taken.clone());
            let task = move || {
                inner.scope(|s| {
                    let child = || {
                        takes.unpark();
                        writes.write();
                    };
                    drop(s.submit(child));
                    // By the other worker.
                    taken.park();
                });
                rest_in_one_order();
                drop(inner);
                letter.read()
            };
            let task = in_one_order(|| pool.submit(task));
            assert_eq!(task.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: a child whose handle is waited for is run by the waiter and by a worker.
/// Must fail when: starting a task is a look and a store.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_child_claimed_by_the_guest_runs_once() {
    Model::new("thread::a_child_claimed_by_the_guest_runs_once")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = pool(1, 1);
            pool.scope(|s| s.submit(|| letter.write()).result().unwrap());
            rest_in_one_order();
            assert_eq!(letter.read(), 42);
            pool.end();
        });
}

/// Fear: the only thread waits for a child that lies below a stranger's task, and
/// nobody can run either.
/// Must fail when: the last to block calls nobody.
/// Bound: 3 preemptions, a pool of one at its cap; 2 in the quick tier.
#[test]
fn at_the_cap_a_scope_finds_its_child_below_a_stranger() {
    Model::new("thread::at_the_cap_a_scope_finds_its_child_below_a_stranger")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(1, 1));
            let inner = pool.clone();
            let (writes, reads) = (letter.clone(), letter.clone());
            let parent = pool.submit(move || {
                let stranger = inner.scope(|s| {
                    s.submit(|| writes.write());
                    // In a model one is as many as the scope lifts.
                    inner.submit(|| 7)
                });
                rest_in_one_order();
                drop(inner);
                (reads.read(), stranger)
            });
            let (read, stranger) = parent.result().unwrap();
            assert_eq!((read, stranger.result().unwrap()), (42, 7));
            pool.end();
        });
}

/// Fear: a guest that looks for its child holds a stranger's task for a moment, in
/// which the pool ends: nobody runs the task, and nobody cancels it.
/// Must fail when: the end of the pool does not wait for guests.
/// Bound: 2 preemptions, a guest and a pool of one that ends.
#[test]
fn what_a_guest_lifts_as_the_pool_ends_has_an_end() {
    Model::new("thread::what_a_guest_lifts_as_the_pool_ends_has_an_end")
        .preemptions(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let closer = pool.clone();
            let closer = thread::spawn(String::from("closer"), None, move || {
                closer.shutdown(Shutdown::Finish);
            });
            let stranger = pool.scope(|s| {
                s.submit(|| ());
                // Above the child: it is lifted, and put back.
                pool.submit(|| 42)
            });
            let answer = stranger.result();
            rest_in_one_order();
            assert!(matches!(answer, Ok(42) | Err(TaskError::Refused(_))));
            closer.unwrap().join().unwrap();
            assert!(!pool.core.has_work());
        });
}

/// Says that it is gone: what holds it was run, or was dropped.
struct Farewell(Arc<Parker>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// Fear: a guest that has stepped out, for the pool to end, adds a child to its scope,
/// and waits for it by means of its own: the pool ends meanwhile, and nobody runs the
/// child or cancels it.
/// Must fail when: a guest that is out does not look for the end after its push.
/// Bound: 3 preemptions, a guest and a pool of one that ends; 2 in the quick tier.
#[test]
fn what_a_guest_pushes_when_it_has_stepped_out_has_an_end() {
    Model::new("thread::what_a_guest_pushes_when_it_has_stepped_out_has_an_end")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let gone = signal();
            pool.scope(|s| {
                blocking(|| {
                    // It need not have ended when this returns.
                    pool.shutdown(Shutdown::FinishWithin(Duration::ZERO));
                    let farewell = Farewell(gone.clone());
                    drop(s.submit(move || drop(farewell)));
                    gone.park();
                });
                rest_in_one_order();
            });
            pool.shutdown(Shutdown::Finish);
            assert!(!pool.core.has_work());
        });
}
