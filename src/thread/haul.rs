//! How many tasks a thief takes at once.
//!
//! In a *tree* of tasks the oldest of a victim is the largest part of its work, and the
//! others are parts that the victim waits for soon: who takes more than the oldest meets
//! the victim in the smallest parts, and both wait. In a *row* of tasks, which submit
//! nothing, each theft costs more than what it brings: there many are taken at once.
//!
//! Which of the two it is shows in what came of the last theft. As long as a thief has
//! finished no more tasks than it could have taken, it may take twice as many the next
//! time, up to [`MOST`]; a task that has submitted others, and the thief takes one. Only
//! tasks that have returned count: a tree of tasks that panic is taken for a row.

use std::cell::Cell;

use super::deque::BATCH_MAX;

/// So many a thief takes at once at most.
const MOST: usize = BATCH_MAX;

/// What a thief knows of its last theft.
#[derive(Debug)]
pub(super) struct Haul {
    /// So many it could have taken.
    size: Cell<usize>,
    /// So many tasks it had finished before.
    finished: Cell<u64>,
}

impl Haul {
    pub(super) const fn new() -> Self {
        Self {
            size: Cell::new(0),
            finished: Cell::new(0),
        }
    }

    /// How many to take at most, for a thief that has finished so many tasks.
    pub(super) fn size(&self, finished: u64) -> usize {
        let size = self.size.get();
        let is_row = finished.wrapping_sub(self.finished.get()) <= size as u64;
        if is_row { (size * 2).clamp(1, MOST) } else { 1 }
    }

    /// It has taken up to `size`.
    pub(super) fn taken(&self, size: usize, finished: u64) {
        self.size.set(size);
        self.finished.set(finished);
    }
}

#[cfg(all(test, not(raddle_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_taken_in_growing_batches() {
        let haul = Haul::new();
        let (mut finished, mut sizes) = (100, Vec::new());
        for _ in 0..7 {
            let size = haul.size(finished);
            haul.taken(size, finished);
            finished += size as u64;
            sizes.push(size);
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 32]);
    }

    #[test]
    fn of_a_tree_only_the_oldest() {
        let haul = Haul::new();
        let take = |finished| {
            let size = haul.size(finished);
            haul.taken(size, finished);
            size
        };
        assert_eq!([50, 51, 54, 1000].map(take), [1, 2, 1, 1]);
    }
}
