//! What we fear of a whole pool, and loom's answer.
//!
//! These are the shipping pool, its tasks and its handles: no room for more
//! than one or two tasks. What sleep and waking alone can do wrong is modelled
//! in `sleep/models/`, where there is room.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Shutdown, ThreadPool};
use crate::error::TaskError;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::model::run::{Model, in_one_order, rest_in_one_order};
use crate::primitive::thread;
use crate::primitive::{Condvar, Mutex, UnsafeCell};
use crate::task::{Claim, Origin, accept, task};

fn pool(workers: usize, workers_max: usize) -> ThreadPool {
    ThreadPool::builder()
        .workers(workers)
        .workers_max(workers_max)
        .keep_alive(Duration::MAX)
        .panic_hook(false)
        .build()
        .unwrap()
}

/// What a submitter writes and its task reads.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model writes before it submits, and reads in the task; that
// this is enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }
    fn write(&self) {
        // SAFETY: one writer, and readers only after it.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }
    fn read(&self) -> u32 {
        // SAFETY: the writer wrote before.
        self.0.with(|letter| unsafe { *letter })
    }
}

impl ThreadPool {
    /// How a pool must stand that has ended.
    fn is_quiet(&self) {
        assert_eq!(self.core.sleep.counts(), (self.width(), 0, 0));
        assert_eq!(self.core.sleep.live(), 0);
        assert!(!self.core.has_work());
    }
}

/// Fear: a task that is submitted as the pool ends is lost, and its handle
/// never says anything.
/// Must fail when: nothing looks at what was pushed after the end.
/// Bound: 3 preemptions, a pool of one and a submitter; 2 in the quick tier.
/// With 4 it takes 8,898,972 executions and a quarter of an hour, and holds.
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
            let pool = pool(1, 1);
            let letter = Letter::new();
            letter.write();
            let handle = pool.submit(move || letter.read());
            drop(pool);
            assert_eq!(handle.result().unwrap(), 42);
        });
}

/// Fear: one of two workers leaves as its pool ends, and what the other is
/// called for is forgotten, or the other is never told.
/// Must fail when: the last thread does not wake the others to go home.
/// Bound: 3 preemptions, a pool of two; 1 in the quick tier.
#[test]
fn two_workers_end_with_their_pool() {
    Model::new("thread::two_workers_end_with_their_pool")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let letter = Letter::new();
            let pool = in_one_order(|| pool(2, 2));
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
/// Bound: 4 preemptions, a pool of one: 718,848 executions, some 40 s of one
/// processor; 3 in the quick tier: 48,655.
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
            let (pool, meeting) = (pool(1, 1), Meeting::new());
            let runs = pool.submit({
                let meeting = meeting.clone();
                move || {
                    meeting.come();
                    meeting.wait_for(2);
                }
            });
            meeting.wait_for(1);
            let queued = pool.submit(|| ());
            queued.on_done(move |_| meeting.come());
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
/// Bound: 3 preemptions, a pool of one and its substitute; 1 in the quick tier.
#[test]
fn a_task_that_ends_its_pool_at_the_cap_leaves_nobody_behind() {
    Model::new("thread::a_task_that_ends_its_pool_at_the_cap_leaves_nobody_behind")
        .preemptions(4)
        .quick(1)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(in_one_order(|| pool(1, 1)));
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

/// What tasks that meet have to say to each other.
struct Meeting(Mutex<usize>, Condvar);

impl Meeting {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(0), Condvar::new()))
    }
    fn come(&self) {
        *self.0.lock() += 1;
        self.1.notify_all();
    }
    fn wait_for(&self, count: usize) {
        let mut come = self.0.lock();
        while *come < count {
            self.1.wait(&mut come);
        }
    }
}

/// Fear: two tasks submitted together share one thread while another sleeps.
/// Must fail when: a search that has found something does not look again.
/// Bound: 2 preemptions, a pool of two; 1 in the quick tier.
#[test]
fn two_tasks_submitted_together_run_together() {
    Model::new("thread::two_tasks_submitted_together_run_together")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let (letter, meeting) = (Letter::new(), Meeting::new());
            let pool = in_one_order(|| pool(2, 2));
            letter.write();
            let task = || {
                let (letter, meeting) = (letter.clone(), meeting.clone());
                move || {
                    meeting.come();
                    meeting.wait_for(2);
                    letter.read()
                }
            };
            let handles = pool.submit_many([task(), task()]);
            for handle in handles {
                assert_eq!(handle.result().unwrap(), 42);
            }
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

/// Fear: a worker blocks on what its own child brings, and nobody runs it.
/// Must fail when: a thread blocks without a look.
/// Bound: 2 preemptions, a pool of one and its spare; 1 in the quick tier.
#[test]
fn a_task_that_blocks_on_its_child_gets_a_spare() {
    Model::new("thread::a_task_that_blocks_on_its_child_gets_a_spare")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let (letter, meeting) = (Letter::new(), Meeting::new());
            let pool = Arc::new(in_one_order(|| pool(1, 2)));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    letter.write();
                    let brings = meeting.clone();
                    let child = pool.submit(move || {
                        brings.come();
                        letter.read()
                    });
                    let blocking = Blocking::start(BlockedOn::Thing("a child"));
                    meeting.wait_for(1);
                    drop(blocking);
                    drop(pool);
                    child
                }
            });
            let child = parent.result().unwrap();
            assert_eq!(child.result().unwrap(), 42);
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

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
            let pool = Arc::new(in_one_order(|| pool(1, 1)));
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
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

/// Fear: a task waits for one that is not yet due; when it is, no thread is left.
/// Must fail when: an early offer is not called.
/// Bound: 2 preemptions, a pool of one at its cap and the timer; 1 in the quick
/// tier.
#[test]
fn at_the_cap_a_waiter_runs_its_delayed_child() {
    Model::new("thread::at_the_cap_a_waiter_runs_its_delayed_child")
        .preemptions(4)
        .quick(1)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(in_one_order(|| pool(1, 1)));
            let origin = Origin {
                claim: Claim::Nobody,
                ..pool.core.origin(Location::caller())
            };
            letter.write();
            let (job, child) = accept(move || letter.read(), origin);
            let core = Arc::clone(&pool.core);
            let timer = thread::spawn(String::from("timer"), None, move || core.push_due(job));
            let parent = pool.submit(move || child.result().unwrap());
            assert_eq!(parent.result().unwrap(), 42);
            timer.unwrap().join().unwrap();
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

/// Fear: the first waiter has a spare in its place, which then waits for that
/// waiter; and the task that both want is in the queue for ever.
/// Must fail when: the last to block calls nobody.
/// Bound: 1 preemption, a pool of one with one spare: with 2 it takes 1,902,538
/// executions and six minutes, and holds.
#[test]
fn at_the_cap_the_last_to_block_calls_another_waiter() {
    Model::new("thread::at_the_cap_the_last_to_block_calls_another_waiter")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let meeting = Meeting::new();
            let pool = Arc::new(in_one_order(|| pool(1, 2)));
            let parent = pool.submit({
                let (pool, meeting) = (pool.clone(), meeting.clone());
                move || {
                    let child = pool.submit(task(|| 42).timeout(Duration::MAX));
                    let waits = meeting.clone();
                    let spare = pool.submit(move || {
                        let blocking = Blocking::start(BlockedOn::Thing("the child's waiter"));
                        waits.wait_for(1);
                        drop(blocking);
                    });
                    drop(pool);
                    let sum = child.result().unwrap();
                    meeting.come();
                    (sum, spare)
                }
            });
            let (sum, spare) = parent.result().unwrap();
            assert_eq!(sum, 42);
            spare.result().unwrap();
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

/// Fear: a waiter that goes on without a permit submits and waits while the other
/// thread blocks; each counts on the other's look, and the child is run by nobody.
/// Must fail when: a thread that has no permit to give away blocks without a look.
/// Bound: 1 preemption, a pool of one with one spare: with 2 it takes 945,404
/// executions and two minutes, and holds.
#[test]
fn at_the_cap_a_waiter_without_a_permit_runs_its_child() {
    Model::new("thread::at_the_cap_a_waiter_without_a_permit_runs_its_child")
        .preemptions(1)
        .check(|| {
            let (pool, meeting) = (Arc::new(pool(1, 2)), Meeting::new());
            let (inner, meets) = (pool.clone(), meeting.clone());
            let waiter = pool.submit(move || {
                let spare = inner.submit({
                    let meeting = meets.clone();
                    move || {
                        meeting.come();
                        // The permit is kept until the waiter goes on without one.
                        meeting.wait_for(2);
                        let blocking = Blocking::start(BlockedOn::Thing("the child's waiter"));
                        meeting.wait_for(3);
                        drop(blocking);
                    }
                });
                let blocking = Blocking::start(BlockedOn::Thing("the spare"));
                meets.wait_for(1);
                drop(blocking);
                meets.come();
                let child = inner.submit(task(|| 42).timeout(Duration::MAX));
                drop(inner);
                let child = child.result().unwrap();
                meets.come();
                (child, spare)
            });
            let (child, spare) = waiter.result().unwrap();
            assert_eq!(child, 42);
            spare.result().unwrap();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}

/// Fear: a task is run twice, or by nobody, when its parent claims it while a
/// thief takes it.
/// Must fail when: a thread blocks without a look.
/// Bound: 2 preemptions, a pool of two; 1 in the quick tier.
#[test]
fn a_child_claimed_while_it_is_stolen_runs_once() {
    Model::new("thread::a_child_claimed_while_it_is_stolen_runs_once")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let letter = Letter::new();
            let pool = Arc::new(in_one_order(|| pool(2, 2)));
            let parent = pool.submit({
                let (pool, letter) = (pool.clone(), letter.clone());
                move || {
                    let writes = letter.clone();
                    // A second run would be a race with the parent.
                    let child = pool.submit(move || writes.write());
                    drop(pool);
                    child.result().unwrap();
                    letter.read()
                }
            });
            assert_eq!(parent.result().unwrap(), 42);
            rest_in_one_order();
            pool.shutdown(Shutdown::Finish);
            pool.is_quiet();
        });
}
