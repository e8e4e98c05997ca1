//! A lock of many readers or one writer, with priority for those who wait to write.
//!
//! ```text
//!   read          add a reader, unless somebody writes or waits to; else sleep  (one step)
//!   write         take it if it is free, else announce it and sleep             (one step)
//!   try_          the same, or fail                                             (one step)
//!   read_until    as try_                                                       (one step)
//!   write_until   take it or announce it │ take it or recant
//!   unlock        take away, wake the first writer or all readers               (one step)
//!   downgrade     WRITER → one reader, wake the readers unless a writer waits   (one step)
//!
//!    31        16 15       1    0
//!   ┌────────────┬───────────┬────────┐
//!   │ announced  │  readers  │ WRITER │
//!   └────────────┴───────────┴────────┘
//! ```
//!
//! Who sleeps is plain data, which changes in one step with the operation on the
//! word before it. A thread that is woken competes anew: who comes in between
//! may go first, which is more than parking_lot allows.
//!
//! Orderings: an unlock releases, a lock acquires, a failed attempt does neither.
//! What readers release only writers acquire, so it goes through an atomic of
//! its own (`past`), in a step beside that on the word.

mod guards;

use std::collections::VecDeque;
use std::sync::{self, Arc};

use crate::primitive::model::atomics::{AtomicU32, Ordering};
use crate::primitive::model::context;
use crate::primitive::model::late::early_zero;
use crate::primitive::model::park::{Seat, plain};
use crate::primitive::{mutant, weaken};

pub(crate) use guards::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

const WRITER: u32 = 1;
const READER: u32 = 2;
const ANNOUNCED: u32 = 1 << 16;
/// What the word never is.
const IMPOSSIBLE: u32 = u32::MAX;

fn is_free(word: u32) -> bool {
    word & (ANNOUNCED - 1) == 0
}

fn is_announced(word: u32) -> bool {
    word >= ANNOUNCED
}

/// What to make of the word.
enum Wish {
    /// The lock is ours.
    Take(u32),
    /// It is not, but something changes.
    Note(u32),
    Nothing,
}

/// Who sleeps.
#[derive(Default)]
struct Asleep {
    readers: Vec<Arc<Seat>>,
    writers: VecDeque<Arc<Seat>>,
}

struct Lock {
    word: AtomicU32,
    /// By it what readers did is ordered before the next writer.
    past: AtomicU32,
    asleep: sync::Mutex<Asleep>,
}

impl Lock {
    fn early() -> Self {
        Self {
            word: early_zero(),
            past: early_zero(),
            asleep: sync::Mutex::default(),
        }
    }

    /// One step from the newest value; whether the lock is ours.
    fn step(&self, wish: impl Fn(u32) -> Wish) -> bool {
        let mut seen = self.word.newest();
        loop {
            // ORDERING: Acquire pairs with the Release in `leave` and
            // `downgrade`; Relaxed without the lock, nothing was received.
            let (from, to, order, takes) = match wish(seen) {
                Wish::Take(to) => (seen, to, Ordering::Acquire, true),
                Wish::Note(to) => (seen, to, Ordering::Relaxed, false),
                Wish::Nothing => (IMPOSSIBLE, IMPOSSIBLE, Ordering::Relaxed, false),
            };
            match self
                .word
                .compare_exchange(from, to, order, Ordering::Relaxed)
            {
                Ok(_) => return takes,
                // The step has shown what others left.
                Err(now) if matches!(wish(now), Wish::Nothing) => return false,
                Err(now) => seen = now,
            }
        }
    }

    fn try_read(&self) -> bool {
        self.step(|word| {
            let is_kept_out = is_announced(word)
                && !(is_free(word) && mutant("lock-model-reader-overtakes-writer"));
            if word & WRITER != 0 || is_kept_out {
                Wish::Nothing
            } else {
                Wish::Take(word + READER)
            }
        })
    }

    fn read(&self) {
        while !self.try_read() {
            let seat = Seat::take();
            plain(&self.asleep).readers.push(Arc::clone(&seat));
            seat.sleep();
        }
    }

    /// Takes the lock if it is free; else the word becomes what `otherwise` says.
    /// `announced` is what this writer has announced before.
    fn write_or(&self, announced: u32, otherwise: impl Fn(u32) -> Wish) -> bool {
        let takes = self.step(|word| {
            if is_free(word) {
                Wish::Take(word - announced + WRITER)
            } else {
                otherwise(word)
            }
        });
        if takes {
            // ORDERING: Acquire pairs with the Release of readers in `leave`.
            self.past.fetch_add(0, Ordering::Acquire);
        }
        takes
    }

    fn try_write(&self) -> bool {
        self.write_or(0, |word| {
            if word & WRITER == 0 && mutant("lock-model-try-write-beside-readers") {
                Wish::Take(word + WRITER)
            } else {
                Wish::Nothing
            }
        })
    }

    fn announce(&self) -> bool {
        self.write_or(0, |word| Wish::Note(word + ANNOUNCED))
    }

    fn write(&self) {
        let mut held = self.announce();
        while !held {
            let seat = Seat::take();
            plain(&self.asleep).writers.push_back(Arc::clone(&seat));
            seat.sleep();
            held = self.write_or(ANNOUNCED, |_| Wish::Nothing);
        }
    }

    /// Keeps new readers out between its two looks.
    fn write_in_time(&self) -> bool {
        if self.announce() {
            return true;
        }
        context::timed_wait();
        let held = self.write_or(ANNOUNCED, |word| Wish::Note(word - ANNOUNCED));
        if !held && !mutant("lock-model-gives-up-silently") {
            self.wake(self.word.newest());
        }
        held
    }

    fn leave_read(&self) {
        // ORDERING: Release pairs with the Acquire in `write_or`; the word is
        // Relaxed, since readers show each other nothing.
        (self.past).fetch_add(1, weaken("lock-model-reader-relaxed", Ordering::Release));
        let word = self.word.fetch_sub(READER, Ordering::Relaxed) - READER;
        if !mutant("lock-model-reader-wakes-nobody") {
            self.wake(word);
        }
    }

    fn leave_write(&self) {
        // ORDERING: Release pairs with the Acquire in `step`.
        let order = weaken("lock-model-writer-relaxed", Ordering::Release);
        let word = self.word.fetch_sub(WRITER, order) - WRITER;
        self.wake(word);
    }

    fn downgrade(&self) {
        const STEP: u32 = READER - WRITER;
        if mutant("lock-model-downgrade-in-two-steps") {
            self.leave_write();
            return self.read();
        }
        // ORDERING: Release pairs with the Acquire in `step`.
        let order = weaken("lock-model-downgrade-relaxed", Ordering::Release);
        let word = self.word.fetch_add(STEP, order) + STEP;
        if !mutant("lock-model-downgrade-wakes-nobody") {
            self.wake(word);
        }
    }

    /// Wakes those who may go on when the word is `word`.
    fn wake(&self, word: u32) {
        let mut asleep = plain(&self.asleep);
        let mut woken = Vec::new();
        if is_free(word) && is_announced(word) {
            woken.extend(asleep.writers.pop_front());
        } else if word & WRITER == 0 && !is_announced(word) {
            woken.append(&mut asleep.readers);
        }
        drop(asleep);
        for seat in woken {
            seat.wake();
        }
    }
}
