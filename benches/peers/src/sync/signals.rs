//! Events, condition variables and barriers: how soon those who wait go on.
//!
//! An event stays set until it is cleared. A mutex with a condition variable, and
//! event-listener with a flag, are made to do the same. tokio's `Notify` does
//! something else for one waiter (it keeps one permit, and takes it away itself),
//! and with a flag the same for many.

use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;

use event_listener::{Listener, listener};
use futures_lite::future::block_on;
use raddle_peers::{Entrant, Row, Slice, Worker};

/// What can be set, waited for, and cleared.
trait Signal: Default + Sync {
    fn set(&self);
    fn wait(&self);
    fn clear(&self);
}

impl Signal for raddle::sync::Event {
    fn set(&self) {
        self.set();
    }

    fn wait(&self) {
        self.wait();
    }

    fn clear(&self) {
        self.clear();
    }
}

#[derive(Default)]
struct StdFlag(std::sync::Mutex<bool>, std::sync::Condvar);

impl Signal for StdFlag {
    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let is_set = self.0.lock().unwrap();
        drop(self.1.wait_while(is_set, |is_set| !*is_set).unwrap());
    }

    fn clear(&self) {
        *self.0.lock().unwrap() = false;
    }
}

#[derive(Default)]
struct ParkingLotFlag(parking_lot::Mutex<bool>, parking_lot::Condvar);

impl Signal for ParkingLotFlag {
    fn set(&self) {
        *self.0.lock() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        self.1
            .wait_while(&mut self.0.lock(), |is_set: &mut bool| !*is_set);
    }

    fn clear(&self) {
        *self.0.lock() = false;
    }
}

/// As in event-listener's own example.
#[derive(Default)]
struct ListenerFlag(AtomicBool, event_listener::Event);

impl Signal for ListenerFlag {
    fn set(&self) {
        self.0.store(true, Release);
        self.1.notify(usize::MAX);
    }

    fn wait(&self) {
        while !self.0.load(Acquire) {
            listener!(self.1 => listener);
            if self.0.load(Acquire) {
                return;
            }
            listener.wait();
        }
    }

    fn clear(&self) {
        self.0.store(false, Relaxed);
    }
}

/// For many: who waits asks for the notification before it looks, as tokio's
/// documentation of `notify_waiters` says.
#[derive(Default)]
struct NotifyFlag(AtomicBool, tokio::sync::Notify);

impl Signal for NotifyFlag {
    fn set(&self) {
        self.0.store(true, Release);
        self.1.notify_waiters();
    }

    fn wait(&self) {
        block_on(async {
            while !self.0.load(Acquire) {
                let notified = self.1.notified();
                if !self.0.load(Acquire) {
                    notified.await;
                }
            }
        });
    }

    fn clear(&self) {
        self.0.store(false, Relaxed);
    }
}

/// For one: the permit is the flag.
#[derive(Default)]
struct NotifyOne(tokio::sync::Notify);

impl Signal for NotifyOne {
    fn set(&self) {
        self.0.notify_one();
    }

    fn wait(&self) {
        block_on(self.0.notified());
    }

    fn clear(&self) {}
}

/// Two signals between two threads, there and back.
fn one_waiter<S: Signal>(slice: Slice) -> f64 {
    let (there, back, goes_on) = (S::default(), S::default(), AtomicBool::new(true));
    slice.there_and_back(
        |more| {
            goes_on.store(more, Relaxed);
            there.set();
            if more {
                back.wait();
                back.clear();
            }
        },
        || {
            there.wait();
            there.clear();
            let more = goes_on.load(Relaxed);
            if more {
                back.set();
            }
            more
        },
    )
}

const WAITERS: usize = 4;

/// One sets, all wait; the last to come through tells the one, by `unpark`.
fn many_waiters<S: Signal>(slice: Slice) -> f64 {
    // Two in turn: one is cleared while all wait for the other.
    let (signals, goes_on) = ([S::default(), S::default()], AtomicBool::new(true));
    let through = AtomicUsize::new(0);
    let setter = std::sync::OnceLock::new();
    let (signals, goes_on, through, setter) = (&signals, &goes_on, &through, &setter);
    let mut workers: Vec<Worker<'_>> = Vec::new();
    workers.push(Box::new(move |laps| {
        setter.get_or_init(thread::current);
        for signal in signals.iter().cycle() {
            let more = laps.more();
            goes_on.store(more, Relaxed);
            through.store(0, Relaxed);
            signal.set();
            if !more {
                return;
            }
            while through.load(Acquire) < WAITERS {
                thread::park();
            }
            signal.clear();
        }
    }));
    for _ in 0..WAITERS {
        workers.push(Box::new(move |_| {
            for signal in signals.iter().cycle() {
                signal.wait();
                if !goes_on.load(Relaxed) {
                    return;
                }
                if through.fetch_add(1, Release) + 1 == WAITERS {
                    setter.wait().unpark();
                }
            }
        }));
    }
    slice.run(workers)
}

/// Whose turn it is, under one lock with one condition variable: a number that
/// one makes odd and the other even. `u64::MAX` is the end.
fn condvar_raddle(slice: Slice) -> f64 {
    let turn = (
        raddle::sync::Mutex::new(0_u64),
        raddle::sync::Condvar::new(),
    );
    slice.there_and_back(
        |more| {
            let mut number = turn.0.lock();
            *number = if more { *number + 1 } else { u64::MAX };
            turn.1.notify_one();
            drop(turn.1.wait_while(number, |n| more && *n % 2 == 1));
        },
        || {
            let number = turn.0.lock();
            let mut number = turn.1.wait_while(number, |n| *n % 2 == 0);
            let more = *number != u64::MAX;
            *number += u64::from(more);
            turn.1.notify_one();
            more
        },
    )
}

fn condition_raddle(slice: Slice) -> f64 {
    let turn = raddle::sync::Condition::new(0_u64);
    slice.there_and_back(
        |more| {
            let mut number = turn.lock();
            *number = if more { *number + 1 } else { u64::MAX };
            number.notify_one();
            number.wait_for(|n| !more || *n % 2 == 0);
        },
        || {
            let mut number = turn.wait_for(|n| *n % 2 == 1);
            let more = *number != u64::MAX;
            *number += u64::from(more);
            number.notify_one();
            more
        },
    )
}

fn condvar_parking_lot(slice: Slice) -> f64 {
    let turn = (parking_lot::Mutex::new(0_u64), parking_lot::Condvar::new());
    slice.there_and_back(
        |more| {
            let mut number = turn.0.lock();
            *number = if more { *number + 1 } else { u64::MAX };
            turn.1.notify_one();
            turn.1.wait_while(&mut number, |n| more && *n % 2 == 1);
        },
        || {
            let mut number = turn.0.lock();
            turn.1.wait_while(&mut number, |n| *n % 2 == 0);
            let more = *number != u64::MAX;
            *number += u64::from(more);
            turn.1.notify_one();
            more
        },
    )
}

fn condvar_std(slice: Slice) -> f64 {
    let turn = (std::sync::Mutex::new(0_u64), std::sync::Condvar::new());
    slice.there_and_back(
        |more| {
            let mut number = turn.0.lock().unwrap();
            *number = if more { *number + 1 } else { u64::MAX };
            turn.1.notify_one();
            drop(turn.1.wait_while(number, |n| more && *n % 2 == 1).unwrap());
        },
        || {
            let number = turn.0.lock().unwrap();
            let mut number = turn.1.wait_while(number, |n| *n % 2 == 0).unwrap();
            let more = *number != u64::MAX;
            *number += u64::from(more);
            turn.1.notify_one();
            more
        },
    )
}

/// All meet again and again. They end together: the last lap is the leader's
/// decision, made between two meetings.
fn barrier(slice: Slice, parties: usize, meet: impl Fn() -> bool + Sync) -> f64 {
    let goes_on = AtomicBool::new(true);
    let (meet, goes_on) = (&meet, &goes_on);
    let mut workers: Vec<Worker<'_>> = Vec::new();
    for party in 0..parties {
        workers.push(Box::new(move |laps| {
            loop {
                if party == 0 {
                    goes_on.store(laps.more(), Relaxed);
                }
                meet();
                let more = goes_on.load(Relaxed);
                // Nobody decides again before all have read.
                meet();
                if !more {
                    return;
                }
            }
        }));
    }
    slice.run(workers) / 2.0
}

fn barriers(name: &'static str, parties: usize) -> Row {
    let entrants = vec![
        Entrant::own("raddle", move |slice| {
            let meeting = raddle::sync::Barrier::new(parties);
            barrier(slice, parties, || meeting.wait().unwrap().is_leader())
        }),
        Entrant::peer("std", move |slice| {
            let meeting = std::sync::Barrier::new(parties);
            barrier(slice, parties, || meeting.wait().is_leader())
        }),
    ];
    Row::new(name, "", entrants)
}

fn one(name: &'static str, place: fn(Slice) -> Slice) -> Row {
    let entrants = vec![
        Entrant::own("raddle", move |slice| {
            one_waiter::<raddle::sync::Event>(place(slice))
        }),
        Entrant::peer("std mutex and condvar", move |slice| {
            one_waiter::<StdFlag>(place(slice))
        }),
        Entrant::peer("parking_lot mutex and condvar", move |slice| {
            one_waiter::<ParkingLotFlag>(place(slice))
        }),
        Entrant::peer("event-listener and flag", move |slice| {
            one_waiter::<ListenerFlag>(place(slice))
        }),
        Entrant::shown("tokio Notify, notify_one", move |slice| {
            one_waiter::<NotifyOne>(place(slice))
        }),
    ];
    let note = "tokio's takes its permit away itself: nothing to clear";
    Row::new(name, note, entrants)
}

fn many(name: &'static str) -> Row {
    let entrants = vec![
        Entrant::own("raddle", many_waiters::<raddle::sync::Event>),
        Entrant::peer("std mutex and condvar", many_waiters::<StdFlag>),
        Entrant::peer(
            "parking_lot mutex and condvar",
            many_waiters::<ParkingLotFlag>,
        ),
        Entrant::peer("event-listener and flag", many_waiters::<ListenerFlag>),
        Entrant::peer("tokio Notify and flag", many_waiters::<NotifyFlag>),
    ];
    Row::new(name, "", entrants)
}

fn condvars(name: &'static str, place: fn(Slice) -> Slice) -> Row {
    let entrants = vec![
        Entrant::own("raddle Condvar", move |slice| condvar_raddle(place(slice))),
        Entrant::own("raddle Condition", move |slice| {
            condition_raddle(place(slice))
        }),
        Entrant::peer("std", move |slice| condvar_std(place(slice))),
        Entrant::peer("parking_lot", move |slice| {
            condvar_parking_lot(place(slice))
        }),
    ];
    Row::new(name, "", entrants)
}

fn apart(slice: Slice) -> Slice {
    slice
}

pub fn rows() -> Vec<Row> {
    vec![
        one("event, 1 waiter, on 2 processors", apart),
        one("event, 1 waiter, on 1 processor", Slice::together),
        many("event, 4 waiters, until all are through"),
        condvars("condvar, 2 threads in turn, on 2 processors", apart),
        condvars(
            "condvar, 2 threads in turn, on 1 processor",
            Slice::together,
        ),
        barriers("barrier, 2 threads", 2),
        barriers("barrier, 4 threads", 4),
    ]
}
