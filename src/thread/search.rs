//! Where a thread looks for something to do.
//!
//! ```text
//!   own deque, newest first ──► own post ──► injector, a batch ──► others' lanes
//!                               (broadcast/)                      and deques
//!   (every 31st time something else comes first, by turns; priorities: priority.rs)
//! ```

use std::ptr;

use super::broadcast::Taken;
use super::core::Core;
use super::fork::Stolen;
use super::linger::LINGER;
use super::search_length::SearchLength;
use super::sleep::Sight;
use super::slot::{Counters, Slot};
use super::worker::Worker;
use crate::primitive::{Steal, now, thread};
use crate::task::Job;

/// Every so many searches something else than the newest comes first: by turns what
/// has waited longest in the own deque and in the injector, low priorities, and
/// errands; so tasks that spawn tasks for ever starve nobody. A prime, as in Go and
/// tokio, so that it does not fall into step with the program's own cycles.
pub(super) const TURN: u32 = 31;

/// What a thread has found to do.
pub(super) enum Work {
    Task(Job),
    Half(Stolen),
    Share(Taken),
}

impl Worker {
    /// Looks for something to do: here, in the injector, at the others'.
    pub(super) fn find(&self, length: &mut SearchLength) -> Option<Work> {
        let rounds = length.rounds();
        let mut round = 0;
        loop {
            if let Some(work) = self.look_once() {
                length.found(round);
                return Some(work);
            }
            if round == rounds {
                length.was_in_vain();
                return None;
            }
            if !self.standing.is_searching() && !self.core().sleep.start_searching(&self.standing) {
                // Somebody else searches; one is enough.
                return None;
            }
            round += 1;
            // No yield: on a processor that another thread keeps busy it would last for
            // milliseconds, in which this thread is the one that searches.
            thread::spin_hint();
        }
    }

    /// Looks on for a while, after a search that has found nothing.
    pub(super) fn linger(&self) -> Option<Work> {
        // Somebody else may search: one is enough. And on a single processor who looks
        // keeps others from bringing what it looks for.
        if !self.standing.is_searching() || self.core().config.search_rounds == 0 {
            return None;
        }
        let since = now();
        let mut round = 0_u32;
        loop {
            if let Some(work) = self.look_once() {
                return Some(work);
            }
            round += 1;
            if round.is_multiple_of(16) && now().saturating_duration_since(since) > LINGER {
                return None;
            }
            thread::spin_hint();
        }
    }

    /// The newest task of this thread's own, unless something else comes first.
    #[inline]
    pub(super) fn find_newest(&self) -> Option<Job> {
        let left = self.until_turn.get();
        if left == 0 || self.core().ranks.high.len() > 0 {
            return None;
        }
        let newest = self.deque.pop()?;
        self.until_turn.set(left - 1);
        Some(newest)
    }

    fn look_once(&self) -> Option<Work> {
        let left = self.until_turn.get();
        if left > 0 {
            self.until_turn.set(left - 1);
        } else if let Some(work) = self.take_turn() {
            return Some(work);
        }
        let ranks = &self.core().ranks;
        (ranks.high.take())
            .or_else(|| self.deque.pop())
            .map(Work::Task)
            .or_else(|| self.take_share().map(Work::Share))
            .or_else(|| self.take_injected().map(Work::Task))
            .or_else(|| self.steal())
            .or_else(|| ranks.low.take().map(Work::Task))
    }

    /// What is passed over as long as there is something newer.
    fn take_turn(&self) -> Option<Work> {
        self.until_turn.set(TURN - 1);
        let turns = self.turns.get().wrapping_add(1);
        self.turns.set(turns);
        if turns.is_multiple_of(2)
            && let Some(share) = self.take_share()
        {
            return Some(Work::Share(share));
        }
        let task = match turns % 4 {
            0 => self.take_oldest(),
            1 => self.core().ranks.low.take(),
            2 => self.take_injected(),
            // Where no thread is left for errands.
            _ => self.core().take_errand(),
        };
        task.map(Work::Task)
    }

    /// The job of our own that has waited longest.
    fn take_oldest(&self) -> Option<Job> {
        let stealer = self.slot().stealer()?;
        insist(|| stealer.steal())
    }

    fn take_injected(&self) -> Option<Job> {
        let injector = &self.core().injector;
        insist(|| injector.steal_batch(&self.chute, |job| self.deque.push(job)))
    }

    /// Robs the others, beginning with a random one.
    fn steal(&self) -> Option<Work> {
        let slots = self.core().thread_slots();
        let start = self.next_random() as usize % slots.len().max(1);
        let (before, after) = slots.split_at(start);
        let guests = self.core().guest_slots();
        let work = (after.iter().chain(before).chain(guests))
            .filter(|slot| !ptr::eq(*slot, self.slot()))
            .find_map(|slot| self.rob(slot))?;
        Counters::add_one(&self.slot().counters.stolen);
        Some(work)
    }

    /// The halves of joins first: a task that runs is nearer to its end.
    fn rob(&self, slot: &Slot) -> Option<Work> {
        if let Some(stolen) = Stolen::from(&slot.lane, 0) {
            return Some(Work::Half(stolen));
        }
        let stealer = slot.stealer()?;
        let finished = self.slot().counters.finished();
        let most = self.haul.size(finished);
        let job = insist(|| stealer.steal_batch_and_pop(&self.deque, most))?;
        self.haul.taken(most, finished);
        Some(Work::Task(job))
    }

    /// Marsaglia's xorshift.
    fn next_random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}

/// Tries again as long as a race was lost.
fn insist(mut attempt: impl FnMut() -> Steal<Job>) -> Option<Job> {
    loop {
        match attempt() {
            Steal::Success(job) => return Some(job),
            Steal::Empty => return None,
            Steal::Retry => thread::spin_hint(),
        }
    }
}

impl Core {
    /// Whether a task lies in a queue.
    pub(super) fn has_tasks(&self) -> bool {
        !self.injector.is_empty()
            || !self.ranks.is_empty()
            || self.used_slots().any(Slot::has_tasks)
    }

    /// Whether there is anything to do: a task, or the half of a join.
    pub(super) fn has_work(&self) -> bool {
        self.has_tasks() || self.used_slots().any(|slot| !slot.lane.is_empty())
    }
}

impl Sight for Core {
    fn has_work(&self) -> bool {
        self.has_work()
    }

    fn has_tasks(&self) -> bool {
        self.has_tasks()
    }

    fn has_post_for(&self, index: usize) -> bool {
        self.has_post_for(index)
    }

    fn if_nobody_visits(&self, end: impl FnOnce()) {
        self.guests.if_none(end);
    }
}
