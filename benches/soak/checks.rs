//! What must come out even, as functions over what was seen, so that a
//! deliberate error can be fed to each (`self_test.rs`).

use std::fmt;
use std::time::Duration;

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

/// So many numbered tasks, and the sum of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) sum: u64,
}

impl Tally {
    pub(crate) fn note(&mut self, number: u64) {
        self.add(Self {
            count: 1,
            sum: number,
        });
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// What became of the tasks of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) submitted: Tally,
    pub(crate) ok: Tally,
    pub(crate) panicked: Tally,
    pub(crate) cancelled: Tally,
    /// As the tasks themselves tell.
    pub(crate) ran: Tally,
    /// Those with a callback, and the callbacks.
    pub(crate) to_call: Tally,
    pub(crate) called: Tally,
    /// Results of another task, errors of another kind, cancels that lie.
    pub(crate) strange: u64,
}

impl Outcomes {
    pub(crate) fn add(&mut self, other: &Self) {
        self.submitted.add(other.submitted);
        self.ok.add(other.ok);
        self.panicked.add(other.panicked);
        self.cancelled.add(other.cancelled);
        self.ran.add(other.ran);
        self.to_call.add(other.to_call);
        self.called.add(other.called);
        self.strange += other.strange;
    }

    /// Whether every task came out once, and ran unless it was cancelled.
    pub(crate) fn uneven(&self) -> Option<String> {
        let mut ran = self.ok;
        ran.add(self.panicked);
        let mut all = ran;
        all.add(self.cancelled);
        let pairs = [
            ("outcomes", all, self.submitted),
            ("runs", self.ran, ran),
            ("callbacks", self.called, self.to_call),
        ];
        let strange = (self.strange > 0).then(|| format!("{} strange", self.strange));
        strange.or_else(|| {
            let (what, is, should) = pairs.into_iter().find(|(_, is, should)| is != should)?;
            Some(format!("{what}: {is:?} instead of {should:?}"))
        })
    }
}

/// How long nothing came to an end, as one sees it who looks again and again.
/// What the machine has not given is no stall: the looker's own lateness, nor the
/// time that threads were ready and had no CPU. A thread that was not woken is not
/// ready.
///
/// The system counts that time when a thread gets its CPU. So a stall is measured at
/// its end; one without an end is a hang, which is seen elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stalls {
    tick: Duration,
    last: Duration,
    /// When something had last ended: when that was, how many had, and how long
    /// threads had waited for a CPU.
    since: Option<(Duration, u64, Duration)>,
    late: Duration,
    pub(crate) longest: Duration,
    /// Looks in time: without any there was nobody to see a stall.
    pub(crate) punctual: u64,
    pub(crate) looks: u64,
}

impl Stalls {
    /// For one who looks every `tick`.
    pub(crate) fn new(tick: Duration) -> Self {
        Self {
            tick,
            ..Self::default()
        }
    }

    /// At this time so many had ended, and threads had waited for a CPU so long.
    pub(crate) fn look(&mut self, at: Duration, ended: u64, delayed: Duration) {
        let Some((at_before, ended_before, delayed_before)) = self.since else {
            (self.since, self.last) = (Some((at, ended, delayed)), at);
            return;
        };
        let late = at.saturating_sub(self.last).saturating_sub(self.tick);
        self.last = at;
        self.late += late;
        self.looks += 1;
        self.punctual += u64::from(late <= self.tick);
        if ended != ended_before {
            let excused = self.late.max(delayed.saturating_sub(delayed_before));
            let stall = at.saturating_sub(at_before).saturating_sub(excused);
            self.longest = self.longest.max(stall);
            (self.since, self.late) = (Some((at, ended, delayed)), Duration::ZERO);
        }
    }

    /// Nothing was to be done since.
    pub(crate) fn forget(&mut self) {
        (self.since, self.late) = (None, Duration::ZERO);
    }
}

/// How a handle came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Panicked,
    Cancelled,
    Other,
}

/// One task that was cancelled at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) outcome: Outcome,
    /// How often it began; a future, how often it came to its end.
    pub(crate) ran: u64,
    /// How often its closure was dropped.
    pub(crate) dropped: u64,
    /// How many cancels said that they prevented it.
    pub(crate) prevented: u64,
}

impl Fate {
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match (self.outcome, self.ran, self.prevented, self.dropped) {
            (Outcome::Other, ..) => Some("neither run nor cancelled"),
            (Outcome::Cancelled, 1.., ..) => Some("both run and cancelled"),
            (Outcome::Ok | Outcome::Panicked, 0, ..) => Some("a result of what never ran"),
            (_, 2.., ..) => Some("run twice"),
            (Outcome::Ok | Outcome::Panicked, _, 1.., _) => Some("prevented, and run"),
            (_, _, 2.., _) => Some("prevented twice"),
            (.., 0) => Some("never dropped"),
            (.., 2..) => Some("dropped twice"),
            _ => None,
        }
    }
}

/// Whether a process has more than it had: by so many bytes, or any thread or file.
pub(crate) fn leaked(
    before: crate::process::Belongings,
    after: crate::process::Belongings,
    bytes_max: u64,
) -> Option<String> {
    let grown = after.resident.saturating_sub(before.resident);
    if after.threads != before.threads {
        return Some(format!(
            "{} threads, then {}",
            before.threads, after.threads
        ));
    }
    if after.files != before.files {
        return Some(format!("{} open files, then {}", before.files, after.files));
    }
    (grown > bytes_max).then(|| format!("memory has grown by {grown} bytes"))
}

/// Whether what was submitted and refused under overload is as the limit says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overload {
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    pub(crate) full: u64,
    pub(crate) ran: u64,
    pub(crate) queued_max: u64,
    pub(crate) limit: u64,
    pub(crate) grown: u64,
    pub(crate) grown_max: u64,
}

impl Overload {
    pub(crate) fn wrong(&self) -> Option<String> {
        let Self { ran, accepted, .. } = *self;
        if self.offered != accepted + self.full {
            return Some("what was not accepted was not refused as full".to_owned());
        }
        if ran != accepted {
            return Some(format!("{accepted} accepted, {ran} run"));
        }
        if self.queued_max > self.limit {
            return Some(format!("{} in a queue of {}", self.queued_max, self.limit));
        }
        (self.grown > self.grown_max).then(|| format!("memory has grown by {} bytes", self.grown))
    }
}

/// The middle one.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Whether answers take about as long as before the load: the machine has others
/// to serve, so not twice as long, but four times.
pub(crate) fn is_back(before: Duration, now: Duration) -> bool {
    now <= before * 4 + Duration::from_micros(200)
}

/// Whether something took longer than `max`, what the machine was late not counted.
pub(crate) fn is_too_long(took: Duration, late: Duration, max: Duration) -> bool {
    took.saturating_sub(late) > max
}

/// Whether a pool that has nothing to do has had more than so much of a CPU.
pub(crate) fn is_busy(ran: Duration, of: Duration, share_max: f64) -> bool {
    ran.as_secs_f64() > of.as_secs_f64() * share_max
}
