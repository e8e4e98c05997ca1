//! What we fear of a token and its children, and loom's answer.
//!
//! No model has a deadline: the timer is one for the whole process, and a
//! deadline adds nothing to the tree but one more canceller.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use super::{CancellationToken, Cancelled};
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Mutex, Parker, UnsafeCell};

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

/// Something that is told; how often.
struct Count(AtomicUsize);

impl Count {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the canceller writes before it cancels, and others read after it.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model writes before `cancel` and reads after it saw the token
// cancelled; that this is enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }
    fn write(&self) {
        // SAFETY: one writer, and readers only after it.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }
    fn read(&self) {
        // SAFETY: the writer has written before it cancelled.
        self.0.with(|letter| assert_eq!(unsafe { *letter }, 42));
    }
}

/// Fear: who sees the token cancelled does not see why.
/// Must fail when: `set_flag` releases less; `is_flagged` acquires less.
/// Bound: none, two threads.
#[test]
fn what_the_canceller_wrote_is_seen_by_whoever_sees_its_child_cancelled() {
    Model::new("token::what_the_canceller_wrote_is_seen_by_whoever_sees_its_child_cancelled")
        .unbounded()
        .check(|| {
            let (root, letter) = (CancellationToken::new(), Letter::new());
            let child = root.child();
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            if root.is_cancelled() {
                letter.read();
            }
            if child.is_cancelled() {
                letter.read();
            }
            canceller.join().unwrap();
            assert!(root.is_cancelled() && child.is_cancelled());
        });
}

/// Fear: a child that is born while its parent is cancelled is never told.
/// Must fail when: `child` does not look under the lock; `cancel` collects
/// before it sets the flag.
/// Bound: none, two threads.
#[test]
fn a_child_born_during_cancel_is_cancelled() {
    Model::new("token::a_child_born_during_cancel_is_cancelled")
        .unbounded()
        .check(|| {
            let (root, letter) = (CancellationToken::new(), Letter::new());
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            let child = root.child();
            let leaf = child.child();
            if leaf.is_cancelled() {
                letter.read();
            }
            canceller.join().unwrap();
            assert!(child.is_cancelled() && leaf.is_cancelled());
            drop((child, leaf));
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a waiter looks before the flag and falls asleep after the wake-up.
/// Must fail when: the canceller forgets a sleeper; `set_flag` releases less.
/// Bound: none, two threads.
#[test]
fn a_wait_racing_with_cancel_ends() {
    Model::new("token::a_wait_racing_with_cancel_ends")
        .unbounded()
        .check(|| {
            let (root, letter) = (CancellationToken::new(), Letter::new());
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            root.wait();
            letter.read();
            canceller.join().unwrap();
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a wait that runs out of time says the wrong thing, or stays registered.
/// Must fail when: `set_flag` releases less; `is_flagged` acquires less.
/// Bound: none, two threads.
#[test]
fn a_timed_wait_says_what_is_so() {
    Model::new("token::a_timed_wait_says_what_is_so")
        .unbounded()
        .check(|| {
            let (root, letter) = (CancellationToken::new(), Letter::new());
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            if root.wait_timeout(Duration::from_secs(3600)) {
                letter.read();
            }
            canceller.join().unwrap();
            assert!(root.wait_timeout(Duration::ZERO));
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a callback that was taken out runs, one that was not runs twice or never.
/// Must fail when: `watch` does not look under the lock.
/// Bound: none, two threads; 3 preemptions in the quick tier.
#[test]
fn a_callback_registered_and_taken_out_during_cancel_runs_once_or_never() {
    Model::new("token::a_callback_registered_and_taken_out_during_cancel_runs_once_or_never")
        .unbounded()
        .quick(3)
        .check(|| {
            let (root, letter, count) = (CancellationToken::new(), Letter::new(), Count::new());
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            let callback = |count: &Arc<Count>| {
                let (count, letter) = (count.clone(), letter.clone());
                move || {
                    letter.read();
                    count.add();
                }
            };
            let stays = Count::new();
            let kept = root.on_cancel(callback(&stays));
            let prevented = root.on_cancel(callback(&count)).unregister();
            canceller.join().unwrap();
            assert_eq!(stays.get(), 1);
            assert_eq!(count.get(), usize::from(!prevented));
            drop(kept);
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a callback starts although its registration was dropped before.
/// Must fail when: the canceller takes out all watchers at once.
/// Bound: none, two threads.
#[test]
fn a_callback_taken_out_by_an_earlier_one_never_starts() {
    Model::new("token::a_callback_taken_out_by_an_earlier_one_never_starts")
        .unbounded()
        .check(|| {
            let (root, count) = (CancellationToken::new(), Count::new());
            let next = Arc::new(Mutex::new(None));
            let first = root.on_cancel({
                let next = next.clone();
                move || drop(next.lock().take())
            });
            *next.lock() = Some(root.on_cancel({
                let count = count.clone();
                move || count.add()
            }));
            let canceller = start({
                let root = root.clone();
                move || root.cancel()
            });
            root.cancel();
            canceller.join().unwrap();
            assert_eq!(count.get(), 0);
            drop(first);
        });
}

/// Fear: two cancellers tell a watcher twice, or each leaves it to the other.
/// Must fail when: the canceller forgets a sleeper.
/// Bound: 3 preemptions, three threads.
#[test]
fn two_cancels_of_a_family_tell_everybody_once() {
    Model::new("token::two_cancels_of_a_family_tell_everybody_once")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (root, count) = (CancellationToken::new(), Count::new());
            let child = root.child();
            let kept = child.on_cancel({
                let count = count.clone();
                move || count.add()
            });
            let cancellers = [root.clone(), child.clone()].map(|t| start(move || t.cancel()));
            child.wait();
            for canceller in cancellers {
                canceller.join().unwrap();
            }
            assert!(root.is_cancelled());
            assert_eq!(count.get(), 1);
            drop(kept);
            drop(child);
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a child that leaves while its parent tells it breaks either.
/// Must fail when: nothing seeded; it shows that no lock is held across a drop.
/// Bound: none, two threads.
#[test]
fn a_child_may_be_dropped_during_cancel() {
    Model::new("token::a_child_may_be_dropped_during_cancel")
        .unbounded()
        .check(|| {
            let root = CancellationToken::new();
            let (child, leaf) = {
                let child = root.child();
                (child.clone(), child.child())
            };
            let canceller = start({
                let root = root.clone();
                move || root.cancel()
            });
            drop(child);
            drop(leaf);
            canceller.join().unwrap();
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Wakes a parker, as an executor would.
struct Alarm(Arc<Parker>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn poll(future: &mut Cancelled, alarm: &Arc<Parker>) -> bool {
    let waker = Waker::from(Arc::new(Alarm(alarm.clone())));
    Pin::new(future)
        .poll(&mut Context::from_waker(&waker))
        .is_ready()
}

/// Fear: a future that changed its waker during `cancel` is woken by nobody.
/// Must fail when: `look_at_waker` keeps a stale waker; `watch` does not look
/// under the lock; `set_flag` releases less.
/// Bound: none, two threads; 3 preemptions in the quick tier.
#[test]
fn a_future_polled_during_cancel_is_woken_by_its_last_waker() {
    Model::new("token::a_future_polled_during_cancel_is_woken_by_its_last_waker")
        .unbounded()
        .quick(3)
        .check(|| {
            let (root, letter) = (CancellationToken::new(), Letter::new());
            let mut future = root.cancelled();
            let (old, new) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
            let mut ready = poll(&mut future, &old);
            assert!(!ready);
            let canceller = start({
                let (root, letter) = (root.clone(), letter.clone());
                move || {
                    letter.write();
                    root.cancel();
                }
            });
            ready = poll(&mut future, &new);
            while !ready {
                new.park();
                ready = poll(&mut future, &new);
            }
            letter.read();
            canceller.join().unwrap();
            assert_eq!(root.node.counts(), (0, 0));
        });
}

/// Fear: a future that is dropped during `cancel` stays behind.
/// Must fail when: nothing seeded; the quiet state at the end is the point.
/// Bound: none, two threads.
#[test]
fn a_future_dropped_during_cancel_leaves_nothing() {
    Model::new("token::a_future_dropped_during_cancel_leaves_nothing")
        .unbounded()
        .check(|| {
            let root = CancellationToken::new();
            let canceller = start({
                let root = root.clone();
                move || root.cancel()
            });
            let mut future = root.cancelled();
            let alarm = Arc::new(Parker::new());
            poll(&mut future, &alarm);
            drop(future);
            canceller.join().unwrap();
            assert_eq!(root.node.counts(), (0, 0));
        });
}
