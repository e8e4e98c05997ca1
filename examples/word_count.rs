//! Count the words of every text file below a folder, on all CPUs, in bounded memory.
//!
//! ```sh
//! cargo run --release --example word_count -- DIR    # default: the current folder
//! ```
//!
//! Watch four things:
//!
//! 1. *Backpressure.* `map` is lazy: of all the pieces of work at most
//!    `IN_FLIGHT` are under way, however many there are.
//! 2. *Memory.* A task holds one piece of a file, `PIECE` bytes and a little, so
//!    the size of a file does not matter; the counts, one for each distinct
//!    word, are what grows. Workers count into tables that they take from a
//!    shelf, so there are no more tables than tasks that run at once.
//! 3. *Failures.* What cannot be read is named at the end, and stops nothing.
//! 4. *Agreement.* Each run counts twice, on the pool and on one thread, and
//!    compares everything. The second time the files are cut at other places,
//!    so that a word lost at a cut would show.
//!
//! A word is a longest run of alphanumeric characters, as Unicode has them, of
//! at most `WORD_MAX` bytes: what is longer is data. Bytes that are not UTF-8
//! separate words. A file with a NUL near its beginning is binary.
//!
//! Figures: docs/word_count.md.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use raddle::{TaskError, ThreadPool};

/// So many bytes of a file are one task.
const PIECE: u64 = 256 << 10;
/// So many pieces for each worker are submitted and not yet collected.
const IN_FLIGHT: usize = 64;
/// So many pieces are one task: most files are small.
const CHUNK: usize = 8;
/// A longer run is not a word.
const WORD_MAX: usize = 256;
/// A NUL among so many first bytes makes a file binary.
const HEAD: usize = 8 << 10;
/// The longest character of UTF-8.
const CHAR_MAX: usize = 4;

/// Part of a file: the words that begin in it are its own.
#[derive(Clone)]
struct Piece {
    path: Arc<Path>,
    start: u64,
    end: u64,
}

/// What a task works with, taken from the shelf and put back.
#[derive(Default)]
struct Table {
    words: HashMap<Box<[u8]>, u64>,
    buffer: Vec<u8>,
}

/// What is compared in the end.
#[derive(Default, PartialEq)]
struct Total {
    words: HashMap<Box<[u8]>, u64>,
    files: u64,
    bytes: u64,
    /// What could not be read, and why.
    unread: Vec<String>,
}

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    match run(Path::new(&folder)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("word_count: the pool and the single thread disagree (did a file change?)");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("word_count: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let mut unread = Vec::new();
    let files = files_below(folder, &mut unread)?;
    let pool = ThreadPool::global();

    // The pool goes first, so that files which are not yet in memory count
    // against it and not against the single thread.
    let started = Instant::now();
    let pooled = count_pooled(pool, &files)?;
    let pooled_time = started.elapsed();

    let started = Instant::now();
    let serial = count_serial(&files);
    let serial_time = started.elapsed();

    report(&pooled, &unread);
    let (workers, ratio) = (
        pool.width(),
        serial_time.as_secs_f64() / pooled_time.as_secs_f64(),
    );
    println!("{serial_time:.2?} on one thread, {pooled_time:.2?} on {workers}: {ratio:.2} x");
    Ok(pooled == serial)
}

/// Tables that nobody works with at the moment.
#[derive(Default)]
struct Shelf(Mutex<Vec<Table>>);

impl Shelf {
    fn take(&self) -> Table {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.pop().unwrap_or_default()
    }

    fn put_back(&self, table: Table) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.push(table);
    }
}

fn count_pooled(pool: &ThreadPool, files: &[(Arc<Path>, u64)]) -> Result<Total, TaskError> {
    let bar = ProgressBar::new(files.iter().map(|(_, length)| length).sum());
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    // WHY NOT return the counts of each piece: to merge thousands of small
    // tables on one thread takes as long as to count.
    let shelf = Arc::new(Shelf::default());
    let tables = Arc::clone(&shelf);
    let count = move |piece: Piece| {
        let mut table = tables.take();
        let result = table.count(&piece);
        tables.put_back(table);
        result
    };
    let mut total = Total::default();
    let map = pool.map(pieces(files, PIECE), count);
    for (piece, result) in map.chunk(CHUNK).buffer(IN_FLIGHT * pool.width()).keyed() {
        bar.inc(piece.end - piece.start);
        total.add(&piece, result?);
    }
    bar.finish_and_clear();
    let mut tables = shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
    tables.drain(..).for_each(|table| total.merge(table));
    Ok(total)
}

fn count_serial(files: &[(Arc<Path>, u64)]) -> Total {
    let (mut total, mut table) = (Total::default(), Table::default());
    // Other cuts than the pool's: see "Agreement" above.
    for piece in pieces(files, PIECE - 4097) {
        let result = table.count(&piece);
        total.add(&piece, result);
    }
    total.merge(table);
    total
}

fn pieces(files: &[(Arc<Path>, u64)], size: u64) -> impl Iterator<Item = Piece> {
    files.iter().flat_map(move |(path, length)| {
        // An empty file is a piece as well.
        (0..(*length).max(1))
            .step_by(size as usize)
            .map(move |start| Piece {
                path: Arc::clone(path),
                start,
                end: (start + size).min(*length),
            })
    })
}

impl Total {
    /// Adds a piece; `None` says that its file is binary.
    fn add(&mut self, piece: &Piece, result: io::Result<Option<u64>>) {
        let why = match result {
            Ok(Some(bytes)) => {
                self.files += u64::from(piece.start == 0);
                self.bytes += bytes;
                return;
            }
            Ok(None) => "binary".to_owned(),
            Err(error) => error.to_string(),
        };
        let line = format!("{}: {why}", piece.path.display());
        // All pieces of a file may fail; one line is enough.
        if self.unread.last() != Some(&line) {
            self.unread.push(line);
        }
    }

    fn merge(&mut self, table: Table) {
        if self.words.is_empty() {
            self.words = table.words;
            return;
        }
        for (word, count) in table.words {
            *self.words.entry(word).or_default() += count;
        }
    }
}

impl Table {
    /// Reads a piece and counts the words that begin in it. Returns how many
    /// bytes it has, `None` for a binary file.
    fn count(&mut self, piece: &Piece) -> io::Result<Option<u64>> {
        let mut file = File::open(&piece.path)?;
        if piece.start > 0 {
            self.read(&mut file, 0, HEAD as u64)?;
            if self.buffer.contains(&0) {
                return Ok(None);
            }
        }
        // The character before, which may reach into the piece, and the rest
        // of a word that begins in it.
        let from = piece.start.saturating_sub(CHAR_MAX as u64);
        let (begin, end) = ((piece.start - from) as usize, (piece.end - from) as usize);
        self.read(&mut file, from, (end + WORD_MAX + CHAR_MAX) as u64)?;
        let text = self.buffer.as_slice();
        if piece.start == 0 && text[..text.len().min(HEAD)].contains(&0) {
            return Ok(None);
        }
        let end = end.min(text.len());
        let mut at = 0;
        // A word under way at the beginning is the previous piece's.
        let mut inside = false;
        while at < end && (at < begin || inside) {
            let (is_word, length) = character(text, at);
            if at >= begin && !is_word {
                break;
            }
            inside = is_word;
            at += length;
        }
        while at < end {
            let start = at;
            while let (true, length) = character(text, at) {
                at += length;
            }
            let word = &text[start..at];
            if !word.is_empty() && word.len() <= WORD_MAX {
                match self.words.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(self.words.insert(word.into(), 1)),
                }
            }
            at += character(text, at).1;
        }
        Ok(Some(end.saturating_sub(begin) as u64))
    }

    fn read(&mut self, file: &mut File, from: u64, bytes: u64) -> io::Result<()> {
        self.buffer.clear();
        file.seek(SeekFrom::Start(from))?;
        file.take(bytes).read_to_end(&mut self.buffer)?;
        Ok(())
    }
}

/// Whether a character of a word stands at `at`, and how many bytes to go on.
///
/// Whether a byte belongs to a valid character depends on its neighbours
/// alone, so it does not matter where the reading has begun.
fn character(text: &[u8], at: usize) -> (bool, usize) {
    let length = match text.get(at) {
        None => return (false, 1),
        Some(byte) if byte.is_ascii() => return (byte.is_ascii_alphanumeric(), 1),
        Some(0xc0..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        Some(_) => 4,
    };
    let bytes = text.get(at..at + length).unwrap_or_default();
    match std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.chars().next())
    {
        Some(character) => (character.is_alphanumeric(), character.len_utf8()),
        None => (false, 1),
    }
}

/// Every file below `folder`, with its length. Links are not followed, and
/// pipes, sockets and devices are left alone: to open one may wait for ever.
fn files_below(folder: &Path, unread: &mut Vec<String>) -> io::Result<Vec<(Arc<Path>, u64)>> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut entries = fs::read_dir(folder)?;
    let mut inside = folder.to_owned();
    loop {
        for entry in entries.by_ref() {
            let path = entry
                .as_ref()
                .map_or_else(|_| inside.clone(), |entry| entry.path());
            match entry.and_then(|entry| entry.metadata()) {
                Ok(data) if data.is_dir() => folders.push(path),
                Ok(data) if data.is_file() => files.push((path.into(), data.len())),
                Ok(data) if data.is_symlink() => {}
                Ok(_) => unread.push(format!("{}: no regular file", path.display())),
                Err(error) => unread.push(format!("{}: {error}", path.display())),
            }
        }
        entries = loop {
            let Some(next) = folders.pop() else {
                return Ok(files);
            };
            inside = next;
            match fs::read_dir(&inside) {
                Ok(entries) => break entries,
                Err(error) => unread.push(format!("{}: {error}", inside.display())),
            }
        };
    }
}

fn report(total: &Total, not_walked: &[String]) {
    let mut words: Vec<_> = total.words.iter().collect();
    words.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    for (word, count) in words.iter().take(10) {
        println!("{count:>9}  {}", String::from_utf8_lossy(word));
    }
    let (files, bytes) = (total.files, total.bytes);
    println!(
        "{} distinct words in {files} text files, {bytes} bytes",
        words.len()
    );
    println!("{} not read", not_walked.len() + total.unread.len());
    for line in not_walked.iter().chain(&total.unread) {
        println!("  {line}");
    }
}
