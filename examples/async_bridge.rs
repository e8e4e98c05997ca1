//! Futures that tie two pools together: `cargo run --example async_bridge [FOLDER]`.
//!
//! One future for each file of a folder (`src`, unless another is named):
//!
//! 1. It takes a permit, so that at most eight files are open or in memory.
//! 2. It awaits the pool for blocking work, which reads the file.
//! 3. It awaits the pool for computing, which sums the file up.
//! 4. It puts what it found into a queue, and waits there while that is full.
//!
//! A future that waits is no thread: two workers drive all of them. The same is done
//! once more, one file after the other, and compared.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use raddle::sync::{Queue, Semaphore};
use raddle::{TaskError, ThreadPool};

const AT_ONCE: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "src".into());
    let mut files = Vec::new();
    list(Path::new(&folder), &mut files)?;

    let disk = Arc::new(ThreadPool::for_blocking(AT_ONCE)?);
    let cpu = Arc::new(ThreadPool::new(2)?);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let found = Queue::bounded(AT_ONCE);

    let handles: Vec<_> = (files.iter().cloned())
        .map(|file| {
            let (disk, crunch, permits, found) =
                (disk.clone(), cpu.clone(), permits.clone(), found.clone());
            cpu.spawn_async(async move {
                let _permit = permits.acquire_async().await;
                let path = file.clone();
                // The inner `Result` is `fs::read`'s, the outer one the task's.
                let bytes = disk.submit(move || fs::read(path)).await?;
                let sum = match bytes {
                    Ok(bytes) => Some(crunch.submit(move || adler(&bytes)).await?),
                    Err(error) => {
                        eprintln!("{}: {error}", file.display());
                        None
                    }
                };
                let _ = found.push_async((file, sum)).await;
                Ok::<_, TaskError>(())
            })
        })
        .collect();

    // This thread is the only reader, and blocks where the futures wait.
    let mut sums: Vec<_> = found.iter().take(handles.len()).collect();
    for handle in handles {
        handle.flat_result()?;
    }
    sums.sort();
    for (file, sum) in &sums {
        match sum {
            Some(sum) => println!("{sum:08x}  {}", file.display()),
            None => println!("unreadable  {}", file.display()),
        }
    }

    files.sort();
    let again = files.into_iter().map(|file| {
        let sum = fs::read(&file).ok().map(|bytes| adler(&bytes));
        (file, sum)
    });
    assert!(again.eq(sums), "the same, one after the other");
    Ok(())
}

/// Files below `folder`.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => list(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// Adler's checksum, as zlib has it.
fn adler(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (mut low, mut high) = (1, 0);
    for byte in bytes {
        low = (low + u32::from(*byte)) % PRIME;
        high = (high + low) % PRIME;
    }
    high << 16 | low
}
