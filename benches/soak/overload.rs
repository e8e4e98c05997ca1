//! F16: ten times as many tasks as the pool can run, with a limit on its queue.
//!
//! What the queue cannot take is refused as full, and comes back; memory stays below
//! the limit times the size of a task, and 8 MiB; when nobody submits any more, the
//! queue drains, and within a second an answer takes as long as before.
//!
//! Tasks sleep, so that it is the pool that is overloaded, and not the machine.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use raddle::{Refusal, TaskError, ThreadPool, WhenFull};

use crate::checks::{Overload, is_back, is_too_long, median};
use crate::process::{lateness, resident, watch_lateness};
use crate::report::Report;
use crate::{Order, progress};

const TIME: Duration = Duration::from_secs(60);
const LIMIT: usize = 512;
const WORKERS: usize = 4;
const LENGTH: Duration = Duration::from_millis(1);
const TIMES: f64 = 10.0;
const SLACK: u64 = 8 << 20;
const BACK_MAX: Duration = Duration::from_secs(1);
const PROBES: usize = 50;

/// What a task has with it.
type Luggage = [u8; 1024];

#[derive(Default)]
struct Offered {
    all: u64,
    accepted: u64,
    full: u64,
    otherwise: u64,
}

pub(crate) fn run(order: &Order, report: &mut Report) {
    watch_lateness();
    let pool = ThreadPool::builder()
        .workers(WORKERS)
        .queue_limit(LIMIT, WhenFull::Refuse);
    let pool = match pool.build() {
        Ok(pool) => pool,
        Err(error) => return report.missed(format!("no pool: {error}")),
    };
    let base = answer(&pool);
    let memory_before = resident();
    let ran = Arc::new(AtomicU64::new(0));
    let capacity = capacity(&pool, &ran);
    let ran_before = ran.load(SeqCst);

    let time = TIME.mul_f64(order.scale).max(Duration::from_secs(2));
    let (mut offered, mut queued_max, mut memory_max) = (Offered::default(), 0, 0);
    let start = Instant::now();
    let mut looked = start;
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * capacity * TIMES) as u64;
        while offered.all < due && start.elapsed() < time {
            offer(&pool, &ran, &mut offered);
        }
        thread::sleep(Duration::from_micros(500));
        queued_max = queued_max.max(pool.stats().queued as u64);
        if looked.elapsed() > Duration::from_millis(50) {
            looked = Instant::now();
            memory_max = memory_max.max(resident().unwrap_or(0));
            progress();
        }
    }
    let overloaded = start.elapsed();
    // Until an answer takes as long as before.
    let (stop, late) = (Instant::now(), lateness());
    let mut last = answer(&pool);
    while !is_back(base, last) && stop.elapsed() < Duration::from_secs(30) {
        last = answer(&pool);
    }
    let (back, late) = (stop.elapsed(), lateness() - late);
    let is_at_work = || {
        let stats = pool.stats();
        stats.queued + stats.running > 0
    };
    while is_at_work() && stop.elapsed() < Duration::from_secs(30) {
        thread::sleep(LENGTH);
    }
    let left = pool.stats().queued;

    let times = offered.all as f64 / (capacity * overloaded.as_secs_f64());
    let found = Overload {
        offered: offered.all,
        accepted: offered.accepted,
        full: offered.full,
        ran: ran.load(SeqCst) - ran_before,
        queued_max,
        limit: LIMIT as u64,
        grown: memory_max.saturating_sub(memory_before.unwrap_or(0)),
        grown_max: (LIMIT * size_of::<Luggage>()) as u64 + SLACK,
    };
    report.number("capacity_per_second", capacity.round());
    report.number("times_capacity", (times * 10.0).round() / 10.0);
    report.counts(
        "tasks",
        &[
            ("offered", found.offered),
            ("accepted", found.accepted),
            ("full", found.full),
        ],
    );
    report.count("queued_max", found.queued_max);
    report.count("figure_grown_bytes", found.grown);
    report.number("figure_back_ms", back.as_secs_f64() * 1e3);
    report.number("answer_before_us", base.as_secs_f64() * 1e6);
    report.number("answer_after_us", last.as_secs_f64() * 1e6);
    if memory_before.is_none() {
        report.skipped("memory: no /proc here");
    }
    if let Some(why) = found.wrong() {
        report.missed(why);
    }
    if offered.otherwise > 0 {
        report.missed(format!("{} ended otherwise", offered.otherwise));
    }
    if is_too_long(back, late, BACK_MAX) || !is_back(base, last) {
        report.missed(format!(
            "after {back:?} an answer took {last:?}, not {base:?}"
        ));
    }
    if left > 0 {
        report.missed(format!("{left} were left in the queue"));
    }
    if times < TIMES / 2.0 || found.full == 0 {
        report.missed(format!("the load was {times} times the capacity only"));
    }
}

/// How long an answer takes: the middle one of some.
fn answer(pool: &ThreadPool) -> Duration {
    let mut times: Vec<Duration> = (0..PROBES)
        .map(|_| {
            let start = Instant::now();
            // Refused as long as the queue is full.
            while pool.submit(|| ()).result().is_err() {
                thread::sleep(LENGTH);
            }
            start.elapsed()
        })
        .collect();
    median(&mut times)
}

fn job(ran: &Arc<AtomicU64>) -> impl FnOnce() -> u64 + Send + 'static {
    let (ran, luggage): (_, Luggage) = (Arc::clone(ran), [1; 1024]);
    move || {
        thread::sleep(LENGTH);
        ran.fetch_add(1, SeqCst);
        std::hint::black_box(&luggage).len() as u64
    }
}

/// So many tasks the pool runs in a second.
fn capacity(pool: &ThreadPool, ran: &Arc<AtomicU64>) -> f64 {
    let start = Instant::now();
    let handles: Vec<_> = (0..LIMIT).map(|_| pool.submit(job(ran))).collect();
    let done = (handles.into_iter()).filter_map(|handle| handle.result().ok());
    done.count() as f64 / start.elapsed().as_secs_f64()
}

/// By either call, in turn.
fn offer(pool: &ThreadPool, ran: &Arc<AtomicU64>, offered: &mut Offered) {
    offered.all += 1;
    if offered.all.is_multiple_of(2) {
        match pool.try_submit(job(ran)) {
            Ok(_) => offered.accepted += 1,
            Err(error) if error.why == Refusal::Full => {
                offered.full += 1;
                drop(error.into_task());
            }
            Err(_) => offered.otherwise += 1,
        }
        return;
    }
    let handle = pool.submit(job(ran));
    if !handle.is_finished() {
        offered.accepted += 1;
        return;
    }
    match handle.result() {
        Ok(_) => offered.accepted += 1,
        Err(TaskError::Refused(Refusal::Full)) => offered.full += 1,
        Err(_) => offered.otherwise += 1,
    }
}
