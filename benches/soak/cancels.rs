//! F13: tasks and futures that are cancelled at any time: before they begin, while
//! they run, after they have ended, by two at once, by their handle and by a token.
//!
//! Each handle must say ok, panicked or cancelled, and what it says must be so: what
//! ran was not cancelled, what was cancelled never ran; a future that was cancelled
//! has not come to its end. Each closure is dropped once.
//!
//! They come in rounds. While one thread submits and now and then cancels, another
//! goes through the same handles.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Cancel, CancellationToken, Handle, TaskError, ThreadPool, task};

use crate::checks::{Fate, Outcome};
use crate::process::panic_silently;
use crate::report::{Dice, Report};
use crate::{Order, progress};

const HANDLES: u64 = 10_000_000;
const ROUND: usize = 256;
const WORKERS: usize = 2;

#[derive(Default)]
struct Told {
    ran: AtomicU64,
    dropped: AtomicU64,
    prevented: AtomicU64,
}

/// What a task has with it: it notes when that is dropped.
struct Luggage {
    round: Arc<Round>,
    at: usize,
}

impl Luggage {
    fn told(&self) -> &Told {
        &self.round.told[self.at]
    }
}

impl Drop for Luggage {
    fn drop(&mut self) {
        self.told().dropped.fetch_add(1, SeqCst);
    }
}

struct Round {
    told: Vec<Told>,
    /// The last that has begun.
    last: AtomicUsize,
    tokens: Vec<CancellationToken>,
}

/// The handles of a round, as far as they are there.
type Handles = Arc<Vec<OnceLock<Handle<u64>>>>;

/// Pending so many times.
struct Later(u64, Luggage);

impl Future for Later {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        if self.0 == 0 {
            self.1.told().ran.fetch_add(1, SeqCst);
            return Poll::Ready(0);
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[derive(Default)]
struct Counts {
    ok: u64,
    panicked: u64,
    cancelled: u64,
    asked: u64,
    too_late: u64,
}

pub(crate) fn run(order: &Order, report: &mut Report) {
    panic_silently();
    let all = order.scaled(HANDLES);
    let pool = match ThreadPool::new(WORKERS) {
        Ok(pool) => pool,
        Err(error) => return report.missed(format!("no pool: {error}")),
    };
    let mut dice = Dice::new(order.seed, 0);
    let mut counts = Counts::default();
    let (mut done, mut wrong) = (0, 0);
    thread::scope(|s| {
        let (begin, rounds) = mpsc::channel::<(Handles, Arc<Round>)>();
        let (end, ends) = mpsc::channel();
        let seed = order.seed;
        s.spawn(move || {
            let mut dice = Dice::new(seed, 1);
            for (handles, round) in rounds {
                let told = cancel_many(&handles, &round, &mut dice);
                drop((handles, round));
                if end.send(told).is_err() {
                    break;
                }
            }
        });
        while done < all && wrong < 10 {
            let round = Arc::new(Round {
                told: (0..ROUND).map(|_| Told::default()).collect(),
                last: AtomicUsize::new(0),
                tokens: (0..ROUND / 8).map(|_| CancellationToken::new()).collect(),
            });
            let handles: Handles = Arc::new((0..ROUND).map(|_| OnceLock::new()).collect());
            let _ = begin.send((Arc::clone(&handles), Arc::clone(&round)));
            for at in 0..ROUND {
                let handle = submit(&pool, &round, at, &mut dice);
                let handle = handles[at].get_or_init(|| handle);
                pause(dice.roll(300));
                if dice.roll(8) == 0 {
                    note(handle.cancel(), &round, at, &mut counts);
                }
            }
            let (asked, too_late) = ends.recv().unwrap_or_default();
            counts.asked += asked;
            counts.too_late += too_late;
            let handles = Arc::try_unwrap(handles).unwrap_or_default();
            if handles.len() != ROUND {
                report.missed("handles are still in use");
                break;
            }
            for (at, handle) in handles.into_iter().enumerate() {
                let fate = fate(handle.into_inner(), &round.told[at], &mut counts);
                if let Some(why) = fate.wrong() {
                    wrong += 1;
                    report.missed(format!("number {}: {why}: {fate:?}", done + at as u64));
                }
            }
            done += ROUND as u64;
            progress();
        }
        drop(begin);
    });
    report.count("handles", done);
    report.count("ok", counts.ok);
    report.count("panicked", counts.panicked);
    report.count("cancelled", counts.cancelled);
    report.counts(
        "cancels",
        &[("asked", counts.asked), ("too_late", counts.too_late)],
    );
    report.count("figure_wrong", wrong);
    if counts.ok + counts.panicked + counts.cancelled != done {
        report.missed("accepted are not ok, panicked and cancelled together");
    }
    // At every time: before, in the midst, and after.
    if [
        counts.ok,
        counts.panicked,
        counts.cancelled,
        counts.asked,
        counts.too_late,
    ]
    .contains(&0)
    {
        report.missed("not every time was tried");
    }
}

/// For so many nanoseconds, about.
fn pause(nanoseconds: u64) {
    let (start, limit) = (Instant::now(), Duration::from_nanos(nanoseconds));
    while start.elapsed() < limit {
        std::hint::spin_loop();
    }
}

fn submit(pool: &ThreadPool, round: &Arc<Round>, at: usize, dice: &mut Dice) -> Handle<u64> {
    let luggage = Luggage {
        round: Arc::clone(round),
        at,
    };
    // Some are so long that they are cancelled while they run.
    let length_max = if dice.roll(4) == 0 { 30_000 } else { 1_000 };
    let (kind, length) = (dice.roll(16), dice.roll(length_max));
    if kind < 2 {
        return pool.spawn_async(Later(length % 4, luggage));
    }
    let job = move || {
        luggage.told().ran.fetch_add(1, SeqCst);
        luggage.round.last.store(luggage.at, Relaxed);
        pause(length);
        if kind == 2 {
            std::panic::panic_any(luggage.at);
        }
        luggage.at as u64
    };
    match kind {
        3 | 4 => pool.submit(task(job).cancelled_by(&round.tokens[at / 8])),
        _ => pool.submit(job),
    }
}

fn note(cancel: Cancel, round: &Round, at: usize, counts: &mut Counts) {
    match cancel {
        Cancel::Prevented => {
            round.told[at].prevented.fetch_add(1, SeqCst);
        }
        Cancel::Asked => counts.asked += 1,
        Cancel::TooLate => counts.too_late += 1,
    }
}

/// About every second one of the handles, as they appear, and some tokens.
fn cancel_many(handles: &Handles, round: &Round, dice: &mut Dice) -> (u64, u64) {
    let mut counts = Counts::default();
    for at in 0..ROUND {
        while handles[at].get().is_none() {
            thread::yield_now();
        }
        pause(dice.roll(600));
        if at % 8 == 7 && dice.roll(4) == 0 {
            round.tokens[at / 8].cancel();
        }
        // Or one that was there long ago, or one that runs.
        let at = match dice.roll(3) {
            0 => at,
            1 => at - dice.roll(at as u64 / 2 + 1) as usize,
            _ => round.last.load(Relaxed),
        };
        if let (Some(handle), 0) = (handles[at].get(), dice.roll(2)) {
            note(handle.cancel(), round, at, &mut counts);
        }
    }
    (counts.asked, counts.too_late)
}

fn fate(handle: Option<Handle<u64>>, told: &Told, counts: &mut Counts) -> Fate {
    let outcome = match handle.map(Handle::result) {
        Some(Ok(_)) => {
            counts.ok += 1;
            Outcome::Ok
        }
        Some(Err(TaskError::Panicked(_))) => {
            counts.panicked += 1;
            Outcome::Panicked
        }
        Some(Err(TaskError::Cancelled)) => {
            counts.cancelled += 1;
            Outcome::Cancelled
        }
        _ => Outcome::Other,
    };
    // Who cancels a task by its token drops it after the handle has heard of it.
    let start = Instant::now();
    while told.dropped.load(SeqCst) == 0 && start.elapsed() < Duration::from_secs(10) {
        thread::yield_now();
    }
    Fate {
        outcome,
        ran: told.ran.load(Relaxed),
        dropped: told.dropped.load(Relaxed),
        prevented: told.prevented.load(Relaxed),
    }
}
