//! `map`: a function over an iterator, run on a pool, pulled by the caller.
//!
//! ```text
//!   items ──pull──► chunk ──submit──► window: at most `buffer` items ──► next
//!     the caller's    │                  ordered:   a queue of handles
//!     thread alone    ▼                  unordered: AsCompleted
//!                 run on the pool
//! ```
//!
//! 1. Nothing runs before the first `next`; items are pulled in `next` alone.
//! 2. Pulled and not yet yielded are at most `buffer` items, chunks included.
//! 3. An item that panics fails alone, in a chunk as well.
//! 4. Once the deadline has passed, or the input has panicked, nothing more is
//!    pulled. What was pulled is still yielded after a deadline, with
//!    `TimedOut` for what has not ended; nothing is after a panic.
//! 5. Dropping the map cancels what is left.
//!
//! The user's function and the pool hide behind [`Run`], so a map's type names
//! neither. Orderings: the handles'.

mod init;
mod pull;

use std::fmt;
use std::iter::FusedIterator;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use init::States;
use pull::Pull;

use super::extras::Options;
use super::items::{is_asked_to_stop, run_item};
use super::{Handle, Submit, Task, TaskOptions};
use crate::error::TaskError;
use crate::primitive::{Each, drop_contained, mutant};

/// Applies `f` to each item on `pool`: what every pool's `map` calls.
pub(crate) fn map_on<'p, P, I, F, R>(
    pool: &'p P,
    width: usize,
    site: &'static Location<'static>,
    items: I,
    f: F,
) -> Map<'p, I, R>
where
    P: Submit<MapTask<F, I::Item, R>>,
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    let runner = Runner {
        pool,
        f: Arc::new(f),
        site,
    };
    Map(Pull::new(items, Box::new(runner), width, |item| ((), item)))
}

/// The function of a map from one with a state, which `init` makes for each worker.
pub(crate) fn with_states<X, S, N, F, R>(init: N, f: F) -> impl Fn(X) -> R + Send + Sync + 'static
where
    S: Send + 'static,
    N: Fn() -> S + Send + Sync + 'static,
    F: Fn(&mut S, X) -> R + Send + Sync + 'static,
{
    let states = States::new(init);
    move |item| states.with(|state| f(state, item))
}

/// What one task of a map returns.
#[derive(Debug)]
pub(crate) enum Output<R> {
    One(R),
    Many(Each<Result<R, TaskError>>),
}

/// What one task of a map works on.
#[derive(Debug)]
enum Input<X> {
    One(X),
    Many(Each<X>),
}

/// Submits the tasks of a map.
trait Run<X, R> {
    fn run(&self, input: Input<X>, options: Option<Options>) -> Handle<Output<R>>;
}

struct Runner<'p, P, F> {
    pool: &'p P,
    f: Arc<F>,
    site: &'static Location<'static>,
}

impl<P, F, X, R> Run<X, R> for Runner<'_, P, F>
where
    P: Submit<MapTask<F, X, R>>,
    F: Fn(X) -> R + Send + Sync + 'static,
    X: Send + 'static,
    R: Send + 'static,
{
    fn run(&self, input: Input<X>, options: Option<Options>) -> Handle<Output<R>> {
        self.pool.accept(MapTask {
            f: Arc::clone(&self.f),
            input,
            options: options.map(Box::new),
            site: self.site,
            _result: std::marker::PhantomData,
        })
    }
}

/// One task of a map.
pub(crate) struct MapTask<F, X, R> {
    f: Arc<F>,
    input: Input<X>,
    options: Option<Box<Options>>,
    site: &'static Location<'static>,
    _result: std::marker::PhantomData<fn() -> R>,
}

impl<F, X, R> Task for MapTask<F, X, R>
where
    F: Fn(X) -> R + Send + Sync + 'static,
    X: Send + 'static,
    R: Send + 'static,
{
    type Output = Output<R>;

    fn run(self) -> Output<R> {
        let f = self.f;
        match self.input {
            Input::One(item) => Output::One(f(item)),
            Input::Many(items) => {
                let run = |item| {
                    if is_asked_to_stop() {
                        drop_contained(item);
                        return Err(TaskError::Cancelled);
                    }
                    if mutant("map-chunk-fails-as-one") {
                        return Ok(f(item));
                    }
                    run_item(|| f(item))
                };
                Output::Many(Each::from(
                    items.take().into_iter().map(run).collect::<Vec<_>>(),
                ))
            }
        }
    }

    fn take_options(&mut self) -> Option<TaskOptions> {
        self.options.take().map(TaskOptions)
    }

    fn submitted_at(&self) -> Option<&'static Location<'static>> {
        Some(self.site)
    }
}

/// The results of a function applied to many items, in the order of the items.
///
/// A map is lazy: its items are pulled and submitted as it is advanced, by the
/// thread that advances it, so the input need not be `Send`, and maps can be
/// chained. At most [`buffer`](Self::buffer) items are pulled and not yet
/// yielded. Each item has a result of its own: one that panics fails alone.
///
/// [`next`](Iterator::next) blocks until the next result is there, and on a
/// worker of the same pool runs what nobody has started; a map with a time
/// limit never does. A panic of the input iterator passes to the caller and
/// cancels the rest. Dropping the map cancels what is left.
///
/// An ordered map inside of another can hold it up: use
/// [`unordered`](Self::unordered) between stages.
///
/// # Examples
///
/// ```
/// use raddle::Inline;
///
/// let squares = Inline.map(1..=4, |n| n * n).buffer(2);
/// let sum = squares.sum::<Result<u32, _>>().unwrap();
/// assert_eq!(sum, 30);
/// ```
#[must_use = "a map is lazy: iterate it"]
pub struct Map<'p, I: Iterator, R>(Pull<'p, I, R, ()>);

impl<'p, I: Iterator, R> Map<'p, I, R> {
    /// Holds at most `items` items that were pulled and not yet yielded; at
    /// least 1. The default is twice the pool's width, times the chunk.
    ///
    /// # Panics
    ///
    /// When the map was advanced already, as all of its settings do.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = raddle::Inline.map(1.., |n| n).buffer(1);
    /// assert_eq!(map.next().unwrap().unwrap(), 1);
    /// ```
    #[doc(alias = "buffersize")]
    pub fn buffer(mut self, items: usize) -> Self {
        self.0.settings().buffer = Some(items.max(1));
        self
    }

    /// Yields results as they come, whatever the order of the items.
    ///
    /// # Panics
    ///
    /// When the map was advanced already.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let lengths = pool.map(["one", "two", "three"], str::len).unordered();
    /// let mut lengths = lengths.collect::<Result<Vec<_>, _>>().unwrap();
    /// lengths.sort();
    /// assert_eq!(lengths, [3, 3, 5]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn unordered(mut self) -> Self {
        self.0.settings().unordered = true;
        self
    }

    /// Runs `items` items in one task, one after the other: for functions that
    /// take less than some microseconds. No more than the buffer holds.
    ///
    /// # Panics
    ///
    /// When the map was advanced already.
    ///
    /// # Examples
    ///
    /// ```
    /// let sum: usize = raddle::Inline.map(0..100, |n| n).chunk(16).map(Result::unwrap).sum();
    /// assert_eq!(sum, 4950);
    /// ```
    #[doc(alias = "chunksize")]
    pub fn chunk(mut self, items: usize) -> Self {
        self.0.settings().chunk = items.max(1);
        self
    }

    /// Limits how long each item may run, as
    /// [`Task::timeout`]; a chunk has as many times that.
    ///
    /// # Panics
    ///
    /// When the map was advanced already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = raddle::ThreadPool::for_blocking(4)?;
    /// let waits = |end| if end > 1 { raddle::current().unwrap().token().wait() };
    /// let map = pool.map([1, 2], waits).timeout_each(Duration::from_millis(20));
    /// let late: Vec<bool> = map.map(|result| result.is_err_and(|e| e.is_timed_out())).collect();
    /// assert_eq!(late, [false, true]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn timeout_each(mut self, limit: Duration) -> Self {
        self.0.settings().timeout = Some(limit);
        self
    }

    /// Limits the whole map. Items that have not ended at `at` are cancelled,
    /// and yield [`TaskError::TimedOut`]; what was not pulled by then never is.
    ///
    /// The map may so end early: [`len`](ExactSizeIterator::len) and the upper
    /// end of `size_hint` then count more items than come.
    ///
    /// # Panics
    ///
    /// When the map was advanced already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let mut late = raddle::Inline.map(0..100, |n| n).deadline(Instant::now());
    /// assert!(late.next().is_none());
    /// ```
    #[doc(alias = "timeout")]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.0.settings().deadline = Some(at);
        self
    }

    /// Yields each item with its result, so that a failure names its item. The
    /// last of the settings.
    ///
    /// # Panics
    ///
    /// When the map was advanced already.
    ///
    /// # Examples
    ///
    /// ```
    /// for (n, result) in raddle::Inline.map(0..3, |n| 6 / n).keyed() {
    ///     assert_eq!(n == 0, result.is_err());
    /// }
    /// ```
    pub fn keyed(self) -> Keyed<'p, I, R>
    where
        I::Item: Clone,
    {
        Keyed(self.0.with_keys(|item| (item.clone(), item)))
    }
}

impl<I: Iterator, R> Iterator for Map<'_, I, R> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|((), result)| result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I: ExactSizeIterator, R> ExactSizeIterator for Map<'_, I, R> {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<I: Iterator, R> FusedIterator for Map<'_, I, R> {}

impl<I: Iterator, R> fmt::Debug for Map<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Map", f)
    }
}

/// A [`Map`] that yields each item with its result: [`Map::keyed`].
///
/// Blocks in `next`, and is cancelled when dropped, as a map is.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::for_blocking(4)?;
/// let sizes = pool.map(["Cargo.toml", "no such file"], std::fs::metadata).keyed();
/// for (file, size) in sizes {
///     match size.unwrap() {
///         Ok(data) => println!("{file}: {} bytes", data.len()),
///         Err(why) => println!("{file}: {why}"),
///     }
/// }
/// # Ok::<_, raddle::StartError>(())
/// ```
#[must_use = "a map is lazy: iterate it"]
pub struct Keyed<'p, I: Iterator, R>(Pull<'p, I, R, I::Item>);

impl<I: Iterator, R> Iterator for Keyed<'_, I, R> {
    type Item = (I::Item, Result<R, TaskError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I: ExactSizeIterator, R> ExactSizeIterator for Keyed<'_, I, R> {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<I: Iterator, R> FusedIterator for Keyed<'_, I, R> {}

impl<I: Iterator, R> fmt::Debug for Keyed<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Keyed", f)
    }
}
