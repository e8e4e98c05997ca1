//! A cell whose accesses loom sees.
//!
//! loom's own cell watches over `()` while the data lies beside it, in a plain
//! cell. So a cell can hold what has no size, and `new_static` can be `const`.

use std::cell;
use std::fmt;

use super::context;
use super::late::Late;

/// Data that a protocol guards. loom sees every access in a model.
pub(crate) struct UnsafeCell<T: ?Sized> {
    /// A cell that is decided late counts as written by whoever uses it first.
    watch: Late<loom::cell::UnsafeCell<()>>,
    value: cell::UnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            watch: Late::now(|| loom::cell::UnsafeCell::new(())),
            value: cell::UnsafeCell::new(value),
        }
    }

    /// A native cell, for a `static`.
    pub(crate) const fn new_static(value: T) -> Self {
        Self {
            watch: Late::native(),
            value: cell::UnsafeCell::new(value),
        }
    }

    /// The first use decides whether loom looks.
    pub(crate) const fn undecided(value: T) -> Self {
        Self {
            watch: Late::undecided(),
            value: cell::UnsafeCell::new(value),
        }
    }

    /// Taking the value out is an access too: all others must happen before.
    pub(crate) fn into_inner(self) -> T {
        if let Some(watch) = self.watch() {
            watch.with_mut(|_| ());
        }
        self.value.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// The data, for whoever owns the cell alone: no access that could race.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Gives `f` a pointer to read through.
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        match self.watch() {
            Some(watch) => watch.with(|_| f(self.value.get())),
            None => f(self.value.get()),
        }
    }

    /// Gives `f` a pointer to write through.
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        match self.watch() {
            Some(watch) => watch.with_mut(|_| f(self.value.get())),
            None => f(self.value.get()),
        }
    }

    fn watch(&self) -> Option<&loom::cell::UnsafeCell<()>> {
        if context::doomed() {
            return None;
        }
        self.watch.get_or_plain(|| loom::cell::UnsafeCell::new(()))
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("UnsafeCell { .. }")
    }
}
