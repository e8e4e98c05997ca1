//! What must come out even, as functions over what was seen, so that a
//! deliberate error can be fed to each (`self_test.rs`).

use std::fmt;

/// What one consumer got, as far as it must be remembered: a bit for each
/// message, and the last one of each producer.
pub(crate) struct Ledger {
    /// So many messages each producer sends, numbered from 0.
    share: u64,
    seen: Vec<u64>,
    last: Vec<Option<u64>>,
    repeated: u64,
    reordered: u64,
    strange: u64,
}

impl Ledger {
    pub(crate) fn new(producers: u64, share: u64) -> Self {
        Self {
            share,
            seen: vec![0; (producers * share).div_ceil(64) as usize],
            last: vec![None; producers as usize],
            repeated: 0,
            reordered: 0,
            strange: 0,
        }
    }

    #[inline]
    pub(crate) fn note(&mut self, producer: u64, number: u64) {
        let last = self.last.get_mut(producer as usize);
        let Some(last) = last.filter(|_| number < self.share) else {
            self.strange += 1;
            return;
        };
        self.reordered += u64::from(last.is_some_and(|last| last >= number));
        *last = Some(number);
        let place = producer * self.share + number;
        let (word, bit) = (&mut self.seen[(place / 64) as usize], 1 << (place % 64));
        self.repeated += u64::from(*word & bit != 0);
        *word |= bit;
    }
}

/// How far what came out is from what went in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uneven {
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) reordered: u64,
    pub(crate) strange: u64,
}

impl Uneven {
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Uneven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lost, {} doubled, {} out of order, {} never sent",
            self.lost, self.repeated, self.reordered, self.strange
        )
    }
}

/// Adds up what all consumers of `sent` messages got. The order of each
/// producer's messages is looked at only where it is promised.
pub(crate) fn settle(ledgers: &[Ledger], sent: u64, is_ordered: bool) -> Uneven {
    let mut uneven = Uneven::default();
    let mut together = vec![0_u64; ledgers.iter().map(|l| l.seen.len()).max().unwrap_or(0)];
    for ledger in ledgers {
        uneven.repeated += ledger.repeated;
        uneven.strange += ledger.strange;
        uneven.reordered += if is_ordered { ledger.reordered } else { 0 };
        for (all, own) in together.iter_mut().zip(&ledger.seen) {
            uneven.repeated += u64::from((*all & own).count_ones());
            *all |= own;
        }
    }
    let seen: u64 = together
        .iter()
        .map(|word| u64::from(word.count_ones()))
        .sum();
    uneven.lost = sent - seen;
    uneven
}

/// Where what came out of a resting queue differs from what should.
pub(crate) fn first_difference(expected: &[u64], got: &[u64]) -> Option<usize> {
    let length = expected.len().max(got.len());
    (0..length).find(|&at| expected.get(at) != got.get(at))
}

/// Whether more is in a queue than it has room for.
pub(crate) fn is_over_full(len: usize, capacity: Option<usize>) -> bool {
    capacity.is_some_and(|capacity| len > capacity)
}

/// What went into one channel that was ended in the midst of it, and what came
/// out: how many, and a sum that tells which.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) put: u64,
    pub(crate) got: u64,
    pub(crate) put_sum: u64,
    pub(crate) got_sum: u64,
}

impl Flow {
    /// Whether it came out even. Where consumers left early, some of what was
    /// put may remain: `is_exact` is false.
    pub(crate) fn is_even(&self, is_exact: bool) -> bool {
        match is_exact {
            true => self.put == self.got && self.put_sum == self.got_sum,
            false => self.got <= self.put,
        }
    }

    /// Whether a queue counts as unfinished precisely what nobody took.
    pub(crate) fn is_finished(&self, unfinished: u64) -> bool {
        self.put.checked_sub(self.got) == Some(unfinished)
    }
}

/// Items made and items dropped; each thread counts its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lives {
    pub(crate) made: u64,
    pub(crate) dropped: u64,
}

impl Lives {
    pub(crate) fn add(&mut self, other: Self) {
        self.made += other.made;
        self.dropped += other.dropped;
    }

    pub(crate) fn is_even(self) -> bool {
        self.made == self.dropped
    }
}

/// What one of a crowd around a semaphore does at a moment of rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Nothing,
    /// Has asked for so many permits and waits.
    Waits(u64),
    Holds(u64),
    /// On its way from one of these to another.
    Moves,
}

/// What is wrong with a semaphore at rest: with `permits` in all and so many
/// `free`. `Moves` is not rest.
pub(crate) fn at_rest(permits: u64, free: u64, crowd: &[Doing]) -> Result<(), String> {
    let (mut held, mut greatest_need) = (0, None);
    for doing in crowd {
        match *doing {
            Doing::Nothing => {}
            Doing::Moves => return Err("somebody still moves".to_owned()),
            Doing::Holds(count) => held += count,
            Doing::Waits(need) => greatest_need = greatest_need.max(Some(need)),
        }
    }
    if held + free != permits {
        return Err(format!("{held} held and {free} free of {permits} permits"));
    }
    // The first in line holds up those behind it; who that is cannot be told
    // from outside, but it is one of them.
    match greatest_need {
        Some(need) if need <= free => Err(format!("{free} are free, nobody waits for more")),
        _ => Ok(()),
    }
}

/// Whether one who waited was passed more often than promised.
pub(crate) fn is_passed_too_often(overtakes: u64, bound: u64) -> bool {
    overtakes > bound
}

/// Whether a timed wait that ended by its limit ended so many nanoseconds after
/// it: not before.
pub(crate) fn is_early(off: i128) -> bool {
    off < 0
}
