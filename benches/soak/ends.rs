//! F20: pools that end in whatever state they are: by `FinishWithin`, `CancelQueued`,
//! `Kill`, by being dropped, and with the process.
//!
//! Tasks are quick, or sleep a moment, panic, fork, are due in an hour; futures wait
//! for ever, and tasks for their token, where the end lets go of them. While a pool
//! ends another thread submits. Then within a second: the end has returned, every
//! handle says what became of it; every closure was dropped; and after all of them
//! threads, files and memory are as they were.

use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Handle, Refusal, Shutdown, TaskError, ThreadPool};

use crate::checks::{Lives, is_too_long, leaked};
use crate::process::{Belongings, lateness, panic_silently, threads, watch_lateness};
use crate::report::{Dice, Report};
use crate::{Order, progress};

/// Of each kind.
const ENDS: u64 = 10_000;
const END_MAX: Duration = Duration::from_secs(1);
const GROWN_MAX: u64 = 1 << 20;
/// The argument of the copy whose process ends.
pub(crate) const EXIT: &str = "--exit";
/// What it says when nothing went wrong.
const EXIT_CODE: u8 = 7;
/// A loaded machine starts a process late: the best of so many tries counts.
const TRIES: u32 = 3;

static MADE: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

struct Life;

impl Life {
    fn new() -> Self {
        MADE.fetch_add(1, SeqCst);
        Self
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FinishWithin,
    CancelQueued,
    Kill,
    Drop,
}

const KINDS: [Kind; 4] = [
    Kind::FinishWithin,
    Kind::CancelQueued,
    Kind::Kill,
    Kind::Drop,
];

#[derive(Default)]
struct Found {
    longest: Duration,
    handles: u64,
    cancelled: u64,
    missed: Vec<String>,
}

pub(crate) fn run(order: &Order, report: &mut Report) {
    panic_silently();
    watch_lateness();
    let all = order.scaled(ENDS);
    let mut dice = Dice::new(order.seed, 0);
    let mut found = Found::default();
    let (mut before, mut resting) = (None, 0);
    for turn in 0..all {
        // The first ones make what stays: the timer's thread, the allocator's stock.
        if turn == all / 10 {
            thread::sleep(Duration::from_millis(500));
            resting = threads().unwrap_or(0);
            before = Belongings::settled(resting);
        }
        for kind in KINDS {
            one(kind, &mut dice, &mut found);
            progress();
        }
        if found.missed.len() > 10 {
            break;
        }
    }
    let after = Belongings::settled(resting);
    let lives = lives();
    let (exits, longest_exit) = exits(all, order.seed, &mut found);

    report.count("ends_of_each_kind", all);
    report.count("exits", exits);
    report.count("handles", found.handles);
    report.count("cancelled", found.cancelled);
    report.number("figure_longest_end_ms", found.longest.as_secs_f64() * 1e3);
    report.number("figure_longest_exit_ms", longest_exit.as_secs_f64() * 1e3);
    found.missed.iter().for_each(|why| report.missed(why));
    if found.cancelled == 0 || found.cancelled == found.handles {
        report.missed("no pool ended in the midst of its work");
    }
    if !lives.is_even() {
        report.missed(format!("{lives:?}"));
    }
    match (before, after) {
        (Some(before), Some(after)) => {
            let grown = after.resident as f64 - before.resident as f64;
            report.number("figure_grown_bytes", grown);
            report.count("threads", after.threads);
            if let Some(why) = leaked(before, after, GROWN_MAX) {
                report.missed(why);
            }
        }
        _ => report.skipped("memory, threads, files: no /proc here"),
    }
}

/// After the last tasks that a `Kill` has left running.
fn lives() -> Lives {
    let start = Instant::now();
    loop {
        let dropped = DROPPED.load(SeqCst);
        let lives = Lives {
            made: MADE.load(SeqCst),
            dropped,
        };
        if lives.is_even() || start.elapsed() > Duration::from_secs(5) {
            return lives;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Any task, or future; with `lets_go`, also one that only its cancel ends.
fn submit(pool: &ThreadPool, dice: &mut Dice, lets_go: bool) -> Handle<u64> {
    let life = Life::new();
    match dice.roll(if lets_go { 10 } else { 8 }) {
        0 => pool.submit(move || {
            let _life = life;
            thread::sleep(Duration::from_micros(100));
            1
        }),
        1 => pool.submit(move || {
            let _life = life;
            std::panic::panic_any(2)
        }),
        2 => pool.submit(move || {
            let _life = life;
            let (one, two) = raddle::join(|| 1, || 2);
            one + two
        }),
        3 => pool.submit(move || {
            let _life = life;
            raddle::scope(|s| s.submit(|| 3).result().unwrap_or(4))
        }),
        4 => pool.submit_after(Duration::from_secs(3600), move || {
            let _life = life;
            4
        }),
        5 => pool.spawn_async(async move {
            let _life = life;
            5
        }),
        8 => pool.submit(move || {
            let _life = life;
            if let Some(task) = raddle::current() {
                task.token().wait();
            }
            8
        }),
        9 => pool.spawn_async(async move {
            let _life = life;
            std::future::pending().await
        }),
        n => pool.submit(move || {
            let _life = life;
            n
        }),
    }
}

fn pool(dice: &mut Dice) -> Result<ThreadPool, String> {
    ThreadPool::builder()
        .workers(1 + dice.roll(3) as usize)
        .on_demand(dice.roll(2) == 0)
        .build()
        .map_err(|error| format!("no pool: {error}"))
}

fn one(kind: Kind, dice: &mut Dice, found: &mut Found) {
    let pool = match pool(dice) {
        Ok(pool) => pool,
        Err(why) => return found.missed.push(why),
    };
    // `CancelQueued` and a drop wait for what runs.
    let lets_go = matches!(kind, Kind::FinishWithin | Kind::Kill);
    let mut handles: Vec<_> = (0..dice.roll(48))
        .map(|_| submit(&pool, dice, lets_go))
        .collect();
    let pause = dice.roll(400);
    if pause > 100 {
        thread::sleep(Duration::from_micros(pause - 100));
    }
    let (late, start) = (lateness(), Instant::now());
    let how = match kind {
        Kind::FinishWithin => Some(Shutdown::FinishWithin(Duration::from_micros(
            dice.roll(5_000),
        ))),
        Kind::CancelQueued => Some(Shutdown::CancelQueued),
        Kind::Kill => Some(Shutdown::Kill),
        Kind::Drop => None,
    };
    match how {
        None => drop(pool),
        Some(how) => {
            let seed = dice.roll(u64::MAX >> 11);
            let late_ones = thread::scope(|s| {
                let late_ones = seed.is_multiple_of(2).then(|| {
                    let pool = &pool;
                    s.spawn(move || {
                        let mut dice = Dice::new(seed, 2);
                        (0..16)
                            .map(|_| submit(pool, &mut dice, lets_go))
                            .collect::<Vec<_>>()
                    })
                });
                pool.shutdown(how);
                late_ones.map(thread::ScopedJoinHandle::join)
            });
            match late_ones {
                None => {}
                Some(Ok(more)) => handles.extend(more),
                Some(Err(_)) => found.missed.push("a submitter panicked".to_owned()),
            }
        }
    }
    for handle in handles {
        found.handles += 1;
        match handle.result_timeout(END_MAX * 5) {
            Err(handle) => {
                found
                    .missed
                    .push(format!("{kind:?}: a handle is still {:?}", handle.state()));
            }
            Ok(Ok(_) | Err(TaskError::Panicked(_) | TaskError::Refused(Refusal::Shutdown))) => {}
            Ok(Err(TaskError::Cancelled)) => found.cancelled += 1,
            Ok(Err(error)) => found.missed.push(format!("{kind:?}: {error}")),
        }
    }
    let (took, late) = (start.elapsed(), lateness() - late);
    found.longest = found.longest.max(took);
    if is_too_long(took, late, END_MAX) {
        (found.missed).push(format!("{kind:?}: ended after {took:?}"));
    }
}

/// So many copies of this program end with pools in them; how many, and the longest.
fn exits(all: u64, seed: u64, found: &mut Found) -> (u64, Duration) {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            found.missed.push(format!("no copy: {error}"));
            return (0, Duration::ZERO);
        }
    };
    let mut longest = Duration::ZERO;
    for turn in 0..all {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(turn).to_string();
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let (start, late) = (Instant::now(), lateness());
            let status = Command::new(&program)
                .args([EXIT, &seed])
                // A panic that nobody read is told on stderr; to look up the names
                // for that takes longer than all else.
                .env("RUST_BACKTRACE", "0")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            progress();
            let late = lateness() - late;
            best = best.min(start.elapsed().saturating_sub(late));
            match status {
                Ok(status) if status.code() == Some(i32::from(EXIT_CODE)) => {}
                status => {
                    (found.missed).push(format!("exit of seed {seed}: {status:?}"));
                    return (turn, longest);
                }
            }
            if !is_too_long(best, Duration::ZERO, END_MAX) {
                break;
            }
        }
        longest = longest.max(best);
        if is_too_long(best, Duration::ZERO, END_MAX) {
            (found.missed).push(format!("exit of seed {seed}: {best:?}"));
        }
    }
    (all, longest)
}

/// What the copy does: it ends with a pool in some state.
pub(crate) fn exit(seed: u64) -> ExitCode {
    panic_silently();
    let mut dice = Dice::new(seed, 3);
    let Ok(pool) = pool(&mut dice) else {
        return ExitCode::FAILURE;
    };
    let way = dice.roll(4);
    // In the first way the pool is dropped, which waits for its tasks.
    let handles: Vec<_> = (0..dice.roll(48))
        .map(|_| submit(&pool, &mut dice, way != 0))
        .collect();
    let on_exit = || -> u64 { std::process::exit(i32::from(EXIT_CODE)) };
    if way == 1 {
        // By a task, if one is free for it; else by the main thread.
        pool.submit(on_exit).detach();
    }
    thread::sleep(Duration::from_micros(dice.roll(300)));
    match way {
        0 => drop((handles, pool)),
        1 | 2 => {
            on_exit();
        }
        // The main thread returns, others go on.
        _ => std::mem::forget((handles, pool)),
    }
    ExitCode::from(EXIT_CODE)
}
