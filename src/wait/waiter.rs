//! Those who wait for one event: threads, futures, callbacks, collectors.
//!
//! A [`Waiter`] is an entry of an intrusive list whose head lives in the word
//! of the thing waited for. Whoever takes the whole list away (because the
//! event has come) owns its entries until it has notified them:
//!
//! ```text
//!   made ──push──► in the list ──┬── taken by the notifier ──► notified
//!                                └── removed by its owner
//! ```
//!
//! * A *thread's* entry lies on its own stack. The notifier moves the parker
//!   out, then sets `done`: from there on the entry may be gone. The sleeper
//!   leaves only after `done`, or after it has removed the entry itself.
//! * Every *other* entry is boxed, and freed by its notifier or its remover.
//!
//! Orderings: `done` is released by the notifier and acquired by the sleeper,
//! so what precedes the event is seen by whoever it wakes. The entry's own
//! fields are published by the word that heads the list.

use std::any::Any;
use std::sync::Arc;
use std::task::Waker;

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{Parker, UnsafeCell, catch_unwind, drop_contained, mutant, weaken};

/// What to do when the event comes. The number is the event's outcome.
pub(crate) enum Wake {
    Thread(Arc<Parker>),
    Future(Waker),
    Call(Box<dyn FnOnce(usize) + Send>),
    Collect(Arc<dyn Collect>, usize),
}

/// Gathers events from many sources; `key` says which one has come.
pub(crate) trait Collect: Send + Sync {
    /// Takes note, and wakes a thread that waits for it. A future's waker is
    /// handed back: it is the user's, and others are to be told before.
    #[must_use]
    fn collect(&self, key: usize) -> Option<Waker>;
}

/// One entry of a list of waiters.
// Aligned so that the low bits of its address are free for the flags of the
// word that heads the list.
#[repr(align(64))]
pub(crate) struct Waiter {
    next: UnsafeCell<usize>,
    wake: UnsafeCell<Option<Wake>>,
    done: AtomicBool,
    boxed: bool,
}

// SAFETY: the fields behind cells belong to one thread at a time: the owner
// before the push, whoever took the list after it. The words that head lists
// order the hand-overs (see the top of this file).
unsafe impl Send for Waiter {}
// SAFETY: as above.
unsafe impl Sync for Waiter {}

impl Waiter {
    /// An entry for this thread, to live on its stack until it is notified.
    pub(crate) fn for_thread(parker: Arc<Parker>) -> Self {
        Self::new(Wake::Thread(parker), false)
    }

    /// An entry that its notifier frees, or whoever removes it ([`free`]).
    pub(crate) fn boxed<'a>(wake: Wake) -> &'a Self {
        let entry = Box::into_raw(Box::new(Self::new(wake, true)));
        let _ = entry.expose_provenance();
        // SAFETY: just made, and nobody else knows it.
        unsafe { &*entry }
    }

    fn new(wake: Wake, boxed: bool) -> Self {
        Self {
            next: UnsafeCell::new(0),
            wake: UnsafeCell::new(Some(wake)),
            done: AtomicBool::new(false),
            boxed,
        }
    }

    /// Whether the event has come and the notifier is done with this entry.
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `notify`.
        self.done
            .load(weaken("waiter-done-relaxed", Ordering::Acquire))
    }

    pub(crate) fn addr(&self) -> usize {
        (self as *const Self).expose_provenance()
    }

    /// Links this entry before `next`. Only for whoever holds the entry.
    pub(crate) fn set_next(&self, next: List) {
        // SAFETY: the holder of an entry is alone with it (top of this file).
        self.next.with_mut(|slot| unsafe { *slot = next.0 });
    }

    fn next(&self) -> List {
        // SAFETY: as in `set_next`.
        List(self.next.with(|slot| unsafe { *slot }))
    }

    /// Changes which waker a future's entry wakes; the former one is returned.
    /// Only for whoever holds the entry.
    pub(crate) fn replace_wake(&self, wake: Wake) -> Option<Wake> {
        // SAFETY: as in `set_next`.
        self.wake.with_mut(|slot| unsafe { (*slot).replace(wake) })
    }

    /// Whether this is a future's entry. Only for whoever holds the entry.
    pub(crate) fn is_future(&self) -> bool {
        self.wake.with(|slot| {
            // SAFETY: as in `set_next`.
            let wake = unsafe { &*slot };
            matches!(wake, Some(Wake::Future(_)))
        })
    }

    fn take_wake(&self) -> Option<Wake> {
        // SAFETY: as in `set_next`.
        self.wake.with_mut(|slot| unsafe { (*slot).take() })
    }
}

/// A list of waiters, newest first: the address of its head.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct List(usize);

impl List {
    pub(crate) const EMPTY: List = List(0);

    pub(crate) fn from_addr(addr: usize) -> Self {
        Self(addr)
    }

    pub(crate) fn addr(self) -> usize {
        self.0
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    fn head<'a>(self) -> Option<&'a Waiter> {
        let head = std::ptr::with_exposed_provenance::<Waiter>(self.0);
        // SAFETY: an address in a list comes from `Waiter::addr`, and its entry
        // stays where it is until it was notified or removed.
        unsafe { head.as_ref() }
    }

    fn entries<'a>(self) -> impl Iterator<Item = &'a Waiter> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let head = rest.head()?;
            rest = head.next();
            Some(head)
        })
    }

    /// The entry at the end. Only for whoever holds the list.
    pub(crate) fn oldest<'a>(self) -> Option<&'a Waiter> {
        self.entries().last()
    }

    /// Takes the first entry that `pick` wants out of the list. Only for
    /// whoever holds the list.
    pub(crate) fn remove<'a>(&mut self, pick: impl Fn(&Waiter) -> bool) -> Option<&'a Waiter> {
        let mut before: Option<&Waiter> = None;
        for entry in self.entries() {
            if !pick(entry) {
                before = Some(entry);
                continue;
            }
            match before {
                None => *self = entry.next(),
                Some(before) => before.set_next(entry.next()),
            }
            return Some(entry);
        }
        None
    }

    /// Tells everybody: threads and collectors first, then futures, then
    /// callbacks, each kind in the order in which they came, so that no thread
    /// waits for user code, and no waker for a callback.
    ///
    /// Returns the panics of wakers and callbacks; one does not keep the rest
    /// from being told.
    pub(crate) fn notify(self, outcome: usize) -> Vec<Box<dyn Any + Send>> {
        let mut panics = Vec::new();
        if self.is_empty() {
            return panics;
        }
        let mut oldest_first = Self::EMPTY;
        let mut rest = self;
        while let Some(entry) = rest.head() {
            rest = entry.next();
            entry.set_next(oldest_first);
            oldest_first = List(entry.addr());
        }
        let (mut wakers, mut calls) = (Vec::new(), Vec::new());
        let mut rest = oldest_first;
        while let Some(entry) = rest.head() {
            rest = entry.next();
            let wake = entry.take_wake();
            // From here on the entry may be gone.
            release(entry);
            let waker = match wake {
                Some(Wake::Thread(_)) if mutant("waiter-notify-skips-thread") => None,
                Some(Wake::Thread(parker)) => {
                    parker.unpark();
                    None
                }
                Some(Wake::Collect(collector, key)) => collector.collect(key),
                Some(Wake::Future(waker)) => Some(waker),
                Some(Wake::Call(call)) => {
                    calls.push(call);
                    None
                }
                None => None,
            };
            // Most have one waiter only: nobody stands behind it.
            let is_last = rest == Self::EMPTY && wakers.is_empty();
            match waker {
                Some(waker) if is_last || mutant("waiter-wakers-before-threads") => {
                    panics.extend(catch_unwind(|| waker.wake()).err());
                }
                Some(waker) => wakers.push(waker),
                None => {}
            }
        }
        for waker in wakers {
            panics.extend(catch_unwind(|| waker.wake()).err());
        }
        for call in calls {
            panics.extend(catch_unwind(|| call(outcome)).err());
        }
        panics
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0 == 0 {
            "List(empty)"
        } else {
            "List(..)"
        })
    }
}

/// Gives up an entry: a boxed one is freed, a thread's one is handed back.
fn release(entry: &Waiter) {
    if entry.boxed {
        free(entry);
    } else {
        // ORDERING: Release pairs with the Acquire in `is_done`.
        entry
            .done
            .store(true, weaken("waiter-done-release", Ordering::Release));
    }
}

/// Frees a boxed entry that was removed from its list.
pub(crate) fn free(entry: &Waiter) {
    debug_assert!(entry.boxed);
    // A waker or a callback that was never called is user code to drop.
    drop_contained(entry.take_wake());
    let pointer = std::ptr::with_exposed_provenance_mut::<Waiter>(entry.addr());
    // SAFETY: `boxed` says that it came from `Box::into_raw`, and whoever holds
    // an entry outside of every list is alone with it.
    drop(unsafe { Box::from_raw(pointer) });
}

#[cfg(test)]
mod tests;
