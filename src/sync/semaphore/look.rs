//! What is to be seen of a semaphore, from outside.

use std::fmt;

use super::Semaphore;

impl Semaphore {
    /// Whether it is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(1);
    /// seats.close();
    /// assert!(seats.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.line.is_closed()
    }

    /// How many permits are free at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(3);
    /// let _seat = seats.acquire()?;
    /// assert_eq!(seats.available(), 2);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[doc(alias("available_permits", "availablePermits"))]
    #[must_use]
    pub fn available(&self) -> usize {
        self.line.free()
    }

    /// How many stand in line at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Semaphore::new(1).waiting(), 0);
    /// ```
    #[doc(alias("getQueueLength"))]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    /// How many permits there may be: free, held and forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// assert_eq!(Semaphore::new(2).max(), 2);
    /// assert_eq!(Semaphore::new(2).up_to(5).max(), 5);
    /// ```
    #[must_use]
    pub const fn max(&self) -> usize {
        self.max
    }

    /// Whether it serves strictly in the order of coming.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// assert!(Semaphore::fair(1).is_fair());
    /// assert!(!Semaphore::new(1).is_fair());
    /// ```
    #[doc(alias("isFair"))]
    #[must_use]
    pub const fn is_fair(&self) -> bool {
        self.line.is_strict()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("max", &self.max)
            .field("is_fair", &self.is_fair())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
