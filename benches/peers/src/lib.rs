//! How raddle and its peers are measured beside each other.
//!
//! ```text
//!   round 1:  raddle, peer, other peer      each for one slice of time
//!   round 2:          peer, other peer, raddle
//!   round 3:                other peer, raddle, peer       and so on
//! ```
//!
//! The machine may be shared and its clock may change, so nothing is compared
//! across time: a ratio is of two slices of the same round, and the median of the
//! rounds is shown. A slice is so long, and not so many operations: with those, a
//! thread that is done early would leave the last ones uncontended. Pools are
//! different: see [`Question`].

mod heap;
mod machine;
mod options;
mod page;
mod plot;
mod question;
mod summary;
mod table;
mod watchdog;
mod work;

pub use heap::settle;
pub use options::Options;
pub use plot::Curve;
pub use question::{Answer, Limit, Of, Question, Role, Sample};
pub use summary::Summary;
pub use table::{Bar, Entrant, Row, report};
pub use watchdog::Watchdog;
pub use work::{Laps, Slice, Worker};
