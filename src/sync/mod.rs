//! What threads and futures share: permits, signals, meeting points.
//!
//! | you want to | take |
//! |---|---|
//! | let only so many in at once | [`Semaphore`] |

/// A constructor: `const`, but in a model build, where objects must know at
/// their birth whether they belong to a model.
macro_rules! maybe_const {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(raddle_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(raddle_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}

mod semaphore;

pub use semaphore::{AcquireError, AddPermitsError, OwnedPermit, Permit, Semaphore};
