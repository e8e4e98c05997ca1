//! What we fear of a pool at work.

use std::sync::Arc;

use super::{Letter, pool, signal};
use crate::error::TaskError;
use crate::primitive::Parker;
use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::model::run::{Model, rest_in_one_order};
use crate::task::{CancellationToken, Priority, task};
use crate::thread::blocking;

/// Fear: two tasks submitted together share one thread while another sleeps.
/// Must fail when: a search that has found something does not look again.
/// Bound: 3 preemptions, a pool of two; 2 in the quick tier.
#[test]
fn two_tasks_submitted_together_run_together() {
    Model::new("thread::two_tasks_submitted_together_run_together")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (letter, one, other) = (Letter::new(), signal(), signal());
            let pool = pool(2, 2);
            letter.write();
            let meet = |me: &Arc<Parker>, you: &Arc<Parker>| {
                let (letter, me, you) = (letter.clone(), me.clone(), you.clone());
                move || {
                    you.unpark();
                    me.park();
                    rest_in_one_order();
                    letter.read()
                }
            };
            let handles = pool.submit_many([meet(&one, &other), meet(&other, &one)]);
            for handle in handles {
                assert_eq!(handle.result().unwrap(), 42);
            }
            pool.end();
        });
}

/// Fear: a worker blocks on what its own child brings, and nobody runs it.
/// Must fail when: a thread blocks without a look.
/// Bound: 4 preemptions, a pool of one and its spare; 2 in the quick tier.
#[test]
fn a_task_that_blocks_on_its_child_gets_a_spare() {
    Model::new("thread::a_task_that_blocks_on_its_child_gets_a_spare")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let (letter, brought) = (Letter::new(), signal());
            let pool = Arc::new(pool(1, 2));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    letter.write();
                    let brings = brought.clone();
                    let child = pool.submit(move || {
                        brings.unpark();
                        letter.read()
                    });
                    let blocking = Blocking::start(BlockedOn::Thing("a child"));
                    brought.park();
                    rest_in_one_order();
                    drop(blocking);
                    drop(pool);
                    child
                }
            });
            let child = parent.result().unwrap();
            assert_eq!(child.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: a task is run twice, or by nobody, when its parent claims it while a
/// thief takes it.
/// Must fail when: the worker parks without a look.
/// Bound: 2 preemptions, a pool of two. Three are 3.9 million executions, 800 s, and have
/// shown nothing more; a claim against a thief alone is in task/models.
#[test]
fn a_child_claimed_while_it_is_stolen_runs_once() {
    Model::new("thread::a_child_claimed_while_it_is_stolen_runs_once")
        .preemptions(2)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(pool(2, 2));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    let writes = letter.clone();
                    // A second run would be a race with the parent.
                    let child = pool.submit(move || writes.write());
                    drop(pool);
                    child.result().unwrap();
                    rest_in_one_order();
                    letter.read()
                }
            });
            assert_eq!(parent.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: the newest task of a worker, which its parent claims without a word to
/// anybody, was somebody else's to wait for.
/// Must fail when: who claims it does not look whether somebody waits.
/// Bound: 3 preemptions, a pool of one; 2 in the quick tier.
#[test]
fn a_callback_is_called_though_its_task_is_claimed_as_the_newest() {
    Model::new("thread::a_callback_is_called_though_its_task_is_claimed_as_the_newest")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let parent = pool.submit({
                let pool = pool.clone();
                move || {
                    let letter = Letter::new();
                    let child = pool.submit(|| ());
                    drop(pool);
                    let writes = letter.clone();
                    child.on_done(move |_| writes.write());
                    child.result().unwrap();
                    letter.read()
                }
            });
            assert_eq!(parent.result().unwrap(), 42);
            pool.end();
        });
}

/// Fear: the newest task of a worker, which its parent claims without a word to
/// anybody, is cancelled meanwhile by a token from elsewhere: it drops what runs.
/// Must fail when: who claims it looks at its state only, where no link of a token is
/// counted.
/// Bound: 2 preemptions, a pool of one.
#[test]
fn a_token_meets_the_claim_of_the_newest() {
    Model::new("thread::a_token_meets_the_claim_of_the_newest")
        .preemptions(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let token = CancellationToken::new();
            // A canceller finds the child's token by a `Weak` of std, whose end loom does
            // not see. This it sees, so it tries the cancel in the midst of the child.
            let is_cancelled = Arc::new(AtomicBool::new(false));
            let parent = pool.submit({
                let (pool, token) = (pool.clone(), token.clone());
                let is_cancelled = is_cancelled.clone();
                move || {
                    // ORDERING: Relaxed, it is only looked at.
                    let child = task(move || is_cancelled.load(Relaxed));
                    let child = pool.submit(child.cancelled_by(&token));
                    drop((pool, token));
                    child.result()
                }
            });
            token.cancel();
            // ORDERING: as above.
            is_cancelled.store(true, Relaxed);
            match parent.result().unwrap() {
                Ok(_) | Err(TaskError::Cancelled) => {}
                other => panic!("{other:?}"),
            }
            rest_in_one_order();
            pool.end();
        });
}

/// Fear: a wait inside of a blocking section takes the permit back, so that the
/// section goes on with it, and nobody runs what the section waits for.
/// Must fail when: the end of the inner wait takes a permit; a thread blocks
/// without a look.
/// Bound: 3 preemptions, a pool of one and its spare; 2 in the quick tier.
#[test]
fn a_wait_inside_a_blocking_section_keeps_the_permit_away() {
    Model::new("thread::a_wait_inside_a_blocking_section_keeps_the_permit_away")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let brought = signal();
            let pool = Arc::new(pool(1, 2));
            let parent = pool.submit({
                let pool = pool.clone();
                move || {
                    blocking(|| {
                        // A wait that is over at once.
                        drop(Blocking::start(BlockedOn::Thing("nothing")));
                        let brings = brought.clone();
                        let child = pool.submit(move || brings.unpark());
                        brought.park();
                        rest_in_one_order();
                        drop(pool);
                        child
                    })
                }
            });
            parent.result().unwrap().result().unwrap();
            pool.end();
        });
}

/// Fear: what a blocking task waits for comes while its thread is on its way, and
/// one of the two is forgotten, or what was written is not seen.
/// Must fail when: a thread blocks without a look.
/// Bound: 3 preemptions, a pool of one and its spare; 2 in the quick tier.
#[test]
fn a_blocking_task_and_what_it_waits_for_both_get_a_thread() {
    Model::new("thread::a_blocking_task_and_what_it_waits_for_both_get_a_thread")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (letter, brought) = (Letter::new(), signal());
            let pool = pool(1, 2);
            let waits = pool.submit_blocking({
                let (letter, brought) = (letter.clone(), brought.clone());
                move || {
                    brought.park();
                    rest_in_one_order();
                    letter.read()
                }
            });
            let brings = pool.submit(move || {
                letter.write();
                brought.unpark();
            });
            assert_eq!(waits.result().unwrap(), 42);
            brings.result().unwrap();
            pool.end();
        });
}

/// Fear: a task with a priority lies in a queue of its own, and the worker that falls
/// asleep does not look there.
/// Must fail when: the ranks are out of sight.
/// Bound: 4 preemptions, a pool of one; 3 in the quick tier.
#[test]
fn a_task_with_a_priority_is_seen_by_a_worker_that_falls_asleep() {
    Model::new("thread::a_task_with_a_priority_is_seen_by_a_worker_that_falls_asleep")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let (pool, letter) = (pool(1, 1), Letter::new());
            letter.write();
            let low = pool.submit(task(move || letter.read()).priority(Priority::Low));
            assert_eq!(low.result().unwrap(), 42);
            pool.end();
        });
}
