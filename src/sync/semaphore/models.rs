//! What we fear of permits and lines, and loom's answer.
//!
//! A cell that only who holds the permit may touch is the payload: loom reports
//! two at once, and one who does not see what the other did. A permit that is
//! lost leaves somebody asleep for ever, which loom calls a deadlock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::line::Line;
use super::{AcquireError, Semaphore};
use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::wait::block_on;

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A semaphore, and what its permit guards.
struct Room {
    seats: Semaphore,
    inside: UnsafeCell<u32>,
}

// SAFETY: the cell is touched by who holds all permits; that this suffices is
// what the models show.
unsafe impl Sync for Room {}

impl Room {
    fn new(seats: Semaphore) -> Arc<Self> {
        Arc::new(Self {
            seats,
            inside: UnsafeCell::new(0),
        })
    }

    fn enter(&self) {
        // SAFETY: see `Room`.
        self.inside.with_mut(|count| unsafe { *count += 1 });
    }

    fn by_thread(&self) {
        let _seat = self.seats.acquire().unwrap();
        self.enter();
    }

    fn by_future(&self) {
        let _seat = block_on(self.seats.acquire_async()).unwrap();
        self.enter();
    }

    /// All is as it should be when all is quiet.
    fn quiet(&self, visits: u32) {
        assert_eq!((self.seats.available(), self.seats.waiting()), (1, 0));
        // SAFETY: see `Room`; nobody else is there.
        self.inside
            .with(|count| assert_eq!(unsafe { *count }, visits));
    }
}

fn one_at_a_time(make: fn(usize) -> Semaphore, other: fn(&Room)) {
    let room = Room::new(make(1));
    let visitor = start({
        let room = room.clone();
        move || other(&room)
    });
    room.by_thread();
    visitor.join().unwrap();
    room.quiet(2);
}

/// Fear: two are in at once; what one did the other does not see; a permit put
/// back while somebody joins the line wakes nobody.
/// Must fail when: `put` releases less, or does not serve; who takes acquires
/// less; who joins does not look again.
/// Bound: none, two threads.
#[test]
fn one_permit_lets_one_thread_in_at_a_time() {
    Model::new("sync::semaphore::one_permit_lets_one_thread_in_at_a_time")
        .unbounded()
        .check(|| one_at_a_time(Semaphore::new, Room::by_thread));
}

/// Fear: as before, with a thread and a future.
/// Must fail when: as before.
/// Bound: none, two threads.
#[test]
fn one_permit_lets_a_thread_or_a_future_in() {
    Model::new("sync::semaphore::one_permit_lets_a_thread_or_a_future_in")
        .unbounded()
        .check(|| one_at_a_time(Semaphore::new, Room::by_future));
}

/// Fear: as before, in strict order.
/// Must fail when: as before; permits that are handed over stay free.
/// Bound: none, two threads.
#[test]
fn a_strict_permit_lets_one_in_at_a_time() {
    Model::new("sync::semaphore::a_strict_permit_lets_one_in_at_a_time")
        .unbounded()
        .check(|| one_at_a_time(Semaphore::fair, Room::by_thread));
}

/// Fear: as before, in strict order, with a thread and a future.
/// Must fail when: as before.
/// Bound: none, two threads.
#[test]
fn a_strict_permit_lets_a_thread_or_a_future_in() {
    Model::new("sync::semaphore::a_strict_permit_lets_a_thread_or_a_future_in")
        .unbounded()
        .check(|| one_at_a_time(Semaphore::fair, Room::by_future));
}

/// Fear: a thread was called, another took the permit before it came, and then
/// nobody calls it again.
/// Must fail when: who came in vain leaves COMING set; who puts does not serve.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_thread_that_came_in_vain_is_called_again() {
    Model::new("sync::semaphore::a_thread_that_came_in_vain_is_called_again")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let room = Room::new(Semaphore::new(1));
            let visitors = [(); 2].map(|()| {
                let room = room.clone();
                start(move || room.by_thread())
            });
            room.by_thread();
            for visitor in visitors {
                visitor.join().unwrap();
            }
            room.quiet(3);
        });
}

/// Fear: a small request passes a big one that came first.
/// Must fail when: one newcomer more may pass than may.
/// Bound: none, two threads.
#[test]
fn a_big_request_is_served_before_a_small_one_that_came_later() {
    Model::new("sync::semaphore::a_big_request_is_served_before_a_small_one_that_came_later")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Semaphore::fair(2), AtomicBool::new(false)));
            let seat = shared.0.acquire().unwrap();
            let mut both = shared.0.acquire_many_async(2);
            assert!(poll(&mut both).is_pending());
            let small = start({
                let shared = shared.clone();
                move || {
                    let _seat = shared.0.acquire().unwrap();
                    assert!(shared.1.load(Relaxed), "passed");
                }
            });
            drop(seat);
            let both = block_on(both).unwrap();
            shared.1.store(true, Relaxed);
            drop(both);
            small.join().unwrap();
            assert_eq!(shared.0.available(), 2);
        });
}

/// Fear: two newcomers at once pass where one more may pass.
/// Must fail when: one newcomer more may pass than may.
/// Bound: 3 preemptions, three threads.
#[test]
fn no_more_than_the_bound_pass_the_first() {
    Model::new("sync::semaphore::no_more_than_the_bound_pass_the_first")
        .preemptions(3)
        .check(|| {
            let line = Arc::new(Line::new(3, 1));
            line.try_take(1).unwrap();
            let mut ticket = None;
            let mut context = Context::from_waker(Waker::noop());
            assert!(line.poll_take(3, &mut ticket, &mut context).is_pending());
            let newcomers = [(); 2].map(|()| {
                let line = line.clone();
                start(move || usize::from(line.try_take(1).is_ok()))
            });
            let passed: usize = newcomers.map(|other| other.join().unwrap()).iter().sum();
            assert_eq!(passed, 1);
            line.put(2);
            assert!(line.poll_take(3, &mut ticket, &mut context).is_ready());
        });
}

/// Fear: permits for two are put back while the first in line is on its way, which
/// takes its own and goes; nobody comes any more who would call the second.
/// Must fail when: a called thread that takes does not serve the next.
/// Bound: 3 preemptions, three threads.
#[test]
fn the_next_in_line_is_served_when_the_called_one_takes() {
    Model::new("sync::semaphore::the_next_in_line_is_served_when_the_called_one_takes")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let seats = Arc::new(Semaphore::new(2));
            let both = seats.acquire_many(2).unwrap();
            let others = [(); 2].map(|()| {
                let seats = seats.clone();
                // Kept: given back it would serve the other one.
                start(move || seats.acquire().unwrap().forget())
            });
            drop(both);
            for other in others {
                other.join().unwrap();
            }
            assert_eq!((seats.available(), seats.waiting()), (0, 0));
        });
}

/// Fear: permits are made, and who waits for them sleeps on, or does not see what
/// was done before.
/// Must fail when: new permits are not served.
/// Bound: none, two threads.
#[test]
fn permits_that_are_made_reach_who_waits() {
    Model::new("sync::semaphore::permits_that_are_made_reach_who_waits")
        .unbounded()
        .check(|| {
            let room = Room::new(Semaphore::new(0).up_to(1));
            let visitor = start({
                let room = room.clone();
                move || room.by_thread()
            });
            room.enter();
            room.seats.add_permits(1).unwrap();
            visitor.join().unwrap();
            room.quiet(2);
        });
}

fn a_dropped_future_hands_on(make: fn(usize) -> Semaphore) {
    let room = Room::new(make(1));
    let seat = room.seats.acquire().unwrap();
    let mut first = room.seats.acquire_async();
    assert!(poll(&mut first).is_pending());
    let visitor = start({
        let room = room.clone();
        move || room.by_thread()
    });
    drop(seat);
    drop(first);
    visitor.join().unwrap();
    room.quiet(1);
}

/// Fear: a future is given the permit, is dropped, and the permit with it.
/// Must fail when: a dropped future keeps its grant, or does not serve.
/// Bound: none, two threads.
#[test]
fn a_dropped_future_hands_its_permit_on() {
    Model::new("sync::semaphore::a_dropped_future_hands_its_permit_on")
        .unbounded()
        .check(|| a_dropped_future_hands_on(Semaphore::new));
}

/// Fear: as before, in strict order.
/// Must fail when: as before.
/// Bound: none, two threads.
#[test]
fn a_dropped_future_hands_its_strict_permit_on() {
    Model::new("sync::semaphore::a_dropped_future_hands_its_strict_permit_on")
        .unbounded()
        .check(|| a_dropped_future_hands_on(Semaphore::fair));
}

/// Fear: a big request goes while small ones stand behind it, for which there
/// are permits.
/// Must fail when: who leaves does not serve.
/// Bound: none, two threads.
#[test]
fn a_big_request_that_leaves_lets_the_small_ones_in() {
    Model::new("sync::semaphore::a_big_request_that_leaves_lets_the_small_ones_in")
        .unbounded()
        .check(|| {
            let seats = Arc::new(Semaphore::fair(2));
            let seat = seats.acquire().unwrap();
            let mut both = seats.acquire_many_async(2);
            assert!(poll(&mut both).is_pending());
            let small = start({
                let seats = seats.clone();
                move || drop(seats.acquire().unwrap())
            });
            drop(both);
            small.join().unwrap();
            drop(seat);
            assert_eq!((seats.available(), seats.waiting()), (2, 0));
        });
}

fn a_timed_out_thread_hands_on(make: fn(usize) -> Semaphore) {
    let room = Room::new(make(1));
    let seat = room.seats.acquire().unwrap();
    let visitor = start({
        let room = room.clone();
        move || {
            let seat = room.seats.acquire_timeout(Duration::from_secs(3600));
            match &seat {
                Ok(_) => room.enter(),
                Err(error) => assert_eq!(*error, AcquireError::TimedOut),
            }
            u32::from(seat.is_ok())
        }
    });
    let mut second = room.seats.acquire_async();
    assert!(poll(&mut second).is_pending());
    room.enter();
    drop(seat);
    drop(block_on(second).unwrap());
    let visits = visitor.join().unwrap();
    room.quiet(1 + visits);
}

/// Fear: a thread is called as its time is up, and the call goes with it.
/// Must fail when: a thread leaves at its time limit with what it has; who joins
/// does not look again; who puts does not serve.
/// Bound: none, two threads.
#[test]
fn a_timed_out_thread_hands_its_call_on() {
    Model::new("sync::semaphore::a_timed_out_thread_hands_its_call_on")
        .unbounded()
        .quick(3)
        .check(|| a_timed_out_thread_hands_on(Semaphore::new));
}

/// Fear: a thread is given the permit as its time is up, and the permit goes
/// with it.
/// Must fail when: a thread leaves at its time limit with what it has; who joins
/// does not look again; who puts does not serve.
/// Bound: none, two threads.
#[test]
fn a_timed_out_thread_hands_its_strict_permit_on() {
    Model::new("sync::semaphore::a_timed_out_thread_hands_its_strict_permit_on")
        .unbounded()
        .quick(3)
        .check(|| a_timed_out_thread_hands_on(Semaphore::fair));
}

/// Fear: who joins as the semaphore is closed sleeps for ever, or does not see
/// why it was closed.
/// Must fail when: `close` forgets somebody; it releases less.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_close_racing_with_a_thread_and_a_future_ends_both() {
    Model::new("sync::semaphore::a_close_racing_with_a_thread_and_a_future_ends_both")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let room = Room::new(Semaphore::new(1));
            let seat = room.seats.acquire().unwrap();
            let thread = start({
                let room = room.clone();
                move || room.seats.acquire().map(drop)
            });
            let future = start({
                let room = room.clone();
                move || {
                    let closed = block_on(room.seats.acquire_async()).map(drop);
                    // SAFETY: written before the close, which has come.
                    room.inside.with(|count| assert_eq!(unsafe { *count }, 1));
                    closed
                }
            });
            room.enter();
            assert!(room.seats.close());
            assert_eq!(thread.join().unwrap(), Err(AcquireError::Closed));
            assert_eq!(future.join().unwrap(), Err(AcquireError::Closed));
            drop(seat);
            room.quiet(1);
        });
}

/// Fear: two releases at once, each too little for the first in line, serve
/// nobody though both together are enough.
/// Must fail when: `put` does not serve; who joins does not look again.
/// Bound: 3 preemptions, three threads.
#[test]
fn two_releases_at_once_serve_a_request_for_both() {
    Model::new("sync::semaphore::two_releases_at_once_serve_a_request_for_both")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let seats = Arc::new(Semaphore::new(2));
            let (one, two) = (seats.acquire().unwrap(), seats.acquire().unwrap());
            let releases = [one, two].map(|seat| {
                let seat = seat.into_owned(&seats);
                start(move || drop(seat))
            });
            drop(seats.acquire_many(2).unwrap());
            for other in releases {
                other.join().unwrap();
            }
            assert_eq!((seats.available(), seats.waiting()), (2, 0));
        });
}
