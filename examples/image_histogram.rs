//! How bright are these pictures? A histogram of each colour, over PNG files:
//!
//! ```sh
//! cargo run --release --example image_histogram -- FILE-OR-FOLDER...
//! ```
//!
//! `par_map` decodes the files on all CPUs and gives one result for each, in order; a
//! file that is no picture is an `Err` among them, and the others are not held up.
//! Without arguments the example paints a few pictures and reads those.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use png::{ColorType, Decoder, Encoder, Transformations};
use raddle::ThreadPool;

/// How often each value occurs, for red, green and blue.
type Histogram = [[u64; 256]; 3];

/// Decodes one file, row by row: in memory there is never a whole picture.
fn histogram(path: &Path) -> Result<Histogram, png::DecodingError> {
    let mut decoder = Decoder::new(BufReader::new(File::open(path)?));
    // Palettes, bits and 16-bit samples all become bytes.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut picture = decoder.read_info()?;
    let (color, _) = picture.output_color_type();
    // Where red, green and blue stand in a pixel; what follows is opacity.
    let places = match color {
        ColorType::Rgb | ColorType::Rgba => [0, 1, 2],
        _ => [0, 0, 0],
    };
    let mut counts = [[0; 256]; 3];
    while let Some(row) = picture.next_row()? {
        for pixel in row.data().chunks_exact(color.samples()) {
            for (count, place) in counts.iter_mut().zip(places) {
                count[usize::from(pixel[place])] += 1;
            }
        }
    }
    Ok(counts)
}

fn merge(into: &mut Histogram, from: &Histogram) {
    for (into, from) in into.iter_mut().flatten().zip(from.iter().flatten()) {
        *into += from;
    }
}

fn print(out: &mut impl Write, counts: &Histogram) -> io::Result<()> {
    // Sixteen lines, each for sixteen neighbouring values.
    let lines = counts.map(|count| Vec::from_iter(count.chunks(16).map(|c| c.iter().sum::<u64>())));
    let most = lines.iter().flatten().max().copied().unwrap_or(0).max(1);
    let bar = |n: u64| "#".repeat((n as f64 / most as f64 * 20.0).ceil() as usize);
    writeln!(out, "value    {:<20}  {:<20}  blue", "red", "green")?;
    for (line, first) in (0..256).step_by(16).enumerate() {
        let [red, green, blue] = [0, 1, 2].map(|color| bar(lines[color][line]));
        let last = first + 15;
        writeln!(out, "{first:>3}-{last:<3}  {red:<20}  {green:<20}  {blue}")?;
    }
    Ok(())
}

/// The file, or the PNG files in the folder.
fn files(path: PathBuf) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path]);
    }
    let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("png"))
    });
    files.sort();
    Ok(files)
}

/// Writes pictures of different sizes: colours that run into each other, and rings.
fn paint(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(folder)?;
    for number in 1..=8_u32 {
        let size = number * 64;
        let at = |n: u32| {
            let (x, y) = (n % size, n / size);
            let ring = (x * x + y * y) / size * number;
            [x * 255 / size, y * y / size * 255 / size, ring].map(|value| value as u8)
        };
        let pixels: Vec<u8> = (0..size * size).flat_map(at).collect();
        let file = File::create(folder.join(format!("{number}.png")))?;
        let mut encoder = Encoder::new(file, size, size);
        encoder.set_color(ColorType::Rgb);
        encoder.write_header()?.write_image_data(&pixels)?;
    }
    Ok(())
}

fn run(paths: Vec<PathBuf>) -> Result<bool, Box<dyn std::error::Error>> {
    let mut pictures = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        pictures.extend(files(path).map_err(|error| format!("{name}: {error}"))?);
    }
    let started = Instant::now();
    let pool = ThreadPool::global();
    let results = pool.par_map(&pictures, |path| histogram(path));
    let took = started.elapsed();

    let (mut sum, mut read) = ([[0; 256]; 3], 0);
    for (path, result) in pictures.iter().zip(&results) {
        match result {
            Ok(counts) => {
                merge(&mut sum, counts);
                read += 1;
            }
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    let mut out = io::stdout().lock();
    print(&mut out, &sum)?;
    let (pixels, workers) = (sum[0].iter().sum::<u64>(), pool.width());
    writeln!(
        out,
        "{read} pictures, {pixels} pixels: {took:.2?} on {workers} workers"
    )?;
    Ok(read == pictures.len())
}

fn main() -> ExitCode {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let painted = std::env::temp_dir().join(format!("image_histogram-{}", std::process::id()));
    let outcome = if paths.is_empty() {
        paths.push(painted.clone());
        let outcome = paint(&painted).and_then(|()| run(paths));
        fs::remove_dir_all(&painted).ok();
        outcome
    } else {
        run(paths)
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("image_histogram: {error}");
            ExitCode::FAILURE
        }
    }
}
