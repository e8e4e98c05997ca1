//! What we fear of broadcasts, on whole pools.

use std::sync::Arc;

use super::{Letter, pool, signal};
use crate::primitive::block::{self, BlockedOn, Blocking};
use crate::primitive::model::run::{Model, rest_in_one_order};
use crate::primitive::thread;
use crate::thread::Shutdown;

/// Which of the pool's threads runs here, if one does.
fn here() -> Option<usize> {
    block::current(|hook| hook.map(|hook| hook.worker()))
}

/// Fear: a worker falls asleep beside what is addressed to it, or the caller beside
/// the end of the last share, or does not see what that has written.
/// Must fail when: a thread parks without a look at its post; the last share that ends
/// wakes nobody.
/// Bound: 3 preemptions, a caller from outside and a pool of one; 2 in the quick tier.
#[test]
fn a_broadcast_reaches_a_worker_that_falls_asleep() {
    Model::new("thread::a_broadcast_reaches_a_worker_that_falls_asleep")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let letter = Letter::new();
            let pool = pool(1, 1);
            let ran = pool.broadcast(|worker| {
                letter.write();
                (worker.get(), here())
            });
            rest_in_one_order();
            assert_eq!(ran, [(0, Some(0))]);
            assert_eq!(letter.read(), 42);
            pool.end();
        });
}

/// Fear: two workers that broadcast at once wait for each other, or one of them runs
/// both shares of a round.
/// Must fail when: a worker passes its shares on though it waits in a broadcast.
/// Bound: 1 preemption, a pool of two and who started it: a second one takes minutes.
#[test]
fn two_workers_that_broadcast_at_once_run_both() {
    Model::new("thread::two_workers_that_broadcast_at_once_run_both")
        .preemptions(1)
        .check(|| {
            let pool = Arc::new(pool(2, 2));
            let tasks = [(); 2].map(|()| {
                let inner = pool.clone();
                pool.submit(move || inner.broadcast(|_| here()))
            });
            for task in tasks {
                assert_eq!(task.result().unwrap(), [Some(0), Some(1)]);
            }
            pool.end();
        });
}

/// Fear: a share broadcasts, and the worker that waits for it sleeps beside its own share
/// of that.
/// Must fail when: who waits in a broadcast is not woken for another one's share.
/// Bound: 1 preemption, a pool of two and who started it: a second one takes minutes.
#[test]
fn who_waits_in_a_broadcast_takes_part_in_one_within() {
    Model::new("thread::who_waits_in_a_broadcast_takes_part_in_one_within")
        .preemptions(1)
        .check(|| {
            let pool = Arc::new(pool(2, 2));
            let inner = pool.clone();
            let task = pool.submit(move || {
                let caller = here();
                inner.broadcast(|_| (here() != caller).then(|| inner.broadcast(|_| here())))
            });
            let mut ran = task.result().unwrap();
            ran.retain(Option::is_some);
            assert_eq!(ran, [Some(vec![Some(0), Some(1)])]);
            pool.end();
        });
}

/// Fear: a worker blocks, or has blocked, with a share in its post that its own wait
/// depends on, and nobody runs it; or it comes back, and two do.
/// Must fail when: who blocks keeps what is addressed to it to itself.
/// Bound: 3 preemptions, a caller from outside and a pool of one at its cap; 2 in the
/// quick tier.
#[test]
fn a_worker_that_blocks_passes_its_share_on() {
    Model::new("thread::a_worker_that_blocks_passes_its_share_on")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let goes_on = signal();
            let told = goes_on.clone();
            let blocked = pool.submit(move || {
                let blocking = Blocking::start(BlockedOn::Thing("the broadcast"));
                told.park();
                drop(blocking);
            });
            let letter = Letter::new();
            pool.broadcast(|_| letter.write());
            goes_on.unpark();
            rest_in_one_order();
            blocked.result().unwrap();
            assert_eq!(letter.read(), 42);
            pool.end();
        });
}

/// Fear: the pool ends while a share is on its way, which nobody runs, or two do.
/// Must fail when: a thread leaves with what is addressed to it.
/// Bound: 3 preemptions, a caller from outside and a pool of one that ends; 2 in the
/// quick tier.
#[test]
fn a_broadcast_as_the_pool_ends_is_run() {
    Model::new("thread::a_broadcast_as_the_pool_ends_is_run")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let closer = pool.clone();
            let closer = thread::spawn(String::from("closer"), None, move || {
                closer.shutdown(Shutdown::Finish);
            });
            let letter = Letter::new();
            let ran = pool.broadcast(|worker| {
                letter.write();
                worker.get()
            });
            rest_in_one_order();
            assert_eq!((ran, letter.read()), (vec![0], 42));
            closer.unwrap().join().unwrap();
            pool.is_quiet();
        });
}
