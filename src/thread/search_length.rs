//! How often a search looks before its thread sleeps.
//!
//! A search that goes on finds what is brought meanwhile, which spares a wake-up: where
//! who brings it runs on another processor. Where that one waits for this processor, each
//! look keeps the next task away. So a search that was in vain makes the next one half as
//! long, down to [`LEAST`], and one that has found something later than at once makes it
//! [`MOST`] again. So does the half of a join or of a loop; and every 16th in vain is as
//! long, to see whether it pays by now.

/// So often a search looks again at most.
pub(super) const MOST: u32 = if cfg!(raddle_loom) { 0 } else { 40 };

/// And if it is in vain each time.
const LEAST: u32 = 2;

const PROBE: u32 = 16;

/// What a thread knows of its last searches.
#[derive(Debug)]
pub(super) struct SearchLength {
    most: u32,
    /// So many searches were in vain since one was not.
    in_vain: u32,
}

impl SearchLength {
    pub(super) fn new(most: u32) -> Self {
        Self { most, in_vain: 0 }
    }

    /// How often the next search looks again.
    pub(super) fn rounds(&self) -> u32 {
        match self.in_vain % PROBE {
            0 => self.most,
            _ => {
                let rounds = self.most.checked_shr(self.in_vain).unwrap_or(0);
                rounds.max(LEAST).min(self.most)
            }
        }
    }

    /// A search has found something after so many rounds.
    pub(super) fn found(&mut self, rounds: u32) {
        if rounds > 0 {
            self.in_vain = 0;
        }
    }

    /// The half of a join or of a loop has come: more come soon, from another processor.
    pub(super) fn had_half(&mut self) {
        self.in_vain = 0;
    }

    pub(super) fn was_in_vain(&mut self) {
        self.in_vain = self.in_vain.wrapping_add(1);
    }
}

#[cfg(all(test, not(raddle_loom)))]
mod tests {
    use super::*;

    fn in_vain(length: &mut SearchLength, searches: usize) -> Vec<u32> {
        std::iter::repeat_with(|| {
            let rounds = length.rounds();
            length.was_in_vain();
            rounds
        })
        .take(searches)
        .collect()
    }

    #[test]
    fn searches_in_vain_get_shorter_and_one_in_sixteen_is_long() {
        let mut length = SearchLength::new(MOST);
        assert_eq!(in_vain(&mut length, 6), [40, 20, 10, 5, 2, 2]);
        assert_eq!(in_vain(&mut length, 10), [2; 10]);
        assert_eq!(in_vain(&mut length, 16)[..3], [40, 2, 2]);
        assert_eq!(in_vain(&mut length, 2), [40, 2]);
    }

    #[test]
    fn what_was_there_at_once_says_nothing_and_what_came_later_does() {
        let mut length = SearchLength::new(MOST);
        in_vain(&mut length, 8);
        length.found(0);
        assert_eq!(length.rounds(), 2);
        length.found(1);
        assert_eq!(length.rounds(), 40);
    }

    #[test]
    fn on_one_processor_nobody_looks_again() {
        let mut length = SearchLength::new(0);
        assert_eq!(in_vain(&mut length, 20), [0; 20]);
    }
}
