//! A task's panic, kept until somebody asks for it.
//!
//! The message is copied out of the payload at once, so that reading it needs
//! no lock. The payload itself is `Send` but not `Sync`; it lies in a mutex
//! that nobody ever locks: only an owner (`&mut` or by value) reaches it.
//!
//! 1. The payload is there until `into_payload` or `resume` takes it.
//! 2. Dropping a [`Panic`] drops the payload and contains what that does.

use std::any::Any;
use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::fmt;
use std::panic::{Location, resume_unwind};

use crate::primitive::{Mutex, drop_contained};

/// A task's panic: its message and payload, and where the task came from.
///
/// The place of the panic and its backtrace are recorded by a panic hook, and
/// so are not always known.
///
/// # Examples
///
/// ```
/// use raddle::TaskError;
///
/// /// Passes a task's panic on to the caller.
/// fn or_panic<T>(result: Result<T, TaskError>) -> Result<T, TaskError> {
///     match result {
///         Err(TaskError::Panicked(panic)) => {
///             eprintln!("{} (submitted at {})", panic.message(), panic.submitted_at());
///             panic.resume()
///         }
///         other => other,
///     }
/// }
/// assert_eq!(or_panic(Ok(1)).unwrap(), 1);
/// ```
pub struct Panic {
    message: Cow<'static, str>,
    payload: Payload,
    note: PanicNote,
    submitted_at: &'static Location<'static>,
    name: Option<String>,
    attempt: u32,
}

/// What the panic hook saw.
#[derive(Debug, Default)]
pub(crate) struct PanicNote {
    /// `file:line:column`.
    pub(crate) location: Option<String>,
    pub(crate) backtrace: Option<Backtrace>,
}

/// What was thrown. Its destructor may panic; this one does not.
struct Payload(Mutex<Option<Box<dyn Any + Send>>>);

impl Payload {
    fn take(&mut self) -> Option<Box<dyn Any + Send>> {
        self.0.get_mut().take()
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        drop_contained(self.take());
    }
}

impl Panic {
    pub(crate) fn new(
        payload: Box<dyn Any + Send>,
        note: PanicNote,
        submitted_at: &'static Location<'static>,
        name: Option<String>,
        attempt: u32,
    ) -> Self {
        Self {
            message: message_of(&*payload),
            payload: Payload(Mutex::new(Some(payload))),
            note,
            submitted_at,
            name,
            attempt,
        }
    }

    /// What the task said, as given to `panic!`.
    ///
    /// A payload of `panic_any` that is no string says "a panic payload that
    /// is no text"; [`into_payload`](Self::into_payload) has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError};
    ///
    /// let outcome = Inline.submit(|| assert!(1 > 2, "no luck")).result();
    /// match outcome {
    ///     Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "no luck"),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the task panicked, as `file:line:column`.
    ///
    /// `None` when the panic hook did not see it: it was turned off, replaced
    /// by the program, or the panic was thrown by `resume_unwind`. It is
    /// installed with the first pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// if let Err(TaskError::Panicked(panic)) = pool.submit(|| panic!("no luck")).result() {
    ///     let place = panic.location().unwrap_or("an unknown place");
    ///     println!("{} at {place}", panic.message());
    /// #   assert!(place.contains(".rs:"), "{place}");
    /// }
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn location(&self) -> Option<&str> {
        self.note.location.as_deref()
    }

    /// The stack at the time of the panic.
    ///
    /// `None` under the conditions of [`location`](Self::location), and when
    /// `RUST_BACKTRACE` does not ask for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskError, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// if let Err(TaskError::Panicked(panic)) = pool.submit(|| panic!("no luck")).result() {
    ///     match panic.backtrace() {
    ///         Some(stack) => eprintln!("{panic}\n{stack}"),
    ///         None => eprintln!("{panic} (set RUST_BACKTRACE=1 for its stack)"),
    ///     }
    /// }
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.note.backtrace.as_ref()
    }

    /// Where the task was submitted.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError};
    ///
    /// let outcome = Inline.submit(|| panic!("no luck")).result();
    /// if let Err(TaskError::Panicked(panic)) = outcome {
    ///     let site = panic.submitted_at();
    ///     assert_eq!((site.file(), site.line()), (file!(), line!() - 3));
    /// }
    /// ```
    pub fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }

    /// The name that the task was given.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError, task};
    ///
    /// let outcome = Inline.submit(task(|| panic!("no luck")).named("resize")).result();
    /// if let Err(TaskError::Panicked(panic)) = outcome {
    ///     assert_eq!(panic.name(), Some("resize"));
    /// }
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Which attempt panicked; the first is 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError};
    ///
    /// if let Err(TaskError::Panicked(panic)) = Inline.submit(|| panic!("no luck")).result() {
    ///     assert_eq!(panic.attempt(), 1);
    /// }
    /// ```
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What the task threw.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError};
    /// use std::panic::panic_any;
    ///
    /// if let Err(TaskError::Panicked(panic)) = Inline.submit(|| panic_any(404)).result() {
    ///     assert_eq!(panic.into_payload().downcast_ref(), Some(&404));
    /// }
    /// ```
    pub fn into_payload(mut self) -> Box<dyn Any + Send> {
        // By (1) it is there; an empty one would be as good as a lost one.
        self.payload.take().unwrap_or_else(|| Box::new(()))
    }

    /// Goes on with the task's panic in this thread.
    ///
    /// # Panics
    ///
    /// Always, with the task's payload. The panic hook is not called again.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use raddle::{Inline, TaskError};
    ///
    /// match Inline.submit(|| -> u32 { panic!("no luck") }).result() {
    ///     Ok(value) => println!("{value}"),
    ///     Err(TaskError::Panicked(panic)) => panic.resume(),
    ///     Err(other) => eprintln!("{other}"),
    /// }
    /// ```
    pub fn resume(self) -> ! {
        resume_unwind(self.into_payload())
    }
}

fn message_of(payload: &(dyn Any + Send)) -> Cow<'static, str> {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        Cow::Borrowed(text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Cow::Owned(text.clone())
    } else if let Some(text) = payload.downcast_ref::<Cow<'static, str>>() {
        text.clone()
    } else if let Some(text) = payload.downcast_ref::<Box<str>>() {
        Cow::Owned(text.to_string())
    } else if let Some(inner) = payload.downcast_ref::<Box<dyn Any + Send>>() {
        // A payload that was caught and thrown again with `panic_any`.
        message_of(&**inner)
    } else {
        Cow::Borrowed("a panic payload that is no text")
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message)
            .field("location", &self.note.location)
            .field("submitted_at", &self.submitted_at)
            .field("name", &self.name)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    /// One line; `{:#}` adds the whole message, the sites and the backtrace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?} panicked: ")?,
            None => f.write_str("the task panicked: ")?,
        }
        if !f.alternate() {
            let mut lines = self.message.lines();
            f.write_str(lines.next().unwrap_or_default())?;
            return f.write_str(if lines.next().is_some() { " […]" } else { "" });
        }
        f.write_str(&self.message)?;
        write!(f, "\n  submitted at {}", self.submitted_at)?;
        if self.attempt > 1 {
            write!(f, ", attempt {}", self.attempt)?;
        }
        if let Some(location) = &self.note.location {
            write!(f, "\n  panicked at {location}")?;
        }
        match &self.note.backtrace {
            Some(stack) => write!(f, "\n  stack:\n{stack}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Panic {}
