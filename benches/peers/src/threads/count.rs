//! A sum that many threads add to, each in a place of its own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const PLACES: usize = 64;

#[derive(Default)]
#[repr(align(128))]
struct Place(AtomicU64);

/// A sum of numbers from many threads.
pub struct Count(Vec<Place>);

impl Count {
    pub fn new() -> Self {
        Self((0..PLACES).map(|_| Place::default()).collect())
    }

    /// Adds a number. Threads that follow each other have different places.
    #[inline]
    pub fn add(&self, number: u64) {
        thread_local! {
            static PLACE: usize = {
                static NEXT: AtomicUsize = AtomicUsize::new(0);
                NEXT.fetch_add(1, Relaxed) % PLACES
            };
        }
        PLACE.with(|&place| self.0[place].0.fetch_add(number, Relaxed));
    }

    pub fn sum(&self) -> u64 {
        self.0.iter().map(|place| place.0.load(Relaxed)).sum()
    }

    /// Waits until the sum is `total`, and looks so seldom that it costs nothing.
    pub fn wait_for(&self, total: u64) {
        while self.sum() < total {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}
