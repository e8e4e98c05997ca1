//! F17: eight workers, and next to no CPU: all on one, or on a fifth of one where a
//! control group can be had, beside threads that want it, too, some of them by
//! SCHED_IDLE.
//!
//! No wake-up is lost: whatever is submitted, at whatever moment of falling asleep,
//! ends without another submission. And a pool that has nothing to do leaves the
//! CPU alone.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use raddle::ThreadPool;

use crate::checks::is_busy;
use crate::process::{Starved, sched};
use crate::report::{Dice, Report};
use crate::{Order, progress};

/// Bursts of tasks.
const BURSTS: u64 = 40_000;
const WORKERS: usize = 8;
/// One that has not ended by then was lost.
const LOST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(3);
const IDLE_SHARE_MAX: f64 = 0.01;

pub(crate) fn run(order: &Order, report: &mut Report) {
    let all = order.scaled(BURSTS);
    // Before the pool is there: its threads inherit it.
    let starved = Starved::begin();
    report.text("starved", &starved.how);
    if let Some(why) = &starved.why_not {
        report.skipped(format!("starved by a control group: {why}"));
    }
    if !starved.is_on_one_cpu {
        report.skipped("starved on one CPU: it cannot be chosen here");
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let noise: Vec<_> = [false, true, true]
        .map(|is_idle| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                let is_weak = is_idle && crate::process::become_weak();
                make_noise(&is_over);
                is_weak
            })
        })
        .into();
    let pool = match ThreadPool::new(WORKERS) {
        Ok(pool) => Arc::new(pool),
        Err(error) => return report.missed(format!("no pool: {error}")),
    };
    let mut dice = Dice::new(order.seed, 0);
    let ran = Arc::new(AtomicU64::new(0));
    let (mut tasks, mut expected, mut lost, mut longest) = (0, 0, 0, Duration::ZERO);
    for _ in 0..all {
        let start = Instant::now();
        let burst = 1 + dice.roll(12);
        let way = dice.roll(8);
        let handles: Vec<_> = (0..burst)
            .map(|_| {
                let (ran, inner) = (Arc::clone(&ran), Arc::clone(&pool));
                tasks += 1;
                expected += 1 + u64::from(way < 4);
                pool.submit(move || nested(&inner, way, &ran))
            })
            .collect();
        for handle in handles {
            lost += u64::from(!matches!(handle.result_timeout(LOST), Ok(Ok(true))));
        }
        longest = longest.max(start.elapsed());
        if lost > 0 {
            break;
        }
        progress();
        // The workers are about to sleep, or do.
        match dice.roll(4) {
            0 => {}
            1 => thread::yield_now(),
            2 => thread::sleep(Duration::from_micros(dice.roll(200))),
            _ => thread::sleep(Duration::from_micros(dice.roll(2_000))),
        }
    }
    is_over.store(true, SeqCst);
    let weak = noise
        .into_iter()
        .map(|noise| u64::from(noise.join().unwrap_or(false)));
    report.count("noise_by_sched_idle", weak.sum());
    // Whoever came too late to be needed has fallen asleep by then.
    thread::sleep(Duration::from_millis(300));
    let (start, before) = (Instant::now(), sched().ran);
    thread::sleep(IDLE);
    let (idle, idle_ran) = (start.elapsed(), sched().ran.saturating_sub(before));
    let threads = pool.stats().threads as u64;
    drop(starved);

    report.count("bursts", all);
    report.count("tasks", tasks);
    report.count("threads", threads);
    report.count("figure_lost", lost);
    report.number("longest_burst_ms", longest.as_secs_f64() * 1e3);
    let share = idle_ran.as_secs_f64() / idle.as_secs_f64();
    report.number("figure_idle_cpu_percent", (share * 1e5).round() / 1e3);
    if before.is_zero() {
        report.skipped("idle CPU: the system does not tell");
    }
    if lost > 0 {
        report.missed(format!("{lost} of {tasks} had not ended after {LOST:?}"));
        // Nothing would end them.
        std::mem::forget(pool);
        return;
    }
    let ran = ran.load(SeqCst);
    if ran != expected {
        report.missed(format!("{ran} ran, not {expected}"));
    }
    if is_busy(idle_ran, idle, IDLE_SHARE_MAX) {
        report.missed(format!("{idle_ran:?} of CPU in {idle:?} without work"));
    }
}

fn make_noise(is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        std::hint::spin_loop();
    }
}

/// One in two waits for another.
fn nested(pool: &ThreadPool, way: u64, ran: &Arc<AtomicU64>) -> bool {
    ran.fetch_add(1, SeqCst);
    let inner = Arc::clone(ran);
    let one = move || {
        inner.fetch_add(1, SeqCst);
        true
    };
    match way {
        0 => pool.submit(one).result().unwrap_or(false),
        1 => pool.join(one, || true) == (true, true),
        2 => pool.scope(|s| s.submit(one).result().unwrap_or(false)),
        3 => {
            pool.par_for(0..8, |n| {
                ran.fetch_add(u64::from(n == 0), SeqCst);
            });
            true
        }
        _ => true,
    }
}
