//! Let threads wait for each other after every step: `cargo run --example rendezvous`.
//! Watch three things:
//!
//! 1. *Step by step.* A row of cells is smoothed in parts, each by a thread of its
//!    own. Nobody begins a step before all have ended the one before: the sum
//!    stays what it was.
//! 2. *The action.* Between two steps one of them, whoever came last, prints the
//!    number of the step, once.
//! 3. *Who does not come.* In the end one party stays away. The others do not hang:
//!    the barrier breaks at the first time limit, and all are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use raddle::sync::{Barrier, BarrierError};

const PARTIES: usize = 4;
const CELLS: usize = 16;
const STEPS: usize = 5;

fn main() -> Result<(), BarrierError> {
    let row = |value: fn(usize) -> u64| -> Vec<AtomicU64> {
        (0..CELLS).map(|cell| AtomicU64::new(value(cell))).collect()
    };
    // Each step reads one row and writes the other.
    let rows = [row(|cell| if cell == 0 { 1 << 20 } else { 0 }), row(|_| 0)];

    let steps = Arc::new(AtomicUsize::new(0));
    let counted = steps.clone();
    let barrier = Barrier::with_action(PARTIES, move || {
        println!("step {} is done", counted.fetch_add(1, Relaxed) + 1);
    });

    thread::scope(|s| {
        for party in 0..PARTIES {
            let (rows, barrier) = (&rows, &barrier);
            s.spawn(move || {
                let part = CELLS / PARTIES;
                for step in 0..STEPS {
                    let (from, to) = (&rows[step % 2], &rows[(step + 1) % 2]);
                    for cell in party * part..(party + 1) * part {
                        let left = from[(cell + CELLS - 1) % CELLS].load(Relaxed);
                        let right = from[(cell + 1) % CELLS].load(Relaxed);
                        // Half of each neighbour: what one loses another gets.
                        to[cell].store(left / 2 + right / 2, Relaxed);
                    }
                    barrier.wait()?;
                }
                Ok::<_, BarrierError>(())
            });
        }
    });
    let row = &rows[STEPS % 2];
    let sum: u64 = row.iter().map(|cell| cell.load(Relaxed)).sum();
    println!("after {} steps the sum is {sum}", steps.load(Relaxed));
    assert_eq!((steps.load(Relaxed), sum), (STEPS, 1 << 20));

    // One stays away.
    thread::scope(|s| {
        let others = [(); PARTIES - 1].map(|()| {
            let wait = || barrier.wait_timeout(Duration::from_millis(50));
            s.spawn(wait)
        });
        for other in others {
            let met = other.join().expect("no party panics");
            let why = met.expect_err("one has stayed away");
            println!("one is told: {why}");
        }
    });
    assert!(barrier.is_broken());
    barrier.reset();
    println!("repaired: {}", !barrier.is_broken());
    Ok(())
}
