//! The only door to threads, atomics, locks, queues, time and loom.
//!
//! Every other file of the crate takes these things from here, so that one
//! switch (`--cfg raddle_loom`) puts the whole crate under loom's scheduler.
//! `tests/house.rs` keeps it so.
//!
//! ```text
//!                    primitive/mod.rs
//!                     │           │
//!     native/   ◄─────┘           └─────► model/   (cfg raddle_loom)
//!     std, parking_lot,                   loom inside a model,
//!     crossbeam                           native outside of one
//! ```
//!
//! Both backends offer the same names:
//!
//! | name | native | in a model |
//! |---|---|---|
//! | [`atomic`] | std's | loom's |
//! | [`UnsafeCell`] | std's, read through `with` and `with_mut` | loom's, which reports races |
//! | [`Mutex`], [`RwLock`], [`ReentrantMutex`], [`Condvar`] | parking_lot's; never poisoned | on loom atomics, with the steps that loom's leave out |
//! | [`Word`] | an atomic | the same, decided at its first use |
//! | [`of_this_execution`] | a static itself | one value for each execution |
//! | [`Parker`] | one token between one sleeper and any number of wakers | the same; a timed park explores both outcomes |
//! | [`thread`] | std's | loom's |
//! | [`Ring`] | the room of a deque: pointers | a few cells that loom watches |
//! | [`Injector`] | crossbeam-deque's | a list on loom atomics, no stronger than crossbeam promises |
//! | [`channel`] | crossbeam-channel's | a list on plain data; each item orders by itself |
//! | [`catch_unwind`] | std's | std's, but loom's own panics pass through |
//! | [`thread_slot!`] | a thread-local pointer | the same for each loom thread |
//!
//! What carries no synchronisation at all (identifiers, statistics) uses
//! [`unmodelled`], so that models need not explore it.

pub(crate) mod affinity;
pub(crate) mod block;
mod clock;
mod contain;
pub(crate) mod fork;
mod id;
#[cfg(raddle_loom)]
pub(crate) mod model;
mod mutant;
#[cfg_attr(
    raddle_loom,
    allow(
        dead_code,
        unused_imports,
        reason = "the model backend needs the native one only in part"
    )
)]
mod native;
pub(crate) mod room;

pub(crate) use clock::CoarseInstant;
pub(crate) use contain::{Each, Payload, catch_drop, drop_contained, drop_each, run_contained};
pub(crate) use id::next_id;
pub(crate) use mutant::{mutant, weaken};

#[cfg(raddle_loom)]
pub(crate) use model::*;
#[cfg(not(raddle_loom))]
pub(crate) use native::*;

/// Atomics that stay native inside a model: counters that order nothing.
///
/// Whoever uses one promises that no other memory access depends on it.
///
/// The lock guards plain data for a few instructions, in which nothing else of
/// this module is used.
pub(crate) mod unmodelled {
    pub(crate) use super::native::Mutex;
    pub(crate) use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
}
