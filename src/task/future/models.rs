//! What we fear of a future that a pool drives, and loom's answer.
//!
//! A [`Yard`] stands in the pool's place: a queue, and a list of one. `LIVE` counts
//! the cells, a [`Token`] the futures and outputs; the slot of a cell is loom's, so
//! two who have the future in hand at once are a race.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Home, Listed, drive};
use crate::primitive::atomic::{AtomicU32, Ordering::Relaxed};
use crate::primitive::fork::NO_POOL;
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Mutex, UnsafeCell};
use crate::task::cell::{Claim, LIVE, Origin};
use crate::task::job::Job;
use crate::task::{Cancel, Handle, TaskState};

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

fn model(name: &'static str) -> Model {
    LIVE.set(0);
    Model::new(name)
}

/// Queue and list of one future.
struct Yard {
    jobs: Mutex<VecDeque<Job>>,
    listed: Mutex<Option<Listed>>,
    /// What each future and each output holds.
    token: Arc<()>,
}

type Token = Arc<()>;

impl Home for Yard {
    fn queue(self: &Arc<Self>, job: Job, _while_polled: bool) {
        let mut jobs = self.jobs.lock();
        assert!(jobs.is_empty(), "scheduled twice");
        jobs.push_back(job);
    }

    fn is_over(&self, _id: u64, _key: u32, _cancelled: bool) -> Option<Listed> {
        self.listed.lock().take()
    }
}

impl Yard {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            jobs: Mutex::new(VecDeque::new()),
            listed: Mutex::new(None),
            token: Token::default(),
        })
    }

    /// A future of `poll`, in the queue and in the list. Its output is a token.
    fn drive(
        self: &Arc<Self>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<()> + Send + 'static,
    ) -> Handle<Token> {
        let token = self.token.clone();
        let future = poll_fn(move |context| poll(context).map(|()| token.clone()));
        self.drive_future(future)
    }

    fn drive_future<F>(self: &Arc<Self>, future: F) -> Handle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (site, pool, claim) = (Location::caller(), NO_POOL, Claim::Nobody);
        let origin = Origin { site, pool, claim };
        let (job, listed, handle) = drive(future, origin, Arc::clone(self));
        *self.listed.lock() = Some(listed);
        self.jobs.lock().push_back(job);
        handle
    }

    /// Runs what is queued, if anything is.
    fn turn(&self) -> bool {
        let job = self.jobs.lock().pop_front();
        let ran = job.map(|job| job.run(&()));
        ran.is_some()
    }

    /// Runs what is queued until nothing is.
    fn work(&self) {
        while self.turn() {}
    }

    /// Nothing is left: no job, no future, no output, no cell.
    fn is_cleared(&self) {
        assert!(self.jobs.lock().is_empty(), "a job is left");
        assert!(self.listed.lock().is_none(), "it is listed for ever");
        assert_eq!(
            Arc::strong_count(&self.token),
            1,
            "a future or output leaks"
        );
        assert_eq!(LIVE.get(), 0, "a cell leaks");
    }
}

/// What somebody writes, and somebody else reads.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model says who writes before whom; that this is so is what it shows.
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
        // SAFETY: the writer wrote before.
        self.0.with(|letter| assert_eq!(unsafe { *letter }, 42));
    }
}

/// A future that is pending once, and shows its waker to `first`; then ready after
/// `last`.
fn two_polls(
    mut first: impl FnMut(&Waker) + Send + 'static,
    mut last: impl FnMut() + Send + 'static,
) -> impl FnMut(&mut Context<'_>) -> Poll<()> + Send + 'static {
    let mut is_first = true;
    move |context| {
        if std::mem::take(&mut is_first) {
            first(context.waker());
            return Poll::Pending;
        }
        last();
        Poll::Ready(())
    }
}

/// Fear: a wake-up during a poll is forgotten, or the poll after it does not see
/// what came before it.
/// Must fail when: who wakes leaves a future that is polled alone; the wake-up is
/// not released.
/// Bound: none, two threads.
#[test]
fn a_future_woken_while_it_is_polled_is_polled_again() {
    model("future::a_future_woken_while_it_is_polled_is_polled_again")
        .unbounded()
        .check(|| {
            let (yard, letter) = (Yard::new(), Letter::new());
            let other = Arc::new(Mutex::new(None));
            let (slot, writes) = (other.clone(), letter.clone());
            let handle = yard.drive(two_polls(
                move |waker| {
                    let (waker, letter) = (waker.clone(), writes.clone());
                    *slot.lock() = Some(start(move || {
                        letter.write();
                        waker.wake();
                    }));
                },
                move || letter.read(),
            ));
            yard.work();
            let other = other.lock().take().unwrap();
            other.join().unwrap();
            yard.work();
            assert_eq!(handle.state(), TaskState::Finished);
            drop(handle.result().unwrap());
            yard.is_cleared();
        });
}

/// Fear: the next poller gets the future before the last one has let go, or without
/// what it did to it.
/// Must fail when: the end of a poll is not released, or ends too early.
/// Bound: none, two threads.
#[test]
fn a_future_is_handed_whole_from_poller_to_poller() {
    model("future::a_future_is_handed_whole_from_poller_to_poller")
        .unbounded()
        .check(|| {
            let (yard, letter) = (Yard::new(), Letter::new());
            let other = Arc::new(Mutex::new(None));
            let (slot, there, writes) = (other.clone(), yard.clone(), letter.clone());
            let handle = yard.drive(two_polls(
                move |waker| {
                    let (waker, yard) = (waker.clone(), there.clone());
                    *slot.lock() = Some(start(move || {
                        waker.wake();
                        yard.turn();
                    }));
                    // What the second poll reads, by whichever thread.
                    writes.write();
                },
                move || letter.read(),
            ));
            yard.turn();
            let other = other.lock().take().unwrap();
            other.join().unwrap();
            yard.work();
            drop(handle.result().unwrap());
            yard.is_cleared();
        });
}

/// Fear: a wake-up that finds the future scheduled queues it once more, or the poll
/// to come does not see what preceded that wake-up.
/// Must fail when: two wake-ups queue two jobs; a poll begins without acquiring; a
/// wake-up that queues nothing releases nothing.
/// Bound: none, two threads.
#[test]
fn what_came_before_a_wake_up_is_seen_by_the_poll_after_it() {
    model("future::what_came_before_a_wake_up_is_seen_by_the_poll_after_it")
        .unbounded()
        .check(|| {
            let yard = Yard::new();
            let (text, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let waker = Arc::new(Mutex::new(None));
            let (reads, notes, shows) = (text.clone(), seen.clone(), waker.clone());
            let mut is_first = true;
            let handle = yard.drive(move |context| {
                // ORDERING: Relaxed, the wake-up is what orders it.
                notes.store(reads.load(Relaxed), Relaxed);
                if std::mem::take(&mut is_first) {
                    *shows.lock() = Some(context.waker().clone());
                }
                Poll::Pending
            });
            yard.turn();
            let waker = waker.lock().take().unwrap();
            let wakes = waker.clone();
            let other = start(move || {
                // ORDERING: as above.
                text.store(1, Relaxed);
                wakes.wake();
            });
            waker.wake_by_ref();
            yard.turn();
            other.join().unwrap();
            yard.work();
            // ORDERING: Relaxed, everybody is joined.
            assert_eq!(seen.load(Relaxed), 1, "the last poll has not seen it");
            assert_eq!(handle.cancel(), Cancel::Prevented);
            drop((handle, waker));
            yard.work();
            yard.is_cleared();
        });
}

/// Fear: a wake-up meets the end of the future, and queues what is not there, or
/// keeps the cell for ever.
/// Must fail when: the end leaves the mark of a job that was never queued.
/// Bound: none, two threads.
#[test]
fn a_wake_up_as_the_future_ends_leaves_nothing() {
    model("future::a_wake_up_as_the_future_ends_leaves_nothing")
        .unbounded()
        .check(|| {
            let yard = Yard::new();
            let other = Arc::new(Mutex::new(None));
            let slot = other.clone();
            let handle = yard.drive(move |context| {
                let waker = context.waker().clone();
                *slot.lock() = Some(start(move || waker.wake()));
                Poll::Ready(())
            });
            yard.work();
            drop(handle.result().unwrap());
            let other = other.lock().take().unwrap();
            other.join().unwrap();
            yard.work();
            yard.is_cleared();
        });
}

/// Fear: a cancel drops the future under whoever polls it; or is forgotten by the
/// poll that it has asked.
/// Must fail when: a cancel takes what is in hand; the end of a poll does not look.
/// Bound: none, two threads.
#[test]
fn a_future_cancelled_while_it_is_polled_is_dropped_after_the_poll() {
    model("future::a_future_cancelled_while_it_is_polled_is_dropped_after_the_poll")
        .unbounded()
        .check(|| {
            let (yard, waker) = (Yard::new(), Arc::new(Mutex::new(None)));
            let shows = waker.clone();
            let handle = yard.drive(move |context| {
                *shows.lock() = Some(context.waker().clone());
                Poll::Pending
            });
            let there = yard.clone();
            let poller = start(move || there.work());
            let cancel = handle.cancel();
            assert_ne!(cancel, Cancel::TooLate);
            poller.join().unwrap();
            assert_eq!(handle.state(), TaskState::Cancelled);
            assert!(handle.result().unwrap_err().is_cancelled());
            drop(waker.lock().take());
            yard.is_cleared();
        });
}

/// Fear: a cancel meets a wake-up: the future is dropped and polled, or its job is
/// left without a cell.
/// Must fail when: a cancel does not acquire what the last poll did; frees come
/// before the last deeds.
/// Bound: none, two threads.
#[test]
fn a_future_cancelled_as_it_is_woken_is_polled_or_dropped() {
    model("future::a_future_cancelled_as_it_is_woken_is_polled_or_dropped")
        .unbounded()
        .check(|| {
            let yard = Yard::new();
            let waker = Arc::new(Mutex::new(None));
            let shows = waker.clone();
            let handle = yard.drive(two_polls(
                move |waker| *shows.lock() = Some(waker.clone()),
                || (),
            ));
            yard.turn();
            let waker = waker.lock().take().unwrap();
            let there = yard.clone();
            let poller = start(move || {
                waker.wake();
                there.turn();
            });
            let cancel = handle.cancel();
            poller.join().unwrap();
            yard.work();
            match cancel {
                Cancel::Prevented => assert!(handle.result().unwrap_err().is_cancelled()),
                Cancel::Asked | Cancel::TooLate => drop(handle.result().unwrap()),
            }
            yard.is_cleared();
        });
}

/// Fear: of two who cancel, both drop the future, or one frees the cell under the
/// other.
/// Must fail when: a cancel is not one step; the list's reference is not counted.
/// Bound: none, two threads.
#[test]
fn two_cancels_of_a_future_drop_it_once() {
    model("future::two_cancels_of_a_future_drop_it_once")
        .unbounded()
        .check(|| {
            let (yard, waker) = (Yard::new(), Arc::new(Mutex::new(None)));
            let shows = waker.clone();
            let handle = yard.drive(move |context| {
                *shows.lock() = Some(context.waker().clone());
                Poll::Pending
            });
            yard.work();
            let there = yard.clone();
            let other = start(move || {
                let held = there.listed.lock().as_ref().map(Listed::hold);
                if let Some(held) = &held {
                    held.cancel();
                }
            });
            let cancel = handle.cancel();
            other.join().unwrap();
            assert_ne!(cancel, Cancel::Asked);
            assert!(handle.result().unwrap_err().is_cancelled());
            drop(waker.lock().take());
            yard.is_cleared();
        });
}

/// Fear: the pool cancels a future from its list as it ends by itself, and uses a
/// cell that is gone.
/// Must fail when: what is taken from the list is not counted.
/// Bound: none, two threads.
#[test]
fn a_future_cancelled_from_the_list_as_it_ends_is_freed_once() {
    model("future::a_future_cancelled_from_the_list_as_it_ends_is_freed_once")
        .unbounded()
        .check(|| {
            let (yard, letter) = (Yard::new(), Letter::new());
            let writes = letter.clone();
            drop(yard.drive(move |_| {
                writes.write();
                Poll::Ready(())
            }));
            let there = yard.clone();
            let other = start(move || {
                let held = there.listed.lock().as_ref().map(Listed::hold);
                if let Some(held) = &held {
                    held.cancel();
                }
            });
            yard.work();
            other.join().unwrap();
            yard.is_cleared();
        });
}

/// Fear: the last waker is dropped as the future ends, and both free the cell, or
/// neither does.
/// Must fail when: the end of a reference is not released, or not acquired.
/// Bound: none, two threads.
#[test]
fn the_last_waker_dropped_as_the_future_ends_frees_once() {
    model("future::the_last_waker_dropped_as_the_future_ends_frees_once")
        .unbounded()
        .check(|| {
            let yard = Yard::new();
            let other = Arc::new(Mutex::new(None));
            let slot = other.clone();
            let handle = yard.drive(move |context| {
                let waker = context.waker().clone();
                *slot.lock() = Some(start(move || drop(waker)));
                Poll::Ready(())
            });
            drop(handle);
            yard.work();
            let other = other.lock().take().unwrap();
            other.join().unwrap();
            yard.is_cleared();
        });
}

/// Fear: the last waker is dropped as the poll ends, and the future waits for ever
/// for a wake-up that nobody can give; or both drop it.
/// Must fail when: neither the poll's end nor the waker's looks at the count.
/// Bound: none, two threads.
#[test]
fn a_future_whose_last_waker_goes_as_its_poll_ends_is_cancelled() {
    model("future::a_future_whose_last_waker_goes_as_its_poll_ends_is_cancelled")
        .unbounded()
        .check(|| {
            let yard = Yard::new();
            let other = Arc::new(Mutex::new(None));
            let (slot, there) = (other.clone(), yard.clone());
            let handle = yard.drive(move |context| {
                let (waker, yard) = (context.waker().clone(), there.clone());
                *slot.lock() = Some(start(move || {
                    drop(waker);
                    yard.work();
                }));
                Poll::Pending
            });
            yard.work();
            let other = other.lock().take().unwrap();
            other.join().unwrap();
            assert_eq!(handle.state(), TaskState::Cancelled);
            drop(handle);
            yard.is_cleared();
        });
}

/// Fear: the handle, the last waker and the end all leave at once, and nobody frees.
/// Must fail when: who clears the last reference does not know it.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn handle_waker_and_poll_leave_together_and_one_frees() {
    model("future::handle_waker_and_poll_leave_together_and_one_frees")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let yard = Yard::new();
            let waker = Arc::new(Mutex::new(None));
            let shows = waker.clone();
            let handle = yard.drive(two_polls(
                move |waker| *shows.lock() = Some(waker.clone()),
                || (),
            ));
            yard.work();
            let waker = waker.lock().take().unwrap();
            waker.wake_by_ref();
            let there = yard.clone();
            let poller = start(move || there.work());
            let leaver = start(move || drop(handle));
            drop(waker);
            poller.join().unwrap();
            leaver.join().unwrap();
            yard.is_cleared();
        });
}
