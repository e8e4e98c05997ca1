//! Workers that stay on one CPU each.
//!
//! The CPUs are those of the thread that builds the pool. Worker `i` of those that
//! the pool was built with is tied to the `i`-th of them, in a circle. Spares are tied
//! to none: they go where the blocked worker's CPU is free.

use super::ThreadPoolBuilder;
use super::core::Core;
use crate::primitive::affinity::Cpus;
use crate::primitive::atomic::Ordering::Relaxed;

impl ThreadPoolBuilder {
    /// Ties each worker to a CPU of its own, as far as there are as many. Default:
    /// no; the system places threads.
    ///
    /// For programs that have the machine to themselves and whose workers each keep
    /// data of their own in a cache. On a machine that is shared it costs more than it
    /// gives: a tied worker waits for its CPU while another one is idle.
    ///
    /// The CPUs are those that the thread which builds the pool may use. Spares, and
    /// workers that [`resize`](crate::ThreadPool::resize) adds, are not tied. Nor are
    /// threads that raddle starts from a tied worker; those that a task starts itself
    /// inherit its CPU.
    ///
    /// Linux only. Where the system does not do it, the pool works untied:
    /// [`stats().pinned`](crate::PoolStats::pinned) and [`dump`](crate::dump) say how
    /// many workers are.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::builder().workers(2).pin(true).build()?;
    /// pool.submit(|| ()).wait();
    /// println!("{} of {} workers are pinned", pool.stats().pinned, pool.width());
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "affinity")]
    pub fn pin(self, yes: bool) -> Self {
        self.set(|config| config.pin = yes)
    }
}

impl Core {
    /// Ties the thread that begins here, if it is to be.
    pub(super) fn tie(&self, index: usize) {
        if let Some(cpus) = self.cpus.filter(|_| index < self.config.workers) {
            let tied = cpus.tie(index);
            // ORDERING: Relaxed, statistics.
            self.slots[index].pinned.store(u32::from(tied), Relaxed);
        }
    }

    /// The thread of this slot ends.
    pub(super) fn untie(&self, index: usize) {
        // ORDERING: Relaxed, statistics.
        self.slots[index].pinned.store(0, Relaxed);
    }

    /// What the workers are tied to, as configured.
    pub(super) fn cpus_for(pin: bool) -> Option<Cpus> {
        pin.then(Cpus::here).flatten()
    }
}
