//! Permits of a semaphore, asked for by 16 threads and 16 futures, many of which
//! give up: at no time are more held than there are, at rest none is missing and
//! nobody sleeps beside what it waits for, and nobody is passed too often.
//!
//! How often one is passed can be told exactly: a watched one, in turn a future, a
//! thread, and a thread with a time limit, asks for *all* permits. Between its turn and its giving back nobody else holds any, so who
//! started after it had joined the line, and has obtained permits before it gave
//! back, has passed it. (`docs/protocols/semaphore.md` has the bounds.)
//!
//! * It counts from when it has joined the line, behind up to 32 others. A future
//!   has when it is pending. Of a thread the line tells: while the crowd stands
//!   still, one more is in it than of the crowd.
//! * It counts again from when all that started before it are served or gone:
//!   from then on it is first. A semaphore that is not fair lets at most
//!   `OVERTAKES_MAX` pass then, and as many before for each that was before it.
//!   One that is fair lets nobody pass, ever.

use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use raddle::sync::Semaphore;

use crate::checks::{Doing, at_rest, is_passed_too_often};
use crate::crowd::{Crowd, Flag, NEVER};
use crate::report::{Dice, Report};
use crate::{Order, progress};

const ACQUIRES: u64 = 10_000_000;
const THREADS: usize = 16;
const FUTURES: usize = 16;
/// Threads that drive the futures.
const DRIVERS: usize = 2;
const PERMITS: usize = 8;
/// It rests each time so many permits were obtained.
const BETWEEN_RESTS: u64 = 5_000;
/// After so long it will never rest.
const REST_MAX: Duration = Duration::from_secs(30);
/// What everybody asks for, one after the other; 0: whatever they like. Where
/// all ask for the same, nobody is held up by another's greater need.
const NEEDS: [u64; 5] = [0, 1, 0, 3, 2];

/// A thread that is watched gives up after so long, if it has a limit at all: not
/// before 65,535 have passed it.
const WATCHED_LIMIT: Duration = Duration::from_secs(20);

/// Who is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Future,
    Thread,
    Timed,
}

/// In which turn they are. A thread costs a moment in which all stand still.
const KINDS: [Kind; 4] = [Kind::Future, Kind::Thread, Kind::Future, Kind::Timed];

/// What was found out.
#[derive(Default)]
struct Found {
    turns: usize,
    /// Of each kind.
    watched: [u64; 3],
    passed_max: u64,
    passed_first_max: u64,
    rests: u64,
    rests_with_waiters: u64,
    wrong: Vec<String>,
}

pub(crate) fn run(order: &Order, report: &mut Report) {
    let wanted = order.scaled(ACQUIRES) / 2;
    let fast = one_mode(Semaphore::new(PERMITS), wanted, order.seed, report);
    let fair = one_mode(Semaphore::fair(PERMITS), wanted, order.seed, report);
    let both = [("fast", &fast), ("fair", &fair)];
    let counts = |of: fn(&Found) -> u64| both.map(|(name, found)| (name, of(found)));
    report.counts("watched_futures", &counts(|found| found.watched[0]));
    report.counts("watched_threads", &counts(|found| found.watched[1]));
    report.counts("watched_timed", &counts(|found| found.watched[2]));
    report.counts("rests", &counts(|found| found.rests));
    report.counts(
        "rests_with_waiters",
        &counts(|found| found.rests_with_waiters),
    );
    report.counts("overtakes_max_in_line", &counts(|found| found.passed_max));
    report.counts(
        "figure_overtakes_max_of_first",
        &counts(|found| found.passed_first_max),
    );
    for (name, found) in both {
        for why in &found.wrong {
            report.missed(format!("{name}: {why}"));
        }
        if found.rests_with_waiters == 0 || found.watched.contains(&0) {
            report.missed(format!("{name}: nobody ever waited, so nothing was tried"));
        }
    }
}

fn one_mode(semaphore: Semaphore, wanted: u64, seed: u64, report: &mut Report) -> Found {
    let is_fair = semaphore.is_fair();
    let crowd = Crowd::new(semaphore, (THREADS + FUTURES) as u64);
    let mut found = Found::default();
    thread::scope(|s| {
        let crowd = &crowd;
        for who in 0..THREADS {
            s.spawn(move || crowd.thread(who, Dice::new(seed, who as u64)));
        }
        let each = FUTURES / DRIVERS;
        for driver in 0..DRIVERS {
            let first = THREADS + driver * each;
            s.spawn(move || crowd.drive(first..first + each, seed));
        }
        let mut next_rest = BETWEEN_RESTS.min(wanted / 2);
        while crowd.obtained.load(SeqCst) < wanted && found.wrong.is_empty() {
            watch_one(crowd, &mut found);
            if crowd.obtained.load(SeqCst) >= next_rest {
                next_rest += BETWEEN_RESTS;
                rest(crowd, &mut found);
                // Another one after a moment in which nobody was watched.
                thread::sleep(Duration::from_millis(1));
                rest(crowd, &mut found);
            }
        }
        crowd.is_over.store(true, SeqCst);
    });
    let obtained = crowd.obtained.load(SeqCst);
    let given_up = crowd.given_up.load(SeqCst);
    let names = match is_fair {
        false => ("acquired_fast", "by_futures_fast", "given_up_fast"),
        true => ("acquired_fair", "by_futures_fair", "given_up_fair"),
    };
    report.count(names.0, obtained);
    report.count(names.1, crowd.by_futures.load(SeqCst));
    report.count(names.2, given_up);
    let (free, waiting) = (crowd.semaphore.available(), crowd.semaphore.waiting());
    if (free, waiting) != (PERMITS, 0) {
        (found.wrong).push(format!("at the end {free} are free and {waiting} wait"));
    }
    if crowd.too_many.load(SeqCst) > 0 {
        found.wrong.push("more were held than there are".to_owned());
    }
    let (bound, behind) = match is_fair {
        false => (Semaphore::OVERTAKES_MAX as u64, (THREADS + FUTURES) as u64),
        true => (0, 0),
    };
    if is_passed_too_often(found.passed_first_max, bound) {
        (found.wrong).push(format!(
            "the first was passed {} times",
            found.passed_first_max
        ));
    }
    if is_passed_too_often(found.passed_max, bound * (behind + 1)) {
        (found.wrong).push(format!("one in line was passed {} times", found.passed_max));
    }
    found
}

/// One asks for all permits, and it is counted who passes.
fn watch_one(crowd: &Crowd, found: &mut Found) {
    let kind = KINDS[found.turns % KINDS.len()];
    found.turns += 1;
    crowd.passed.store(0, SeqCst);
    crowd.passed_first.store(0, SeqCst);
    match kind {
        Kind::Future => watch_future(crowd, found),
        Kind::Thread => watch_thread(crowd, found, None),
        Kind::Timed => watch_thread(crowd, found, Some(WATCHED_LIMIT)),
    }
    progress();
}

/// Whether all who asked before the watched one are served or gone.
fn notes_that_it_is_first(crowd: &Crowd, joined: u64) -> bool {
    let is_first = crowd.slots.iter().all(|slot| slot.request() >= joined);
    if is_first {
        let now = crowd.requests.load(SeqCst);
        crowd.later_than_first_from.store(now, SeqCst);
    }
    is_first
}

/// The watched one has all permits: nobody else holds any now, and all who did
/// have counted. It gives them back after this: who is next counts nothing more.
fn counts(crowd: &Crowd, found: &mut Found) {
    found.passed_max = found.passed_max.max(crowd.passed.load(SeqCst));
    found.passed_first_max = (found.passed_first_max).max(crowd.passed_first.load(SeqCst));
    let held = crowd.held.load(SeqCst);
    if held > 0 {
        (found.wrong).push(format!("{held} are held beside one who holds all"));
    }
    is_watched_no_more(crowd);
}

fn is_watched_no_more(crowd: &Crowd) {
    crowd.later_from.store(NEVER, SeqCst);
    crowd.later_than_first_from.store(NEVER, SeqCst);
}

fn watch_future(crowd: &Crowd, found: &mut Found) {
    let flag = Flag::new();
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    let mut all = crowd.semaphore.acquire_many_async(PERMITS);
    let mut polled = Pin::new(&mut all).poll(&mut context);
    if polled.is_pending() {
        found.watched[0] += 1;
        let joined = crowd.requests.load(SeqCst);
        crowd.later_from.store(joined, SeqCst);
        let mut is_first = false;
        while polled.is_pending() {
            if flag.take() {
                polled = Pin::new(&mut all).poll(&mut context);
            } else if is_first {
                thread::park_timeout(Duration::from_millis(1));
            } else if notes_that_it_is_first(crowd, joined) {
                is_first = true;
            } else {
                thread::yield_now();
            }
        }
    }
    if let Poll::Ready(permit) = polled {
        counts(crowd, found);
        drop(permit);
    }
}

fn watch_thread(crowd: &Crowd, found: &mut Found, limit: Option<Duration>) {
    let (tell, told) = mpsc::channel();
    let (counted, is_counted) = mpsc::channel::<()>();
    crowd.is_frozen.store(true, SeqCst);
    thread::scope(|s| {
        s.spawn(move || {
            let permit = match limit {
                None => crowd.semaphore.acquire_many(PERMITS),
                Some(limit) => crowd.semaphore.acquire_many_timeout(PERMITS, limit),
            };
            let _ = tell.send(permit.is_ok());
            // Ended by the other end, which is dropped.
            let _ = is_counted.recv();
        });
        let mut got = None;
        let mut has_joined = false;
        while got.is_none() && !has_joined {
            has_joined = one_more_waits(crowd);
            got = told.recv_timeout(Duration::from_micros(100)).ok();
        }
        let joined = crowd.requests.load(SeqCst);
        if has_joined {
            crowd.later_from.store(joined, SeqCst);
        }
        crowd.is_frozen.store(false, SeqCst);
        let mut is_first = !has_joined;
        while got.is_none() {
            is_first = is_first || notes_that_it_is_first(crowd, joined);
            got = told.recv_timeout(Duration::from_micros(100)).ok();
        }
        // One whose time was up has left the line before this is read: whoever
        // came then has not passed it.
        if got == Some(true) {
            found.watched[1 + usize::from(limit.is_some())] += u64::from(has_joined);
            counts(crowd, found);
        } else {
            is_watched_no_more(crowd);
            // Whoever has seen it watched and has not counted yet.
            thread::sleep(Duration::from_millis(50));
        }
        drop(counted);
    });
}

/// Whether one is in line who is not of the crowd. Who leaves the line says so
/// afterwards; who joins it has drawn a number before, and then it is looked at
/// again.
fn one_more_waits(crowd: &Crowd) -> bool {
    let requests = crowd.requests.load(SeqCst);
    let waits = |doing: &Doing| matches!(doing, Doing::Waits(_));
    let of_the_crowd = (crowd.slots.iter().map(|slot| slot.doing()))
        .filter(waits)
        .count();
    let in_line = crowd.semaphore.waiting();
    in_line > of_the_crowd && crowd.requests.load(SeqCst) == requests
}

/// Stops everybody where it is, and looks whether all is well then.
fn rest(crowd: &Crowd, found: &mut Found) {
    crowd.is_frozen.store(true, SeqCst);
    let start = Instant::now();
    loop {
        thread::sleep(Duration::from_micros(500));
        let doing: Vec<Doing> = crowd.slots.iter().map(|slot| slot.doing()).collect();
        // Read after what they do: what is on its way is waited for.
        let free = crowd.semaphore.available() as u64;
        match at_rest(crowd.permits, free, &doing) {
            Ok(()) => {
                let waits = |doing: &Doing| matches!(doing, Doing::Waits(_));
                found.rests_with_waiters += u64::from(doing.iter().any(waits));
                break;
            }
            Err(why) if start.elapsed() > REST_MAX => {
                let why = format!("at rest, {why}: {doing:?}");
                // At once: with a permit lost the crowd may never come to an end.
                eprintln!("soak: {why}");
                found.wrong.push(why);
                break;
            }
            Err(_) => {}
        }
    }
    found.rests += 1;
    progress();
    let next = NEEDS[(found.rests % NEEDS.len() as u64) as usize];
    crowd.need.store(next, SeqCst);
    crowd.is_frozen.store(false, SeqCst);
}
