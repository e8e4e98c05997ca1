//! Locks around a number: alone, by two threads, by readers.
//!
//! std's locks poison, raddle's and parking_lot's do not; `unwrap` is what std's
//! documentation does.

use std::hint::black_box;

use raddle_peers::{Entrant, Row, Slice};

fn raddle_mutex(slice: Slice, threads: usize) -> f64 {
    let lock = raddle::sync::Mutex::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            *black_box(&lock).lock() += 1;
        }
    })
}

fn parking_lot_mutex(slice: Slice, threads: usize) -> f64 {
    let lock = parking_lot::Mutex::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            *black_box(&lock).lock() += 1;
        }
    })
}

fn std_mutex(slice: Slice, threads: usize) -> f64 {
    let lock = std::sync::Mutex::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            *black_box(&lock).lock().unwrap() += 1;
        }
    })
}

fn raddle_read(slice: Slice, threads: usize) -> f64 {
    let lock = raddle::sync::RwLock::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            black_box(*black_box(&lock).read());
        }
    })
}

fn parking_lot_read(slice: Slice, threads: usize) -> f64 {
    let lock = parking_lot::RwLock::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            black_box(*black_box(&lock).read());
        }
    })
}

fn std_read(slice: Slice, threads: usize) -> f64 {
    let lock = std::sync::RwLock::new(0_u64);
    slice.by(threads, |laps| {
        while laps.more() {
            black_box(*black_box(&lock).read().unwrap());
        }
    })
}

fn mutex(name: &'static str, threads: usize) -> Row {
    let entrants = vec![
        Entrant::own("raddle", move |slice| raddle_mutex(slice, threads)),
        Entrant::peer("parking_lot", move |slice| {
            parking_lot_mutex(slice, threads)
        }),
        Entrant::peer("std", move |slice| std_mutex(slice, threads)),
    ];
    Row::new(name, "", entrants)
}

fn read(name: &'static str, threads: usize) -> Row {
    let entrants = vec![
        Entrant::own("raddle", move |slice| raddle_read(slice, threads)),
        Entrant::peer("parking_lot", move |slice| parking_lot_read(slice, threads)),
        Entrant::peer("std", move |slice| std_read(slice, threads)),
    ];
    Row::new(name, "", entrants)
}

pub fn rows() -> Vec<Row> {
    vec![
        mutex("mutex, uncontended", 1),
        mutex("mutex, 2 threads", 2),
        read("rwlock, read, uncontended", 1),
        read("rwlock, read, 2 threads", 2),
    ]
}
