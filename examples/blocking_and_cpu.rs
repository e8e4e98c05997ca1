//! Waiting and computing on one pool: `cargo run --example blocking_and_cpu [FILE..]`.
//! Prints a checksum of each file, or of this crate's sources. Watch three things:
//!
//! 1. *`blocking` around the read.* While a disk, or a network behind it, takes its
//!    time, a spare thread computes in the place of the one that waits: there are as
//!    many at work as the pool has workers, whatever the others wait for.
//! 2. *`submit_blocking` for what waits all day.* The printer sits on a std channel
//!    until the last line has come. It takes no worker's place, so two workers are two.
//! 3. *No second pool.* Errors come back through the handles, per file.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use raddle::{ThreadPool, as_completed, blocking, task};

/// CRC-32, as `cksum`'s relatives know it: the part that needs a CPU.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

/// All files below `folder`.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(checksum(b"123456789"), 0xcbf4_3926, "the known value");
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        files_below(&sources, &mut files)?;
        files.sort();
    }

    let pool = ThreadPool::new(2)?;
    let (lines, to_print) = mpsc::channel::<String>();
    let printer = pool.submit_blocking(move || {
        let mut printed = 0;
        for line in to_print {
            println!("{line}");
            printed += 1;
        }
        printed
    });

    let tasks = files.into_iter().map(|path| {
        let lines = lines.clone();
        let read = path.clone();
        let work = task(move || -> Result<usize, std::io::Error> {
            let bytes = blocking(|| fs::read(&read))?;
            let sum = checksum(&bytes);
            let line = format!("{sum:08x} {:9} {}", bytes.len(), read.display());
            // The printer is there as long as somebody may send.
            let _ = lines.send(line);
            Ok(bytes.len())
        });
        (path, pool.submit(work))
    });
    let tasks: Vec<_> = tasks.collect();
    drop(lines);

    let (mut count, mut bytes, mut failed) = (0, 0, 0);
    for (path, outcome) in as_completed(tasks) {
        match outcome? {
            Ok(length) => {
                count += 1;
                bytes += length;
            }
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    assert_eq!(printer.result()?, count, "each line is printed");
    let stats = pool.stats();
    println!(
        "{count} files, {bytes} bytes, {failed} not read; {} workers, {} threads at the end",
        stats.workers, stats.threads
    );
    if failed > 0 {
        return Err(format!("{failed} files could not be read").into());
    }
    Ok(())
}
