//! How many instructions a lock and its unlock take, uncontended, beside
//! parking_lot's: counted by callgrind, so the same on a busy machine.
//!
//! ```text
//!   cargo bench --bench instructions
//! ```
//!
//! It runs itself under valgrind, twice for each lock with different numbers of
//! rounds; the difference is the price of a round. It fails when raddle's mutex
//! takes more than [`MORE_MAX`] instructions more than parking_lot's, and says
//! `SKIPPED` when valgrind is not there.

use std::hint::black_box;
use std::process::{Command, ExitCode};

/// So many instructions more a lock and unlock of raddle's mutex may take.
const MORE_MAX: u64 = 3;
const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

static RADDLE: raddle::sync::Mutex<u64> = raddle::sync::Mutex::new(0);
static PARKING_LOT: parking_lot::Mutex<u64> = parking_lot::Mutex::new(0);
static RADDLE_RW: raddle::sync::RwLock<u64> = raddle::sync::RwLock::new(0);
static PARKING_LOT_RW: parking_lot::RwLock<u64> = parking_lot::RwLock::new(0);
static RADDLE_RE: raddle::sync::ReentrantMutex<u64> = raddle::sync::ReentrantMutex::new(0);
static PARKING_LOT_RE: parking_lot::ReentrantMutex<u64> = parking_lot::ReentrantMutex::new(0);
static RADDLE_ONCE: raddle::sync::OnceLock<u64> = raddle::sync::OnceLock::new();
static STD_ONCE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();

/// What is compared: its name, ours, the other one, and whether there is a bar.
type Row = (&'static str, fn(), fn(), bool);

const ROWS: &[Row] = &[
    ("mutex", raddle_mutex, other_mutex, true),
    ("rwlock, read", raddle_read, other_read, false),
    ("rwlock, write", raddle_write, other_write, false),
    ("reentrant mutex", raddle_reentrant, other_reentrant, false),
    ("set once, get (beside std's)", raddle_get, other_get, false),
];

#[inline(never)]
fn raddle_mutex() {
    *black_box(&RADDLE).lock() += 1;
}

#[inline(never)]
fn other_mutex() {
    *black_box(&PARKING_LOT).lock() += 1;
}

#[inline(never)]
fn raddle_read() {
    black_box(*black_box(&RADDLE_RW).read());
}

#[inline(never)]
fn other_read() {
    black_box(*black_box(&PARKING_LOT_RW).read());
}

#[inline(never)]
fn raddle_write() {
    *black_box(&RADDLE_RW).write() += 1;
}

#[inline(never)]
fn other_write() {
    *black_box(&PARKING_LOT_RW).write() += 1;
}

#[inline(never)]
fn raddle_reentrant() {
    black_box(*black_box(&RADDLE_RE).lock());
}

#[inline(never)]
fn other_reentrant() {
    black_box(*black_box(&PARKING_LOT_RE).lock());
}

#[inline(never)]
fn raddle_get() {
    black_box(black_box(&RADDLE_ONCE).get_or_init(|| 1));
}

#[inline(never)]
fn other_get() {
    black_box(black_box(&STD_ONCE).get_or_init(|| 1));
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, run, row, side, rounds] = &arguments[..]
        && run == "--run"
    {
        let (_, ours, other, _) = ROWS[row.parse::<usize>().unwrap()];
        let body = if side == "ours" { ours } else { other };
        (0..rounds.parse().unwrap()).for_each(|_: u64| body());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("!!! SKIPPED: instructions: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let mut is_good = true;
    println!("instructions of a lock and its unlock, uncontended:");
    for (row, (name, _, _, bar)) in ROWS.iter().enumerate() {
        let ours = price(row, "ours");
        let other = price(row, "other");
        let more = ours as i64 - other as i64;
        let verdict = match bar {
            true if more > MORE_MAX as i64 => {
                is_good = false;
                format!("TOO MANY: at most {MORE_MAX} more")
            }
            true => format!("at most {MORE_MAX} more: kept"),
            false => "no bar".to_owned(),
        };
        println!("  {name}: raddle {ours}, other {other}, {more:+} ({verdict})");
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Instructions of one round.
fn price(row: usize, side: &str) -> u64 {
    let (few, many) = (count(row, side, FEW), count(row, side, MANY));
    (many - few + (MANY - FEW) / 2) / (MANY - FEW)
}

/// Instructions of the whole program with so many rounds.
fn count(row: usize, side: &str, rounds: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--run", &row.to_string(), side, &rounds.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind fails:\n{said}");
    let (_, number) = (said.lines())
        .find_map(|line| line.split_once("Collected :"))
        .unwrap_or_else(|| panic!("callgrind says nothing:\n{said}"));
    number.trim().parse().unwrap()
}
