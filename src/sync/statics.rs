//! Statics that are computed at their first use.
//!
//! Outside of models a static holds its value. Inside one the door keeps a
//! fresh [`OnceLock`] for each static and execution, so that no execution sees
//! what another did; that is why a [`Lazy`] must be a `static`.

use std::fmt;
use std::ops::Deref;

use super::once::OnceLock;
use crate::primitive::of_this_execution;

/// A `static` that is computed at its first use; [`lazy!`](crate::sync::lazy)
/// makes it.
///
/// It is read through `*NAME` or a method of its value. The first use runs the
/// initialiser, others that come meanwhile wait; an initialiser that panics is tried
/// again at the next use.
///
/// # Fairness
///
/// Who comes first initialises, and all others go on together, as with
/// [`OnceLock::get_or_init`].
///
/// # Memory ordering
///
/// What the initialiser did happens-before the return of each use. A use costs
/// one acquiring load.
///
/// # Waiting
///
/// A worker of a pool that waits for the initialiser says so, and a spare worker
/// takes its place. There is no time limit; where one is needed, take a
/// [`OnceLock`].
///
/// # Examples
///
/// ```
/// use raddle::sync::{Lazy, lazy};
///
/// lazy! { static NAMES: Vec<&'static str> = vec!["one", "two"]; }
///
/// let names: &'static Lazy<Vec<&'static str>> = &NAMES;
/// assert_eq!(names.len(), 2);
/// ```
#[doc(alias = "LazyLock")]
#[doc(alias = "lazy_static")]
pub struct Lazy<T: 'static> {
    value: OnceLock<T>,
    init: fn() -> T,
}

impl<T> Lazy<T> {
    /// For [`lazy!`](crate::sync::lazy), which puts it into a `static`.
    #[doc(hidden)]
    pub const fn __new(init: fn() -> T) -> Self {
        Self {
            value: OnceLock::new(),
            init,
        }
    }

    fn once(&self) -> &OnceLock<T> {
        of_this_execution(&self.value, OnceLock::new)
    }
}

impl<T> Deref for Lazy<T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.once().get_or_init(self.init)
    }
}

/// Shows the value, or `<empty>`; neither waits nor computes.
impl<T: fmt::Debug> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("Lazy");
        match self.once().get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<empty>")),
        };
        shown.finish()
    }
}

/// Makes statics that are computed at their first use: natively once in the
/// process, in a model once in each execution.
///
/// An initialiser that panics is tried again at the next use, and none runs
/// twice at the same time. It must not use the static that it computes. See
/// [`Lazy`].
///
/// # Examples
///
/// ```
/// use raddle::sync::{Mutex, lazy};
/// use std::collections::HashMap;
///
/// lazy! {
///     /// How often each word was seen.
///     static SEEN: Mutex<HashMap<String, u32>> = Mutex::new(HashMap::new());
///     pub static LIMIT: usize = std::env::args().count() + 10;
/// }
///
/// *SEEN.lock().entry("raddle".to_owned()).or_default() += 1;
/// assert!(*LIMIT > 10);
/// ```
#[doc(alias = "lazy_static")]
#[doc(alias = "LazyLock")]
#[macro_export]
#[doc(hidden)]
macro_rules! __lazy {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;)+) => {
        $(
            $(#[$meta])*
            $vis static $name: $crate::sync::Lazy<$type> =
                $crate::sync::Lazy::__new(|| $init);
        )+
    };
}
#[doc(inline)]
pub use __lazy as lazy;
