//! The number of workers, changed while the pool works.
//!
//! Slots are made for as many threads as the pool may ever have, so a resize is a
//! change of the number of permits: see `sleep/resize.rs`.

use super::ThreadPool;
use crate::primitive::fork;

impl ThreadPool {
    /// Changes how many tasks run at once; from any thread, one of its own too.
    ///
    /// Never blocks, and interrupts nothing. A pool that grows takes up what is
    /// queued at once; its threads start as tasks need them. In a pool that shrinks
    /// each worker goes on to the end of its task, and those that are then too many
    /// take no other; what their queues hold is taken by the rest. Their threads end
    /// when they have been idle for
    /// [`keep_alive`](crate::ThreadPoolBuilder::keep_alive).
    ///
    /// 0 counts as 1, and more than
    /// [`workers_max`](crate::ThreadPoolBuilder::workers_max) as that many: the pool
    /// has room for no more threads. Unless told otherwise this is 256 more than the
    /// workers it was built with, for [`for_blocking`](Self::for_blocking) as many.
    /// Workers that are added leave fewer spares.
    /// [`width`](Self::width) and [`stats`](Self::stats) say at once what it came to,
    /// and a [`map`](Self::map) keeps the buffer that it was made with.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(1)?;
    /// pool.resize(2);
    /// // These two wait for each other.
    /// let both = std::sync::Arc::new(std::sync::Barrier::new(2));
    /// let tasks = [both.clone(), both].map(|both| pool.submit(move || _ = both.wait()));
    /// tasks.into_iter().for_each(|task| task.result().unwrap());
    /// pool.resize(0);
    /// assert_eq!(pool.width(), 1);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "setMaximumPoolSize")]
    pub fn resize(&self, workers: usize) {
        let core = &self.core;
        if fork::is_forked(core.id) {
            return;
        }
        let workers = workers.clamp(1, core.config.threads_max());
        let resident = core.config.resident(workers);
        let call = core.sleep.resize(workers, resident, || core.has_work());
        core.answer(call);
    }
}
