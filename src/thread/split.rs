//! Loops that split themselves when somebody has time.
//!
//! ```text
//!   the range:   ├── done ──┤── one chunk ──┤────────── rest ──────────┤
//!                                           ▲
//!       after each chunk: do thieves find anything of this thread's?
//!         yes: the next chunk            no: fork the rest in two halves
//! ```
//!
//! A loop runs its items one after the other, and looks up after each chunk. Only
//! when thieves would find nothing in this thread's lane it forks: then the second
//! half of the rest lies there to be stolen, and the first goes on as a loop of its
//! own. So the pieces become as small as thieves ask for, and no smaller: there is
//! no grain to choose, and nothing atomic in an item.
//!
//! A chunk is as many items as take some microseconds, and later a small part of the
//! time that went by, measured as it goes: a clock is read once for each. And before a
//! loop forks for the first time it works alone for a moment, if it has many items: what
//! is done by then costs no more than a plain loop, and a thread from outside has not even
//! entered the pool.
//!
//! Source: Tzannes, Caragea, Barua and Vishkin, "Lazy Binary-Splitting" (2010).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::worker::{self, Worker};
use super::{fork, guest};
use crate::primitive::now;

/// So long a loop works alone before it forks.
const ALONE: Duration = Duration::from_micros(3);

/// A loop of fewer items forks at once: one of them may be all that there is to do
/// for a thread, and the others would wait for it.
const MANY: usize = 256;

/// A chunk should take about so long at first: short against what a thief waits for,
/// long against two looks at the clock.
const CHUNK: Duration = Duration::from_micros(5);

/// And later such a part of the time that its stretch of the loop has taken already,
/// up to so long: a thief then waits for what is little beside the rest.
const PART: u32 = 64;
const CHUNK_MAX: Duration = Duration::from_micros(50);

/// Something that can be cut in two.
pub(super) trait Piece: Sized + Send {
    fn len(&self) -> usize;

    /// The first `at` items, and the others.
    fn split_at(self, at: usize) -> (Self, Self);
}

/// What a loop does with its pieces.
pub(super) trait Body<P>: Sync {
    /// What a stretch of the loop comes to.
    type Sum: Send;

    /// What an empty stretch before `rest` comes to.
    fn start(&self, rest: &P) -> Self::Sum;

    /// Does the items of `piece`, which follows what `sum` stands for.
    fn run(&self, sum: Self::Sum, piece: P) -> Self::Sum;

    /// Puts two neighbours together.
    fn merge(&self, first: Self::Sum, second: Self::Sum) -> Self::Sum;
}

/// How many items the next chunk has.
struct Pace {
    chunk: usize,
    begun: Instant,
    since: Instant,
}

impl Pace {
    fn new() -> Self {
        let now = now();
        Self {
            chunk: 1,
            begun: now,
            since: now,
        }
    }

    /// A chunk is done: how long may the next one take?
    fn adapt(&mut self) {
        let now = now();
        let took = now.saturating_duration_since(self.since);
        self.since = now;
        let may_take = (now.saturating_duration_since(self.begun) / PART).clamp(CHUNK, CHUNK_MAX);
        if took < may_take / 8 {
            self.chunk = self.chunk.saturating_mul(8);
        } else if took < may_take / 2 {
            self.chunk = self.chunk.saturating_mul(2);
        } else if took > may_take * 2 {
            self.chunk = (self.chunk / 2).max(1);
        }
    }
}

/// Runs the whole loop, on this thread and whoever has time.
pub(super) fn run<P: Piece, B: Body<P>>(core: &Arc<Core>, body: &B, piece: P) -> B::Sum {
    let mut sum = body.start(&piece);
    let begins_alone = piece.len() <= 1 || piece.len() >= MANY;
    let begun = now();
    let mut rest = piece;
    let mut chunk = 1;
    if begins_alone {
        loop {
            if rest.len() == 0 {
                return sum;
            }
            let count = chunk.min(rest.len());
            let (first, others) = rest.split_at(count);
            sum = body.run(sum, first);
            rest = others;
            if rest.len() <= 1 {
                // No look at the clock: a short loop is as good as over.
                continue;
            }
            let took = now().saturating_duration_since(begun);
            if took > ALONE {
                break;
            }
            // One that takes a while is seen soon, and a short loop reads the clock
            // a few times only; but no chunk should last longer than the moment.
            let growth = ALONE.as_nanos() / took.as_nanos().max(1);
            chunk = chunk.saturating_mul(growth.clamp(1, 16) as usize);
        }
    }
    let rest = |worker: Option<&Worker>| match worker {
        Some(worker) => lazily(worker, body, rest),
        None => {
            let sum = body.start(&rest);
            body.run(sum, rest)
        }
    };
    // SAFETY: it is used here only.
    let others = match unsafe { worker::current_of(core.id) } {
        Some(worker) => rest(Some(worker)),
        None => guest::visit(core, |visitor| rest(visitor.worker())),
    };
    body.merge(sum, others)
}

/// Runs a stretch of the loop, and forks when thieves find nothing.
fn lazily<P: Piece, B: Body<P>>(worker: &Worker, body: &B, mut rest: P) -> B::Sum {
    let mut sum = body.start(&rest);
    let mut pace = Pace::new();
    while rest.len() > 0 {
        if rest.len() > 1 && worker.lane.shares_nothing() {
            let half = rest.len() / 2;
            let (first, second) = rest.split_at(half);
            let (first, second) = fork::join(
                worker,
                || lazily(worker, body, first),
                || here(body, second),
            );
            return body.merge(body.merge(sum, first), second);
        }
        let count = pace.chunk.min(rest.len());
        let (next, others) = rest.split_at(count);
        sum = body.run(sum, next);
        rest = others;
        pace.adapt();
    }
    sum
}

/// As `lazily`, in whichever thread this is.
fn here<P: Piece, B: Body<P>>(body: &B, piece: P) -> B::Sum {
    // SAFETY: it is used here only.
    match unsafe { worker::current() } {
        Some(worker) => lazily(worker, body, piece),
        None => {
            let sum = body.start(&piece);
            body.run(sum, piece)
        }
    }
}
