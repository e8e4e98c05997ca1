//! Permits: who holds one is in; who drops it is out.

use std::fmt;
use std::mem;
use std::sync::Arc;

use super::Semaphore;

/// Permits of a [`Semaphore`], given back when this is dropped.
///
/// It may be sent to another thread and dropped there. Leaked
/// ([`mem::forget`]), its permits stay away; [`forget`](Self::forget) says so
/// to the semaphore, which may then [get new ones](Semaphore::add_permits).
///
/// # Examples
///
/// ```
/// use raddle::sync::Semaphore;
///
/// let seats = Semaphore::new(2);
/// let seat = seats.acquire()?;
/// assert_eq!((seat.count(), seats.available()), (1, 1));
/// drop(seat);
/// assert_eq!(seats.available(), 2);
/// # Ok::<_, raddle::sync::AcquireError>(())
/// ```
#[must_use = "dropped, the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl<'a> Permit<'a> {
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// How many permits these are: what was asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(3);
    /// assert_eq!(seats.acquire_many(2)?.count(), 2);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes the permits out of the world: nobody gets them back.
    ///
    /// [`Semaphore::add_permits`] may make new ones in their place. Does not
    /// block.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// // A limit is lowered: as soon as two are out, they stay out.
    /// let limit = Semaphore::new(5);
    /// limit.acquire_many(2)?.forget();
    /// assert_eq!(limit.available(), 3);
    ///
    /// // And raised again.
    /// limit.add_permits(1).unwrap();
    /// assert_eq!(limit.available(), 4);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[doc(alias("reduce_permits", "reducePermits"))]
    pub fn forget(self) {
        self.semaphore.line.forget(self.count);
        mem::forget(self);
    }

    /// Splits `count` permits off, to be given back on their own; `None` if
    /// there are fewer, or none would be left here, or `count` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let memory = Semaphore::new(10);
    /// let mut all = memory.acquire_many(10)?;
    /// let some = all.split(4).unwrap();
    /// assert_eq!((all.count(), some.count()), (6, 4));
    /// drop(some);
    /// assert_eq!(memory.available(), 4);
    /// assert!(all.split(6).is_none());
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[must_use = "dropped, the permits are given back at once"]
    pub fn split(&mut self, count: usize) -> Option<Permit<'a>> {
        if count == 0 || count >= self.count {
            return None;
        }
        self.count -= count;
        Some(Self::new(self.semaphore, count))
    }

    /// Makes permits that keep their semaphore alive: they may go anywhere, to
    /// a task of a pool for example.
    ///
    /// # Panics
    ///
    /// When `semaphore` is not the one that the permits are of.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use raddle::{ThreadPool, sync::Semaphore};
    ///
    /// let pool = ThreadPool::new(4)?;
    /// let two = Arc::new(Semaphore::new(2));
    /// for n in 0..10 {
    ///     // Waits here, not in a worker.
    ///     let permit = two.acquire()?.into_owned(&two);
    ///     pool.submit(move || {
    ///         let _permit = permit;
    ///         n * n
    ///     })
    ///     .detach();
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias("acquire_owned", "acquire_arc"))]
    #[track_caller]
    pub fn into_owned(self, semaphore: &Arc<Semaphore>) -> OwnedPermit {
        assert!(
            std::ptr::eq(self.semaphore, Arc::as_ptr(semaphore)),
            "raddle: `into_owned` with another semaphore than the one that the permit is of"
        );
        let count = self.count;
        mem::forget(self);
        OwnedPermit {
            semaphore: Arc::clone(semaphore),
            count,
        }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.line.put(self.count);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("count", &self.count)
            .finish()
    }
}

/// A [`Permit`] that keeps its semaphore alive.
///
/// Made by [`Permit::into_owned`]; given back when dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use raddle::sync::{OwnedPermit, Semaphore};
///
/// let one = Arc::new(Semaphore::new(1));
/// let permit: OwnedPermit = one.acquire()?.into_owned(&one);
/// thread::spawn(move || drop(permit)).join().unwrap();
/// assert_eq!(one.available(), 1);
/// # Ok::<_, raddle::sync::AcquireError>(())
/// ```
#[must_use = "dropped, the permits are given back at once"]
#[clippy::has_significant_drop]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl OwnedPermit {
    /// How many permits these are.
    ///
    /// # Examples
    ///
    /// See [`Permit::count`].
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The semaphore that they are of.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let seats = Arc::new(Semaphore::new(3));
    /// let seat = seats.acquire()?.into_owned(&seats);
    /// assert_eq!(seat.semaphore().available(), 2);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Takes the permits out of the world, as [`Permit::forget`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let seats = Arc::new(Semaphore::new(3));
    /// seats.acquire()?.into_owned(&seats).forget();
    /// assert_eq!(seats.available(), 2);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    pub fn forget(mut self) {
        self.semaphore.line.forget(self.count);
        self.count = 0;
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.line.put(self.count);
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f.debug_struct("OwnedPermit"))
            .field("count", &self.count)
            .finish()
    }
}
