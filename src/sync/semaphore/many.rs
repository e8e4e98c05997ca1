//! Several permits at once; one permit is the case of one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{AcquireError, Permit, Semaphore};
use crate::wait::deadline::Deadline;
use crate::wait::queue::Ticket;

impl Semaphore {
    /// Waits for `count` permits, in this thread: all of them or none.
    ///
    /// Blocks, as [`acquire`](Self::acquire) does.
    ///
    /// # Errors
    ///
    /// [`Closed`](AcquireError::Closed), and [`Impossible`](AcquireError::Impossible)
    /// when `count` is 0, or more than there can ever be.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// // So many bytes may be in use.
    /// let memory = Semaphore::new(1 << 20);
    /// let buffer = memory.acquire_many(4096)?;
    /// assert_eq!(memory.available(), (1 << 20) - 4096);
    /// # drop(buffer);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[inline]
    pub fn acquire_many(&self, count: usize) -> Result<Permit<'_>, AcquireError> {
        self.acquire_by(count, Deadline::NEVER)
    }

    /// As [`acquire_many`](Self::acquire_many), at most for `limit`.
    ///
    /// # Errors
    ///
    /// As `acquire_many`, and [`TimedOut`](AcquireError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{AcquireError, Semaphore};
    /// use std::time::Duration;
    ///
    /// let seats = Semaphore::new(3);
    /// let _two = seats.acquire_many(2)?;
    /// let late = seats.acquire_many_timeout(2, Duration::from_millis(1));
    /// assert_eq!(late.unwrap_err(), AcquireError::TimedOut);
    /// # Ok::<_, AcquireError>(())
    /// ```
    pub fn acquire_many_timeout(
        &self,
        count: usize,
        limit: Duration,
    ) -> Result<Permit<'_>, AcquireError> {
        self.acquire_by(count, Deadline::after(limit))
    }

    /// As [`acquire_many`](Self::acquire_many), at most until `at`.
    ///
    /// # Errors
    ///
    /// As `acquire_many`, and [`TimedOut`](AcquireError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(3);
    /// let two = seats.acquire_many_deadline(2, std::time::Instant::now())?;
    /// assert_eq!(two.count(), 2);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    pub fn acquire_many_deadline(
        &self,
        count: usize,
        at: Instant,
    ) -> Result<Permit<'_>, AcquireError> {
        self.acquire_by(count, Deadline::at(at))
    }

    /// As [`acquire_many`](Self::acquire_many), as a future; see
    /// [`acquire_async`](Self::acquire_async).
    ///
    /// # Errors
    ///
    /// As `acquire_many`.
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(3);
    /// let two = raddle::block_on(seats.acquire_many_async(2))?;
    /// assert_eq!(seats.available(), 1);
    /// # drop(two);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    pub fn acquire_many_async(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<Permit<'_>, AcquireError>> + Send + Unpin + fmt::Debug {
        Acquiring {
            semaphore: self,
            count,
            ticket: None,
        }
    }

    /// Takes `count` permits if all can be had at once.
    ///
    /// # Errors
    ///
    /// As [`acquire_many`](Self::acquire_many), and [`NotNow`](AcquireError::NotNow).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{AcquireError, Semaphore};
    ///
    /// let seats = Semaphore::new(3);
    /// let _two = seats.try_acquire_many(2)?;
    /// assert_eq!(seats.try_acquire_many(2).unwrap_err(), AcquireError::NotNow);
    /// # Ok::<_, AcquireError>(())
    /// ```
    #[inline]
    pub fn try_acquire_many(&self, count: usize) -> Result<Permit<'_>, AcquireError> {
        self.check(count)?;
        self.line.try_take(count)?;
        Ok(Permit::new(self, count))
    }

    #[inline]
    fn acquire_by(&self, count: usize, deadline: Deadline) -> Result<Permit<'_>, AcquireError> {
        self.check(count)?;
        self.line.take(count, deadline)?;
        Ok(Permit::new(self, count))
    }

    #[inline]
    fn check(&self, asked: usize) -> Result<(), AcquireError> {
        let max = self.max;
        if asked == 0 || asked > max {
            return Err(AcquireError::Impossible { asked, max });
        }
        Ok(())
    }
}

/// A wait for permits, as a future.
#[must_use = "futures do nothing unless polled"]
struct Acquiring<'a> {
    semaphore: &'a Semaphore,
    count: usize,
    ticket: Option<Ticket>,
}

impl<'a> Future for Acquiring<'a> {
    type Output = Result<Permit<'a>, AcquireError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (semaphore, count) = (this.semaphore, this.count);
        semaphore.check(count)?;
        let polled = semaphore.line.poll_take(count, &mut this.ticket, context);
        polled.map_ok(|()| Permit::new(semaphore, count))
    }
}

impl Drop for Acquiring<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.semaphore.line.leave(self.count, ticket);
        }
    }
}

impl fmt::Debug for Acquiring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring")
            .field("count", &self.count)
            .field("is_in_line", &self.ticket.is_some())
            .finish()
    }
}
