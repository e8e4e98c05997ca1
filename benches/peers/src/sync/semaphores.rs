//! Semaphores: alone, with enough permits for all, and with too few.
//!
//! What they promise differs where somebody waits:
//!
//! * raddle's fast mode lets newcomers pass the first in line, up to a bound;
//! * async-lock's, and one made of a mutex and a condition variable, let them
//!   pass without a bound;
//! * raddle's fair mode and tokio's hand each permit to the first in line.
//!
//! So the fast mode is compared with those that let pass, the fair one with
//! tokio's. tokio's has no blocking call; a thread waits for it by `block_on`.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_lite::future::block_on;
use raddle_peers::{Entrant, Row, Slice};

/// How many threads, and how many permits.
#[derive(Clone, Copy)]
struct Case {
    threads: usize,
    permits: usize,
}

/// What is done inside: a number grows, as under the mutexes. It is apart from
/// the semaphore, on a line of its own.
#[repr(align(128))]
struct Inside(AtomicU64);

impl Inside {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn enter(&self) {
        // Not one step: with one permit nobody else is here.
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}

/// Permits of a mutex and a condition variable: what one writes oneself.
struct Handmade {
    free: parking_lot::Mutex<usize>,
    is_freed: parking_lot::Condvar,
}

impl Handmade {
    fn new(permits: usize) -> Self {
        Self {
            free: parking_lot::Mutex::new(permits),
            is_freed: parking_lot::Condvar::new(),
        }
    }

    fn acquire(&self) -> HandmadePermit<'_> {
        let mut free = self.free.lock();
        self.is_freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        HandmadePermit(self)
    }
}

struct HandmadePermit<'a>(&'a Handmade);

impl Drop for HandmadePermit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.is_freed.notify_one();
    }
}

fn raddle_blocking(slice: Slice, case: Case, is_fair: bool) -> f64 {
    let semaphore = raddle_semaphore(case, is_fair);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        while laps.more() {
            let _permit = black_box(&semaphore).acquire().unwrap();
            inside.enter();
        }
    })
}

fn raddle_async(slice: Slice, case: Case, is_fair: bool) -> f64 {
    let semaphore = raddle_semaphore(case, is_fair);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        block_on(async {
            while laps.more() {
                let _permit = black_box(&semaphore).acquire_async().await.unwrap();
                inside.enter();
            }
        });
    })
}

fn raddle_semaphore(case: Case, is_fair: bool) -> raddle::sync::Semaphore {
    match is_fair {
        true => raddle::sync::Semaphore::fair(case.permits),
        false => raddle::sync::Semaphore::new(case.permits),
    }
}

fn async_lock_blocking(slice: Slice, case: Case) -> f64 {
    let semaphore = async_lock::Semaphore::new(case.permits);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        while laps.more() {
            let _permit = black_box(&semaphore).acquire_blocking();
            inside.enter();
        }
    })
}

fn async_lock_async(slice: Slice, case: Case) -> f64 {
    let semaphore = async_lock::Semaphore::new(case.permits);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        block_on(async {
            while laps.more() {
                let _permit = black_box(&semaphore).acquire().await;
                inside.enter();
            }
        });
    })
}

fn tokio_blocking(slice: Slice, case: Case) -> f64 {
    let semaphore = tokio::sync::Semaphore::new(case.permits);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        while laps.more() {
            let _permit = block_on(black_box(&semaphore).acquire()).unwrap();
            inside.enter();
        }
    })
}

fn tokio_async(slice: Slice, case: Case) -> f64 {
    let semaphore = tokio::sync::Semaphore::new(case.permits);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        block_on(async {
            while laps.more() {
                let _permit = black_box(&semaphore).acquire().await.unwrap();
                inside.enter();
            }
        });
    })
}

fn handmade_blocking(slice: Slice, case: Case) -> f64 {
    let semaphore = Handmade::new(case.permits);
    let inside = Inside::new();
    slice.by(case.threads, |laps| {
        while laps.more() {
            let _permit = black_box(&semaphore).acquire();
            inside.enter();
        }
    })
}

fn blocking(name: &'static str, threads: usize, permits: usize) -> Row {
    let case = Case { threads, permits };
    let entrants = vec![
        Entrant::own("raddle", move |slice| raddle_blocking(slice, case, false)),
        Entrant::peer("async-lock", move |slice| async_lock_blocking(slice, case)),
        Entrant::peer("parking_lot's mutex and condvar", move |slice| {
            handmade_blocking(slice, case)
        }),
    ];
    Row::new(name, "", entrants)
}

fn blocking_fair(name: &'static str, threads: usize, permits: usize) -> Row {
    let case = Case { threads, permits };
    let entrants = vec![
        Entrant::own("raddle, fair", move |slice| {
            raddle_blocking(slice, case, true)
        }),
        Entrant::peer("tokio, by block_on", move |slice| {
            tokio_blocking(slice, case)
        }),
    ];
    Row::new(name, "", entrants)
}

fn futures(name: &'static str, threads: usize, permits: usize) -> Row {
    let case = Case { threads, permits };
    let entrants = vec![
        Entrant::own("raddle", move |slice| raddle_async(slice, case, false)),
        Entrant::peer("async-lock", move |slice| async_lock_async(slice, case)),
    ];
    let note = match permits < threads {
        true => "raddle gives a waiting future its permit, as it may never be polled again",
        false => "",
    };
    Row::new(name, note, entrants)
}

fn futures_fair(name: &'static str, threads: usize, permits: usize) -> Row {
    let case = Case { threads, permits };
    let entrants = vec![
        Entrant::own("raddle, fair", move |slice| raddle_async(slice, case, true)),
        Entrant::peer("tokio", move |slice| tokio_async(slice, case)),
    ];
    Row::new(name, "", entrants)
}

const UNCONTENDED: f64 = 1.05;
const CONTENDED: f64 = 1.1;

pub fn rows() -> Vec<Row> {
    vec![
        blocking("semaphore, uncontended", 1, 1).bar(UNCONTENDED),
        blocking_fair("semaphore, fair, uncontended", 1, 1).bar(UNCONTENDED),
        futures("semaphore, async, uncontended", 1, 1).bar(UNCONTENDED),
        futures_fair("semaphore, fair, async, uncontended", 1, 1).bar(UNCONTENDED),
        blocking("semaphore, 2 threads, 64 permits", 2, 64).bar(CONTENDED),
        blocking("semaphore, 2 threads, 1 permit", 2, 1).bar(CONTENDED),
        blocking("semaphore, 4 threads, 2 permits", 4, 2).bar(CONTENDED),
        blocking_fair("semaphore, fair, 2 threads, 64 permits", 2, 64),
        blocking_fair("semaphore, fair, 2 threads, 1 permit", 2, 1),
        futures("semaphore, async, 2 threads, 64 permits", 2, 64).bar(CONTENDED),
        futures("semaphore, async, 2 threads, 1 permit", 2, 1).bar(CONTENDED),
        futures_fair("semaphore, fair, async, 2 threads, 1 permit", 2, 1),
    ]
}
