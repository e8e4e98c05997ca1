//! A genetic algorithm that finds a short way through all cities of a file: each
//! generation is bred and scored on all CPUs, borrowing the one before.
//!
//! ```sh
//! cargo run --release --example genetic_algorithm -- CITIES
//! ```
//!
//! The file has a city in each line: a name, then x and y. Without one, the capitals
//! below serve. The same seed gives the same way, however many workers there are,
//! because each child draws from a generator of its own.

use std::process::ExitCode;

use raddle::ThreadPool;

const GENERATIONS: usize = 300;
const POPULATION: usize = 400;
/// So many of the best live on as they are.
const ELITE: usize = 20;

/// Name, longitude, latitude.
const CAPITALS: &str = "\
Lisbon -9.1 38.7\nMadrid -3.7 40.4\nParis 2.4 48.9\nLondon -0.1 51.5\nDublin -6.3 53.3
Brussels 4.4 50.8\nAmsterdam 4.9 52.4\nBerlin 13.4 52.5\nCopenhagen 12.6 55.7\nOslo 10.8 59.9
Stockholm 18.1 59.3\nHelsinki 24.9 60.2\nTallinn 24.8 59.4\nRiga 24.1 56.9\nVilnius 25.3 54.7
Warsaw 21.0 52.2\nPrague 14.4 50.1\nVienna 16.4 48.2\nBratislava 17.1 48.1\nBudapest 19.0 47.5
Ljubljana 14.5 46.1\nZagreb 16.0 45.8\nRome 12.5 41.9\nAthens 23.7 38.0\nSofia 23.3 42.7
Bucharest 26.1 44.4\nBern 7.4 46.9\nLuxembourg 6.1 49.6\nBelgrade 20.5 44.8\nSarajevo 18.4 43.9";

struct City {
    name: String,
    x: f64,
    y: f64,
}

/// The order in which the cities are visited.
type Way = Vec<usize>;

/// Marsaglia's xorshift: fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn parse(text: &str) -> Result<Vec<City>, String> {
    let city = |line: &str| {
        let mut words = line.rsplitn(3, char::is_whitespace);
        let y = words.next()?.parse().ok()?;
        let x = words.next()?.parse().ok()?;
        let name = words.next()?.trim().to_owned();
        Some(City { name, x, y })
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| city(line).ok_or_else(|| format!("not a name and two numbers: {line:?}")))
        .collect()
}

fn length(way: &Way, cities: &[City]) -> f64 {
    let pairs = way.iter().zip(way.iter().cycle().skip(1));
    pairs
        .map(|(a, b)| (cities[*a].x - cities[*b].x).hypot(cities[*a].y - cities[*b].y))
        .sum()
}

/// A stretch of one parent, and the others in the order of the other parent; then,
/// now and then, a stretch turned round.
fn child(mother: &Way, father: &Way, random: &mut Random) -> Way {
    let n = mother.len();
    let (a, b) = (random.below(n), random.below(n));
    let stretch = &mother[a.min(b)..=a.max(b)];
    let mut taken = vec![false; n];
    stretch.iter().for_each(|city| taken[*city] = true);
    let mut way: Way = father
        .iter()
        .copied()
        .filter(|city| !taken[*city])
        .collect();
    let at = random.below(way.len() + 1);
    way.splice(at..at, stretch.iter().copied());
    if random.below(3) == 0 {
        let (a, b) = (random.below(n), random.below(n));
        way[a.min(b)..=a.max(b)].reverse();
    }
    way
}

/// One of the fitter half, most likely one of the fittest.
fn parent<'a>(ranked: &'a [(f64, Way)], random: &mut Random) -> &'a Way {
    let half = ranked.len() / 2;
    &ranked[random.below(half).min(random.below(half))].1
}

fn main() -> ExitCode {
    let text = match std::env::args_os().nth(1) {
        None => CAPITALS.to_owned(),
        Some(file) => match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        },
    };
    let cities = match parse(&text) {
        Ok(cities) if cities.len() >= 3 => cities,
        Ok(_) => {
            eprintln!("three cities, or more");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };

    let pool = ThreadPool::global();
    let seeds: Vec<u64> = (1..=POPULATION as u64).collect();
    let score = |way: Way| (length(&way, &cities), way);
    let mut ranked = pool.par_map(&seeds, |seed| {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut way: Way = (0..cities.len()).collect();
        (1..way.len())
            .rev()
            .for_each(|i| way.swap(i, random.below(i + 1)));
        score(way)
    });
    for generation in 0..GENERATIONS {
        ranked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        if generation % 100 == 0 {
            println!("generation {generation:3}: {:.1}", ranked[0].0);
        }
        // The children borrow their parents: no clone of the population, no `Arc`.
        let children = pool.par_map(&seeds[ELITE..], |seed| {
            let mut random =
                Random((seed + (generation as u64) * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let (mother, father) = (parent(&ranked, &mut random), parent(&ranked, &mut random));
            score(child(mother, father, &mut random))
        });
        ranked.truncate(ELITE);
        ranked.extend(children);
    }
    ranked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (length, way) = &ranked[0];
    let names: Vec<&str> = way.iter().map(|city| cities[*city].name.as_str()).collect();
    println!("the shortest found: {length:.1}\n{}", names.join(", "));
    ExitCode::SUCCESS
}
