//! Atomics: loom's when made inside a model, std's otherwise.
//!
//! Beside each of loom's atomics lies a native copy of the newest value. It is
//! what destructors see once loom has failed, and what `Debug` shows.
//!
//! And beside it stands who has loaded it, because loom forgets loads; see
//! `loads.rs`.

use std::fmt;
use std::sync::atomic as std_atomic;

pub(crate) use std::sync::atomic::Ordering;

use super::context::{self, Execution};
use super::loads::Loads;

/// A fence. loom joins what the threads on both sides of two SeqCst fences
/// know, so it is a little stronger than the language's.
pub(crate) fn fence(order: Ordering) {
    if context::inside() && !context::doomed() {
        loom::sync::atomic::fence(order);
    } else {
        std_atomic::fence(order);
    }
}

/// One of loom's atomics, and the execution it belongs to.
struct Modelled<A> {
    made: Execution,
    loads: Loads,
    atomic: A,
}

impl<A> Modelled<A> {
    fn new(make: impl FnOnce() -> A) -> Option<Self> {
        context::current().map(|made| Self {
            made,
            loads: Loads::none(),
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
                if Modelled::ask(&self.modelled).is_some()
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
                        modelled.loads.add();
                        value
                    }
                    None => self.native.load(order),
                }
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                match Modelled::ask(&self.modelled) {
                    Some(modelled) => {
                        modelled.atomic.store(value, order);
                        modelled.loads.overwrite();
                        self.copy(value);
                    }
                    None => self.native.store(value, order),
                }
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                match Modelled::ask(&self.modelled) {
                    Some(modelled) => {
                        let old = modelled.atomic.swap(value, order);
                        modelled.loads.overwrite();
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
                match Modelled::ask(&self.modelled) {
                    Some(modelled) => {
                        let outcome =
                            (modelled.atomic).compare_exchange(current, new, success, failure);
                        // One that fails counts as a write, too, to loom.
                        modelled.loads.overwrite();
                        outcome.inspect(|_| self.copy(new))
                    }
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
                    match Modelled::ask(&self.modelled) {
                        Some(modelled) => {
                            let old = modelled.atomic.$operation(operand, order);
                            modelled.loads.overwrite();
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
