//! What decides at its first use whether it is loom's or native.
//!
//! A constructor that is `const` cannot ask where it runs; so a [`Late`] object
//! asks when somebody uses it first.
//!
//! ```text
//!               first use inside execution N
//!   UNDECIDED ───────────────────────────────► loom's, of execution N
//!       │
//!       └──────────────── first use outside ─► native
//! ```
//!
//! Used in any other place than that afterwards, it panics: so a `static`, which
//! outlives an execution, fails at the second one of every model. `lazy!` is for
//! these: [`of_this_execution`] has one value for each execution.
//!
//! loom wants the making of an atomic to happen before all its uses, and the
//! first use of a lock happens before nothing. So the atomics of late objects
//! are made ahead, by the first thread of the execution, in a *reserve*. How
//! many an execution needs shows when it runs: one that found the reserve empty
//! makes atomics on the spot, which loom may wrongly complain of, does not count,
//! and the exploration begins again with a larger reserve.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::OnceLock;

use super::atomics::{AtomicU32, Ordering};
use super::context::{self, Execution};
use crate::primitive::native;

/// The part of an object that is there in a model only.
pub(super) struct Late<M> {
    /// `Some(None)`: native.
    side: OnceLock<Option<(Execution, M)>>,
    always_native: bool,
}

impl<M> Late<M> {
    /// The first use decides.
    pub(super) const fn undecided() -> Self {
        Self {
            side: OnceLock::new(),
            always_native: false,
        }
    }

    /// Decided now.
    pub(super) fn now(make: impl FnOnce() -> M) -> Self {
        Self {
            side: OnceLock::from(context::current().map(|made| (made, make()))),
            always_native: false,
        }
    }

    /// Native even inside a model.
    pub(super) const fn native() -> Self {
        Self {
            side: OnceLock::new(),
            always_native: true,
        }
    }

    /// The part of the model, if this is loom's; a native `what` may not be
    /// used inside a model.
    pub(super) fn get(&self, what: &str, make: impl FnOnce() -> M) -> Option<&M> {
        let modelled = self.decide(what, make);
        if modelled.is_none() {
            context::refuse_native(what);
        }
        modelled
    }

    /// As `get`, for what may be native inside a model: loom does not look.
    pub(super) fn get_or_plain(&self, make: impl FnOnce() -> M) -> Option<&M> {
        self.decide("cell", make)
    }

    fn decide(&self, what: &str, make: impl FnOnce() -> M) -> Option<&M> {
        // Nothing in here lets another thread of the model run.
        let side = self.side.get_or_init(|| {
            let made = context::current().filter(|_| !self.always_native)?;
            Some((made, make()))
        });
        let (made, modelled) = side.as_ref()?;
        if !context::doomed() {
            context::require_for(*made, what);
        }
        Some(modelled)
    }
}

thread_local! {
    static RESERVE: RefCell<Vec<AtomicU32>> = const { RefCell::new(Vec::new()) };
    static SIZE: Cell<usize> = const { Cell::new(0) };
    static SHORT: Cell<bool> = const { Cell::new(false) };
    /// By the address of the native one, in the order of their first uses.
    static LAZIES: RefCell<Vec<(usize, Box<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

/// Fills the reserve; by the first thread of an execution, at its beginning.
pub(super) fn begin() {
    let reserve = (0..SIZE.get()).map(|_| AtomicU32::new(0)).collect();
    RESERVE.set(reserve);
}

/// Drops what belonged to the execution that has ended, the last first: a
/// destructor may use what was there before. It must count as doomed: no
/// destructor can ask loom about objects that are no more.
pub(super) fn end() {
    RESERVE.take();
    // Taken out first, since a destructor may look for another.
    while let Some(last) = LAZIES.with_borrow_mut(Vec::pop) {
        drop(last);
    }
}

/// Leaves the model.
pub(super) fn leave() {
    end();
    SIZE.set(0);
    SHORT.set(false);
}

/// Whether an execution found the reserve too small; enlarges it.
pub(crate) fn enlarge_if_short() -> bool {
    let short = SHORT.replace(false);
    if short {
        SIZE.set((SIZE.get() * 2).max(4));
    }
    short
}

/// Whether this execution found the reserve too small.
pub(crate) fn is_short() -> bool {
    SHORT.get()
}

/// An atomic whose making happens before everything, zero.
pub(super) fn early_zero() -> AtomicU32 {
    RESERVE.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        SHORT.set(true);
        AtomicU32::new(0)
    })
}

/// What takes the place of `native` here: inside a model, what `make` made for
/// this execution. `make` must not let another thread of the model run.
pub(crate) fn of_this_execution<C: 'static>(native: &C, make: fn() -> C) -> &C {
    if !context::inside() {
        return native;
    }
    let key = std::ptr::from_ref(native).addr();
    let found: *const C = LAZIES.with_borrow_mut(|lazies| {
        let at = lazies.iter().position(|(other, _)| *other == key);
        if at.is_none() && context::doomed() {
            return std::ptr::from_ref(native);
        }
        let at = at.unwrap_or_else(|| {
            lazies.push((key, Box::new(make())));
            lazies.len() - 1
        });
        // Statics of no size, or one inside another, could share an address.
        let value = lazies[at].1.downcast_ref::<C>();
        std::ptr::from_ref(value.expect("raddle model: two lazy values have one address"))
    });
    // SAFETY: the box stays until the next execution begins, and by then every
    // thread of this one has ended. Whoever smuggles the reference out of its
    // execution breaks the model, as with loom's own lazy statics.
    unsafe { &*found }
}

/// An atomic word that is zero at first, and decided at its first use.
pub(crate) struct Word {
    native: native::Word,
    modelled: Late<AtomicU32>,
}

impl Word {
    pub(crate) const fn zero() -> Self {
        Self {
            native: native::Word::zero(),
            modelled: Late::undecided(),
        }
    }

    fn modelled(&self) -> Option<&AtomicU32> {
        // A native word works inside a model as well, but a state that outlives
        // the execution would not.
        self.modelled.get("value", early_zero)
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        match self.modelled() {
            Some(word) => word.load(order),
            None => self.native.load(order),
        }
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        // ORDERING: Relaxed for the copy, all threads of a model are one.
        match self.modelled() {
            Some(word) => {
                word.store(value, order);
                self.native.store(value, Ordering::Relaxed);
            }
            None => self.native.store(value, order),
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.native.fmt(f)
    }
}
