//! Who gets which share of a round: see "Who takes part" above.

use std::sync::Arc;

use super::{Round, Share, State};
use crate::primitive::mutant;
use crate::thread::core::Core;
use crate::thread::sleep::Call;

impl Core {
    /// Whether something is addressed to the thread with this index.
    pub(in crate::thread) fn has_post_for(&self, index: usize) -> bool {
        self.slots[index].post.is_pending()
    }

    /// Gives each share of a round to a thread; `caller` is one of them, if it is open.
    pub(super) fn deliver_all(
        self: &Arc<Self>,
        round: &Arc<Round>,
        width: usize,
        caller: Option<usize>,
    ) {
        let mut starts = Vec::new();
        let mut homeless = Vec::new();
        {
            let mut broadcasts = self.broadcasts.lock();
            *broadcasts += 1;
            let slots = self.thread_slots();
            let is_open = |index: &usize| slots[*index].post.is_open();
            let others = (0..slots.len()).filter(|index| Some(*index) != caller);
            let mut members: Vec<usize> =
                (caller.into_iter().chain(others).filter(is_open).take(width)).collect();
            while members.len() < width
                && let Some(start) = self.sleep.place_for_post()
            {
                self.slots[start.index].post.open();
                // One that was open a moment ago may have left, and this be its place.
                members.retain(|member| *member != start.index);
                members.push(start.index);
                starts.push(start);
            }
            members.sort_unstable();
            // Held all along: who passes a share on meanwhile gives it to no thread that
            // is about to get one here.
            let mut state = round.state.lock();
            for index in 0..width {
                let share = Share::new(round, *broadcasts, index);
                let refused = match members.get(index) {
                    Some(member) => self.try_deliver(*member, share, false).err(),
                    None => Some(share),
                };
                match (refused, members.get(index)) {
                    (None, Some(member)) => state.members.push(*member),
                    // It has blocked or left in the meantime, or there was none.
                    (refused, _) => homeless.extend(refused),
                }
            }
        }
        for share in homeless {
            self.deliver(share, None, true);
        }
        for start in starts {
            self.answer(Call::Start(start));
        }
    }

    /// Puts a share into a post and wakes its thread, or gives it back.
    fn try_deliver(&self, to: usize, share: Share, is_last_resort: bool) -> Result<(), Share> {
        let receiver = self.slots[to].post.deliver(share, is_last_resort)?;
        match receiver {
            Some(_) if mutant("broadcast-delivers-silently") => {}
            Some(parker) => parker.unpark(),
            None => self.sleep.wake_for_post(to),
        }
        Ok(())
    }

    /// Shares that the thread `from` will not run: it blocks, leaves, or could not be
    /// started.
    pub(in crate::thread) fn pass_on(
        self: &Arc<Self>,
        shares: impl IntoIterator<Item = Share>,
        from: usize,
        may_start: bool,
    ) {
        for share in shares {
            self.deliver(share, Some(from), may_start);
        }
    }

    /// Gives a share to any thread that has none of its round, or to the caller.
    fn deliver(self: &Arc<Self>, mut share: Share, from: Option<usize>, may_start: bool) {
        let round = Arc::clone(&share.round);
        let mut state = round.state.lock();
        state.members.retain(|member| Some(*member) != from);
        // The one who blocks comes first in the last resort: it may be back soon.
        let slots = 0..self.thread_slots().len();
        let candidates = |state: &State| {
            let others = slots.clone().filter(|slot| Some(*slot) != from);
            let all = from.into_iter().chain(others);
            all.filter(|slot| !state.members.contains(slot))
                .collect::<Vec<_>>()
        };
        for to in candidates(&state) {
            match self.try_deliver(to, share, false) {
                Ok(()) => return state.members.push(to),
                Err(back) => share = back,
            }
        }
        let start = may_start.then(|| self.sleep.place_for_post()).flatten();
        if let Some(start) = start {
            state.members.push(start.index);
            let post = &self.slots[start.index].post;
            post.open();
            let delivered = post.deliver(share, true);
            debug_assert!(delivered.is_ok(), "the post was opened");
            drop(state);
            return self.answer(Call::Start(start));
        }
        for to in candidates(&state) {
            match self.try_deliver(to, share, true) {
                Ok(()) => {
                    state.members.push(to);
                    state.stranded.push(to);
                    drop(state);
                    return round.parker.unpark();
                }
                Err(back) => share = back,
            }
        }
        state.orphans.push(share);
        drop(state);
        round.parker.unpark();
    }
}
