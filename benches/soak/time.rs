//! Limits of every kind on every timed call ([`CALLS`]): none may end a wait
//! early, overflow, or be late by more than [`LATE_MAX`].
//!
//! | limit | what must come of it |
//! |---|---|
//! | 0, a time that is now or has passed | it ends at once |
//! | 1 ns, 7 ms, a time in 7 ms | it ends then |
//! | `Duration::MAX`, a time as far as the clock can tell | it ends when somebody ends it |
//!
//! The machine may be busy with something else just then, so of several tries
//! the best tells how late a call is; early it must never be.
//!
//! All of it is done again in a time namespace that is a day ahead, by a copy of
//! this program: a clock that was not asked for the namespace's time would be
//! a day off.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::{CALLS, Call, Limit, far, off};
use crate::checks::is_early;
use crate::progress;
use crate::report::Report;

const LATE_MAX: Duration = Duration::from_millis(10);
/// A wait that is to be timed.
const SOME: Duration = Duration::from_millis(7);
/// After so long somebody ends a wait that has no other end.
const MOMENT: Duration = Duration::from_millis(3);
const TRIES: u32 = 8;
/// The argument of the copy in the namespace.
pub(crate) const INSIDE: &str = "--inside";
const DAY: u64 = 86_400;

/// What was measured.
#[derive(Default)]
struct Measured {
    waits: u64,
    /// The best try of the worst call, and which that is.
    late: Duration,
    latest: String,
    /// Of any try.
    worst: Duration,
    missed: Vec<String>,
}

pub(crate) fn run(report: &mut Report) {
    let here = measure();
    report.count("calls", CALLS.len() as u64);
    report.count("waits", here.waits);
    report.number("figure_late_ms", millis(here.late));
    report.text("latest", &here.latest);
    report.number("worst_try_late_ms", millis(here.worst));
    here.missed.iter().for_each(|why| report.missed(why));
    match a_day_ahead() {
        Err(why) => report.skipped(format!("a day ahead: {why}")),
        Ok(ahead) => {
            report.count("waits_a_day_ahead", ahead.waits);
            report.number("late_ms_a_day_ahead", millis(ahead.late));
            for why in ahead.missed {
                report.missed(format!("a day ahead: {why}"));
            }
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn measure() -> Measured {
    let mut measured = Measured::default();
    let hour = Duration::from_secs(3600);
    let now = Instant::now;
    for call in CALLS {
        let limits: [(&str, &dyn Fn() -> Limit); 5] = [
            ("0", &|| Limit::For(Duration::ZERO)),
            ("1 ns", &|| Limit::For(Duration::from_nanos(1))),
            ("now", &|| Limit::Until(now())),
            ("7 ms", &|| Limit::For(SOME)),
            ("in 7 ms", &|| Limit::Until(now() + SOME)),
        ];
        for (name, limit) in limits {
            measured.ends_in_time(call, name, limit);
        }
        match now().checked_sub(hour) {
            Some(at) => measured.ends_in_time(call, "past", &|| Limit::Until(at)),
            None => (measured.missed).push("the clock has no hour ago".to_owned()),
        }
        measured.ends_when_told(call, "MAX", Limit::For(Duration::MAX));
        measured.ends_when_told(call, "far", Limit::Until(far()));
    }
    measured
}

impl Measured {
    /// Nobody ends the wait but the limit.
    fn ends_in_time(&mut self, call: &Call, name: &str, limit: &dyn Fn() -> Limit) {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let scene = (call.scene)();
            let outcome = catch_unwind(AssertUnwindSafe(|| (scene.wait)(limit())));
            let off = off();
            (scene.end)();
            progress();
            self.waits += 1;
            let late = match (outcome, off) {
                (Err(_), _) => return self.misses(call, name, "panics"),
                (Ok(_), None) => return self.misses(call, name, "was not timed"),
                (Ok(true), _) => return self.misses(call, name, "ends otherwise"),
                (Ok(false), Some(off)) if is_early(off) => {
                    return self.misses(call, name, &format!("ends by {off} ns early"));
                }
                (Ok(false), Some(off)) => Duration::from_nanos(off as u64),
            };
            self.worst = self.worst.max(late);
            best = best.min(late);
            if best <= LATE_MAX / 4 {
                break;
            }
        }
        if best > self.late {
            self.late = best;
            self.latest = format!("{}, {name}", call.name);
        }
        if best > LATE_MAX {
            self.misses(call, name, &format!("is late by {best:?} at best"));
        }
    }

    /// The limit is too far to matter.
    fn ends_when_told(&mut self, call: &Call, name: &str, limit: Limit) {
        let scene = (call.scene)();
        let end = scene.end;
        let ender = thread::spawn(move || {
            thread::sleep(MOMENT);
            end();
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| (scene.wait)(limit)));
        let is_ended = ender.join();
        progress();
        self.waits += 1;
        match outcome {
            Err(_) => self.misses(call, name, "panics"),
            Ok(false) => self.misses(call, name, "ends by itself"),
            Ok(true) if is_ended.is_err() => self.misses(call, name, "has no end"),
            Ok(true) => {}
        }
    }

    fn misses(&mut self, call: &Call, limit: &str, what: &str) {
        (self.missed).push(format!("{} with limit {limit}: {what}", call.name));
    }
}

/// Seconds since the machine started, as the namespace tells them.
fn uptime() -> Option<u64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    text.split('.').next()?.parse().ok()
}

/// The same, by a copy of this program in a time namespace.
///
/// # Errors
///
/// Why there is none here.
fn a_day_ahead() -> Result<Measured, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let day = DAY.to_string();
    let before = uptime().ok_or("no /proc/uptime")?;
    let output = Command::new("unshare")
        .args(["--time", "--boottime", &day, "--monotonic", &day, "--fork"])
        .arg(program)
        .arg(INSIDE)
        .output()
        .map_err(|error| format!("unshare: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| {
        (said.lines()).find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    let Some(after) = value("uptime ") else {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("no time namespace: {}", why.trim()));
    };
    let mut measured = Measured::default();
    if after < before + DAY {
        return Err(format!(
            "the namespace's clock is not ahead: {before} s, {after} s"
        ));
    }
    measured.waits = value("waits ").unwrap_or(0);
    measured.late = Duration::from_micros(value("late_us ").unwrap_or(u64::MAX));
    measured.missed = (said.lines())
        .filter_map(|line| line.strip_prefix("missed "))
        .map(str::to_owned)
        .collect();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        (measured.missed).push(format!("{}: {}", output.status, why.trim()));
    }
    Ok(measured)
}

/// What the copy does, and how it tells.
pub(crate) fn inside() -> ExitCode {
    println!("uptime {}", uptime().unwrap_or(0));
    let measured = measure();
    println!("waits {}", measured.waits);
    println!("late_us {}", measured.late.as_micros());
    for why in measured.missed {
        println!("missed {why}");
    }
    ExitCode::SUCCESS
}
