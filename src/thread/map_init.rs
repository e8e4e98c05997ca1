//! A map whose function has a state in each worker.

use std::panic::Location;

use super::ThreadPool;
use crate::task::{Map, map_on, with_states};

impl ThreadPool {
    /// As [`map`](Self::map), and gives `f` a state that `init` makes in each worker:
    /// a connection, a buffer, a parser.
    ///
    /// `init` runs at most once for each worker, at its first item; a spare that takes
    /// a blocked worker's place is a worker too, and one that takes over the place of a
    /// thread that has ended has its state. (An item that runs on top of another item
    /// of the same map, in one thread, gets a fresh one.) An item that panics fails
    /// alone and leaves the state as it is then; if `init` panics its item fails, and
    /// the next one tries again. The states are dropped with the map and its last task.
    ///
    /// Lazy, bounded and cancelled as every [`Map`]. A
    /// [`WorkerLocal`](crate::sync::WorkerLocal) does the same for tasks of any kind,
    /// and gives the values back.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(2)?;
    /// // One buffer for each worker, and not one for each line.
    /// let lines = ["to be", "or", "not to be"];
    /// let upper = pool.map_init(lines, String::new, |buffer, line| {
    ///     buffer.clear();
    ///     buffer.extend(line.chars().map(|c| c.to_ascii_uppercase()));
    ///     buffer.len()
    /// });
    /// assert_eq!(upper.map(Result::unwrap).sum::<usize>(), 16);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "initializer")]
    #[doc(alias = "map_with")]
    #[track_caller]
    pub fn map_init<I, S, N, F, R>(&self, items: I, init: N, f: F) -> Map<'_, I::IntoIter, R>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        S: Send + 'static,
        N: Fn() -> S + Send + Sync + 'static,
        F: Fn(&mut S, I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        let f = with_states(init, f);
        map_on(self, self.width(), Location::caller(), items.into_iter(), f)
    }
}
