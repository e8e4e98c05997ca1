//! A cell whose accesses loom sees.
//!
//! loom's own cell watches over `()` while the data lies beside it, in a plain
//! cell. So a cell can hold what has no size, and `new_static` can be `const`.

use std::cell;
use std::fmt;

use super::context::{self, Execution};

/// Data that a protocol guards. loom sees every access in a model.
pub(crate) struct UnsafeCell<T: ?Sized> {
    watch: Option<(Execution, loom::cell::UnsafeCell<()>)>,
    value: cell::UnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            watch: context::current().map(|made| (made, loom::cell::UnsafeCell::new(()))),
            value: cell::UnsafeCell::new(value),
        }
    }

    /// A native cell, for a `static`.
    pub(crate) const fn new_static(value: T) -> Self {
        Self {
            watch: None,
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
        let (made, watch) = self.watch.as_ref()?;
        if context::doomed() {
            return None;
        }
        context::require(*made);
        Some(watch)
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
