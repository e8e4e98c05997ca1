//! What a task is asked for, and asked of: flags beside its phase.
//!
//! Asking for a cancellation and making the task's token race. Both are a
//! read-modify-write of this one word, so one of the two sees the other, and
//! whoever comes second cancels the token.

use super::cell::{Claim, Origin};
use super::extras::Options;
use super::options::Priority;
use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::primitive::mutant;

/// The flags of one task.
#[derive(Debug)]
pub(super) struct Asks(AtomicU32);

/// When a waiter may run the task that it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claims {
    /// Whenever nobody has started it.
    Anytime,
    /// As the last resort: it has a time limit, beyond which its waiter would
    /// wait; or it blocks.
    AtLast,
    /// Not before it is due: it is in no queue.
    NotYet,
    /// Never: it is a future, which a poll may leave unfinished.
    Never,
}

const CANCEL: u32 = 1;
const TOKEN: u32 = 1 << 1;
const AWAITED: u32 = 1 << 2;
const LIMITED: u32 = 1 << 3;
const UNCLAIMABLE: u32 = 1 << 4;
const OUTSIDERS: u32 = 1 << 5;
const AT_LAST: u32 = 1 << 6;
const HIGH: u32 = 1 << 7;
const LOW: u32 = 1 << 8;
const DRIVEN: u32 = 1 << 9;

impl Asks {
    /// The flags that a task is born with.
    #[inline]
    pub(super) fn of(origin: Origin, options: Option<&Options>) -> Self {
        let mut flags = match origin.claim {
            Claim::Nobody => UNCLAIMABLE,
            Claim::AtLast => AT_LAST,
            Claim::Workers => 0,
            Claim::Anybody => OUTSIDERS,
        };
        if let Some(options) = options {
            flags |= if options.is_limited() { LIMITED } else { 0 };
            flags |= if options.token.is_some() { TOKEN } else { 0 };
            flags |= match options.priority.unwrap_or_default() {
                Priority::High => HIGH,
                Priority::Normal => 0,
                Priority::Low => LOW,
            };
        }
        Self(AtomicU32::new(flags))
    }

    /// Those of a future that a pool drives.
    pub(super) fn driven() -> Self {
        Self(AtomicU32::new(DRIVEN))
    }

    /// Neither limited nor driven, and no token: nobody but handle and queue knows it.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !self.has(TOKEN | LIMITED | DRIVEN)
    }

    /// Whether this is a future that a pool drives.
    #[inline]
    pub(super) fn is_driven(&self) -> bool {
        self.has(DRIVEN)
    }

    fn set(&self, flag: u32) -> u32 {
        // ORDERING: Release shows the token to whoever asks later; Acquire
        // shows it to whoever asks now.
        self.0.fetch_or(flag, Ordering::AcqRel)
    }

    #[inline]
    fn has(&self, flag: u32) -> bool {
        // ORDERING: Relaxed, the flags read here are set before the cell is
        // shared, or by the handle's own holder.
        self.0.load(Ordering::Relaxed) & flag != 0
    }

    /// Asks for a cancellation; `true` says that the token exists: cancel it.
    pub(super) fn ask_cancel(&self) -> bool {
        self.set(CANCEL) & TOKEN != 0
    }

    /// The token exists now; `true` says that a cancellation was asked for.
    pub(super) fn token_made(&self) -> bool {
        self.set(TOKEN) & CANCEL != 0
    }

    /// Whether a cancellation was asked for.
    pub(super) fn is_cancel_asked(&self) -> bool {
        self.has(CANCEL)
    }

    pub(super) fn set_awaited(&self) {
        self.set(AWAITED);
    }

    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        self.has(AWAITED)
    }

    /// Whether the task has a token, from its birth or since somebody asked.
    pub(super) fn has_token(&self) -> bool {
        self.has(TOKEN)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.has(LIMITED)
    }

    /// Where in the queue the task belongs.
    #[inline]
    pub(super) fn priority(&self) -> Priority {
        // ORDERING: Relaxed, as in `has`.
        match self.0.load(Ordering::Relaxed) & (HIGH | LOW) {
            0 => Priority::Normal,
            HIGH => Priority::High,
            _ => Priority::Low,
        }
    }

    /// Whether a waiter that is no worker may run the task.
    pub(super) fn outsiders_run(&self) -> bool {
        self.has(OUTSIDERS)
    }

    /// When a waiter may run the task.
    pub(super) fn claims(&self) -> Claims {
        // ORDERING: Relaxed, as in `has`. A delayed task may come due at any
        // time; whoever missed that makes sure by `is_due_now`.
        let flags = self.0.load(Ordering::Relaxed);
        if flags & UNCLAIMABLE != 0 {
            Claims::NotYet
        } else if flags & (LIMITED | AT_LAST) != 0 {
            Claims::AtLast
        } else if flags & DRIVEN != 0 {
            Claims::Never
        } else {
            Claims::Anytime
        }
    }

    /// Whether the task is due, for a waiter that was called as the last resort:
    /// if not, whoever makes it due calls again.
    pub(super) fn is_due_now(&self) -> bool {
        if mutant("asks-due-by-a-look") {
            return self.claims() != Claims::NotYet;
        }
        // ORDERING: a read-modify-write, as `set_due` is. If ours comes first,
        // Release shows our census to whoever makes the task due, and that one
        // calls after it; if second, it sees the flag. Acquire for the task.
        self.0.fetch_or(0, Ordering::AcqRel) & UNCLAIMABLE == 0
    }

    /// A task that was delayed is now like any other.
    pub(super) fn set_due(&self) {
        // ORDERING: pairs with `is_due_now`. A waiter that looks by `claims` and
        // does not see it yet parks, and the task is in a queue.
        self.0.fetch_and(!UNCLAIMABLE, Ordering::AcqRel);
    }
}
