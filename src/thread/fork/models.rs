//! What we fear of fork-join.
//!
//! The caller of a join is a guest of a pool of one, so that two threads show
//! owner and thief; the shipping pool runs them both.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::lane::{Lane, LaneOwner};
use super::{Fork, Half};
use crate::error::TaskError;
use crate::primitive::model::run::{Model, rest_in_one_order};
use crate::primitive::{UnsafeCell, catch_unwind, thread};
use crate::thread::Shutdown;
use crate::thread::models::pool;
use crate::thread::worker;

/// What one half writes and the owner reads after the join.
struct Page(UnsafeCell<u32>);

// SAFETY: who writes and who reads is ordered by the joins; that this is enough is
// what the models show.
unsafe impl Sync for Page {}

impl Page {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }
    fn write(&self) {
        // SAFETY: one half writes.
        self.0.with_mut(|page| unsafe { *page += 1 });
    }
    fn read(&self) -> u32 {
        // SAFETY: after the join.
        self.0.with(|page| unsafe { *page })
    }
}

/// The lane alone, its owner and its thief. Of a stolen half nothing is waited for
/// here, so each lies in a box, and is never pushed twice.
struct Bench {
    lane: Lane,
    pages: [Page; 3],
}

type Body = Box<dyn FnOnce() + Send>;

fn half(bench: &Arc<Bench>, n: usize) -> &'static Half<Body, ()> {
    let bench = Arc::clone(bench);
    let body: Body = Box::new(move || bench.pages[n].write());
    Box::leak(Box::new(Half::new(body)))
}

/// Fear: the owner takes a half back that a thief has stolen, or a thief sees a
/// half that was not yet written.
/// Must fail when: the owner takes back without an exchange, or either end of the
/// hand-over is Relaxed.
/// Bound: none, two threads.
#[test]
fn a_shared_half_goes_to_one() {
    Model::new("fork::a_shared_half_goes_to_one")
        .unbounded()
        .check(|| {
            let bench = Arc::new(Bench {
                lane: Lane::new(),
                pages: [Page::new(), Page::new(), Page::new()],
            });
            let thief = thread::spawn(String::from("thief"), None, {
                let bench = bench.clone();
                move || {
                    let mut stolen = 0;
                    for _ in 0..2 {
                        if let Some(fork) = bench.lane.steal(0) {
                            // SAFETY: it was stolen, and is never freed.
                            let run = unsafe { &*fork }.run;
                            // SAFETY: as above.
                            unsafe { run(fork) };
                            stolen += 1;
                        }
                    }
                    stolen
                }
            });
            // SAFETY: the lane lives as long as the bench, and has one owner.
            let owner = unsafe { LaneOwner::of(&bench.lane) };
            let prepare = |_, fork: *const Fork| {
                // SAFETY: it is private.
                unsafe { Fork::prepare(fork, std::ptr::null()) };
            };
            let push = |half: &'static Half<Body, ()>| {
                // SAFETY: it is never freed.
                let pushed = unsafe { owner.push(&raw const half.fork) }.unwrap();
                if owner.shares_nothing() {
                    owner.expose(prepare);
                }
                (half, pushed)
            };
            let halves = [half(&bench, 0), half(&bench, 1)].map(push);
            let mut lost = 0;
            for (half, pushed) in halves.into_iter().rev() {
                if owner.pop(pushed) || owner.take_back() {
                    // SAFETY: it was popped or taken back.
                    let body = unsafe { half.take_body() };
                    body();
                } else {
                    // Below a stolen one all are stolen.
                    lost += 1;
                    break;
                }
            }
            let stolen = thief.unwrap().join().unwrap();
            let all = bench.pages[0].read() + bench.pages[1].read();
            assert!(
                all == 2 && (lost == 0 || stolen > 0),
                "{all}, {lost} lost, {stolen} stolen"
            );
        });
}

/// Fear: a half is run twice, or its result is not seen, when it is stolen while
/// its owner comes to it; or the owner sleeps for ever.
/// Must fail when: the thief's end is Relaxed, or wakes nobody, or the owner parks
/// without a look.
/// Bound: 4 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_half_stolen_while_its_owner_comes_runs_once() {
    Model::new("fork::a_half_stolen_while_its_owner_comes_runs_once")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (one, other) = (Page::new(), Page::new());
            pool.join(|| one.write(), || other.write());
            rest_in_one_order();
            assert_eq!((one.read(), other.read()), (1, 1));
            pool.end();
        });
}

/// Fear: the first half panics, and leaves behind a thief that runs the second in
/// a frame that is gone.
/// Must fail when: an unwinding owner does not wait for its thief.
/// Bound: 4 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_panic_waits_for_the_thief_of_the_other_half() {
    Model::new("fork::a_panic_waits_for_the_thief_of_the_other_half")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let page = Page::new();
            let thrown = catch_unwind(|| {
                pool.join(|| resume_unwind(Box::new("on purpose")), || page.write())
            });
            rest_in_one_order();
            assert_eq!(
                *thrown.unwrap_err().downcast::<&str>().unwrap(),
                "on purpose"
            );
            assert!(page.read() <= 1, "it has ended, or never started");
            pool.end();
        });
}

/// Fear: a waiter that helps runs a half twice, misses what it wrote, or is not
/// found when it parks.
/// Must fail when: a returned or helped half counts as the one that is waited for.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_waiter_helps_with_the_halves_of_its_half() {
    Model::new("fork::a_waiter_helps_with_the_halves_of_its_half")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let (one, other, last) = (Page::new(), Page::new(), Page::new());
            pool.join(
                || one.write(),
                || {
                    pool.join(|| other.write(), || last.write());
                    assert_eq!((other.read(), last.read()), (1, 1));
                },
            );
            rest_in_one_order();
            assert_eq!((one.read(), other.read(), last.read()), (1, 1, 1));
            pool.end();
        });
}

/// Fear: the half that a waiter waits for ends while the waiter steals from its
/// thief, which is at something else by then: a stranger's half runs on top of the
/// waiter.
/// Must fail when: the waiter does not look whether what it waits for has ended
/// after it has stolen.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_waiter_never_runs_a_strangers_half() {
    Model::new("fork::a_waiter_never_runs_a_strangers_half")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let page = Arc::new(Page::new());
            let (inner, writes) = (pool.clone(), page.clone());
            let stranger = move || {
                let half = || {
                    // The guest is in its own join for as long as it is one.
                    // SAFETY: used here only.
                    let here = unsafe { worker::current() };
                    assert!(!here.unwrap().is_guest(), "a stranger's half on top");
                    writes.write();
                };
                inner.join(|| (), half);
                drop(inner);
            };
            let one = Page::new();
            // The thief comes to the stranger when it has ended the half.
            let ((), stranger) = pool.join(|| one.write(), || pool.submit(stranger));
            stranger.result().unwrap();
            rest_in_one_order();
            assert_eq!((one.read(), page.read()), (1, 1));
            pool.end();
        });
}

/// Fear: a task that a guest has submitted lies in its deque when it is gone, and
/// nobody looks there.
/// Must fail when: a guest keeps its permit, or goes without a look.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn what_a_guest_leaves_behind_is_run() {
    Model::new("fork::what_a_guest_leaves_behind_is_run")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let pool = pool(1, 1);
            let page = Arc::new(Page::new());
            let (left, ()) = pool.join(
                || {
                    let page = page.clone();
                    pool.submit(move || page.write())
                },
                || (),
            );
            left.result().unwrap();
            rest_in_one_order();
            assert_eq!(page.read(), 1);
            pool.end();
        });
}

/// Fear: a guest and the end of the pool miss each other: what the guest submits is
/// neither run nor cancelled.
/// Must fail when: the last guest goes without a look for the end.
/// Bound: 2 preemptions, a guest and a pool of one that ends (3 take minutes).
#[test]
fn what_a_guest_submits_to_an_ending_pool_ends() {
    Model::new("fork::what_a_guest_submits_to_an_ending_pool_ends")
        .preemptions(2)
        .check(|| {
            let pool = Arc::new(pool(1, 1));
            let closer = pool.clone();
            let closer = thread::spawn(String::from("closer"), None, move || {
                closer.shutdown(Shutdown::Finish);
            });
            let (task, ()) = pool.join(|| pool.submit(|| 42), || ());
            let answer = task.result();
            rest_in_one_order();
            assert!(matches!(
                answer,
                Ok(42) | Err(TaskError::Cancelled | TaskError::Refused(_))
            ));
            closer.unwrap().join().unwrap();
            assert!(!pool.core.has_work());
        });
}
