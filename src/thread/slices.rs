//! Loops over ranges and slices, on all workers: the `par_` family.

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ops::Range;
use std::ptr;

use super::ThreadPool;
use super::split::{Body, Piece, run};
use crate::primitive::drop_contained;

impl ThreadPool {
    /// Calls `f` with each number of `range`, on all workers.
    ///
    /// This thread takes part, and returns when all are done. Numbers that take long
    /// and numbers that take no time may be mixed: the range is split where a
    /// worker has nothing to do, and nowhere else. There is no order.
    ///
    /// Blocks until the last is done, without a time limit: `f` borrows. All workers
    /// call it at once, so it cannot change a local, as in `sum += n`: for a sum there
    /// is [`par_reduce`](Self::par_reduce), or an atomic.
    ///
    /// # Panics
    ///
    /// If `f` panics, when all that runs has ended; numbers after it may be left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let even = AtomicUsize::new(0);
    /// pool.par_for(0..1000, |n| {
    ///     if n % 2 == 0 {
    ///         even.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    /// assert_eq!(even.into_inner(), 500);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn par_for(&self, range: Range<usize>, f: impl Fn(usize) + Sync) {
        run(&self.core, &Each(f), range);
    }

    /// Calls `f` with each item, on all workers.
    ///
    /// Runs, blocks and splits as [`par_for`](Self::par_for) does.
    ///
    /// # Panics
    ///
    /// As [`par_for`](Self::par_for).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let mut samples = vec![1.0, 4.0, 9.0];
    /// pool.par_for_each(&mut samples, |sample: &mut f64| *sample = sample.sqrt());
    /// assert_eq!(samples, [1.0, 2.0, 3.0]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn par_for_each<X: Send>(&self, items: &mut [X], f: impl Fn(&mut X) + Sync) {
        run(&self.core, &Each(f), items);
    }

    /// Calls `f` with each run of `size` items and its number, the last one perhaps
    /// shorter, on all workers.
    ///
    /// Runs, blocks and splits as [`par_for`](Self::par_for) does.
    ///
    /// # Panics
    ///
    /// If `size` is 0; else as [`par_for`](Self::par_for).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let mut picture = vec![0_u8; 4 * 3];
    /// pool.par_chunks_mut(&mut picture, 4, |row, pixels| pixels.fill(row as u8));
    /// assert_eq!(picture, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn par_chunks_mut<X: Send>(
        &self,
        items: &mut [X],
        size: usize,
        f: impl Fn(usize, &mut [X]) + Sync,
    ) {
        assert!(size > 0, "par_chunks_mut: a chunk of 0 items never ends");
        let chunks = Chunks {
            items,
            size,
            number: 0,
        };
        run(&self.core, &Each(|(n, chunk)| f(n, chunk)), chunks);
    }

    /// Applies `f` to each item, on all workers, and returns the results in order.
    ///
    /// Runs, blocks and splits as [`par_for`](Self::par_for) does. Items are
    /// borrowed; for items that are consumed or come one by one there is
    /// [`map`](Self::map).
    ///
    /// # Panics
    ///
    /// As [`par_for`](Self::par_for); results that exist by then are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let words = ["so", "many", "words"];
    /// assert_eq!(pool.par_map(&words, |word| word.len()), [2, 4, 5]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn par_map<X: Sync, R: Send>(&self, items: &[X], f: impl Fn(&X) -> R + Sync) -> Vec<R> {
        let mut results = Vec::with_capacity(items.len());
        let places = Places {
            items,
            to: results.as_mut_ptr(),
        };
        let written = run(&self.core, &Fill(f), places);
        let written = ManuallyDrop::new(written).count;
        debug_assert_eq!(written, items.len(), "one result for each item");
        // SAFETY: so many results were written, from the first place on, and the
        // `Written` that owned them does so no longer.
        unsafe { results.set_len(written) };
        results
    }

    /// Folds the items, on all workers: stretches of them with `fold`, each from
    /// `identity()`, and what they come to with `merge`, in order.
    ///
    /// `merge` must not mind how the items are cut into stretches: it is
    /// associative, and `identity()` is neutral to it. With floating-point numbers
    /// the last digits may differ from run to run.
    ///
    /// Runs, blocks and splits as [`par_for`](Self::par_for) does.
    ///
    /// # Panics
    ///
    /// As [`par_for`](Self::par_for).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let numbers: Vec<u64> = (1..=1000).collect();
    /// let sum = pool.par_reduce(&numbers, || 0, |sum, n| sum + n, |a, b| a + b);
    /// assert_eq!(sum, 500_500);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn par_reduce<X: Sync, R: Send>(
        &self,
        items: &[X],
        identity: impl Fn() -> R + Sync,
        fold: impl Fn(R, &X) -> R + Sync,
        merge: impl Fn(R, R) -> R + Sync,
    ) -> R {
        let reduce = Reduce {
            identity,
            fold,
            merge,
        };
        run(&self.core, &reduce, items)
    }
}

impl Piece for Range<usize> {
    fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let middle = self.start + at;
        (self.start..middle, middle..self.end)
    }
}

impl<X: Sync> Piece for &[X] {
    fn len(&self) -> usize {
        <[X]>::len(self)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        <[X]>::split_at(self, at)
    }
}

impl<X: Send> Piece for &mut [X] {
    fn len(&self) -> usize {
        <[X]>::len(self)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

/// Runs of `size` items; `number` is that of the first.
struct Chunks<'a, X> {
    items: &'a mut [X],
    size: usize,
    number: usize,
}

impl<X: Send> Piece for Chunks<'_, X> {
    fn len(&self) -> usize {
        self.items.len().div_ceil(self.size)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let middle = at.saturating_mul(self.size).min(self.items.len());
        let (first, second) = self.items.split_at_mut(middle);
        let piece = |items, number| Self {
            items,
            size: self.size,
            number,
        };
        (piece(first, self.number), piece(second, self.number + at))
    }
}

impl<'a, X> IntoIterator for Chunks<'a, X> {
    type Item = (usize, &'a mut [X]);
    type IntoIter = std::iter::Zip<std::ops::RangeFrom<usize>, std::slice::ChunksMut<'a, X>>;

    fn into_iter(self) -> Self::IntoIter {
        (self.number..).zip(self.items.chunks_mut(self.size))
    }
}

/// Does something with each item.
struct Each<F>(F);

impl<P: IntoIterator, F: Fn(P::Item) + Sync> Body<P> for Each<F> {
    type Sum = ();

    fn start(&self, _: &P) {}

    fn run(&self, (): (), piece: P) {
        piece.into_iter().for_each(&self.0);
    }

    fn merge(&self, (): (), (): ()) {}
}

/// Folds the items, and merges what stretches come to.
struct Reduce<I, F, M> {
    identity: I,
    fold: F,
    merge: M,
}

impl<'a, X, R, I, F, M> Body<&'a [X]> for Reduce<I, F, M>
where
    R: Send,
    I: Fn() -> R + Sync,
    F: Fn(R, &X) -> R + Sync,
    M: Fn(R, R) -> R + Sync,
{
    type Sum = R;

    fn start(&self, _: &&'a [X]) -> R {
        (self.identity)()
    }

    fn run(&self, sum: R, piece: &'a [X]) -> R {
        piece.iter().fold(sum, &self.fold)
    }

    fn merge(&self, first: R, second: R) -> R {
        (self.merge)(first, second)
    }
}

/// Items, and the places of their results.
struct Places<'a, X, R> {
    items: &'a [X],
    to: *mut R,
}

// SAFETY: the places are written by whoever has the piece, and nobody else.
unsafe impl<X: Sync, R: Send> Send for Places<'_, X, R> {}

impl<X: Sync, R: Send> Piece for Places<'_, X, R> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let (first, second) = self.items.split_at(at);
        // SAFETY: `at` is at most the number of places, or the split above panics.
        let middle = unsafe { self.to.add(at) };
        let piece = |items, to| Self { items, to };
        (piece(first, self.to), piece(second, middle))
    }
}

/// Results that were written, one after the other; it owns them.
struct Written<R> {
    first: *mut R,
    count: usize,
    owns: PhantomData<R>,
}

// SAFETY: it owns its results, as a vector does.
unsafe impl<R: Send> Send for Written<R> {}

impl<R> Drop for Written<R> {
    fn drop(&mut self) {
        if mem::needs_drop::<R>() {
            let results = ptr::slice_from_raw_parts_mut(self.first, self.count);
            // SAFETY: they were written, and are dropped nowhere else.
            drop_contained(DropInPlace(results));
        }
    }
}

/// Drops what lies behind the pointer.
struct DropInPlace<R>(*mut [R]);

impl<R> Drop for DropInPlace<R> {
    fn drop(&mut self) {
        // SAFETY: whoever makes one owns the results.
        unsafe { ptr::drop_in_place(self.0) };
    }
}

/// Writes the result of each item into its place.
struct Fill<F>(F);

impl<'a, X: Sync, R: Send, F: Fn(&X) -> R + Sync> Body<Places<'a, X, R>> for Fill<F> {
    type Sum = Written<R>;

    fn start(&self, rest: &Places<'a, X, R>) -> Written<R> {
        Written {
            first: rest.to,
            count: 0,
            owns: PhantomData,
        }
    }

    fn run(&self, mut written: Written<R>, piece: Places<'a, X, R>) -> Written<R> {
        for item in piece.items {
            let result = (self.0)(item);
            // SAFETY: the piece follows what was written, and has a place for each
            // item.
            let place = unsafe { written.first.add(written.count) };
            // SAFETY: as above.
            unsafe { place.write(result) };
            written.count += 1;
        }
        written
    }

    fn merge(&self, first: Written<R>, second: Written<R>) -> Written<R> {
        let (mut first, second) = (first, ManuallyDrop::new(second));
        first.count += second.count;
        first
    }
}
