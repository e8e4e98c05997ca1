//! The deque of a thread: its own tasks, newest first; thieves take the oldest.
//!
//! ```text
//!        front                      back
//!          ▼                         ▼
//!   ┌────┬────┬────┬────┬────┬────┬────┐
//!   │ .. │ f  │f+1 │ ...     │b-1 │    │   thieves take at front, by exchange;
//!   └────┴────┴────┴────┴────┴────┴────┘   the owner pushes and pops at back
//! ```
//!
//! Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005), with the orderings
//! of Lê, Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for
//! Weak Memory Models" (2013). Of its own, and not crossbeam's, for two reasons: a
//! pop contains a SeqCst fence, which costs an eighth of that of std on x86-64
//! (`primitive/native/fence.rs`); and the models explore the source that ships.
//!
//! # States and transitions
//!
//! An item at index `i` is the owner's while `front <= i < back`, until one of:
//!
//! | event | the item goes to |
//! |---|---|
//! | the owner lowers `back` to `i`, and then sees `front < i` | the owner |
//! | somebody exchanges `front` from `i` to `i + 1` | them; for the last item the owner does so too |
//!
//! # Orderings
//!
//! * *Push*: a Release fence, then `back`. Whoever sees `back` sees the items below.
//!   A fence and not a Release store, so that the stores of `back` in `pop`, which
//!   come later, publish the items as well.
//! * *Pop and steal*: the owner lowers `back`, fences, reads `front`; a thief reads
//!   `front`, fences, reads `back`. One of the two sees the other, so they never both
//!   take an item without the exchange.
//! * *Slots*: a push reuses one after it has seen `front` pass it, by an Acquire that
//!   pairs with the exchange of the thief, who has read it before.
//!
//! Indices wrap; they are compared by their distance, which is never above half of
//! their range.

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::primitive::atomic::{AtomicUsize, Ordering, fence};
use crate::primitive::{Pointed, Ring, Steal, View, mutant, weaken};

use Ordering::{Acquire, Relaxed, Release, SeqCst};

/// The first index; counters near their wrap start there.
const START: usize = if cfg!(raddle_preage) {
    usize::MAX - 1000
} else {
    0
};

/// So many a thief takes at once at most.
pub(super) const BATCH_MAX: usize = if cfg!(raddle_loom) { 2 } else { 32 };

/// `front` and `back` lie apart: thieves write the one, the owner the other.
#[repr(align(128))]
struct Apart<T>(T);

struct Shared<T: Pointed> {
    front: Apart<AtomicUsize>,
    back: Apart<AtomicUsize>,
    ring: Ring<T>,
}

/// The owner's end.
pub(crate) struct Deque<T: Pointed> {
    shared: Arc<Shared<T>>,
    /// What only the owner writes, it need not load.
    back: Cell<usize>,
    /// `front` has come at least so far.
    passed: Cell<usize>,
    /// The ring's slots; only the owner makes it grow.
    view: Cell<View>,
}

/// The thieves' end.
pub(crate) struct Stealer<T: Pointed>(Arc<Shared<T>>);

/// How many items lie between the two; none, if `front` was read too late.
fn distance(front: usize, back: usize) -> usize {
    let distance = back.wrapping_sub(front);
    if distance > usize::MAX / 2 {
        0
    } else {
        distance
    }
}

impl<T: Pointed> Shared<T> {
    /// Where the oldest item is, and how many there are.
    fn look(&self) -> (usize, usize) {
        // ORDERING: Acquire pairs with the exchanges of other takers.
        let front = self.front.0.load(Acquire);
        if !mutant("deque-steal-without-fence") {
            // ORDERING: pairs with the fence in `pop`.
            fence(SeqCst);
        }
        // ORDERING: Acquire pairs with the release fence in `push`.
        let back = self.back.0.load(weaken("deque-look-relaxed", Acquire));
        (front, distance(front, back))
    }

    /// Takes the item at `front`, if it is still the oldest.
    ///
    /// # Safety
    ///
    /// The caller has seen a `back` above `front`.
    unsafe fn take_front(&self, front: usize) -> Option<T> {
        let peeked = self.ring.peek(front);
        // ORDERING: SeqCst, in one order with the fences; its Release says that the
        // slot has been read.
        let order = if mutant("deque-take-without-release") {
            Acquire
        } else {
            SeqCst
        };
        let taken = (self.front.0).compare_exchange(front, front.wrapping_add(1), order, Relaxed);
        // SAFETY: the exchange gave us the item; it was there, by the contract.
        taken.is_ok().then(|| unsafe { self.ring.claim(peeked) })
    }
}

impl<T: Pointed> Deque<T> {
    pub(crate) fn new() -> Self {
        let ring = Ring::new();
        Self {
            view: Cell::new(ring.view()),
            shared: Arc::new(Shared {
                front: Apart(AtomicUsize::new(START)),
                back: Apart(AtomicUsize::new(START)),
                ring,
            }),
            back: Cell::new(START),
            passed: Cell::new(START),
        }
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.shared))
    }

    /// Puts an item where the owner finds it first, and thieves last.
    #[inline]
    pub(crate) fn push(&self, item: T) {
        let back = self.back.get();
        if back.wrapping_sub(self.passed.get()) >= self.view.get().capacity() {
            self.make_room(back);
        }
        // SAFETY: we are the owner, and `front` has passed what was there before; only
        // `make_room` makes the ring grow.
        unsafe { self.shared.ring.put(self.view.get(), back, item) };
        if !mutant("deque-push-without-fence") {
            // ORDERING: pairs with the Acquire load of `back` in `look`.
            fence(Release);
        }
        self.set_back(back.wrapping_add(1));
    }

    #[cold]
    fn make_room(&self, back: usize) {
        // ORDERING: Acquire pairs with the exchange of the thief who has read the
        // slot that is filled next.
        let order = weaken("deque-room-relaxed", Acquire);
        let front = self.shared.front.0.load(order);
        self.passed.set(front);
        if back.wrapping_sub(front) >= self.view.get().capacity() {
            // SAFETY: we are the owner.
            unsafe { self.shared.ring.grow(front, back) };
            self.view.set(self.shared.ring.view());
        }
    }

    #[inline]
    fn set_back(&self, back: usize) {
        self.back.set(back);
        // ORDERING: Relaxed, the release fence of `push` came before.
        self.shared.back.0.store(back, Relaxed);
    }

    /// Takes the newest item.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let back = self.back.get();
        // ORDERING: Relaxed, a front that is too old is corrected below; one that
        // shows an empty deque needs no order to be believed.
        if distance(self.shared.front.0.load(Relaxed), back) == 0 {
            return None;
        }
        let newest = back.wrapping_sub(1);
        self.set_back(newest);
        if !mutant("deque-pop-without-fence") {
            // ORDERING: pairs with the fence in `look`.
            fence(SeqCst);
        }
        // ORDERING: Relaxed, after the fence.
        let front = self.shared.front.0.load(Relaxed);
        if distance(front, newest) > 0 {
            // SAFETY: only `make_room` makes the ring grow.
            let peeked = unsafe { self.shared.ring.peek_own(self.view.get(), newest) };
            // SAFETY: thieves see the lowered `back` before they come so far.
            return Some(unsafe { self.shared.ring.claim(peeked) });
        }
        self.pop_last(front, newest)
    }

    /// Whether the newest item is the one with this address. If so, `pop` takes it,
    /// or nothing: where thieves have it, they have all that were older.
    #[inline]
    pub(crate) fn ends_with(&self, pointer: *const ()) -> bool {
        let newest = self.back.get().wrapping_sub(1);
        // SAFETY: only `make_room` makes the ring grow.
        unsafe { (self.shared.ring).holds(self.view.get(), newest, pointer) }
    }

    /// The last item, or none: the exchange on `front` decides.
    fn pop_last(&self, front: usize, newest: usize) -> Option<T> {
        let item = if front != newest {
            None
        } else if mutant("deque-last-without-exchange") {
            let peeked = self.shared.ring.peek(newest);
            // SAFETY: none, a seeded bug.
            Some(unsafe { self.shared.ring.claim(peeked) })
        } else {
            // SAFETY: we have pushed it.
            unsafe { self.shared.take_front(front) }
        };
        self.set_back(newest.wrapping_add(1));
        item
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, whoever asks has joined the thieves.
        distance(self.shared.front.0.load(Relaxed), self.back.get()) == 0
    }
}

impl<T: Pointed> Stealer<T> {
    /// Takes the oldest item.
    pub(crate) fn steal(&self) -> Steal<T> {
        let (front, len) = self.0.look();
        if len == 0 {
            return Steal::Empty;
        }
        // SAFETY: it was seen below `back`.
        match unsafe { self.0.take_front(front) } {
            Some(item) => Steal::Success(item),
            None => Steal::Retry,
        }
    }

    /// Takes up to half of the items, the oldest, and no more than `most`; the newest of
    /// them is returned, and the others lie in `own`, the deque of the caller.
    pub(crate) fn steal_batch_and_pop(&self, own: &Deque<T>, most: usize) -> Steal<T> {
        if Arc::ptr_eq(&self.0, &own.shared) {
            return own.pop().map_or(Steal::Empty, Steal::Success);
        }
        let (mut front, len) = self.0.look();
        if len == 0 {
            return Steal::Empty;
        }
        // SAFETY: it was seen below `back`.
        let Some(mut item) = (unsafe { self.0.take_front(front) }) else {
            return Steal::Retry;
        };
        for _ in 1..len.div_ceil(2).min(most) {
            front = front.wrapping_add(1);
            // ORDERING: as in `look`: the owner may have popped meanwhile.
            fence(SeqCst);
            // ORDERING: as in `look`: what lies at `front` now may be newer than that.
            let order = weaken("deque-batch-relaxed", Acquire);
            let left = distance(front, self.0.back.0.load(order));
            if left == 0 && !mutant("deque-batch-without-look") {
                break;
            }
            // SAFETY: it was seen below `back`.
            let Some(next) = (unsafe { self.0.take_front(front) }) else {
                break;
            };
            own.push(std::mem::replace(&mut item, next));
        }
        Steal::Success(item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.look().1
    }
}

impl<T: Pointed> Drop for Shared<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed, nobody else has it any more.
        let indices = || (self.front.0.load(Relaxed), self.back.0.load(Relaxed));
        // SAFETY: nobody has taken what lies there, and nobody will.
        unsafe { self.ring.drop_items(indices) };
    }
}

impl<T: Pointed> fmt::Debug for Deque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Deque { .. }")
    }
}

impl<T: Pointed> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Stealer { .. }")
    }
}
