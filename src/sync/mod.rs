//! What threads and futures share.
//!
//! | you want to | take |
//! |---|---|
//! | hand items from producers to consumers, with an end | [`Queue`] |
//! | send items until one side is gone, or select among several sources | [`channel`] |
//!
//! Everything that waits here comes blocking, tried once (`try_`), with a limit
//! (`_timeout`, `_deadline`), and where it makes sense as a future (`_async`),
//! on the same object. A wait on a worker of a pool is known to the pool: a
//! spare worker takes its place.

pub mod channel;
pub mod queue;

pub use queue::{PopError, PushError, Queue};
