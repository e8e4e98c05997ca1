//! The models of the event and of the latch.

use std::sync::Arc;
use std::time::Duration;

use super::{Letter, poll, start, with_letter};
use crate::primitive::atomic::AtomicBool;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::model::run::Model;
use crate::sync::{Event, Latch};
use crate::wait::block_on;

/// Fear: `set` and `clear` come while somebody is about to sleep, and hold it
/// back for ever.
/// Must fail when: `set` wakes one only.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_set_and_a_clear_release_a_thread_and_a_future() {
    Model::new("sync::event::a_set_and_a_clear_release_a_thread_and_a_future")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = with_letter(Event::new());
            let thread = start({
                let shared = shared.clone();
                move || {
                    // Present before the set: the other future of this thread.
                    let mut present = shared.0.wait_async();
                    let was_set = poll(&mut present).is_ready();
                    if was_set {
                        shared.1.read();
                    }
                    was_set || {
                        shared.0.wait();
                        shared.1.read();
                        poll(&mut present).is_ready()
                    }
                }
            });
            let future = start({
                let shared = shared.clone();
                move || {
                    block_on(shared.0.wait_async());
                    shared.1.read();
                }
            });
            shared.1.write();
            shared.0.set();
            assert!(
                thread.join().unwrap(),
                "the one that was there first is held back"
            );
            future.join().unwrap();
            shared.0.clear();
            assert!(!shared.0.is_set());
            assert_eq!(shared.0.waiting(), 0);
        });
}

/// Fear: as somebody waits, `set` and `clear` follow each other at once: it was
/// there before the set, but sleeps on.
/// Must fail when: `set` does not take all out of the queue.
/// Bound: none, two threads.
#[test]
fn who_was_there_before_set_and_clear_goes_on() {
    Model::new("sync::event::who_was_there_before_set_and_clear_goes_on")
        .unbounded()
        .check(|| {
            let shared = with_letter(Event::new());
            let mut first = shared.0.wait_async();
            let mut second = shared.0.wait_async();
            assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
            let setter = start({
                let shared = shared.clone();
                move || {
                    shared.1.write();
                    shared.0.set();
                    shared.0.clear();
                }
            });
            block_on(first);
            shared.1.read();
            assert!(poll(&mut second).is_ready());
            setter.join().unwrap();
            assert!(!shared.0.is_set());
        });
}

/// Fear: who sees the event set does not see what was done before.
/// Must fail when: `set` releases less; `is_set` acquires less.
/// Bound: none, two threads.
#[test]
fn who_sees_it_set_sees_what_was_done_before() {
    Model::new("sync::event::who_sees_it_set_sees_what_was_done_before")
        .unbounded()
        .check(|| {
            let shared = with_letter(Event::new());
            let setter = start({
                let shared = shared.clone();
                move || {
                    shared.1.write();
                    shared.0.set();
                }
            });
            if shared.0.is_set() {
                shared.1.read();
            }
            if shared.0.wait_timeout(Duration::from_secs(3600)) {
                shared.1.read();
            }
            setter.join().unwrap();
            assert!(shared.0.wait_timeout(Duration::ZERO));
            assert_eq!(shared.0.waiting(), 0);
        });
}

/// Fear: a `set` of a set event, which takes no lock, is undone by a `clear` that
/// does not see what came before it: whoever cleared finds nothing to do, and
/// sleeps for ever.
/// Must fail when: a `clear` does not acquire.
/// Bound: none, two threads.
#[test]
fn who_clears_sees_what_the_set_that_is_cleared_came_after() {
    Model::new("sync::event::who_clears_sees_what_the_set_that_is_cleared_came_after")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Event::new(), AtomicBool::new(false)));
            shared.0.set();
            let other = start({
                let shared = shared.clone();
                move || {
                    // ORDERING: Relaxed, the event is to order it.
                    shared.1.store(true, Relaxed);
                    shared.0.set();
                }
            });
            shared.0.wait();
            shared.0.clear();
            // ORDERING: Relaxed, as above.
            if !shared.1.load(Relaxed) {
                shared.0.wait();
            }
            other.join().unwrap();
        });
}

/// Fear: the latch opens as a thread is about to sleep; who goes on does not see what all the parts did.
/// Must fail when: the last to count down does not open; it acquires or releases
/// less.
/// Bound: 3 preemptions, three threads.
#[test]
fn two_parts_counted_down_release_a_thread() {
    Model::new("sync::latch::two_parts_counted_down_release_a_thread")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = with_letter((Latch::new(2), Letter::new()));
            let parts = [true, false].map(|is_first| {
                let shared = shared.clone();
                start(move || {
                    let (latch, second) = &shared.0;
                    if is_first {
                        shared.1.write();
                    } else {
                        second.write();
                    }
                    latch.count_down();
                })
            });
            let (latch, second) = &shared.0;
            latch.wait();
            shared.1.read();
            second.read();
            for part in parts {
                part.join().unwrap();
            }
            assert_eq!((latch.count_down(), latch.waiting()), (0, 0));
        });
}

/// Fear: the latch opens as a thread and a future are about to sleep, and tells
/// one of them only.
/// Must fail when: whoever opens gives to the first only; who joins does not look.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_count_down_releases_a_thread_and_a_future() {
    Model::new("sync::latch::a_count_down_releases_a_thread_and_a_future")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = with_letter(Latch::new(1));
            let thread = start({
                let shared = shared.clone();
                move || {
                    shared.0.wait();
                    shared.1.read();
                }
            });
            let future = start({
                let shared = shared.clone();
                move || {
                    block_on(shared.0.wait_async());
                    shared.1.read();
                }
            });
            shared.1.write();
            assert_eq!(shared.0.count_down(), 0);
            thread.join().unwrap();
            future.join().unwrap();
            assert_eq!(shared.0.waiting(), 0);
        });
}

/// Fear: as before, for a future; and one more is added too late.
/// Must fail when: the last to count down does not open.
/// Bound: none, two threads.
#[test]
fn a_count_down_racing_with_a_future_opens() {
    Model::new("sync::latch::a_count_down_racing_with_a_future_opens")
        .unbounded()
        .check(|| {
            let shared = with_letter(Latch::new(1));
            let part = start({
                let shared = shared.clone();
                move || {
                    shared.1.write();
                    shared.0.count_down();
                }
            });
            let added = shared.0.add(1).is_ok();
            if added {
                assert!(!shared.0.is_open());
                shared.0.count_down();
            }
            block_on(shared.0.wait_async());
            shared.1.read();
            part.join().unwrap();
            assert!(shared.0.add(1).is_err());
        });
}

/// Fear: who sees the latch open does not see what was done before.
/// Must fail when: `count_down` releases less; `is_open` acquires less.
/// Bound: none, two threads.
#[test]
fn who_sees_it_open_sees_what_was_done_before() {
    Model::new("sync::latch::who_sees_it_open_sees_what_was_done_before")
        .unbounded()
        .check(|| {
            let shared = with_letter(Latch::new(1));
            let part = start({
                let shared = shared.clone();
                move || {
                    shared.1.write();
                    shared.0.count_down();
                }
            });
            if shared.0.wait_timeout(Duration::ZERO) {
                shared.1.read();
            }
            part.join().unwrap();
        });
}
