//! Count the words of every text file below a folder, on all CPUs, in bounded memory:
//! `cargo run --release --example word_count -- [PATH]`. Watch four things:
//!
//! 1. *Backpressure.* `map` is lazy: at most `IN_FLIGHT` pieces of work for each
//!    worker are under way, however many there are.
//! 2. *Memory.* A running task holds one piece of a file, about `PIECE` bytes, and
//!    a table of counts from a shelf: no more of either than tasks run at once.
//!    What grows is the tables, with the distinct words, and the list of files.
//! 3. *Failures.* What cannot be read is named at the end, and stops nothing.
//! 4. *Agreement.* Everything is counted twice, on the pool and on one thread, and
//!    compared. The second time the files are cut at other places, so that a word
//!    counted wrongly at a cut would show.
//!
//! A word is a run of alphanumeric characters, as Unicode has them, of at most
//! `WORD_MAX` bytes. Bytes that are not UTF-8 separate words. A NUL among its
//! first bytes makes a file binary. Figures: docs/word_count.md.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use raddle::{TaskError, ThreadPool};

const USAGE: &str = "usage: word_count [PATH]    a folder or a file; without it, this folder";
const PIECE: u64 = 256 << 10; // bytes of a file, at most
const CHUNK: usize = 8; // pieces that are one task: most files are small
const IN_FLIGHT: usize = 8 * CHUNK; // pieces submitted and not yet collected
const WORD_MAX: usize = 256; // a longer run is data, and no word
const HEAD: usize = 8 << 10; // bytes that show whether a file is binary
const CHAR_MAX: usize = 4; // the longest character of UTF-8

type Files = Vec<(Arc<Path>, u64)>;
type Words = HashMap<Box<[u8]>, u64>;

/// Part of a file, with the words that begin in it.
#[derive(Clone)]
struct Piece {
    path: Arc<Path>,
    start: u64,
    end: u64,
}

/// What a task works with, taken from the shelf and put back.
#[derive(Default)]
struct Table {
    words: Words,
    buffer: Vec<u8>,
}

/// What is reported, and compared.
#[derive(Default, PartialEq)]
struct Total {
    words: Words,
    files: u64,
    bytes: u64,
    unread: BTreeSet<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let path = match arguments.as_slice() {
        [] => Path::new("."),
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [path] if !path.as_encoded_bytes().starts_with(b"-") => Path::new(path),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = run(path) {
        eprintln!("word_count: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (mut files, mut unread) = (Vec::new(), BTreeSet::new());
    // What the user names is followed even if it is a link.
    list_files(path, fs::metadata(path), &mut files, &mut unread)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let pool = ThreadPool::global();
    // The pool goes first: what is not yet in the page cache counts against it.
    let started = Instant::now();
    let pooled = count_pooled(pool, &files)?;
    let pooled_time = started.elapsed();
    let started = Instant::now();
    let serial = count_serial(&files);
    let serial_time = started.elapsed();
    let (workers, agree) = (pool.width(), pooled == serial);
    let ratio = serial_time.as_secs_f64() / pooled_time.as_secs_f64();
    unread.extend(pooled.unread);
    let mut words: Vec<_> = pooled.words.iter().collect();
    words.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut out = io::stdout().lock();
    for (word, count) in words.iter().take(10) {
        writeln!(out, "{count:>9}  {}", String::from_utf8_lossy(word))?;
    }
    let (words, files, bytes) = (words.len(), pooled.files, pooled.bytes);
    writeln!(out, "{words} words in {files} files, {bytes} bytes")?;
    if !unread.is_empty() {
        writeln!(out, "{} not read:", unread.len())?;
    }
    for line in unread {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "{serial_time:.2?} on one thread")?;
    writeln!(out, "{pooled_time:.2?} on {workers} workers: {ratio:.2} x")?;
    assert!(agree, "the counts differ: has a file changed?");
    Ok(())
}

fn count_pooled(pool: &ThreadPool, files: &Files) -> Result<Total, TaskError> {
    // WHY NOT return the counts of each piece: to merge thousands of small
    // tables on one thread takes as long as to count.
    let shelf = Arc::new(Mutex::new(Vec::<Table>::new()));
    let tables = Arc::clone(&shelf);
    let count = move |piece: Piece| {
        let table = tables.lock().unwrap().pop();
        let mut table = table.unwrap_or_default();
        let result = table.count(&piece);
        tables.lock().unwrap().push(table);
        result
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    let bar = ProgressBar::new(files.iter().map(|file| file.1).sum())
        .with_style(style.expect("the template is right"));
    let mut total = Total::default();
    let map = pool.map(pieces(files, PIECE), count);
    for (piece, result) in map.chunk(CHUNK).buffer(IN_FLIGHT * pool.width()).keyed() {
        bar.inc(piece.end - piece.start);
        total.add(&piece, result?);
    }
    bar.finish_and_clear();
    let mut tables = shelf.lock().unwrap();
    tables.drain(..).for_each(|table| total.merge(table));
    Ok(total)
}

fn count_serial(files: &Files) -> Total {
    let (mut total, mut table) = (Total::default(), Table::default());
    // Other cuts than the pool's: see "Agreement" above.
    for piece in pieces(files, PIECE - 4097) {
        total.add(&piece, table.count(&piece));
    }
    total.merge(table);
    total
}

fn pieces(files: &Files, size: u64) -> impl Iterator<Item = Piece> {
    files.iter().flat_map(move |(path, length)| {
        // An empty file is one piece as well.
        let starts = (0..(*length).max(1)).step_by(size as usize);
        starts.map(move |start| Piece {
            path: Arc::clone(path),
            start,
            end: (start + size).min(*length),
        })
    })
}

impl Total {
    fn add(&mut self, piece: &Piece, bytes: io::Result<u64>) {
        match bytes {
            Ok(bytes) => {
                self.files += u64::from(piece.start == 0);
                self.bytes += bytes;
            }
            // Every piece of a file may say so; once is enough.
            Err(why) => {
                (self.unread).insert(format!("{}: {why}", piece.path.display()));
            }
        }
    }

    fn merge(&mut self, table: Table) {
        let first = std::mem::replace(&mut self.words, table.words);
        for (word, count) in first {
            *self.words.entry(word).or_default() += count;
        }
    }
}

impl Table {
    fn count(&mut self, piece: &Piece) -> io::Result<u64> {
        let mut file = File::open(&piece.path)?;
        self.read(&mut file, 0, HEAD)?;
        if self.buffer.contains(&0) {
            return Err(io::Error::other("binary"));
        }
        // With the character before, and what a word that begins here may need.
        let from = piece.start.saturating_sub(CHAR_MAX as u64);
        let (begin, end) = ((piece.start - from) as usize, (piece.end - from) as usize);
        self.read(&mut file, from, end + WORD_MAX + CHAR_MAX)?;
        let text = self.buffer.as_slice();
        let end = end.min(text.len());
        // A word under way where the piece begins belongs to the one before.
        let (mut at, mut inside) = (0, false);
        while at < end && (at < begin || inside) {
            let (is_word, length) = character(text, at);
            inside = is_word;
            at += length;
        }
        while at < end {
            let start = at;
            while let (true, length) = character(text, at) {
                at += length;
            }
            let word = &text[start..at];
            at += character(text, at).1;
            if word.is_empty() || word.len() > WORD_MAX {
                continue;
            }
            match self.words.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(self.words.insert(word.into(), 1)),
            }
        }
        Ok(end.saturating_sub(begin) as u64)
    }

    fn read(&mut self, file: &mut File, from: u64, bytes: usize) -> io::Result<usize> {
        self.buffer.clear();
        file.seek(SeekFrom::Start(from))?;
        file.take(bytes as u64).read_to_end(&mut self.buffer)
    }
}

/// Whether a word's character stands at `at`, and how many bytes lead past it.
/// Its neighbours alone decide, so reading may begin anywhere.
fn character(text: &[u8], at: usize) -> (bool, usize) {
    let length = match text.get(at) {
        None => return (false, 1),
        Some(byte) if byte.is_ascii() => return (byte.is_ascii_alphanumeric(), 1),
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(_) => 2,
    };
    let bytes = text.get(at..at + length).unwrap_or_default();
    match std::str::from_utf8(bytes).map(|text| text.chars().next()) {
        Ok(Some(character)) => (character.is_alphanumeric(), length),
        _ => (false, 1),
    }
}

/// Lists a file, or every file below a folder, with its length. Links are not
/// followed; pipes, sockets and devices are errors: to open one may wait for ever.
fn list_files(
    path: &Path,
    data: io::Result<Metadata>,
    files: &mut Files,
    unread: &mut BTreeSet<String>,
) -> io::Result<()> {
    let data = data?;
    if data.is_file() {
        files.push((path.into(), data.len()));
    } else if data.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let path = entry.path();
            if let Err(error) = list_files(&path, entry.metadata(), files, unread) {
                unread.insert(format!("{}: {error}", path.display()));
            }
        }
    } else if !data.is_symlink() {
        return Err(io::Error::other("neither file nor folder"));
    }
    Ok(())
}
