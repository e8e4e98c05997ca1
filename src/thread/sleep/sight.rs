//! What the sleep protocol asks of the queues and the guests, which it does not know.

/// What there is to do for a pool, as a look at all its queues shows it.
pub(in crate::thread) trait Sight {
    /// Whether there is anything that a thread could do.
    fn has_work(&self) -> bool;

    /// Whether there is something that keeps the pool from its end: of the halves
    /// of joins, their owners take care.
    fn has_tasks(&self) -> bool;

    /// Whether something is addressed to the thread with this index alone.
    fn has_post_for(&self, _index: usize) -> bool {
        false
    }

    /// Calls `end` if no thread from outside works for the pool now, and lets none
    /// in meanwhile. It is called with the crew's lock.
    fn if_nobody_visits(&self, end: impl FnOnce()) {
        end();
    }
}
