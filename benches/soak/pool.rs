//! F10: a pool for a day, at a thousand tasks a second, in some minutes.
//!
//! Of a hundred tasks five panic, five are cancelled, one has a callback and one
//! waits for tasks of its own (a handle, a join, a scope, a parallel loop). Some
//! come by the timer.
//!
//! | what | must hold |
//! |---|---|
//! | sums of the tasks' numbers | each came out once, and ran unless it was cancelled |
//! | memory, threads, files at rest | as after the first tenth |
//! | a thread that looks every 10 ms | never sees 100 ms without an end |
//!
//! Built with `RUSTFLAGS="--cfg raddle_preage"`, raddle's counters start just below
//! their wrap; the programme sees that they have wrapped.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Cancel, Handle, TaskError, ThreadPool};

use crate::checks::{Outcomes, Stalls, Tally, leaked};
use crate::process::{Belongings, panic_silently, sched, threads};
use crate::report::{Dice, Report};
use crate::{Order, progress};

const TASKS: u64 = 86_400_000;
const SUBMITTERS: u64 = 2;
const WORKERS: usize = 3;
/// So many handles one submitter has open.
const OPEN: usize = 512;
const TICK: Duration = Duration::from_millis(10);
const STALL_MAX: Duration = Duration::from_millis(100);
const GROWN_MAX: u64 = 1 << 20;

/// What the tasks tell.
#[derive(Default)]
struct Told {
    ran: Pair,
    called: Pair,
}

#[derive(Default)]
struct Pair {
    count: AtomicU64,
    sum: AtomicU64,
}

impl Pair {
    fn note(&self, number: u64) {
        self.count.fetch_add(1, Relaxed);
        self.sum.fetch_add(number, Relaxed);
    }

    fn tally(&self) -> Tally {
        Tally {
            count: self.count.load(SeqCst),
            sum: self.sum.load(SeqCst),
        }
    }
}

/// One that was submitted.
struct Open {
    number: u64,
    handle: Handle<u64>,
    /// Of one that was cancelled.
    cancel: Option<Cancel>,
}

struct Scene {
    pool: Arc<ThreadPool>,
    told: Arc<Told>,
    /// The next task's number.
    next: AtomicU64,
    /// At the end of the first tenth, and of all.
    meet: Barrier,
    first: u64,
    all: u64,
}

pub(crate) fn run(order: &Order, report: &mut Report) {
    panic_silently();
    let all = order.scaled(TASKS).max(10);
    let pool = ThreadPool::builder()
        .workers(WORKERS)
        .keep_alive(Duration::from_millis(200));
    let pool = match pool.build() {
        Ok(pool) => Arc::new(pool),
        Err(error) => return report.missed(format!("no pool: {error}")),
    };
    // A thread has numbers in stock: a new one draws new ones.
    let is_old = || {
        let number = thread::scope(|s| s.spawn(|| pool.submit(|| ()).id().get()).join());
        number.is_ok_and(|number| number > u64::MAX / 2)
    };
    let was_old = is_old();
    let scene = Scene {
        pool: Arc::clone(&pool),
        told: Arc::default(),
        next: AtomicU64::new(0),
        meet: Barrier::new(SUBMITTERS as usize + 1),
        first: all / 10,
        all,
    };
    let (is_idle, is_over) = (AtomicBool::new(true), AtomicBool::new(false));
    let (mut before, mut after) = (None, None);
    let mut sum = Outcomes::default();
    let mut stalls = Stalls::new(TICK);
    thread::scope(|s| {
        let (scene, is_idle, is_over) = (&scene, &is_idle, &is_over);
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|who| s.spawn(move || scene.submit_all(Dice::new(order.seed, who))))
            .collect();
        let watch = s.spawn(move || watch(&scene.told, is_idle, is_over));
        // The pool's threads, ours, and what the timer needs, when it is needed.
        is_idle.store(false, SeqCst);
        scene.meet.wait();
        is_idle.store(true, SeqCst);
        // Spare workers go when they were not needed for some time.
        thread::sleep(Duration::from_millis(1500));
        let resting = threads().unwrap_or(0);
        before = Belongings::settled(resting);
        scene.meet.wait();
        is_idle.store(false, SeqCst);
        scene.meet.wait();
        is_idle.store(true, SeqCst);
        thread::sleep(Duration::from_millis(1500));
        after = Belongings::settled(resting);
        scene.meet.wait();
        for submitter in submitters {
            match submitter.join() {
                Ok(outcomes) => sum.add(&outcomes),
                Err(_) => report.missed("a submitter panicked"),
            }
        }
        is_over.store(true, SeqCst);
        match watch.join() {
            Ok(seen) => stalls = seen,
            Err(_) => report.missed("the watch panicked"),
        }
    });
    let start = Instant::now();
    let told = &scene.told;
    // A callback may come after the result.
    while told.called.tally() != sum.to_call && start.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(1));
    }
    (sum.ran, sum.called) = (told.ran.tally(), told.called.tally());
    let is_wrapped = was_old && !is_old();

    report.text(
        "counters",
        if cfg!(raddle_preage) {
            "near their wrap"
        } else {
            "from zero"
        },
    );
    report.count("wrapped", u64::from(is_wrapped));
    report.count("tasks", sum.submitted.count);
    report.count("panicked", sum.panicked.count);
    report.count("cancelled", sum.cancelled.count);
    report.count("called_back", sum.called.count);
    report.number(
        "figure_longest_stall_ms",
        stalls.longest.as_secs_f64() * 1e3,
    );
    report.counts(
        "looks",
        &[("all", stalls.looks), ("in_time", stalls.punctual)],
    );
    if cfg!(raddle_preage) != is_wrapped {
        report.missed("counters wrapped, or did not, against what was built");
    }
    if sum.submitted.count != all || sum.submitted.sum != (0..all).fold(0, u64::wrapping_add) {
        report.missed(format!("{:?} submitted", sum.submitted));
    }
    if let Some(why) = sum.uneven() {
        report.missed(why);
    }
    if [sum.panicked, sum.cancelled, sum.called].contains(&Tally::default()) && all > 10_000 {
        report.missed("nothing panicked, was cancelled or called back");
    }
    if stalls.longest > STALL_MAX {
        report.missed(format!("nothing came to an end in {:?}", stalls.longest));
    }
    if stalls.punctual * 2 < stalls.looks || stalls.looks == 0 {
        report.skipped("stalls: the one who looks for them was rarely in time");
    }
    match (before, after) {
        (Some(before), Some(after)) => {
            let grown = after.resident as f64 - before.resident as f64;
            report.number("figure_grown_bytes", grown);
            report.count("resident_bytes", after.resident);
            report.count("threads", after.threads);
            if let Some(why) = leaked(before, after, GROWN_MAX) {
                report.missed(why);
            }
        }
        _ => report.skipped("memory, threads, files: no /proc here"),
    }
}

/// Looks whether something comes to an end, as long as there is something to do.
fn watch(told: &Told, is_idle: &AtomicBool, is_over: &AtomicBool) -> Stalls {
    let mut stalls = Stalls::new(TICK);
    let start = Instant::now();
    while !is_over.load(SeqCst) {
        thread::sleep(TICK);
        if is_idle.load(SeqCst) {
            stalls.forget();
        } else {
            let ended = told.ran.count.load(Relaxed);
            stalls.look(start.elapsed(), ended, sched().delayed);
        }
    }
    stalls
}

impl Scene {
    fn submit_all(&self, mut dice: Dice) -> Outcomes {
        let mut sum = Outcomes::default();
        let mut open = VecDeque::with_capacity(OPEN);
        for until in [self.first, self.all] {
            loop {
                let number = self.next.fetch_add(1, Relaxed);
                if number >= until {
                    break;
                }
                sum.submitted.note(number);
                open.push_back(self.submit(number, &mut dice, &mut sum));
                if open.len() == OPEN {
                    close(open.pop_front(), &mut sum);
                }
                if number.is_multiple_of(1024) {
                    progress();
                }
            }
            while !open.is_empty() {
                close(open.pop_front(), &mut sum);
            }
            // Both are here before one counts on.
            self.meet.wait();
            self.next.store(until, SeqCst);
            self.meet.wait();
        }
        sum
    }

    fn submit(&self, number: u64, dice: &mut Dice, sum: &mut Outcomes) -> Open {
        let told = Arc::clone(&self.told);
        let plain = move || {
            told.ran.note(number);
            number
        };
        let mut cancel = None;
        let handle = match dice.roll(100) {
            0..5 => self.pool.submit(move || {
                plain();
                std::panic::panic_any(number)
            }),
            5..10 => {
                let handle = self.pool.submit(plain);
                cancel = Some(handle.cancel());
                handle
            }
            10 => {
                let told = Arc::clone(&self.told);
                let handle = self.pool.submit(plain);
                sum.to_call.note(number);
                handle.on_done(move |_| told.called.note(number));
                handle
            }
            11 => {
                let (pool, way) = (Arc::clone(&self.pool), dice.roll(4));
                (self.pool).submit(move || {
                    if nested(&pool, way) {
                        plain()
                    } else {
                        u64::MAX
                    }
                })
            }
            12 if dice.roll(100) == 0 => self.pool.submit_after(Duration::from_micros(50), plain),
            _ => self.pool.submit(plain),
        };
        Open {
            number,
            handle,
            cancel,
        }
    }
}

/// A task that waits for others; whether all is well with them.
fn nested(pool: &ThreadPool, way: u64) -> bool {
    match way {
        0 => pool.submit(|| 3).result().is_ok_and(|n| n == 3),
        1 => pool.join(|| 1, || 2) == (1, 2),
        2 => {
            let mut parts = [0; 3];
            pool.scope(|s| {
                for (n, part) in parts.iter_mut().enumerate() {
                    s.submit(move || *part = n);
                }
            });
            parts == [0, 1, 2]
        }
        _ => {
            let sum = AtomicU64::new(0);
            pool.par_for(0..32, |n| {
                sum.fetch_add(n as u64, Relaxed);
            });
            sum.into_inner() == 496
        }
    }
}

/// Takes the oldest one's result.
fn close(oldest: Option<Open>, sum: &mut Outcomes) {
    let Some(Open {
        number,
        handle,
        cancel,
    }) = oldest
    else {
        return;
    };
    let is_prevented = cancel == Some(Cancel::Prevented);
    match handle.result() {
        Ok(result) if result == number && !is_prevented => sum.ok.note(number),
        Err(TaskError::Panicked(panic)) if cancel.is_none() => {
            match panic.into_payload().downcast_ref() == Some(&number) {
                true => sum.panicked.note(number),
                false => sum.strange += 1,
            }
        }
        Err(TaskError::Cancelled) if is_prevented => sum.cancelled.note(number),
        _ => sum.strange += 1,
    }
}
