//! How a group ends: with all values, with the first, or with every outcome.
//!
//! Each way has two drivers, one that blocks and one that is awaited; both keep
//! outcomes by index until the last has come. The tasks know the group's
//! deadline themselves, so the awaited drivers need no clock.

use super::{Outcome, TaskGroup};
use crate::error::{GroupError, TaskError};
use crate::primitive::drop_each;

impl<P, T> TaskGroup<'_, P, T> {
    /// Waits for all tasks and returns their values in the order of submission;
    /// the first error cancels the rest.
    ///
    /// Blocks until every task has ended, or until the group's deadline. One
    /// that is asked to stop runs on until it looks at its token. No tasks at
    /// all is an empty vector, at once.
    ///
    /// # Errors
    ///
    /// The errors in the order of submission. Tasks that were cancelled are
    /// among them only if there is no other error.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// group.submit(|| panic!("no luck"));
    /// let failed = group.all().unwrap_err();
    /// assert!(failed.first().is_panicked());
    /// ```
    #[doc(alias = "gather")]
    pub fn all(mut self) -> Result<Vec<T>, GroupError> {
        self.look_for_errors();
        while let Some((index, outcome)) = self.next() {
            self.note(index, outcome, Result::is_err);
        }
        self.into_all()
    }

    /// As [`all`](Self::all), but to be awaited; dropped half way, it cancels.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup, block_on};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// group.submit(|| 2);
    /// block_on(async {
    ///     assert_eq!(group.all_async().await.unwrap(), [1, 2]);
    /// });
    /// ```
    pub async fn all_async(mut self) -> Result<Vec<T>, GroupError> {
        self.look_for_errors();
        while let Some((index, outcome)) = self.tasks.next_async().await {
            self.note(index, outcome, Result::is_err);
        }
        self.into_all()
    }

    /// Waits for the first task that succeeds, and cancels the others.
    ///
    /// Blocks; it does not wait for those that it asks to stop.
    ///
    /// # Errors
    ///
    /// All errors in the order of submission, if no task succeeds; one
    /// [`TaskError::Cancelled`], if there is no task.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut mirrors = TaskGroup::new(&Inline);
    /// mirrors.submit(|| panic!("down"));
    /// mirrors.submit(|| "hello");
    /// assert_eq!(mirrors.first().unwrap(), "hello");
    /// ```
    pub fn first(mut self) -> Result<T, GroupError> {
        let mut value = self.take_value();
        while value.is_none()
            && let Some((index, outcome)) = self.next()
        {
            value = self.keep_error(index, outcome);
        }
        self.into_first(value)
    }

    /// As [`first`](Self::first), but to be awaited; dropped half way, it
    /// cancels.
    ///
    /// # Errors
    ///
    /// As [`first`](Self::first).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup, block_on};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| panic!("no luck"));
    /// group.submit(|| 2);
    /// block_on(async {
    ///     assert_eq!(group.first_async().await.unwrap(), 2);
    /// });
    /// ```
    pub async fn first_async(mut self) -> Result<T, GroupError> {
        let mut value = self.take_value();
        while value.is_none()
            && let Some((index, outcome)) = self.tasks.next_async().await
        {
            value = self.keep_error(index, outcome);
        }
        self.into_first(value)
    }

    /// Waits for all tasks and returns their outcomes, in the order of
    /// submission.
    ///
    /// Blocks until every task has ended, or until the group's deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// group.submit(|| panic!("no luck"));
    /// let outcomes = group.settle();
    /// assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    /// ```
    pub fn settle(mut self) -> Vec<Result<T, TaskError>> {
        while let Some((index, outcome)) = self.next() {
            self.outcomes[index] = Some(outcome);
        }
        self.into_outcomes()
    }

    /// As [`settle`](Self::settle), but to be awaited; dropped half way, it
    /// cancels.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup, block_on};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| panic!("no luck"));
    /// group.submit(|| 2);
    /// block_on(async {
    ///     let outcomes = group.settle_async().await;
    ///     assert!(outcomes[0].is_err() && outcomes[1].is_ok());
    /// });
    /// ```
    pub async fn settle_async(mut self) -> Vec<Result<T, TaskError>> {
        while let Some((index, outcome)) = self.tasks.next_async().await {
            self.outcomes[index] = Some(outcome);
        }
        self.into_outcomes()
    }

    /// Keeps an outcome; cancels the rest if `is_decisive` says so.
    fn note(
        &mut self,
        index: usize,
        outcome: Outcome<T>,
        is_decisive: impl Fn(&Outcome<T>) -> bool,
    ) {
        if is_decisive(&outcome) && !self.token.is_cancelled() {
            self.cancel();
        }
        self.outcomes[index] = Some(outcome);
    }

    /// An error may have come while `submit` waited for room.
    fn look_for_errors(&self) {
        if self.outcomes.iter().flatten().any(Result::is_err) {
            self.cancel();
        }
    }

    /// A value may have come while `submit` waited for room.
    fn take_value(&mut self) -> Option<T> {
        let outcomes = self.outcomes.iter_mut();
        let mut values = outcomes.filter(|outcome| matches!(outcome, Some(Ok(_))));
        values.next().and_then(Option::take).and_then(Result::ok)
    }

    fn keep_error(&mut self, index: usize, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.outcomes[index] = Some(Err(error));
                None
            }
        }
    }

    fn into_outcomes(mut self) -> Vec<Outcome<T>> {
        let outcomes = std::mem::take(&mut self.outcomes);
        let outcomes = outcomes.into_iter();
        outcomes
            .map(|outcome| outcome.unwrap_or(Err(TaskError::Cancelled)))
            .collect()
    }

    fn into_all(self) -> Result<Vec<T>, GroupError> {
        let mut values = Vec::with_capacity(self.outcomes.len());
        let mut errors = Vec::new();
        for outcome in self.into_outcomes() {
            match outcome {
                Ok(value) => values.push(value),
                Err(error) => errors.push(error),
            }
        }
        if errors.iter().any(|error| !error.is_cancelled()) {
            errors.retain(|error| !error.is_cancelled());
        }
        match GroupError::new(errors) {
            None => Ok(values),
            Some(error) => {
                drop_each(values);
                Err(error)
            }
        }
    }

    fn into_first(mut self, value: Option<T>) -> Result<T, GroupError> {
        // A deadline settles what is left, a value among it perhaps.
        if let Some(value) = value.or_else(|| self.take_value()) {
            return Ok(value);
        }
        let outcomes = self.into_outcomes().into_iter();
        let errors: Vec<TaskError> = outcomes.filter_map(Result::err).collect();
        Err(GroupError::new(errors).unwrap_or_else(GroupError::of_nothing))
    }
}
