//! A parallel merge sort: lines of files, or of this crate's own sources, as
//! `sort -u` would print them.
//!
//! ```sh
//! cargo run --release --example parallel_sort -- FILE...
//! ```
//!
//! Each half is sorted on its own, perhaps by another thread, and the two are merged
//! by splitting the longer one in its middle: both steps are joins that borrow from
//! one buffer. Below a thousand lines a plain sort is faster.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use raddle::ThreadPool;

/// So many items are sorted, and merged, in one go.
const ALONE: usize = 1024;

/// Sorts `items`, with `buffer` as room; stable.
fn sort<T: Copy + Ord + Send + Sync>(items: &mut [T], buffer: &mut [T]) {
    if items.len() <= ALONE {
        return items.sort();
    }
    let middle = items.len() / 2;
    {
        let (left, right) = items.split_at_mut(middle);
        let (left_room, right_room) = buffer.split_at_mut(middle);
        raddle::join(|| sort(left, left_room), || sort(right, right_room));
    }
    let (left, right) = items.split_at(middle);
    merge(left, right, buffer);
    items.copy_from_slice(buffer);
}

/// Merges two sorted slices into `to`; of equals those of `left` come first.
fn merge<T: Copy + Ord + Send + Sync>(left: &[T], right: &[T], to: &mut [T]) {
    if left.len() + right.len() <= ALONE {
        let (mut l, mut r) = (left, right);
        for place in to {
            let from_left = match (l.first(), r.first()) {
                (Some(a), Some(b)) => a <= b,
                (a, _) => a.is_some(),
            };
            let from = if from_left { &mut l } else { &mut r };
            let (first, rest) = from.split_first().expect("as many places as items");
            *place = *first;
            *from = rest;
        }
        return;
    }
    // What comes before the middle of the longer one goes to the left half.
    let (l, r) = if left.len() >= right.len() {
        let l = left.len() / 2;
        (l, right.partition_point(|item| *item < left[l]))
    } else {
        let r = right.len() / 2;
        (left.partition_point(|item| *item <= right[r]), r)
    };
    let (first, second) = to.split_at_mut(l + r);
    raddle::join(
        || merge(&left[..l], &right[..r], first),
        || merge(&left[l..], &right[r..], second),
    );
}

/// The files of a folder whose name ends in `.rs`, and in its folders.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        if let Err(error) = sources(&own, &mut files) {
            eprintln!("{}: {error}", own.display());
            return ExitCode::FAILURE;
        }
    }
    let pool = ThreadPool::global();
    let texts = pool.par_map(&files, |file| std::fs::read_to_string(file));
    let mut lines: Vec<&str> = Vec::new();
    for (file, text) in files.iter().zip(&texts) {
        match text {
            Ok(text) => lines.extend(text.lines()),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }

    let mut by_std = lines.clone();
    let start = Instant::now();
    by_std.sort();
    let alone = start.elapsed();

    let mut buffer = lines.clone();
    let start = Instant::now();
    sort(&mut lines, &mut buffer);
    let shared = start.elapsed();
    assert!(lines == by_std, "both sorts are stable");

    lines.dedup();
    println!(
        "{} files, {} lines, {} different",
        files.len(),
        by_std.len(),
        lines.len()
    );
    println!(
        "std's sort {alone:.1?}, this one {shared:.1?} on {} workers",
        pool.width()
    );
    ExitCode::SUCCESS
}
