//! The children of a scope: how many have not ended, and who waits for them.
//!
//! ```text
//!   one word:  children that have not ended (63 bits) │ WAITING
//!
//!   begin: + 1        end: - 1, and the last one unparks whoever WAITS
//! ```
//!
//! Children begin in the scope's own body, or in a child, so the count does not
//! come back from 0 once the body has returned. The scope lies on the stack of
//! its owner, which leaves when the count is 0: so the last child takes a
//! reference to the owner's parker *before* it counts itself out, and touches
//! nothing afterwards.
//!
//! A child counts itself out when all is over: its closure is gone, its result was
//! given to its handle or dropped, and those who waited for it were told. What
//! they borrow from the scope is not used any more.
//!
//! # Orderings
//!
//! Counting out releases what the child did, and the owner's look acquires it; all
//! changes are read-modify-writes, so the last one passes on what the others have
//! released. WAITING releases the parker, and whoever finds it acquires it.

#[cfg(all(test, raddle_loom))]
mod models;

use std::ptr::NonNull;
use std::sync::Arc;

use super::cell::Body;
use super::options::TaskOptions;
use crate::error::Panic;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::unmodelled::Mutex;
use crate::primitive::{Parker, UnsafeCell, drop_contained, mutant, weaken};

use Ordering::{Acquire, Relaxed, Release};

const WAITING: usize = 1;
const ONE: usize = 2;

/// The children of one scope.
#[derive(Debug)]
pub(crate) struct Children {
    word: AtomicUsize,
    /// Written before WAITING is set.
    waiter: UnsafeCell<Option<Arc<Parker>>>,
    /// The first panic that no handle has shown.
    panic: Mutex<Option<Box<Panic>>>,
}

// SAFETY: the waiter is written before WAITING is set, and read after; see the top.
unsafe impl Sync for Children {}

impl Children {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicUsize::new(0),
            waiter: UnsafeCell::new(None),
            panic: Mutex::new(None),
        }
    }

    /// One more.
    pub(super) fn begin(&self) {
        // ORDERING: Relaxed, whoever calls is the owner, or has not ended itself.
        self.word.fetch_add(ONE, Relaxed);
    }

    /// One less; from now on the scope is not its to touch.
    ///
    /// # Safety
    ///
    /// The caller ends a child that has begun.
    pub(super) unsafe fn end(this: NonNull<Self>) {
        // SAFETY: the owner waits for this child.
        let Self { word, waiter, .. } = unsafe { this.as_ref() };
        // ORDERING: Acquire pairs with the Release of WAITING.
        let mut seen = word.load(Acquire);
        loop {
            let is_last = seen == ONE | WAITING;
            let parker = is_last.then(|| {
                // SAFETY: it was written before WAITING was set, and stays until the
                // count is 0.
                waiter.with(|waiter| unsafe { &*waiter }.clone())
            });
            // ORDERING: Release pairs with the Acquire of the owner's looks;
            // Acquire on failure, as above.
            let order = weaken("children-end-relaxed", Release);
            match word.compare_exchange(seen, seen - ONE, order, Acquire) {
                Ok(_) => {
                    if let Some(parker) = parker.flatten()
                        && !mutant("children-end-without-unpark")
                    {
                        parker.unpark();
                    }
                    return;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Whether all have ended. Only the owner asks, after the scope's body.
    pub(crate) fn have_ended(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `end`.
        self.word.load(Acquire) < ONE
    }

    /// Says where the owner sleeps from now on. Whoever has not ended by then wakes
    /// it, so the owner looks once more before it sleeps.
    pub(crate) fn set_waiter(&self, parker: &Arc<Parker>) {
        // SAFETY: nobody reads it before WAITING is set.
        (self.waiter).with_mut(|waiter| unsafe { *waiter = Some(Arc::clone(parker)) });
        // ORDERING: Release shows the parker. The look that follows is at the same
        // word, so it sees what came before.
        self.word.fetch_or(WAITING, Release);
    }

    /// Keeps a panic that no handle will show, if it is the first.
    pub(super) fn keep(&self, panic: Box<Panic>) {
        let mut first = self.panic.lock();
        if first.is_none() {
            *first = Some(panic);
        } else {
            drop(first);
            drop_contained(panic);
        }
    }

    /// The first panic that no handle has shown.
    pub(crate) fn take_panic(&self) -> Option<Box<Panic>> {
        self.panic.lock().take()
    }
}

/// The body of a scope's child: it may borrow what outlives the scope.
pub(super) struct Child<F> {
    run: F,
    of: NonNull<Children>,
}

impl<F> Child<F> {
    pub(super) fn new(run: F, of: &Children) -> Self {
        Self {
            run,
            of: NonNull::from(of),
        }
    }
}

impl<F: FnOnce() -> R + Send, R: Send> Body for Child<F> {
    type Output = R;
    type Scope = NonNull<Children>;
    const IS_CHILD: bool = true;

    fn run(self) -> R {
        (self.run)()
    }

    fn take_options(&mut self) -> Option<TaskOptions> {
        None
    }

    fn submitted_at(&self) -> Option<&'static std::panic::Location<'static>> {
        None
    }

    fn scope(&self) -> NonNull<Children> {
        self.of
    }
}
