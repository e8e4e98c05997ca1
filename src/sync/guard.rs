//! What all guards have in common: they stay on their thread, show what they
//! guard, and may be mapped to a part of it.

use std::marker::PhantomData;

/// Keeps a guard on the thread that took the lock, whatever features another
/// crate turns on in parking_lot.
#[derive(Debug)]
pub(super) struct OnItsThread(PhantomData<*mut ()>);

impl OnItsThread {
    pub(super) const HERE: Self = Self(PhantomData);
}

// SAFETY: it holds nothing. Whether a guard is `Sync` is decided by the others
// of its fields.
unsafe impl Sync for OnItsThread {}

/// A guard around one of the door's: `Deref`, `Debug` and `Display`.
macro_rules! guard {
    ($name:ident $(, $mutable:ident)?) => {
        impl<T: ?Sized> ::std::ops::Deref for $name<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.inner
            }
        }

        $(
            impl<T: ?Sized> ::std::ops::DerefMut for $name<'_, T> {
                #[inline]
                fn $mutable(&mut self) -> &mut T {
                    &mut self.inner
                }
            }
        )?

        impl<T: ?Sized + ::std::fmt::Debug> ::std::fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + ::std::fmt::Display> ::std::fmt::Display for $name<'_, T> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}
pub(super) use guard;

/// Shows a lock: its value, or that it is held; never waits for it.
pub(super) fn show(
    f: &mut std::fmt::Formatter<'_>,
    name: &str,
    value: Option<&dyn std::fmt::Debug>,
) -> std::fmt::Result {
    let mut shown = f.debug_struct(name);
    match value {
        Some(value) => shown.field("value", value),
        None => shown.field("value", &format_args!("<locked>")),
    };
    shown.finish()
}
