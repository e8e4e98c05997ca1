//! Atomics: loom's when made inside a model, std's otherwise.
//!
//! Beside each of loom's atomics lies a native copy of the newest value. It is
//! what destructors see once loom has failed, and what `Debug` shows.
//!
//! And beside it lies a [`Turn`], for loom forgets orders. To decide what to try
//! in another order it keeps the last access to each atomic only. Loads do not
//! depend on each other, so in
//!
//! ```text
//!   reader: load                     writer: load, then store
//! ```
//!
//! the writer's load replaces the reader's, nothing seems to be left to reorder,
//! and the execution in which the reader sees the store is never tried. A turn
//! is an operation that depends on all others of its kind. A load takes one too,
//! so it depends on all loads before it, and nothing is forgotten.
//!
//! The load and its turn are one step: nobody is let in between, where there
//! would be nothing new to see. What loom would reorder with the turn it
//! reorders with the load then, for that is the last place before the turn where
//! it may let others go first.

use std::fmt;
use std::sync::atomic as std_atomic;

pub(crate) use std::sync::atomic::Ordering;

use super::context::{self, Execution};

/// A fence. loom joins what the threads on both sides of two SeqCst fences
/// know, so it is a little stronger than the language's.
pub(crate) fn fence(order: Ordering) {
    if context::inside() && !context::doomed() {
        loom::sync::atomic::fence(order);
    } else {
        std_atomic::fence(order);
    }
}

/// A step that loom puts before and after each other one on the same object,
/// and that synchronises nothing: the notification of nobody.
pub(super) struct Turn(loom::sync::Condvar);

impl Turn {
    pub(super) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(super) fn take(&self) {
        if !context::doomed() {
            self.0.notify_one();
        }
    }

    /// Takes the turn in one step with the operation before.
    fn take_along(&self) {
        loom::stop_exploring();
        self.0.notify_one();
        loom::explore();
    }
}

/// One of loom's atomics, and the execution it belongs to.
struct Modelled<A> {
    made: Execution,
    loads: Turn,
    atomic: A,
}

impl<A> Modelled<A> {
    fn new(make: impl FnOnce() -> A) -> Option<Self> {
        context::current().map(|made| Self {
            made,
            loads: Turn::new(),
            atomic: make(),
        })
    }

    /// What is loom's, unless it can no longer be asked.
    fn ask(this: &Option<Self>) -> Option<&Self> {
        let this = this.as_ref()?;
        if context::doomed() {
            return None;
        }
        context::require(this.made);
        Some(this)
    }

    /// loom's atomic, unless it can no longer be asked.
    fn get(this: &Option<Self>) -> Option<&A> {
        Self::ask(this).map(|this| &this.atomic)
    }
}

macro_rules! atomic {
    ($(#[$meta:meta])* $name:ident $(<$param:ident>)?, $value:ty) => {
        $(#[$meta])*
        pub(crate) struct $name $(<$param>)? {
            native: std_atomic::$name $(<$param>)?,
            modelled: Option<Modelled<loom::sync::atomic::$name $(<$param>)?>>,
        }

        impl $(<$param>)? $name $(<$param>)? {
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    native: std_atomic::$name::new(value),
                    modelled: Modelled::new(|| loom::sync::atomic::$name::new(value)),
                }
            }

            pub(crate) fn into_inner(self) -> $value {
                if Modelled::get(&self.modelled).is_some()
                    && let Some(modelled) = self.modelled
                {
                    // loom checks that all accesses happened before.
                    return modelled.atomic.into_inner();
                }
                self.native.into_inner()
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                match Modelled::ask(&self.modelled) {
                    Some(modelled) => {
                        let value = modelled.atomic.load(order);
                        modelled.loads.take_along();
                        value
                    }
                    None => self.native.load(order),
                }
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                match Modelled::get(&self.modelled) {
                    Some(atomic) => {
                        atomic.store(value, order);
                        self.copy(value);
                    }
                    None => self.native.store(value, order),
                }
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                match Modelled::get(&self.modelled) {
                    Some(atomic) => {
                        let old = atomic.swap(value, order);
                        self.copy(value);
                        old
                    }
                    None => self.native.swap(value, order),
                }
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match Modelled::get(&self.modelled) {
                    Some(atomic) => atomic
                        .compare_exchange(current, new, success, failure)
                        .inspect(|_| self.copy(new)),
                    None => self.native.compare_exchange(current, new, success, failure),
                }
            }

            /// In a model it does not fail spuriously: loops around it would
            /// not end.
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch_order);
                while let Some(new) = f(old) {
                    match self.compare_exchange(old, new, set_order, fetch_order) {
                        Ok(old) => return Ok(old),
                        Err(newer) => old = newer,
                    }
                }
                Err(old)
            }

            /// The newest value. Not a step: for the decision which step to try.
            pub(in crate::primitive::model) fn newest(&self) -> $value {
                // ORDERING: Relaxed, all threads of a model are one.
                self.native.load(Ordering::Relaxed)
            }

            /// Brings the native copy up to date, in one step with loom's
            /// operation: nobody else runs in between.
            fn copy(&self, value: $value) {
                // ORDERING: Relaxed, all threads of a model are one.
                self.native.store(value, Ordering::Relaxed);
            }
        }

        impl $(<$param>)? fmt::Debug for $name $(<$param>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.native.fmt(f)
            }
        }

        impl $(<$param>)? From<$value> for $name $(<$param>)? {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    };
}

macro_rules! arithmetic {
    ($name:ident, $value:ty, $($operation:ident: $compute:expr;)*) => {
        impl $name {
            $(
                pub(crate) fn $operation(&self, operand: $value, order: Ordering) -> $value {
                    match Modelled::get(&self.modelled) {
                        Some(atomic) => {
                            let old = atomic.$operation(operand, order);
                            let compute: fn($value, $value) -> $value = $compute;
                            self.copy(compute(old, operand));
                            old
                        }
                        None => self.native.$operation(operand, order),
                    }
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(Default::default())
            }
        }
    };
}

macro_rules! integer {
    ($(#[$meta:meta])* $name:ident, $value:ty) => {
        atomic!($(#[$meta])* $name, $value);
        arithmetic! {
            $name, $value,
            fetch_add: <$value>::wrapping_add;
            fetch_sub: <$value>::wrapping_sub;
            fetch_and: |old, operand| old & operand;
            fetch_or: |old, operand| old | operand;
            fetch_xor: |old, operand| old ^ operand;
            fetch_max: Ord::max;
            fetch_min: Ord::min;
        }
    };
}

atomic!(/// A flag.
    AtomicBool, bool);
arithmetic! {
    AtomicBool, bool,
    fetch_and: |old, operand| old & operand;
    fetch_or: |old, operand| old | operand;
    fetch_xor: |old, operand| old ^ operand;
}
atomic!(/// A pointer.
    AtomicPtr<T>, *mut T);
integer!(/// A 32-bit word.
    AtomicU32, u32);
integer!(/// A 64-bit word.
    AtomicU64, u64);
integer!(/// A word as wide as a pointer.
    AtomicUsize, usize);
