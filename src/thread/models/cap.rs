//! What we fear where no further thread may start.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Letter, pool, signal};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::model::run::{Model, rest_in_one_order};
use crate::primitive::thread;
use crate::task::{Claim, Origin, accept, task};

/// Fear: all threads are blocked, and a task with a time limit, which nobody
/// claims, waits for one.
/// Must fail when: the last to block calls nobody.
/// Bound: 4 preemptions, a pool of one at its cap; 2 in the quick tier.
#[test]
fn at_the_cap_a_waiter_runs_its_limited_child() {
    Model::new("thread::at_the_cap_a_waiter_runs_its_limited_child")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(1, 1));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    let writes = letter.clone();
                    let child = task(move || writes.write()).timeout(Duration::MAX);
                    let child = pool.submit(child);
                    drop(pool);
                    child.result().unwrap();
                    letter.read()
                }
            });
            assert_eq!(parent.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: a task waits for one that is not yet due; when it is, no thread is left.
/// Must fail when: an early offer is not called.
/// Bound: 3 preemptions, a pool of one at its cap and the timer; 2 in the quick
/// tier.
#[test]
fn at_the_cap_a_waiter_runs_its_delayed_child() {
    Model::new("thread::at_the_cap_a_waiter_runs_its_delayed_child")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(1, 1));
            let origin = Origin {
                claim: Claim::Nobody,
                ..pool.core.origin(Location::caller())
            };
            letter.write();
            let (job, child) = accept(move || letter.read(), origin);
            let core = Arc::clone(&pool.core);
            let timer = thread::spawn(String::from("timer"), None, move || core.push_due(job));
            let parent = pool.submit(move || {
                let letter = child.result().unwrap();
                rest_in_one_order();
                letter
            });
            assert_eq!(parent.result().unwrap(), 42);
            timer.unwrap().join().unwrap();
            pool.end();
        });
}

/// Fear: the first waiter has a spare in its place, which then waits for that
/// waiter; and the task that both want is in the queue for ever.
/// Must fail when: the last to block calls nobody.
/// Bound: 4 preemptions, a pool of one with one spare; 2 in the quick tier.
#[test]
fn at_the_cap_the_last_to_block_calls_another_waiter() {
    Model::new("thread::at_the_cap_the_last_to_block_calls_another_waiter")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 2));
            let parent = pool.submit({
                let pool = pool.clone();
                move || {
                    let has_it = signal();
                    let hears = has_it.clone();
                    // First, so that it is stolen first.
                    let spare = pool.submit(move || {
                        let blocking = Blocking::start(BlockedOn::Thing("the child's waiter"));
                        hears.park();
                        drop(blocking);
                    });
                    let child = pool.submit(task(|| 42).timeout(Duration::MAX));
                    drop(pool);
                    let sum = child.result().unwrap();
                    rest_in_one_order();
                    has_it.unpark();
                    (sum, spare)
                }
            });
            let (sum, spare) = parent.result().unwrap();
            assert_eq!(sum, 42);
            spare.result().unwrap();
            pool.end();
        });
}

/// Fear: a waiter that goes on without a permit submits and waits while the other
/// thread blocks; each counts on the other's look, and the child is run by nobody.
/// Must fail when: a thread that has no permit to give away blocks without a look.
/// Bound: 3 preemptions, a pool of one with one spare; 2 in the quick tier.
#[test]
fn at_the_cap_a_waiter_without_a_permit_runs_its_child() {
    Model::new("thread::at_the_cap_a_waiter_without_a_permit_runs_its_child")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 2));
            let inner = pool.clone();
            let waiter = pool.submit(move || {
                let (begun, goes_on, has_it) = (signal(), signal(), signal());
                let spare = inner.submit({
                    let (begun, goes_on, has_it) = (begun.clone(), goes_on.clone(), has_it.clone());
                    move || {
                        begun.unpark();
                        // The permit is kept until the waiter goes on without one.
                        goes_on.park();
                        let blocking = Blocking::start(BlockedOn::Thing("the child's waiter"));
                        has_it.park();
                        drop(blocking);
                    }
                });
                let blocking = Blocking::start(BlockedOn::Thing("the spare"));
                begun.park();
                drop(blocking);
                goes_on.unpark();
                let child = inner.submit(task(|| 42).timeout(Duration::MAX));
                drop(inner);
                let child = child.result().unwrap();
                rest_in_one_order();
                has_it.unpark();
                (child, spare)
            });
            let (child, spare) = waiter.result().unwrap();
            assert_eq!(child, 42);
            spare.result().unwrap();
            pool.end();
        });
}

/// Fear: a task at the cap waits for a blocking one, which nobody claims, and no
/// thread is left to run it.
/// Must fail when: a thread that blocks does not look for errands.
/// Bound: 3 preemptions, a pool of one at its cap; 2 in the quick tier.
#[test]
fn at_the_cap_a_waiter_runs_its_blocking_child() {
    Model::new("thread::at_the_cap_a_waiter_runs_its_blocking_child")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(1, 1));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    let writes = letter.clone();
                    let child = pool.submit_blocking(move || writes.write());
                    drop(pool);
                    child.result().unwrap();
                    letter.read()
                }
            });
            assert_eq!(parent.result().unwrap(), 42);
            pool.end();
        });
}
