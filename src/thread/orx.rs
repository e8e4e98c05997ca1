//! Parallel iterators of other crates on this pool: feature `orx`.
//!
//! | crate | its trait | here |
//! |---|---|---|
//! | `orx-parallel` | `ThreadPool`, `Scope` | a scope of the pool, whose children are its tasks |
//! | `paralight` | `GenericThreadPool` | `par_map` over as many parts as the pool is wide |
//!
//! A part of paralight's takes its indices from a counter, a chunk at a time: a share of
//! what is left, so the chunks grow smaller to the end and no part has far more to do
//! than the others. paralight's own ranges (`RangeStrategy`) are private to it.
//!
//! What does not come along: orx-parallel's `ORX_NUM_THREADS` and its default pool, and
//! paralight's choice of ranges and its pinning, which belong to their own pools. With
//! this feature 25 further crates are built, most of them for a macro of orx-parallel's
//! (`syn`, `toml_edit`); all are MIT, most also Apache-2.0. paralight builds with an
//! older compiler than raddle does, and orx-parallel names none.
//!
//! # Each index once
//!
//! What the counter has passed is in exactly one chunk. Of a chunk each index goes to the
//! closure, or with the rest of the chunk to the cleanup: when the rest is beyond the
//! bound, or when its part ends early or unwinds. What the counter has not passed when
//! all parts have ended is cleaned up by the caller, also as it unwinds.
//!
//! Orderings: all Relaxed. The counter only divides, and the bound only spares work;
//! results come with the end of `par_map`.

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};

use orx_parallel::Scope as OrxScope;
use paralight::iter::{Accumulator, ExactSizeAccumulator, GenericThreadPool, SourceCleanup};

use super::{Scope, ThreadPool};
use crate::primitive::atomic::{AtomicUsize, Ordering::Relaxed};

impl<'s, 'env, 'scope> OrxScope<'s, 'env, 'scope> for &'s Scope<'s, 'env> {
    fn run<W>(self, work: W)
    where
        'scope: 's,
        'env: 'scope + 's,
        W: FnOnce() + Send + 'scope + 'env,
    {
        // Its panic, which nobody reads, comes out of the scope.
        drop(self.submit(work));
    }
}

/// Feature `orx`: the parallel iterators of
/// [orx-parallel](https://docs.rs/orx-parallel) on this pool.
///
/// A computation is a [`scope`](ThreadPool::scope), so all that holds there holds for
/// it: it may run inside of a task and inside of another, a caller from outside takes
/// part, and a panic of a closure comes out when all have ended. By default it has as
/// many parts as the pool is wide; `ORX_NUM_THREADS` is not looked at.
///
/// # Examples
///
/// ```
/// use orx_parallel::*;
///
/// let pool = raddle::ThreadPool::new(2)?;
/// let numbers: Vec<u64> = (0..1000).collect();
/// let sum: u64 = numbers.par().runner(Runner::adaptive_with_pool(&pool)).map(|n| n * 2).sum();
/// assert_eq!(sum, 999_000);
/// # Ok::<_, raddle::StartError>(())
/// ```
impl orx_parallel::ThreadPool for ThreadPool {
    type ScopeRef<'s, 'env, 'scope>
        = &'s Scope<'s, 'env>
    where
        'scope: 's,
        'env: 'scope + 's;

    fn scope<'env, 'scope, F>(&'env self, f: F)
    where
        'env: 'scope,
        for<'s> F: FnOnce(&'s Scope<'s, 'env>) + Send,
    {
        ThreadPool::scope(self, f);
    }

    fn max_num_threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.width()).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Feature `orx`: as for [`ThreadPool`] itself, which an iterator would consume.
impl orx_parallel::ThreadPool for &ThreadPool {
    type ScopeRef<'s, 'env, 'scope>
        = &'s Scope<'s, 'env>
    where
        'scope: 's,
        'env: 'scope + 's;

    fn scope<'env, 'scope, F>(&'env self, f: F)
    where
        'env: 'scope,
        for<'s> F: FnOnce(&'s Scope<'s, 'env>) + Send,
    {
        ThreadPool::scope(self, f);
    }

    fn max_num_threads(&self) -> NonZeroUsize {
        orx_parallel::ThreadPool::max_num_threads(*self)
    }
}

/// Feature `orx`: the parallel iterators of [paralight](https://docs.rs/paralight) on
/// this pool.
///
/// They are made of [`par_map`](ThreadPool::par_map): an iterator may run inside of a
/// task and inside of another, a caller from outside takes part, and panics come out.
/// As with paralight's own work stealing, the items of one part need not be neighbours.
///
/// # Examples
///
/// ```
/// use paralight::prelude::*;
///
/// let pool = raddle::ThreadPool::new(2)?;
/// let numbers: Vec<u64> = (0..1000).collect();
/// let sum = numbers.par_iter().with_thread_pool(&pool).map(|n| n * 2).sum::<u64>();
/// assert_eq!(sum, 999_000);
/// # Ok::<_, raddle::StartError>(())
/// ```
// SAFETY: each index below the length goes once to the closure or the cleanup, and no
// other does: see the top of this file.
unsafe impl GenericThreadPool for &ThreadPool {
    fn upper_bounded_pipeline<Output: Send, Accum>(
        self,
        input_len: usize,
        init: impl Fn() -> Accum + Sync,
        process_item: impl Fn(Accum, usize) -> ControlFlow<Accum, Accum> + Sync,
        finalize: impl Fn(Accum) -> Output + Sync,
        reduce: impl Fn(Output, Output) -> Output,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let source = Source::new(self.width(), input_len, cleanup);
        let outputs = self.par_map(source.parts, |()| {
            let accum = source.indices().fold(init(), |accum, index| {
                match process_item(accum, index) {
                    ControlFlow::Continue(accum) => accum,
                    ControlFlow::Break(accum) => {
                        // ORDERING: Relaxed; see the top of this file.
                        source.bound.fetch_min(index, Relaxed);
                        accum
                    }
                }
            });
            finalize(accum)
        });
        drop(source);
        let mut outputs = outputs.into_iter();
        let Some(first) = outputs.next() else {
            unreachable!("a pool has a width");
        };
        outputs.fold(first, reduce)
    }

    fn iter_pipeline<Output, Accum: Send>(
        self,
        input_len: usize,
        accum: impl Accumulator<usize, Accum> + Sync,
        reduce: impl ExactSizeAccumulator<Accum, Output>,
        cleanup: &(impl SourceCleanup + Sync),
    ) -> Output {
        let source = Source::new(self.width(), input_len, cleanup);
        let outputs = self.par_map(source.parts, |()| accum.accumulate(source.indices()));
        drop(source);
        reduce.accumulate_exact(outputs.into_iter())
    }
}

/// The greatest number of parts.
const PARTS_MAX: usize = 1 << 15;

/// Chunks per part, if all were of the first one's size.
const CHUNKS: usize = 4;

/// What the parts of one iterator share.
struct Source<'a, C: SourceCleanup> {
    /// One for each part; there is nothing in them.
    parts: &'static [()],
    len: usize,
    /// Indices below it are in a chunk.
    next: AtomicUsize,
    /// Indices above it need not be processed.
    bound: AtomicUsize,
    cleanup: &'a C,
}

impl<'a, C: SourceCleanup> Source<'a, C> {
    fn new(width: usize, len: usize, cleanup: &'a C) -> Self {
        static PARTS: [(); PARTS_MAX] = [(); PARTS_MAX];
        Self {
            parts: &PARTS[..width.clamp(1, PARTS_MAX)],
            len,
            next: AtomicUsize::new(0),
            bound: AtomicUsize::new(usize::MAX),
            cleanup,
        }
    }

    fn indices(&self) -> Indices<'_, 'a, C> {
        let chunk = 0..0;
        Indices {
            source: self,
            chunk,
        }
    }

    fn claim(&self) -> Option<Range<usize>> {
        // ORDERING: Relaxed; see the top of this file.
        let mut next = self.next.load(Relaxed);
        while next < self.len {
            let size = ((self.len - next) / (CHUNKS * self.parts.len())).max(1);
            // ORDERING: Relaxed; see the top of this file.
            let claimed = (self.next).compare_exchange_weak(next, next + size, Relaxed, Relaxed);
            match claimed {
                Ok(_) => return Some(next..next + size),
                Err(now) => next = now,
            }
        }
        None
    }

    /// Cleans up what will not be processed.
    fn skip(&self, range: Range<usize>) {
        if C::NEEDS_CLEANUP && !range.is_empty() {
            // SAFETY: the range is within the length, and of these indices none goes to
            // the closure or here again: see the top of this file.
            unsafe { self.cleanup.cleanup_item_range(range) };
        }
    }
}

impl<C: SourceCleanup> Drop for Source<'_, C> {
    fn drop(&mut self) {
        // ORDERING: Relaxed, all parts have ended.
        let next = self.next.swap(self.len, Relaxed);
        self.skip(next..self.len);
    }
}

/// The indices of one part.
struct Indices<'s, 'a, C: SourceCleanup> {
    source: &'s Source<'a, C>,
    /// Claimed, and not yet given.
    chunk: Range<usize>,
}

impl<C: SourceCleanup> Iterator for Indices<'_, '_, C> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        loop {
            // ORDERING: Relaxed; see the top of this file.
            if self.chunk.start > self.source.bound.load(Relaxed) {
                self.source.skip(std::mem::take(&mut self.chunk));
            } else if let Some(index) = self.chunk.next() {
                return Some(index);
            }
            self.chunk = self.source.claim()?;
        }
    }
}

impl<C: SourceCleanup> Drop for Indices<'_, '_, C> {
    fn drop(&mut self) {
        self.source.skip(std::mem::take(&mut self.chunk));
    }
}
