//! The front door of fork-join: `join` and `scope`, on a pool and on the current one.

use super::scope::{self, Order, Scope};
use super::{ThreadPool, fork, worker};

impl ThreadPool {
    /// Runs both closures, perhaps at the same time, and returns both results.
    ///
    /// `a` runs in this thread, and so does `b` afterwards, unless an idle worker
    /// has taken it. They may borrow, because `join` returns when both have ended.
    /// A join costs some nanoseconds where nobody takes the second half, so it may
    /// be called at every step of a recursion.
    ///
    /// A thread from outside takes part in the work. While it waits for a half that
    /// was taken, a thread helps with what that half has forked, and with nothing
    /// else; then it blocks. Helping adds no calls of a recursion to any stack: none
    /// ever holds more of them than that of the serial program, however deep.
    /// There is no time limit: both borrow from its stack.
    ///
    /// # Panics
    ///
    /// If one of them panics, and with the panic of `a` if both do. Both have ended
    /// then, or `b` was dropped unstarted.
    ///
    /// # Examples
    ///
    /// ```
    /// fn sum(pool: &raddle::ThreadPool, of: &[u64]) -> u64 {
    ///     if of.len() <= 1024 {
    ///         return of.iter().sum();
    ///     }
    ///     let (left, right) = of.split_at(of.len() / 2);
    ///     let (left, right) = pool.join(|| sum(pool, left), || sum(pool, right));
    ///     left + right
    /// }
    ///
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let numbers: Vec<u64> = (0..10_000).collect();
    /// assert_eq!(sum(&pool, &numbers), 49_995_000);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[inline]
    pub fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        // SAFETY: it is used here only.
        match unsafe { worker::current_of(self.core.id) } {
            Some(worker) => fork::join(worker, a, b),
            None => fork::join_from_outside(&self.core, a, b),
        }
    }

    /// Runs `f`, and returns when all tasks have ended that were submitted to the
    /// scope: they may borrow what outlives it.
    ///
    /// `f` runs in this thread, which then runs what nobody has started, newest
    /// first, and blocks for the rest. A thread from outside takes part in the work
    /// likewise. No time limit: the tasks borrow from its stack.
    ///
    /// # Panics
    ///
    /// If `f` panics; else with the first panic of a child whose handle did not show
    /// it. All children have ended then.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// let lines = ["one two", "three", "four five six"];
    /// let words: usize = pool.scope(|s| {
    ///     let counts = lines.map(|line| s.submit(move || line.split(' ').count()));
    ///     counts.into_iter().map(|count| count.result().unwrap()).sum()
    /// });
    /// assert_eq!(words, 6);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn scope<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        scope::scope(&self.core, Order::NewestFirst, f)
    }

    /// As [`scope`](Self::scope), but one thread alone runs the children in the
    /// order in which they were submitted. Costs a second allocation for each.
    ///
    /// # Panics
    ///
    /// As [`scope`](Self::scope).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Mutex;
    ///
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let seen = Mutex::new(Vec::new());
    /// pool.scope_fifo(|s| {
    ///     for n in 0..3 {
    ///         let seen = &seen;
    ///         s.submit(move || seen.lock().unwrap().push(n));
    ///     }
    /// });
    /// assert_eq!(seen.into_inner().unwrap().len(), 3);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn scope_fifo<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        scope::scope(&self.core, Order::OldestFirst, f)
    }
}

/// Runs both closures, perhaps at the same time, on the pool whose worker this
/// thread is, else on the [global](ThreadPool::global) one: see
/// [`ThreadPool::join`].
///
/// # Panics
///
/// As [`ThreadPool::join`], and as [`ThreadPool::global`].
///
/// # Examples
///
/// ```
/// fn fib(n: u32) -> u64 {
///     if n < 2 {
///         return n.into();
///     }
///     let (a, b) = raddle::join(|| fib(n - 1), || fib(n - 2));
///     a + b
/// }
/// assert_eq!(fib(20), 6765);
/// ```
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    // SAFETY: it is used here only.
    match unsafe { worker::current() } {
        Some(worker) => fork::join(worker, a, b),
        None => fork::join_from_outside(&ThreadPool::global().core, a, b),
    }
}

/// Runs a scope on the pool whose worker this thread is, else on the
/// [global](ThreadPool::global) one: see [`ThreadPool::scope`].
///
/// # Panics
///
/// As [`ThreadPool::scope`], and as [`ThreadPool::global`].
///
/// # Examples
///
/// ```
/// let (mut one, mut two) = (0, 0);
/// raddle::scope(|s| {
///     s.submit(|| one = 1);
///     s.submit(|| two = 2);
/// });
/// assert_eq!((one, two), (1, 2));
/// ```
pub fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    // SAFETY: the pool outlives its worker's task, which this is.
    match unsafe { worker::current() } {
        Some(worker) => scope::scope(worker.core(), Order::NewestFirst, f),
        None => ThreadPool::global().scope(f),
    }
}
