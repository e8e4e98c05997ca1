//! What most programs use: `use raddle::prelude::*`.
//!
//! No locks and queues: they would clash with those of std.
//!
//! # Examples
//!
//! ```
//! use raddle::prelude::*;
//!
//! let pool = ThreadPool::new(2)?;
//! let handle: Handle<u32> = pool.submit(task(|| 6 * 7).named("answer"));
//! assert_eq!(handle.result().unwrap(), 42);
//! # Ok::<_, raddle::StartError>(())
//! ```

pub use crate::task::{CancellationToken, Handle, Task, TaskGroup, When, as_completed, task, wait};
pub use crate::{TaskError, ThreadPool, block_on};
