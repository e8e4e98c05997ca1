//! What a thread of the pool may do, and what it is told.

use std::cell::Cell;

/// What a thread of the pool may do at present. Only that thread changes it.
#[derive(Debug)]
pub(in crate::thread) struct Standing {
    pub(super) index: usize,
    pub(super) has_permit: Cell<bool>,
    pub(super) is_searching: Cell<bool>,
    /// Started for an errand, for which it has not yet looked.
    pub(super) is_sent: Cell<bool>,
}

impl Standing {
    /// Of a thread that has just been started.
    pub(in crate::thread) fn of(start: Start) -> Self {
        Self {
            index: start.index,
            has_permit: Cell::new(start.is_called),
            is_searching: Cell::new(start.is_called),
            is_sent: Cell::new(start.is_sent),
        }
    }

    /// A thread from outside, before it takes a permit.
    pub(in crate::thread) fn guest(index: usize) -> Self {
        Self {
            index,
            has_permit: Cell::new(false),
            is_searching: Cell::new(false),
            is_sent: Cell::new(false),
        }
    }

    pub(in crate::thread) fn has_permit(&self) -> bool {
        self.has_permit.get()
    }

    pub(in crate::thread) fn is_searching(&self) -> bool {
        self.is_searching.get()
    }
}

/// What a call for help asks of its caller.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(in crate::thread) enum Call {
    /// Nothing: somebody was woken, or nobody is needed.
    Nothing,
    /// A thread is needed, but all that there may be are blocked.
    LastResort,
    /// Start a thread; [`Sleep::start_failed`](super::Sleep::start_failed) if
    /// that fails.
    Start(Start),
}

/// A thread that is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::thread) struct Start {
    pub(in crate::thread) index: usize,
    /// Called: it has a permit, and the search.
    pub(super) is_called: bool,
    /// Sent: for an errand. Neither: for what is addressed to it.
    pub(super) is_sent: bool,
}

impl Start {
    pub(super) fn called(index: usize) -> Self {
        Self {
            index,
            is_called: true,
            is_sent: false,
        }
    }

    pub(super) fn sent(index: usize) -> Self {
        Self {
            index,
            is_called: false,
            is_sent: true,
        }
    }

    pub(super) fn for_post(index: usize) -> Self {
        Self {
            index,
            is_called: false,
            is_sent: false,
        }
    }
}

/// Why [`Sleep::fall_asleep`](super::Sleep::fall_asleep) has returned.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(in crate::thread) enum Awake {
    /// There may be work, and the thread has a permit.
    Work,
    /// There may be an errand; the thread has no permit, and needs none for it.
    Errand,
    /// Something is addressed to the thread, which has no permit, and needs none.
    Post,
    /// The thread was one too many: it goes, and says so with
    /// [`Sleep::left`](super::Sleep::left).
    Retired,
    /// The pool has ended: likewise.
    Ended,
}
