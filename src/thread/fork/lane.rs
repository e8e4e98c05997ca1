//! The joins of one thread: a split deque of pointers.
//!
//! ```text
//!  0        top          split        tail         CAPACITY
//!  ┌─────────┬─────────────┬────────────┬──────────────┐
//!  │ stolen  │   shared    │  private   │     free     │
//!  └─────────┴─────────────┴────────────┴──────────────┘
//!     thieves take at top ►  ◄ ► split,      ◄ ► tail: the owner alone
//! ```
//!
//! A join pushes its second half at `tail` and pops it when the first half has
//! returned, so the lane is a stack, and an index stays where it is: what lies
//! at or above the `tail` that a thread had when it began something was pushed
//! by that something. That is the *mark* by which helpers know descendants
//! (fork/mod.rs).
//!
//! `tail` is the owner's, and so is a copy of `split`. `top` and `split` are the
//! two halves of one word, the *range*:
//!
//! | who | step | when | the word |
//! |---|---|---|---|
//! | owner | `push` | always | not touched: one load |
//! | owner | `expose` | `top == split` after a push: thieves find nothing | `split + 1`, an addition |
//! | thief | `steal` | `top < split` | `top + 1`, an exchange |
//! | owner | `pop` | `tail - 1 >= split` | not touched |
//! | owner | `take_back` | `top < split == tail` | `split - 1`, an exchange |
//! | owner | `forget_stolen` | `top == split == tail`, the stolen one has ended | both - 1, a store |
//!
//! So as long as the oldest join is there to be stolen, pushing and popping the
//! younger ones costs neither a fence nor a write that others see. Thieves take
//! the oldest, which in a recursion is the biggest.
//!
//! A join beneath so many private ones is not pushed at all: it runs its halves in
//! turn, unless thieves have meanwhile taken what was shared.
//!
//! # Orderings
//!
//! `expose` releases what the owner has written (the place, and the job on its
//! stack), and a thief's exchange acquires it. All changes in between are
//! read-modify-writes, so each exchange sees the `expose` that gave it its place
//! (release sequence); the store of `forget_stolen` leaves nothing shared that
//! would need one. A thief reads its place after the exchange; the owner writes
//! that place again only after the job has ended, which the job's latch orders.
//!
//! Sources: Dijk and Pol, "Lace" (2014), for the split deque; Acar, Charguéraud
//! and Rainey, "Scheduling Parallel Programs by Work Stealing with Private
//! Deques" (2013), for exposing on demand.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::Fork;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::unmodelled::OnceLock;
use crate::primitive::{UnsafeCell, mutant, weaken};

use Ordering::{Acquire, Relaxed, Release};

/// So many joins may be open on one thread; a deeper one runs its halves one
/// after the other, while the older ones are there to be stolen.
pub(in crate::thread) const CAPACITY: usize = if cfg!(raddle_loom) { 4 } else { 1024 };

/// So many jobs of a thread are private at once.
const PRIVATE_MAX: usize = if cfg!(raddle_loom) { 1 } else { 4 };

const HALF: u32 = usize::BITS / 2;
const TOP: usize = (1 << HALF) - 1;

/// `top` and `split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range(usize);

impl Range {
    fn top(self) -> usize {
        self.0 & TOP
    }

    fn split(self) -> usize {
        self.0 >> HALF
    }

    /// Nothing is shared, and all below `at` were stolen.
    fn empty(at: usize) -> Self {
        Self(at << HALF | at)
    }
}

type Place = UnsafeCell<*const Fork>;

/// What thieves see of a thread's joins. It outlives the threads that own it.
#[derive(Debug)]
pub(in crate::thread) struct Lane {
    range: AtomicUsize,
    places: OnceLock<Box<[Place]>>,
}

// SAFETY: a place is written by the owner while it is private or free, and read
// by the one thief that the exchange of the range gives it to; see the top.
unsafe impl Sync for Lane {}
// SAFETY: the pointers in it are used as the range allows; see the top.
unsafe impl Send for Lane {}

/// The owner's end of a lane.
///
/// Pointers to places, not indices, and a copy of the range: a push and a pop
/// together are a dozen instructions.
#[derive(Debug)]
pub(in crate::thread) struct LaneOwner {
    lane: NonNull<Lane>,
    tail: Cell<*const Place>,
    /// The end of the places: the beginning, as long as there was no join.
    limit: Cell<*const Place>,
    split: Cell<*const Place>,
    /// The range while nothing is shared.
    empty: Cell<Range>,
}

/// Where a push has put its job.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(in crate::thread) struct Pushed(*const Place);

impl Lane {
    pub(in crate::thread) fn new() -> Self {
        Self {
            range: AtomicUsize::new(0),
            places: OnceLock::new(),
        }
    }

    fn places(&self) -> &[Place] {
        let make = || {
            (0..CAPACITY)
                .map(|_| UnsafeCell::new(std::ptr::null()))
                .collect()
        };
        self.places.get_or_init(make)
    }

    /// Whether there is something to steal.
    pub(in crate::thread) fn is_empty(&self) -> bool {
        if self.places.get().is_none() {
            return true;
        }
        // ORDERING: Relaxed; the fences of the sleep protocol order this look.
        let range = Range(self.range.load(Relaxed));
        range.top() >= range.split()
    }

    /// Takes the oldest job, if it lies at `mark` or above.
    ///
    /// Its fork waits until whoever has it says that it has ended.
    pub(in crate::thread) fn steal(&self, mark: usize) -> Option<*const Fork> {
        let places = self.places.get()?;
        // ORDERING: Relaxed, the exchange decides.
        let mut range = Range(self.range.load(Relaxed));
        loop {
            let top = range.top();
            if top >= range.split() || top < mark && !mutant("lane-steals-below-mark") {
                return None;
            }
            // ORDERING: Acquire pairs with the Release in `expose`.
            let taken = self.range.compare_exchange(
                range.0,
                range.0 + 1,
                weaken("lane-steal-relaxed", Acquire),
                Relaxed,
            );
            match taken {
                Ok(_) => {
                    let place = places.get(top)?;
                    // SAFETY: the exchange has given us the place.
                    return Some(place.with(|place| unsafe { *place }));
                }
                Err(now) => range = Range(now),
            }
        }
    }
}

impl LaneOwner {
    /// Takes hold of a lane in which nothing lies.
    ///
    /// # Safety
    ///
    /// 1. `lane` outlives the owner's end.
    /// 2. It has no other owner so long.
    pub(in crate::thread) unsafe fn of(lane: &Lane) -> Self {
        Self {
            lane: NonNull::from(lane),
            tail: Cell::new(ptr::null()),
            limit: Cell::new(ptr::null()),
            split: Cell::new(ptr::null()),
            empty: Cell::new(Range::empty(0)),
        }
    }

    fn lane(&self) -> &Lane {
        // SAFETY: it outlives us, by the contract of `of`.
        unsafe { self.lane.as_ref() }
    }

    fn index_of(&self, place: *const Place) -> usize {
        if place.is_null() {
            // There was no join yet; the places may be there, from an owner before.
            return 0;
        }
        let first = match self.lane().places.get() {
            Some(places) => places.as_ptr(),
            None => ptr::null(),
        };
        (place.addr() - first.addr()) / size_of::<Place>()
    }

    /// Where the next job will lie: all that is pushed from now on, until this
    /// is reached again from above, lies there or higher.
    pub(in crate::thread) fn mark(&self) -> usize {
        self.index_of(self.tail.get())
    }

    /// Pushes a job; `None` says that there is no room.
    ///
    /// # Safety
    ///
    /// `fork` stays where it is until it was popped or has ended.
    #[inline]
    pub(in crate::thread) unsafe fn push(&self, fork: *const Fork) -> Option<Pushed> {
        let mut place = self.tail.get();
        if place == self.limit.get() {
            place = self.furnish()?;
        }
        // SAFETY: it lies before the limit, in a box that the lane never replaces,
        // and it is the owner's because it is free.
        unsafe { &*place }.with_mut(|place| unsafe { *place = fork });
        self.tail.set(place.wrapping_add(1));
        Some(Pushed(place))
    }

    /// Whether so many jobs are private that a further one is better not pushed.
    ///
    /// Thieves take the oldest first: by the time they came to it, its owner would
    /// have run it. And what is never pushed costs a comparison.
    #[inline]
    pub(in crate::thread) fn has_enough(&self) -> bool {
        self.tail.get().addr() - self.split.get().addr() >= PRIVATE_MAX * size_of::<Place>()
    }

    /// Whether thieves find nothing here.
    #[inline]
    pub(in crate::thread) fn shares_nothing(&self) -> bool {
        // ORDERING: Relaxed, `split` is ours and `top` only grows: a job may be
        // exposed one push late.
        Range(self.lane().range.load(Relaxed)) == self.empty.get()
    }

    /// Makes room at the first join of a thread; `None` says that all is taken.
    #[cold]
    fn furnish(&self) -> Option<*const Place> {
        if !self.tail.get().is_null() {
            return None;
        }
        let places = self.lane().places().as_ptr_range();
        self.tail.set(places.start);
        self.split.set(places.start);
        self.limit.set(places.end);
        Some(places.start)
    }

    /// Shares the oldest private job, of which there is one, once `prepare` has
    /// made it ready, given its index.
    pub(in crate::thread) fn expose(&self, prepare: impl FnOnce(usize, *const Fork)) {
        let oldest = self.split.get();
        debug_assert!(oldest < self.tail.get(), "a private job");
        // SAFETY: it is private, so the owner's to read.
        let fork = unsafe { &*oldest }.with(|place| unsafe { *place });
        let index = self.index_of(oldest);
        prepare(index, fork);
        self.split.set(oldest.wrapping_add(1));
        // Only if nothing is shared is this used: then all below were stolen.
        self.empty.set(Range::empty(index + 1));
        // ORDERING: Release pairs with the Acquire in `steal`.
        (self.lane().range).fetch_add(1 << HALF, weaken("lane-expose-relaxed", Release));
    }

    /// Takes the newest job off, if it is private; else it stays.
    #[inline]
    pub(in crate::thread) fn pop(&self, pushed: Pushed) -> bool {
        debug_assert_eq!(pushed.0.wrapping_add(1), self.tail.get(), "the newest");
        let is_private = pushed.0 >= self.split.get();
        if is_private {
            self.tail.set(pushed.0);
        }
        is_private
    }

    /// Takes the newest job off, which is shared; `false` says that it was
    /// stolen: then it stays, for [`forget_stolen`](Self::forget_stolen).
    pub(in crate::thread) fn take_back(&self) -> bool {
        debug_assert_eq!(self.split.get(), self.tail.get(), "the newest is shared");
        let newest = self.mark() - 1;
        let word = &self.lane().range;
        // ORDERING: Relaxed, the exchange decides.
        let mut range = Range(word.load(Relaxed));
        loop {
            if range.top() > newest {
                return false;
            }
            let less = range.0 - (1 << HALF);
            if mutant("lane-takes-back-without-exchange") {
                // ORDERING: as below.
                word.store(less, Relaxed);
                break;
            }
            // ORDERING: Relaxed, the job is our own; thieves after us acquire
            // through the release sequence that this continues.
            match word.compare_exchange(range.0, less, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => range = Range(now),
            }
        }
        self.drop_newest(newest);
        true
    }

    /// Takes the newest job off, which was stolen and has ended.
    pub(in crate::thread) fn forget_stolen(&self) {
        let newest = self.mark() - 1;
        self.drop_newest(newest);
        // ORDERING: Relaxed, nothing is shared. A swap, so that loom orders it
        // with the exchanges of thieves, which fail.
        self.lane().range.swap(Range::empty(newest).0, Relaxed);
    }

    fn drop_newest(&self, index: usize) {
        let place = self.tail.get().wrapping_sub(1);
        self.split.set(place);
        self.tail.set(place);
        self.empty.set(Range::empty(index));
    }
}
