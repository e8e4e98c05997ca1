//! The place of one thread in its pool.
//!
//! It outlives its threads: the deque waits there between two of them, and thieves
//! reach it at any time.

use super::deque::{Deque, Stealer};
use super::fork::lane::Lane;
use super::post::Post;
use super::running::Running;
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};
use crate::primitive::thread::JoinHandle;
use crate::primitive::unmodelled::{AtomicU32, AtomicU64, OnceLock};
use crate::task::{Job, Ran};

/// The place of one thread in its pool. It outlives the threads that take it.
// Aligned so that the counters of two threads share no cache line, nor the
// pair of lines that the processor fetches together.
#[repr(align(128))]
pub(super) struct Slot {
    stealer: OnceLock<Stealer<Job>>,
    pub(super) deque: Mutex<Option<Deque<Job>>>,
    /// Its joins.
    pub(super) lane: Lane,
    /// The thread that has this place, and a few that had it before.
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    pub(super) running: Running,
    /// The thread has waited for the end of its own pool: nobody waits for it.
    pub(super) is_closer: AtomicBool,
    /// 1 while its thread is tied to a CPU.
    pub(super) pinned: AtomicU32,
    /// What is addressed to the thread, and whether it is blocked.
    pub(super) post: Post,
    pub(super) counters: Counters,
}

/// What one thread has done. Only it writes; others read what may be old.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) finished: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) stolen: AtomicU64,
}

impl Counters {
    pub(super) fn add_one(counter: &AtomicU64) {
        // ORDERING: Relaxed, statistics; a plain increment, since nobody else
        // writes.
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// What this thread has finished, by itself.
    pub(super) fn finished(&self) -> u64 {
        // ORDERING: Relaxed, nobody else writes.
        self.finished.load(Relaxed)
    }

    #[inline]
    pub(super) fn count(&self, ran: Ran) {
        if ran == Ran::Finished {
            return Self::add_one(&self.finished);
        }
        match ran {
            Ran::Claimed | Ran::Suspended => {}
            Ran::Cancelled => Self::add_one(&self.cancelled),
            Ran::Expired => Self::add_one(&self.expired),
            Ran::Finished => Self::add_one(&self.finished),
            Ran::Panicked => Self::add_one(&self.panicked),
            Ran::Late => Self::add_one(&self.late),
        }
    }
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            stealer: OnceLock::new(),
            deque: Mutex::new(None),
            lane: Lane::new(),
            threads: Mutex::new(Vec::new()),
            running: Running::new(),
            is_closer: AtomicBool::new(false),
            pinned: AtomicU32::new(0),
            post: Post::new(),
            counters: Counters::default(),
        }
    }

    pub(super) fn stealer(&self) -> Option<&Stealer<Job>> {
        self.stealer.get()
    }

    /// Whether a task lies in its deque.
    pub(super) fn has_tasks(&self) -> bool {
        self.stealer().is_some_and(|stealer| !stealer.is_empty())
    }

    /// Makes the deque, if the slot has none yet.
    pub(super) fn furnish(&self) {
        self.stealer.get_or_init(|| {
            let deque = Deque::new();
            let stealer = deque.stealer();
            *self.deque.lock() = Some(deque);
            stealer
        });
    }
}
