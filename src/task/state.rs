//! The states of a task: one word that decides everything.
//!
//! ```text
//!            start                    finish
//!   QUEUED ─────────► RUNNING ───────────────────► FINISHED | PANICKED ──┐
//!     │                  │                                               │ take
//!     │ cancel, expire   │ expire: the closure runs on, its late         ▼
//!     ▼                  ▼ result is dropped                           TAKEN
//!   CANCELLED         TIMED_OUT                    (FAILED: born so, a refusal)
//!   TIMED_OUT
//! ```
//!
//! The word also says who refers to the cell, and who waits for it:
//!
//! ```text
//!  63                                6   5      4       3      2..0
//! ┌───────────────────────────────────┬──────┬───────┬────────┬───────┐
//! │ newest waiter (a pointer, /64)    │ LIST │ QUEUE │ HANDLE │ phase │
//! └───────────────────────────────────┴──────┴───────┴────────┴───────┘
//! ```
//!
//! * `HANDLE`: a handle exists. `QUEUE`: a queue's entry, or the runner that
//!   popped it, exists. Whoever clears the second of the two frees the cell.
//! * `LIST`: somebody has taken the list of waiters away to remove one, and
//!   will put the rest back. If the task ends in the meantime, that somebody
//!   wakes the rest: nobody ever waits for the list but another remover. Once
//!   the task has ended it says instead that the outcome was taken (TAKEN).
//!
//! | event | allowed in | leads to | who calls owns afterwards |
//! |---|---|---|---|
//! | [`start_queued`](State::start_queued) | QUEUED, and only QUEUE set | the same, to the end | everything |
//! | `start_queued`, [`start`](State::start) | QUEUED | RUNNING | the closure |
//! | [`settle`](State::settle) (holder of handle and entry) | QUEUED, untouched | its phase, without QUEUE | everything |
//! | [`resolve_unstarted`](State::resolve_unstarted) | QUEUED | CANCELLED, TIMED_OUT | the closure, the waiters |
//! | [`expire_running`](State::expire_running) | RUNNING | TIMED_OUT | the waiters |
//! | [`finish`](State::finish) (sole runner) | RUNNING | its phase, without QUEUE | the waiters; the cell, if HANDLE is gone |
//! | [`finish_in_place`](State::finish_in_place) (claimed) | RUNNING | its phase | the waiters |
//! | [`finish_in_time`](State::finish_in_time) (limited) | RUNNING, TIMED_OUT | its phase, or none | the waiters; the cell, if HANDLE is gone |
//! | [`abandon`](State::abandon) | QUEUED, RUNNING | the same, without HANDLE | nothing |
//! | [`push`](State::push) | QUEUED, RUNNING | the same | nothing |
//! | [`take_list`](State::take_list) | QUEUED, RUNNING | the same, LIST | the waiters, until put back |
//!
//! # Orderings
//!
//! Every transition to a final phase releases the result, and every look that
//! finds a final phase acquires it. `push` releases the waiter's contents; a
//! transition that takes the list acquires them. Clearing `HANDLE` or `QUEUE`
//! releases what its holder did to the cell, and acquires what the other did,
//! so that the second may free it. `start` orders nothing: the closure came
//! with the queue or with the handle. All changes are read-modify-writes, so
//! a release is seen through any number of later changes (release sequence); but for
//! `settle`, a plain store by who holds both references, which nobody else sees.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{mutant, thread, weaken};
use crate::wait::waiter::{List, Waiter};

use Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Where a task stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Phase {
    Queued = 0,
    Running = 1,
    Finished = 2,
    Panicked = 3,
    Cancelled = 4,
    TimedOut = 5,
    Failed = 6,
    /// Its outcome was taken; only [`Word::outcome`] still knows how it ended.
    Taken = 7,
}

impl Phase {
    const ALL: [Phase; 8] = [
        Phase::Queued,
        Phase::Running,
        Phase::Finished,
        Phase::Panicked,
        Phase::Cancelled,
        Phase::TimedOut,
        Phase::Failed,
        Phase::Taken,
    ];

    /// The phase with this number; there are eight.
    pub(crate) fn from_number(number: usize) -> Self {
        Self::ALL[number & PHASE]
    }

    /// Whether nothing more will happen to the task.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Phase::Queued | Phase::Running)
    }
}

const PHASE: usize = 0b111;
const HANDLE: usize = 1 << 3;
const QUEUE: usize = 1 << 4;
const LIST: usize = 1 << 5;
const WAITERS: usize = !(PHASE | HANDLE | QUEUE | LIST);

// A waiter's address leaves the low bits to the flags.
const _: () = assert!(align_of::<Waiter>() > (PHASE | HANDLE | QUEUE | LIST));

/// One value of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(usize);

impl Word {
    pub(crate) fn phase(self) -> Phase {
        let phase = self.outcome();
        // Nobody takes the list of a task that has ended.
        if phase.is_final() && self.is_list_taken() {
            return Phase::Taken;
        }
        phase
    }

    /// As `phase`, but how the task has ended also after its outcome was taken.
    pub(crate) fn outcome(self) -> Phase {
        Phase::from_number(self.0)
    }

    pub(crate) fn is_final(self) -> bool {
        self.phase().is_final()
    }

    pub(crate) fn has_handle(self) -> bool {
        self.0 & HANDLE != 0
    }

    pub(crate) fn has_queue(self) -> bool {
        self.0 & QUEUE != 0
    }

    /// As it was submitted: with its handle and its entry in the queue, and nothing else.
    pub(crate) fn is_untouched(self) -> bool {
        self.0 == Phase::Queued as usize | HANDLE | QUEUE
    }

    fn is_list_taken(self) -> bool {
        self.0 & LIST != 0
    }

    fn waiters(self) -> List {
        List::from_addr(self.0 & WAITERS)
    }

    fn with_phase(self, phase: Phase) -> Self {
        Self(self.0 & !PHASE | phase as usize)
    }

    fn without_waiters(self) -> Self {
        Self(self.0 & !(WAITERS | LIST))
    }

    fn with_waiter_addr(self, addr: usize) -> Self {
        debug_assert_eq!(addr & !WAITERS, 0, "a waiter is aligned");
        Self(self.0 & !WAITERS | addr)
    }

    fn without(self, bit: usize) -> Self {
        Self(self.0 & !bit)
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Word")
            .field("phase", &self.phase())
            .field("handle", &self.has_handle())
            .field("queue", &self.has_queue())
            .field("list_taken", &self.is_list_taken())
            .field("waiters", &(self.0 & WAITERS != 0))
            .finish()
    }
}

/// What a transition leaves to its caller.
#[must_use]
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Who waited: the caller wakes them.
    pub(crate) waiters: List,
    /// Whether a handle still exists; if not, the result is the caller's, and
    /// so is the cell once the queue's reference is gone as well.
    pub(crate) has_handle: bool,
}

/// The state word of a task.
#[derive(Debug)]
pub(crate) struct State(AtomicUsize);

impl State {
    /// Queued, with one handle and one queue entry.
    pub(crate) fn queued() -> Self {
        Self(AtomicUsize::new(Phase::Queued as usize | HANDLE | QUEUE))
    }

    /// Already final, and in no queue.
    pub(crate) fn resolved(phase: Phase) -> Self {
        Self(AtomicUsize::new(phase as usize | HANDLE))
    }

    /// The present word; what precedes a final phase is seen.
    #[inline]
    pub(crate) fn load(&self) -> Word {
        // ORDERING: Acquire pairs with the Release of whoever resolved the
        // task: a final phase shows its result.
        Word(self.0.load(weaken("state-load-relaxed", Acquire)))
    }

    #[inline]
    fn update(
        &self,
        success: Ordering,
        mut change: impl FnMut(Word) -> Option<Word>,
    ) -> Result<Word, Word> {
        // ORDERING: Relaxed, the exchange below decides; Acquire where it
        // fails, so that a final phase shows its result.
        let mut seen = Word(self.0.load(Relaxed));
        loop {
            let Some(next) = change(seen) else {
                // ORDERING: the look that gave up must acquire too.
                let now = self.load();
                if now == seen {
                    return Err(now);
                }
                seen = now;
                continue;
            };
            match (self.0).compare_exchange_weak(seen.0, next.0, success, Acquire) {
                Ok(_) => return Ok(seen),
                Err(actual) => seen = Word(actual),
            }
        }
    }

    /// QUEUED to RUNNING: the caller runs the closure.
    pub(crate) fn start(&self) -> Result<(), Word> {
        if mutant("state-start-without-exchange") && self.load().phase() == Phase::Queued {
            let seen = self.load();
            // A seeded bug: look, then store, so two may start.
            // ORDERING: as a correct change of the word would have it.
            self.0.store(seen.with_phase(Phase::Running).0, Release);
            return Ok(());
        }
        // ORDERING: Relaxed, the closure came with the queue or the handle.
        self.update(Relaxed, |word| {
            (word.phase() == Phase::Queued).then(|| word.with_phase(Phase::Running))
        })
        .map(drop)
    }

    /// As `start`, by the holder of the queue's reference. `Ok(true)` says that nobody
    /// else has a reference, nor waits: the word stays QUEUED, and all is the caller's.
    #[inline]
    pub(crate) fn start_queued(&self) -> Result<bool, Word> {
        if mutant("state-start-without-exchange") {
            return self.start().map(|()| false);
        }
        // ORDERING: Acquire pairs with the Release in `abandon`: the deeds of the
        // handle come before the free.
        let mut seen = Word(self.0.load(Acquire));
        loop {
            let others = if mutant("state-sole-forgets-waiters") {
                seen.0 & !WAITERS
            } else {
                seen.0
            };
            if others == Phase::Queued as usize | QUEUE {
                return Ok(true);
            }
            if seen.phase() != Phase::Queued {
                return Err(seen);
            }
            let next = seen.with_phase(Phase::Running).0;
            // ORDERING: Relaxed, the closure came with the queue; Acquire on failure,
            // as above, and so that a final phase shows its result.
            match (self.0).compare_exchange_weak(seen.0, next, Relaxed, Acquire) {
                Ok(_) => return Ok(false),
                Err(actual) => seen = Word(actual),
            }
        }
    }

    /// QUEUED to `phase`, and to the handle alone, by who holds handle and queue entry.
    ///
    /// # Safety
    ///
    /// Nobody else refers to the task, nor waits for it: the word was [`is_untouched`],
    /// and the caller holds both references.
    ///
    /// [`is_untouched`]: Word::is_untouched
    pub(crate) unsafe fn settle(&self, phase: Phase) {
        debug_assert!(self.load().is_untouched() && phase.is_final());
        // ORDERING: Relaxed, nobody else looks.
        self.0.store(phase as usize | HANDLE, Relaxed);
    }

    /// QUEUED to `phase`: the caller drops the closure and wakes the waiters.
    pub(crate) fn resolve_unstarted(&self, phase: Phase) -> Result<Resolved, Word> {
        // ORDERING: Release publishes what the caller prepared; Acquire shows
        // the waiters.
        self.update(weaken("state-resolve-relaxed", AcqRel), |word| {
            (word.phase() == Phase::Queued).then(|| word.without_waiters().with_phase(phase))
        })
        .map(Resolved::of)
    }

    /// RUNNING to TIMED_OUT: the caller wakes the waiters, the closure runs on.
    pub(crate) fn expire_running(&self) -> Result<Resolved, Word> {
        // ORDERING: as in `resolve_unstarted`.
        self.update(AcqRel, |word| {
            (word.phase() == Phase::Running)
                .then(|| word.without_waiters().with_phase(Phase::TimedOut))
        })
        .map(Resolved::of)
    }

    /// RUNNING to `phase` by the one who runs it from a queue, with no limit
    /// set: one swap, which also gives up the queue's reference.
    ///
    /// Afterwards the cell belongs to the handle, or, without one, to the caller.
    #[inline]
    pub(crate) fn finish(&self, phase: Phase) -> Resolved {
        debug_assert!(phase.is_final());
        // ORDERING: Release publishes the result to `load`; Acquire shows the
        // waiters pushed by `push`, and the last deeds of a dropped handle.
        let ordering = if mutant("state-finish-acquire-only") {
            Acquire
        } else if mutant("state-finish-release-only") {
            Release
        } else {
            AcqRel
        };
        let was = Word(self.0.swap(phase as usize | HANDLE, ordering));
        debug_assert_eq!(was.phase(), Phase::Running, "only its runner ends it");
        debug_assert!(was.has_queue(), "the runner holds the queue's reference");
        Resolved::of(was)
    }

    /// RUNNING to `phase` by a waiter that claimed the task: a stale entry may
    /// still lie in a queue, and keeps its reference.
    pub(crate) fn finish_in_place(&self, phase: Phase) -> Resolved {
        debug_assert!(phase.is_final());
        // ORDERING: as in `finish`.
        let done = self.update(AcqRel, |word| {
            Some(word.without_waiters().with_phase(phase))
        });
        match done {
            Ok(was) | Err(was) => Resolved::of(was),
        }
    }

    /// RUNNING to `phase` unless the limit struck first; `Err` says that the
    /// result came too late. The references stay as they are.
    pub(crate) fn finish_in_time(&self, phase: Phase) -> Result<Resolved, ()> {
        debug_assert!(phase.is_final());
        // ORDERING: as in `finish`.
        self.update(AcqRel, |word| {
            (word.phase() == Phase::Running).then(|| word.without_waiters().with_phase(phase))
        })
        .map(Resolved::of)
        .map_err(drop)
    }

    /// The handle has moved the result out; only its holder calls this, after
    /// the task has ended.
    pub(crate) fn set_taken(&self) {
        // ORDERING: Relaxed, only a stale queue entry looks on, and it looks
        // at its own bit alone.
        self.0.fetch_or(LIST, Relaxed);
    }

    /// Clears `HANDLE`. Whoever gets a word without `QUEUE` frees the cell.
    pub(crate) fn release_handle(&self) -> Word {
        // ORDERING: Release, our last deeds come before the free by another;
        // Acquire, the other's come before ours.
        Word((self.0).fetch_and(!HANDLE, weaken("state-release-handle-relaxed", AcqRel)))
    }

    /// Clears `HANDLE` of a task that has not ended: its result is left to the
    /// runner. `Err` says that it has ended, and the result is still the handle's.
    ///
    /// One step, because the runner of a limited task ends it while it keeps
    /// its reference: a handle that looks first, and leaves after the end,
    /// would leave a result that nobody drops.
    pub(crate) fn abandon(&self) -> Result<(), Word> {
        if mutant("state-abandon-in-two-steps") && !self.load().is_final() {
            let _ = self.release_handle();
            return Ok(());
        }
        // ORDERING: Release, our last deeds come before the free by another;
        // a failure acquires, as every look that finds a final phase.
        self.update(weaken("state-abandon-relaxed", Release), |word| {
            (!word.is_final()).then(|| word.without(HANDLE))
        })
        .map(|was| debug_assert!(was.has_queue(), "somebody has yet to run or drop it"))
    }

    /// Clears `QUEUE`. Whoever gets a word without `HANDLE` frees the cell.
    pub(crate) fn release_queue(&self) -> Word {
        // ORDERING: as in `release_handle`.
        Word(
            self.0
                .fetch_and(!QUEUE, weaken("state-release-queue-relaxed", AcqRel)),
        )
    }

    /// Adds a waiter; `Err` says that the task has ended and nobody will wake it.
    ///
    /// # Safety
    ///
    /// 1. `waiter` stays where it is until it was notified or removed.
    /// 2. It is in no list.
    pub(crate) unsafe fn push(&self, waiter: &Waiter) -> Result<(), Word> {
        // ORDERING: Release shows the waiter's contents to whoever takes the list.
        self.update(weaken("state-push-relaxed", Release), |word| {
            if word.is_final() && !mutant("state-push-on-final") {
                return None;
            }
            waiter.set_next(word.waiters());
            Some(word.with_waiter_addr(waiter.addr()))
        })
        .map(drop)
    }

    /// Takes the list away to remove somebody from it; `None` says that the
    /// task has ended, and its waiters have been or are being notified.
    pub(crate) fn take_list(&self) -> Option<List> {
        loop {
            let mut busy = false;
            // ORDERING: Acquire pairs with the Release in `push` and `put_back`.
            let taken = self.update(weaken("state-take-list-relaxed", Acquire), |word| {
                busy = !word.is_final() && word.is_list_taken();
                (!word.is_final() && !busy).then(|| Word(word.without_waiters().0 | LIST))
            });
            match taken {
                Ok(was) => return Some(was.waiters()),
                // Another remover is at it, for a few instructions.
                Err(_) if busy => thread::yield_now(),
                Err(_) => return None,
            }
        }
    }

    /// Puts back what is left of a taken list; `Err` gives it back because the
    /// task has ended in the meantime: the caller wakes them.
    pub(crate) fn put_back(&self, rest: List) -> Result<(), (Word, List)> {
        let oldest = rest.oldest();
        // ORDERING: Release shows the waiters to whoever takes the list next.
        let put = self.update(weaken("state-put-back-relaxed", Release), |word| {
            if word.is_final() {
                return None;
            }
            let addr = match oldest {
                None => word.waiters().addr(),
                Some(oldest) => {
                    oldest.set_next(word.waiters());
                    rest.addr()
                }
            };
            Some(word.without(LIST).with_waiter_addr(addr))
        });
        match put {
            Ok(_) => Ok(()),
            Err(_) if mutant("state-put-back-forgets") => Ok(()),
            Err(word) => {
                // Who was pushed meanwhile went to whoever ended the task.
                if let Some(oldest) = oldest {
                    oldest.set_next(List::EMPTY);
                }
                Err((word, rest))
            }
        }
    }
}

impl Resolved {
    fn of(was: Word) -> Self {
        Self {
            waiters: was.waiters(),
            has_handle: was.has_handle(),
        }
    }
}
