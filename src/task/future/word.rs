//! The word of a future: who has it, whether a job is queued, who refers to it.
//!
//! ```text
//!  63                    5    4        3       2        1         0
//! ┌───────────────────────┬────────┬──────┬────────┬─────────┬───────────┐
//! │ wakers                │ LISTED │ OVER │ CANCEL │ IN_HAND │ SCHEDULED │
//! └───────────────────────┴────────┴──────┴────────┴─────────┴───────────┘
//! ```
//!
//! The table of its transitions stands at the top of the folder (mod.rs). The cell
//! is let go by whoever leaves OVER and nothing else in the word.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{mutant, weaken};

use Ordering::{AcqRel, Relaxed};

/// A job is in a queue; with IN_HAND: will be, when the poll has ended.
const SCHEDULED: usize = 1;
/// Somebody polls the future, or drops it after a poll.
const IN_HAND: usize = 1 << 1;
/// Whoever has it in hand next, or now, drops it.
const CANCEL: usize = 1 << 2;
/// It is never polled again.
const OVER: usize = 1 << 3;
/// It is in its pool's list.
const LISTED: usize = 1 << 4;
/// One waker, or something else that refers to it.
const ONE: usize = 1 << 5;

/// The word of one future.
#[derive(Debug)]
pub(super) struct Word(AtomicUsize);

/// What becomes of a job that was popped.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// The future is in hand, to be polled.
    Poll,
    /// The future is in hand, to be dropped.
    Drop,
    /// The future is over; `last` says that nothing but a handle refers to it.
    Gone { last: bool },
}

/// What becomes of a future whose poll was pending.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Others may have it by now.
    Suspended,
    /// It was woken meanwhile: the caller queues a job. One reference was added.
    Again,
    /// It stays in hand, to be dropped.
    Drop,
}

/// What a cancel came to.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancels {
    /// The future is the caller's to drop.
    Drop,
    /// Whoever has it in hand was told.
    Asked,
    TooLate,
}

/// What the end of a reference leaves to its holder.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Releases {
    Nothing,
    /// The future could not be woken any more: the caller queues a job, and comes
    /// again. Its reference is still counted.
    Abandoned,
    /// Nothing but a handle refers to the cell.
    Last,
}

impl Word {
    /// Listed, with one job.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(SCHEDULED | LISTED))
    }

    /// Changes the word unless `change` says no; the values before and after.
    fn update(
        &self,
        success: Ordering,
        mut change: impl FnMut(usize) -> Option<usize>,
    ) -> Option<(usize, usize)> {
        // ORDERING: Relaxed, the exchange below decides. A change that is refused
        // finds the future OVER, and its caller asks no more of it.
        let mut seen = self.0.load(Relaxed);
        loop {
            let next = change(seen)?;
            // ORDERING: Relaxed on failure, as above.
            match (self.0).compare_exchange_weak(seen, next, success, Relaxed) {
                Ok(_) => return Some((seen, next)),
                Err(actual) => seen = actual,
            }
        }
    }

    /// The job was popped; with `cancels` its future is to be dropped.
    pub(super) fn begin(&self, cancels: bool) -> Begins {
        let mut begins = Begins::Poll;
        // ORDERING: Acquire takes the future over from the poll before, and shows
        // what the wakers did; Release is for the free, if this is a stale job.
        self.update(weaken("future-begin-relaxed", AcqRel), |word| {
            let next = word & !SCHEDULED;
            if word & OVER != 0 {
                begins = Begins::Gone { last: next == OVER };
                return Some(next);
            }
            debug_assert_eq!(word & IN_HAND, 0, "a job of a future in hand");
            if cancels || word & CANCEL != 0 {
                begins = Begins::Drop;
                return Some(next | IN_HAND | OVER);
            }
            begins = Begins::Poll;
            Some(next | IN_HAND)
        });
        begins
    }

    /// The poll was pending.
    pub(super) fn end_poll(&self) -> Ends {
        let mut ends = Ends::Suspended;
        // ORDERING: Release gives the future to the next poll, or to whoever drops
        // it; Acquire is for a drop by us, after what the wakers did.
        self.update(weaken("future-end-poll-relaxed", AcqRel), |word| {
            let (next, then) =
                if word & CANCEL != 0 && !mutant("future-cancel-while-polled-forgotten") {
                    (word & !SCHEDULED | OVER, Ends::Drop)
                } else if word & SCHEDULED != 0 {
                    ((word & !IN_HAND) + ONE, Ends::Again)
                } else if word < ONE && !mutant("future-without-wakers-waits") {
                    (word | OVER, Ends::Drop)
                } else {
                    (word & !IN_HAND, Ends::Suspended)
                };
            ends = then;
            Some(next)
        });
        ends
    }

    /// Schedules the future; `true` says that the caller has a job to queue.
    pub(super) fn wake(&self) -> bool {
        // ORDERING: Release shows the next poll what the waker did, also where the
        // future is scheduled already; Acquire hands the poll before on to whoever
        // pops the job.
        let woken = self.update(weaken("future-wake-relaxed", AcqRel), |word| {
            let is_forgotten = mutant("future-wake-while-polled-forgotten") && word & IN_HAND != 0;
            (word & OVER == 0 && !is_forgotten).then_some(word | SCHEDULED)
        });
        let busy = if mutant("future-scheduled-twice") {
            IN_HAND
        } else {
            SCHEDULED | IN_HAND
        };
        woken.is_some_and(|(was, _)| was & busy == 0)
    }

    /// Takes the future away, or asks whoever has it in hand.
    pub(super) fn cancel(&self) -> Cancels {
        // ORDERING: Acquire takes the future over from the last poll; Release shows
        // the poller what the canceller did.
        let cancelled = self.update(weaken("future-cancel-relaxed", AcqRel), |word| {
            let asks = word & IN_HAND != 0 && !mutant("future-cancel-takes-it-from-the-poller");
            (word & OVER == 0).then_some(word | if asks { CANCEL } else { OVER })
        });
        match cancelled {
            None => Cancels::TooLate,
            Some((_, next)) if next & OVER != 0 => Cancels::Drop,
            Some(_) => Cancels::Asked,
        }
    }

    /// The future is over, and its handle resolved: whoever had it lets go, of the
    /// list's reference too if `is_listed`. `true`: nothing but a handle is left.
    ///
    /// A job may still be in a queue, but not of a future that was in hand.
    pub(super) fn leave(&self, is_listed: bool) -> bool {
        // ORDERING: Release, our last deeds come before the free by another;
        // Acquire, the others' come before ours.
        let left = self.update(weaken("future-leave-relaxed", AcqRel), |word| {
            let mut gone = CANCEL;
            if word & IN_HAND != 0 {
                gone |= IN_HAND;
                if !mutant("future-end-keeps-the-job") {
                    gone |= SCHEDULED;
                }
            }
            if is_listed {
                gone |= LISTED;
            }
            Some(word & !gone | OVER)
        });
        left.is_some_and(|(_, next)| next == OVER)
    }

    /// The list's reference goes; `true`: nothing but a handle is left.
    pub(super) fn unlist(&self) -> bool {
        // ORDERING: as in `leave`.
        self.0.fetch_and(!LISTED, AcqRel) & !LISTED == OVER
    }

    /// One more reference; the caller has one, or the list's.
    pub(super) fn hold(&self) {
        // ORDERING: Relaxed, the caller's reference keeps the cell alive.
        let was = self.0.fetch_add(ONE, Relaxed);
        if was > usize::MAX / 2 {
            // So many wakers were forgotten: the count must not wrap.
            std::process::abort();
        }
    }

    /// One reference goes.
    pub(super) fn release(&self) -> Releases {
        let mut releases = Releases::Nothing;
        // ORDERING: as in `leave`; and the last waker's deeds come before the drop
        // of the future.
        self.update(weaken("future-release-relaxed", AcqRel), |word| {
            let is_idle = word & (OVER | IN_HAND | SCHEDULED) == 0;
            if is_idle && word / ONE == 1 && !mutant("future-without-wakers-waits") {
                releases = Releases::Abandoned;
                return Some(word | SCHEDULED | CANCEL);
            }
            let next = word - ONE;
            releases = if next == OVER {
                Releases::Last
            } else {
                Releases::Nothing
            };
            Some(next)
        });
        releases
    }

    /// Whether it waits, to be woken.
    pub(super) fn is_idle(&self) -> bool {
        // ORDERING: Relaxed, only shown.
        self.0.load(Relaxed) & (OVER | IN_HAND | SCHEDULED) == 0
    }
}
