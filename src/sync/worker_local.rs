//! One value for each worker, and for each other thread that comes by.
//!
//! A key says whose value it is: pool and index for a worker, the number of the
//! thread for everybody else. Values lie in boxes, so that they stay where they
//! are while the table grows; the table is locked to find a box, and never while
//! user code runs.
//!
//! 1. Under one key only one thread works at a time: a pool gives an index to
//!    one thread, and to the next when that has run its exit hook and is no
//!    worker any more; numbers of threads are not used again.
//! 2. So whoever finds a box under its key is alone with it, and needs no lock.
//!    A task that runs on top of another in the same thread shares it, which is
//!    why there is `&T` only.
//! 3. Boxes leave the table only through `&mut self` or `self`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use crate::primitive::{RwLock, block, thread};

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Worker { pool: u32, index: usize },
    Thread(u64),
}

impl Owner {
    fn here() -> Self {
        block::current(|hook| match hook {
            Some(hook) => Self::Worker {
                pool: hook.pool(),
                index: hook.worker(),
            },
            None => Self::Thread(thread::number()),
        })
    }
}

/// One value for each worker: a counter or a buffer that needs no lock, and is
/// gathered at the end.
///
/// The first [`with`](Self::with) of a worker makes its value. A pool of `n`
/// workers makes at most as many as it has threads at a time, since one that
/// comes later takes on the value of one that has gone (`n`, if no task waits).
/// A thread that is no worker has a value of its own too. Values stay until they
/// are gathered or the whole is dropped, also when their thread has ended. A
/// worker has its value in both hooks of its pool
/// ([`on_worker_exit`](crate::ThreadPoolBuilder::on_worker_exit)); a destructor of a
/// `thread_local!`, which comes after them, finds the value of a thread that is none.
///
/// For a value that need not be gathered there is `thread_local!`; for one that
/// must change under `&T`, put a `Cell` or a `RefCell` inside.
///
/// # Memory ordering
///
/// Values are gathered with `&mut` or by value; whatever gave that, such as the
/// results of the tasks, orders.
///
/// # Waiting
///
/// `with` finds the value under a lock that is held for a few instructions;
/// nothing of yours runs under it. It costs a look into a table, so take one
/// `with` for a whole task and not one for each item. That wait is too short to
/// be told to the pool.
///
/// # Examples
///
/// ```
/// use raddle::ThreadPool;
/// use raddle::sync::WorkerLocal;
/// use std::cell::Cell;
/// use std::sync::Arc;
///
/// let pool = ThreadPool::new(2)?;
/// let counts = Arc::new(WorkerLocal::new(|| Cell::new(0)));
/// let tasks = pool.submit_many((0..100).map(|_| {
///     let counts = counts.clone();
///     move || counts.with(|count| count.set(count.get() + 1))
/// }));
/// for task in tasks {
///     task.result()?;
/// }
/// drop(pool);
/// let counts = Arc::into_inner(counts).expect("the tasks are done");
/// assert_eq!(counts.into_values().map(Cell::into_inner).sum::<i32>(), 100);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "local")]
#[doc(alias = "threading.local")]
#[doc(alias = "ThreadLocal")]
pub struct WorkerLocal<T, F = fn() -> T> {
    init: F,
    values: RwLock<HashMap<Owner, Box<T>>>,
}

// SAFETY: by (1) and (2) at the top each value is used by one thread at a time,
// which may be another later: it must be `Send`. `init` is called by all.
unsafe impl<T: Send, F: Sync> Sync for WorkerLocal<T, F> {}

impl<T, F: Fn() -> T> WorkerLocal<T, F> {
    /// Makes an empty one; `init` makes each worker's value at its first use.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffers = raddle::sync::WorkerLocal::new(|| Vec::<u8>::with_capacity(4096));
    /// # assert_eq!(buffers.with(|buffer| buffer.capacity()), 4096);
    /// ```
    pub fn new(init: F) -> Self {
        Self {
            init,
            values: RwLock::undecided(HashMap::new()),
        }
    }

    /// Gives `f` the value of this thread; makes it if this is its first use.
    ///
    /// # Panics
    ///
    /// As `init` and `f` do. If `init` panics there is no value, and the next
    /// use makes one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// let visits = raddle::sync::WorkerLocal::new(|| Cell::new(0));
    /// visits.with(|visits| visits.set(visits.get() + 1));
    /// assert_eq!(visits.with(Cell::get), 1);
    /// ```
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let owner = Owner::here();
        let found = (self.values.read().get(&owner)).map(|value| &raw const **value);
        let value = found.unwrap_or_else(|| {
            let made = Box::new((self.init)());
            let mut values = self.values.write();
            // `init` may have come here itself, on this very thread: then what
            // it made there stands, and `made` is dropped after the lock.
            let (value, _unused) = match values.entry(owner) {
                Entry::Occupied(there) => (&raw const **there.get(), Some(made)),
                Entry::Vacant(place) => (&raw const **place.insert(made), None),
            };
            drop(values);
            value
        });
        // SAFETY: by (2) this thread is alone with the value, and by (3) it
        // stays as long as `self` is shared.
        f(unsafe { &*value })
    }
}

impl<T, F> WorkerLocal<T, F> {
    /// All values, to be changed or read.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut all = raddle::sync::WorkerLocal::new(|| 1);
    /// all.with(|one| assert_eq!(*one, 1));
    /// all.iter_mut().for_each(|value| *value = 2);
    /// assert_eq!(all.into_values().collect::<Vec<_>>(), [2]);
    /// ```
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.get_mut().values_mut().map(|value| &mut **value)
    }

    /// All values, in no particular order.
    ///
    /// # Examples
    ///
    /// See [`WorkerLocal`].
    pub fn into_values(self) -> impl Iterator<Item = T> {
        self.values.into_inner().into_values().map(|value| *value)
    }

    /// Takes all values out; the next uses make new ones.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut all = raddle::sync::WorkerLocal::new(|| 1);
    /// all.with(|_| ());
    /// assert_eq!(all.take_values().count(), 1);
    /// assert_eq!(all.take_values().count(), 0);
    /// ```
    pub fn take_values(&mut self) -> impl Iterator<Item = T> + use<T, F> {
        let values = std::mem::take(self.values.get_mut());
        values.into_values().map(|value| *value)
    }
}

impl<T: Default> Default for WorkerLocal<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

/// Shows no values: they belong to other threads.
impl<T, F> fmt::Debug for WorkerLocal<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WorkerLocal { .. }")
    }
}
