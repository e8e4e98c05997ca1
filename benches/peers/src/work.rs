//! A slice of time in which threads do the same again and again.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;

/// One slice: how long it is, and where its threads run.
///
/// Several threads are pinned, each to a processor of its own as far as there
/// are so many: a scheduler that puts two threads on one processor, or does not,
/// changes every result by more than what is compared here.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    time: Duration,
    is_together: bool,
}

/// Says to one thread whether to go on, and counts its laps.
#[derive(Debug)]
pub struct Laps<'a> {
    stop: &'a AtomicBool,
    count: u64,
}

impl Laps<'_> {
    /// Whether there is one more lap to do.
    #[inline]
    pub fn more(&mut self) -> bool {
        // Read by all and written once: the line stays with each core.
        let more = !self.stop.load(Relaxed);
        self.count += u64::from(more);
        more
    }
}

/// What one thread does in a slice: laps until it is told to stop.
pub type Worker<'a> = Box<dyn FnOnce(&mut Laps<'_>) + Send + 'a>;

impl Slice {
    /// Threads on processors of their own.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            is_together: false,
        }
    }

    /// The same, all threads on one processor.
    #[must_use]
    pub fn together(self) -> Self {
        Self {
            is_together: true,
            ..self
        }
    }

    /// Where the worker with this number runs; `None` leaves it to the scheduler.
    fn place(self, number: usize, workers: usize) -> Option<CoreId> {
        let cores = core_affinity::get_core_ids().filter(|_| workers > 1)?;
        let number = if self.is_together { 0 } else { number };
        cores.get(number % cores.len().max(1)).copied()
    }

    /// Runs one thread for each worker; returns nanoseconds by lap, of all laps
    /// of all threads.
    ///
    /// A worker that asks for no laps only helps: its work is part of others'.
    ///
    /// # Panics
    ///
    /// When a worker does.
    #[must_use]
    pub fn run(self, workers: Vec<Worker<'_>>) -> f64 {
        let stop = AtomicBool::new(false);
        let count = workers.len();
        let start = Barrier::new(count + 1);
        thread::scope(|scope| {
            let (stop, start) = (&stop, &start);
            let threads: Vec<_> = (workers.into_iter().enumerate())
                .map(|(number, work)| {
                    scope.spawn(move || {
                        if let Some(core) = self.place(number, count) {
                            core_affinity::set_for_current(core);
                        }
                        let mut laps = Laps { stop, count: 0 };
                        start.wait();
                        // By the workers' clocks: this function's thread gets
                        // a processor late when the workers hold all of them.
                        let since = Instant::now();
                        work(&mut laps);
                        (laps.count, since, Instant::now())
                    })
                })
                .collect();
            start.wait();
            thread::sleep(self.time);
            stop.store(true, Relaxed);
            let ended: Vec<_> = (threads.into_iter())
                .map(|thread| thread.join().expect("a worker panicked"))
                .collect();
            let laps: u64 = ended.iter().map(|(laps, ..)| laps).sum();
            let first = ended.iter().map(|(_, since, _)| *since).min();
            let last = ended.iter().map(|(.., until)| *until).max();
            let time = last
                .zip(first)
                .map_or(Duration::ZERO, |(last, first)| last - first);
            time.as_secs_f64() * 1e9 / laps.max(1) as f64
        })
    }

    /// So many threads do the same.
    #[must_use]
    pub fn by(self, threads: usize, work: impl Fn(&mut Laps<'_>) + Sync) -> f64 {
        let work = &work;
        self.run(
            (0..threads)
                .map(|_| -> Worker<'_> { Box::new(move |laps| work(laps)) })
                .collect(),
        )
    }

    /// Two threads in turn: one calls, the other answers; a lap is both ways.
    /// `call(false)` is the last one, which nobody answers.
    #[must_use]
    pub fn there_and_back(
        self,
        mut call: impl FnMut(bool) + Send,
        mut hear: impl FnMut() -> bool + Send,
    ) -> f64 {
        self.run(vec![
            Box::new(move |laps| {
                while laps.more() {
                    call(true);
                }
                call(false);
            }),
            Box::new(move |_| while hear() {}),
        ])
    }
}
