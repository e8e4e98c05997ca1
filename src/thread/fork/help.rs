//! A worker's part in fork-join: to expose, to steal, to run, to wait.

use std::cell::Cell;
use std::ptr::NonNull;

use super::lane::Lane;
use super::{ENDED, Fork, Latch, RETURNED, Shared, run};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Parker, fork, mutant, thread};
use crate::task::{Watch, frame};
use crate::thread::core::Core;
use crate::thread::running::Running;
use crate::thread::slot::Slot;
use crate::thread::worker::Worker;

/// How often a waiter looks again before it parks.
const ROUNDS: u32 = if cfg!(raddle_loom) { 0 } else { 100 };

/// A fork that the holder has stolen, and must run or return.
#[must_use]
#[derive(Debug)]
pub(in crate::thread) struct Stolen(*const Fork);

impl Stolen {
    /// Steals the oldest join of `lane`, if it lies at `mark` or above.
    pub(in crate::thread) fn from(lane: &Lane, mark: usize) -> Option<Self> {
        lane.steal(mark).map(Self)
    }
}

/// What runs below something that a thread runs on top: its joins lie below the
/// mark.
pub(in crate::thread) struct Below {
    mark: usize,
    frame: *const (),
    next: *const Below,
}

/// Watches what runs on top of something: its joins lie at the mark or higher.
pub(in crate::thread) struct OnTop<'a> {
    running: &'a Running,
    mark: usize,
}

impl Watch for OnTop<'_> {
    fn begins(&self, top: *const ()) -> (*const (), bool) {
        self.running.begins(top)
    }

    fn mark(&self) -> usize {
        self.mark
    }

    fn ends(&self, before: *const ()) {
        self.running.ends(before);
    }
}

impl Worker {
    /// Shares the oldest join of this thread, and calls somebody for it.
    #[cold]
    pub(super) fn expose(&self) {
        self.lane.expose(|index, fork| {
            // SAFETY: it is private, and this thread's.
            unsafe { Fork::prepare(fork, self.frame_at(index)) };
        });
        if !fork::is_forked(self.core().id) {
            self.published();
        }
    }

    /// Runs what was stolen.
    pub(in crate::thread) fn run_stolen(&self, stolen: Stolen) {
        let fork = stolen.0;
        let mark = self.lane.mark();
        // SAFETY: what was stolen was exposed, and its owner waits for the end.
        unsafe { Fork::shared(fork) }.start(self.index(), mark);
        // SAFETY: it was stolen.
        self.on_top(|watch| unsafe { run(fork, watch) });
        // SAFETY: it was stolen, and was run.
        unsafe { Fork::end(fork, ENDED) };
    }

    /// Waits for the end of this thread's newest join, which was stolen; `false`
    /// says that it was returned, and not run.
    #[cold]
    pub(super) fn wait_for_thief(&self, half: &Shared) -> bool {
        if fork::is_forked(self.core().id) {
            self.lane.forget_stolen();
            panic!("the other half of this join runs in the process that this one was forked from");
        }
        let mut round = 0;
        loop {
            let latch = half.latch();
            if latch.has_ended() {
                break;
            }
            if let Some(stolen) = self.steal_back(latch) {
                if half.latch().has_ended() && !mutant("fork-helper-keeps-a-stranger") {
                    // SAFETY: it was stolen, and was not started.
                    unsafe { Fork::end(stolen.0, RETURNED) };
                    break;
                }
                self.run_stolen(stolen);
                round = 0;
                continue;
            }
            if round == ROUNDS {
                let blocking = Blocking::start(BlockedOn::Thing("the stolen half of a join"));
                half.park(&Parker::current());
                drop(blocking);
                break;
            }
            round += 1;
            if round % 16 == 0 {
                thread::yield_now();
            } else {
                thread::spin_hint();
            }
        }
        self.lane.forget_stolen();
        !half.latch().is_returned()
    }

    /// Runs something on top of what this thread runs.
    pub(in crate::thread) fn on_top<R>(&self, run: impl FnOnce(&OnTop<'_>) -> R) -> R {
        struct Restore<'a>(&'a Cell<*const Below>, *const Below);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let below = Below {
            mark: self.lane.mark(),
            frame: frame::current_frame(),
            next: self.covered.get(),
        };
        let _restore = Restore(&self.covered, below.next);
        self.covered.set(&raw const below);
        run(&OnTop {
            running: &self.slot().running,
            mark: below.mark,
        })
    }

    /// The frame in which the join at `index` of the lane was forked.
    fn frame_at(&self, index: usize) -> *const () {
        let mut frame = frame::current_frame();
        // SAFETY: what is in the list lies in frames of `on_top` of this thread.
        let mut covered = unsafe { self.covered.get().as_ref() };
        while let Some(below) = covered
            && index < below.mark
        {
            frame = below.frame;
            // SAFETY: as above.
            covered = unsafe { below.next.as_ref() };
        }
        frame
    }

    /// Runs what `task` has forked and nobody has started, for a waiter that cannot
    /// go on before; `is_over` says that the task has ended.
    ///
    /// The look at the task comes after the steal, as that of a join does
    /// (fork/mod.rs): a task that has not ended by then had not when the half was
    /// pushed.
    pub(in crate::thread) fn help_with(&self, task: NonNull<()>, is_over: &dyn Fn() -> bool) {
        if self.core().used_slots().all(|slot| slot.lane.is_empty()) {
            // As good as always, in a program that does not fork.
            return;
        }
        let Some((slot, mark)) = self.core().runner_of(task) else {
            return;
        };
        while let Some(stolen) = Stolen::from(&slot.lane, mark) {
            if is_over() && !mutant("help-keeps-a-stranger") {
                // SAFETY: it was stolen, and was not started.
                unsafe { Fork::end(stolen.0, RETURNED) };
                return;
            }
            self.run_stolen(stolen);
            if fork::is_forked(self.core().id) {
                // The lanes are copies.
                return;
            }
        }
    }

    /// Steals what the thief of a join has pushed for it.
    fn steal_back(&self, latch: Latch) -> Option<Stolen> {
        let (thief, mark) = latch.thief()?;
        Stolen::from(&self.core().slots[thief].lane, mark)
    }
}

impl Core {
    /// The place of the thread that runs `task`, and where what the task forks lies
    /// in its lane.
    fn runner_of(&self, task: NonNull<()>) -> Option<(&Slot, usize)> {
        self.used_slots().find_map(|slot| {
            let mut mark = None;
            slot.running
                .look(|frame| mark = mark.or(frame.mark_of(task)));
            Some((slot, mark?))
        })
    }
}
