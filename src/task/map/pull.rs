//! The engine of a map: fills the window, and empties it.
//!
//! `alive` counts the items that were pulled and not yet yielded:
//!
//! ```text
//!   pull: +1 ──► chunk ──► window ──► current ──► yield: -1
//! ```
//!
//! `window` holds the tasks, `current` what is left of the chunk that is being
//! yielded. A chunk is pulled when there is room for all of it, so `alive`
//! never exceeds the buffer.

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};
use std::vec;

use super::super::extras::Options;
use super::super::{AsCompleted, Handle};
use super::{Input, Output, Run};
use crate::error::TaskError;
use crate::primitive::{Each, catch_unwind, drop_contained, drop_each, mutant};
use crate::wait::deadline::Deadline;

/// A chunk starts with room for at most so many items.
const CAPACITY_MAX: usize = 1024;

pub(super) struct Settings {
    pub(super) buffer: Option<usize>,
    pub(super) chunk: usize,
    pub(super) unordered: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Instant>,
}

/// The state of a [`Map`](super::Map), whose items go with keys of type `K`.
pub(super) struct Pull<'p, I: Iterator, R, K> {
    items: Option<I>,
    run: Box<dyn Run<I::Item, R> + 'p>,
    split: fn(I::Item) -> (K, I::Item),
    width: usize,
    settings: Settings,
    /// The first item was asked for.
    has_started: bool,
    window: Window<K, R>,
    current: Option<Current<K, R>>,
    alive: usize,
}

/// The tasks that were submitted. Dropping it cancels them.
enum Window<K, R> {
    Ordered(VecDeque<(Keys<K>, Handle<Output<R>>)>),
    Unordered(AsCompleted<Keys<K>, Output<R>>),
}

enum Keys<K> {
    One(K),
    Many(Each<K>),
}

/// A chunk that is being yielded.
struct Current<K, R> {
    keys: vec::IntoIter<K>,
    results: vec::IntoIter<Result<R, TaskError>>,
    /// For those without a result of their own: why the whole chunk has none.
    error: Option<TaskError>,
}

/// A task that has ended, with the keys of its items.
type Ended<K, R> = (Keys<K>, Result<Output<R>, TaskError>);

impl<'p, I: Iterator, R, K> Pull<'p, I, R, K> {
    pub(super) fn new(
        items: I,
        run: Box<dyn Run<I::Item, R> + 'p>,
        width: usize,
        split: fn(I::Item) -> (K, I::Item),
    ) -> Self {
        Self {
            items: Some(items),
            run,
            split,
            width: width.max(1),
            settings: Settings {
                buffer: None,
                chunk: 1,
                unordered: false,
                timeout: None,
                deadline: None,
            },
            has_started: false,
            window: Window::default(),
            current: None,
            alive: 0,
        }
    }

    fn check_fresh(&self) {
        assert!(!self.has_started, "a map is set up before it is advanced");
    }

    pub(super) fn settings(&mut self) -> &mut Settings {
        self.check_fresh();
        &mut self.settings
    }

    pub(super) fn with_keys<L>(self, split: fn(I::Item) -> (L, I::Item)) -> Pull<'p, I, R, L> {
        self.check_fresh();
        Pull {
            items: self.items,
            run: self.run,
            split,
            width: self.width,
            settings: self.settings,
            has_started: false,
            window: Window::default(),
            current: None,
            alive: 0,
        }
    }

    pub(super) fn next(&mut self) -> Option<(K, Result<R, TaskError>)> {
        if !self.has_started {
            self.start();
        }
        loop {
            if let Some(current) = &mut self.current {
                if let Some(item) = current.next() {
                    self.alive -= 1;
                    return Some(item);
                }
                self.current = None;
            }
            self.fill();
            let (keys, result) = self.next_task()?;
            let (keys, results, error) = match (keys, result) {
                (Keys::One(key), Ok(Output::One(value))) => {
                    self.alive -= 1;
                    return Some((key, Ok(value)));
                }
                (Keys::One(key), Err(error)) => {
                    self.alive -= 1;
                    return Some((key, Err(error)));
                }
                (Keys::One(key), Ok(Output::Many(results))) => (vec![key], results.take(), None),
                (Keys::Many(keys), Ok(Output::Many(results))) => {
                    (keys.take(), results.take(), None)
                }
                (Keys::Many(keys), Ok(Output::One(value))) => (keys.take(), vec![Ok(value)], None),
                (Keys::Many(keys), Err(error)) => (keys.take(), Vec::new(), Some(error)),
            };
            self.current = Some(Current {
                keys: keys.into_iter(),
                results: results.into_iter(),
                error,
            });
        }
    }

    fn start(&mut self) {
        self.has_started = true;
        if self.settings.unordered {
            self.window = Window::Unordered(AsCompleted::new());
        }
    }

    fn buffer(&self) -> usize {
        let by_default = || (2 * self.width).saturating_mul(self.settings.chunk);
        self.settings.buffer.unwrap_or_else(by_default)
    }

    /// Pulls and submits as much as there is room for.
    fn fill(&mut self) {
        let chunk = self.settings.chunk.min(self.buffer());
        let deadline = self.settings.deadline.map_or(Deadline::NEVER, Deadline::at);
        while self.items.is_some()
            && (mutant("map-overfills") || self.buffer() - self.alive >= chunk)
        {
            if deadline.has_passed() {
                self.items = None;
                return;
            }
            let (keys, input) = if chunk == 1 {
                let Some(item) = self.pull() else { return };
                let (key, item) = (self.split)(item);
                (Keys::One(key), Input::One(item))
            } else {
                // A chunk may be larger than all that there is.
                let expected = self.items.as_ref().map_or(0, |items| items.size_hint().0);
                let capacity = expected.min(chunk).min(CAPACITY_MAX);
                let mut keys = Each::with_capacity(capacity);
                let mut items = Each::with_capacity(capacity);
                while items.len() < chunk
                    && let Some(item) = self.pull()
                {
                    let (key, item) = (self.split)(item);
                    keys.push(key);
                    items.push(item);
                }
                if items.len() == 0 {
                    return;
                }
                (Keys::Many(keys), Input::Many(items))
            };
            let count = match &input {
                Input::One(_) => 1,
                Input::Many(items) => items.len(),
            };
            let handle = self.run.run(input, self.options(count));
            self.alive += count;
            match &mut self.window {
                Window::Ordered(window) => window.push_back((keys, handle)),
                Window::Unordered(window) => window.add(keys, handle),
            }
        }
    }

    /// The next item of the input. If it panics, so does this, and the map is
    /// at its end.
    fn pull(&mut self) -> Option<I::Item> {
        let items = self.items.as_mut()?;
        match catch_unwind(|| items.next()) {
            Ok(Some(item)) => Some(item),
            Ok(None) => {
                self.items = None;
                None
            }
            Err(payload) => {
                self.window = Window::default();
                self.current = None;
                self.alive = 0;
                drop_contained(self.items.take());
                resume_unwind(payload)
            }
        }
    }

    fn options(&self, count: usize) -> Option<Options> {
        let Settings {
            timeout, deadline, ..
        } = self.settings;
        if timeout.is_none() && deadline.is_none() {
            return None;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Some(Options {
            timeout: timeout.map(|limit| limit.saturating_mul(count)),
            deadline,
            ..Options::default()
        })
    }

    /// The next task that has ended, or that counts as ended because the
    /// deadline has passed.
    fn next_task(&mut self) -> Option<Ended<K, R>> {
        let deadline = self.settings.deadline.map_or(Deadline::NEVER, Deadline::at);
        let overdue = match &mut self.window {
            Window::Ordered(window) => {
                let (keys, handle) = if mutant("map-newest-first") {
                    window.pop_back()?
                } else {
                    window.pop_front()?
                };
                match deadline.instant() {
                    None => return Some((keys, handle.result())),
                    Some(at) => match handle.result_deadline(at) {
                        Ok(result) => return Some((keys, result)),
                        Err(handle) => (keys, handle),
                    },
                }
            }
            Window::Unordered(window) => match window.next_until(deadline) {
                Ok(next) => return next,
                Err(_) => {
                    // What has not ended now never will, for the map.
                    self.items = None;
                    let mut rest: VecDeque<_> = window.drain().collect();
                    let first = rest.pop_front();
                    self.window = Window::Ordered(rest);
                    first?
                }
            },
        };
        self.items = None;
        let (keys, handle) = overdue;
        if handle.is_finished() {
            return Some((keys, handle.result()));
        }
        handle.cancel();
        Some((keys, Err(handle.task().header().given_up())))
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.items.as_ref().map_or((0, Some(0)), I::size_hint);
        let least = match self.settings.deadline {
            Some(_) => self.alive,
            None => self.alive.saturating_add(rest.0),
        };
        (least, rest.1.and_then(|most| most.checked_add(self.alive)))
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("alive", &self.alive)
            .field("buffer", &self.buffer())
            .finish_non_exhaustive()
    }
}

impl<I: ExactSizeIterator, R, K> Pull<'_, I, R, K> {
    pub(super) fn len(&self) -> usize {
        self.alive + self.items.as_ref().map_or(0, I::len)
    }
}

impl<K, R> Window<K, R> {
    fn cancel(&self) {
        match self {
            Self::Ordered(window) => {
                for (_, handle) in window {
                    handle.cancel();
                }
            }
            Self::Unordered(window) => window.cancel(),
        }
    }
}

impl<K, R> Default for Window<K, R> {
    fn default() -> Self {
        Self::Ordered(VecDeque::new())
    }
}

impl<K, R> Drop for Window<K, R> {
    fn drop(&mut self) {
        self.cancel();
        if let Self::Ordered(window) = self {
            drop_each(window.drain(..));
        }
    }
}

/// Keys and results are the user's, and each may panic.
impl<K, R> Drop for Current<K, R> {
    fn drop(&mut self) {
        drop_each(self.keys.by_ref());
        drop_each(self.results.by_ref());
    }
}

impl<K, R> Current<K, R> {
    fn next(&mut self) -> Option<(K, Result<R, TaskError>)> {
        let key = self.keys.next()?;
        let result = self.results.next().unwrap_or_else(|| {
            let next = match &self.error {
                Some(TaskError::TimedOut(late)) => TaskError::TimedOut(late.clone()),
                Some(TaskError::Refused(why)) => TaskError::Refused(*why),
                _ => TaskError::Cancelled,
            };
            Err(self.error.replace(next).unwrap_or(TaskError::Cancelled))
        });
        Some((key, result))
    }
}
