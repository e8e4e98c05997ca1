//! The program that stands still for ever with Python's concurrent.futures,
//! finishing here: tasks that wait for tasks of their own pool, deeper than the pool
//! has threads.
//!
//! ```python
//! pool = ThreadPoolExecutor(max_workers=1)
//! def size(folder):
//!     parts = [pool.submit(size, f) for f in folder.iterdir() if f.is_dir()]
//!     return sum(p.result() for p in parts) + ...     # waits for its own thread
//! pool.submit(size, Path(".")).result()               # never returns
//! ```
//!
//! A worker that waits runs the task itself if nobody has started it, else another
//! thread steps in. It never runs anything but what it waits for, so the lock that
//! the second part holds across its wait is safe as well.
//!
//! ```sh
//! cargo run --release --example nested_wait -- FOLDER
//! ```

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use raddle::ThreadPool;
use raddle::sync::Mutex;

/// The bytes of all files in a folder and below, one task for each folder.
fn size(pool: &Arc<ThreadPool>, folder: PathBuf) -> io::Result<u64> {
    let mut bytes = 0;
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let inner = Arc::clone(pool);
            parts.push(pool.submit(move || size(&inner, entry.path())));
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    for part in parts {
        // A wait inside a task, for a task of the same pool.
        bytes += part.result().map_err(io::Error::other)??;
    }
    Ok(bytes)
}

fn main() -> ExitCode {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = std::env::args_os().nth(1).map_or_else(own, PathBuf::from);
    // One thread, which every task above needs.
    let pool = match ThreadPool::new(1) {
        Ok(pool) => Arc::new(pool),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };

    let (inner, root) = (Arc::clone(&pool), folder.clone());
    match pool.submit(move || size(&inner, root)).result() {
        Ok(Ok(bytes)) => println!("{}: {bytes} bytes", folder.display()),
        Ok(Err(error)) => {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }

    // A lock that is held across a wait. Where waiters run whatever they find, the
    // next task runs on top of this one, and wants the lock that this one holds.
    let total = Arc::new(Mutex::new(0));
    let tasks = pool.submit_many((0..100_u64).map(|n| {
        let (inner, total) = (Arc::clone(&pool), Arc::clone(&total));
        move || {
            let mut total = total.lock();
            let square = inner.submit(move || n * n);
            *total += square.result().expect("a square");
        }
    }));
    for task in tasks {
        task.wait();
    }
    println!(
        "100 squares, added under a lock held across each wait: {}",
        total.lock()
    );
    ExitCode::SUCCESS
}
