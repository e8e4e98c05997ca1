//! Producers and consumers around a queue with an end:
//! `cargo run --example producer_consumer`. Watch four things:
//!
//! 1. *Backpressure.* The queue holds at most `ROOM` pages, however fast they are
//!    fetched: whoever pushes into a full queue waits.
//! 2. *The end.* The last producer closes the queue. Consumers still get what is
//!    in it, then their loops end: no sentinel, no timeout, no lost page.
//! 3. *A producer that panics* closes nothing early and keeps nobody waiting:
//!    the closing hangs on a value that each producer drops.
//! 4. *The sum.* Every page that was pushed is counted once, those of the site
//!    that failed half-way included.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle::sync::Queue;
use raddle::{TaskError, ThreadPool};

const ROOM: usize = 4;
const PRODUCERS: u32 = 3;
const CONSUMERS: u32 = 2;
const PAGES: u32 = 20; // of each producer
const BROKEN: (u32, u32) = (2, 10); // site and page

struct Page {
    site: u32,
    words: u32,
}

/// Closes the queue when the last producer drops its share, however it ends.
struct CloseAtEnd(Queue<Page>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Its message is printed below.
    std::panic::set_hook(Box::new(|_| ()));
    // A worker that waits for the queue lets a spare take its place.
    let pool = ThreadPool::new(2)?;
    let pages = Queue::bounded(ROOM);

    let end = Arc::new(CloseAtEnd(pages.clone()));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|site| {
            let end = Arc::clone(&end);
            pool.submit(move || fetch(site, &end.0))
        })
        .collect();
    // The producers have it now.
    drop(end);

    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let pages = pages.clone();
            pool.submit(move || count(&pages))
        })
        .collect();

    let mut words = BTreeMap::new();
    for consumer in consumers {
        let counted = consumer.result()?;
        println!("a consumer counted {} words", counted.values().sum::<u32>());
        for (site, count) in counted {
            *words.entry(site).or_insert(0) += count;
        }
    }
    for (site, producer) in (0..).zip(producers) {
        let (ended, fetched) = match producer.result() {
            Ok(()) => (String::from("fetched"), PAGES),
            Err(TaskError::Panicked(panic)) => (panic.message().to_owned(), BROKEN.1),
            Err(other) => return Err(other.into()),
        };
        println!("site {site}: {ended}; {} words counted", words[&site]);
        let expected: u32 = (0..fetched).map(|page| words_of(site, page)).sum();
        assert_eq!(words[&site], expected, "each page once");
    }
    println!("at the end: {pages:?}");
    Ok(())
}

/// Pushes a site's pages.
fn fetch(site: u32, pages: &Queue<Page>) {
    for page in 0..PAGES {
        assert!((site, page) != BROKEN, "page {page} is broken");
        let words = words_of(site, page);
        // Waits while the queue is full. `Err` would say that it was closed,
        // and give the page back.
        if let Err(refused) = pages.push(Page { site, words }) {
            println!("not taken: page of site {}", refused.into_item().site);
        }
    }
}

fn words_of(site: u32, page: u32) -> u32 {
    100 * site + page
}

/// Counts words by site until the queue is closed and empty.
fn count(pages: &Queue<Page>) -> BTreeMap<u32, u32> {
    let mut words = BTreeMap::new();
    for page in pages {
        *words.entry(page.site).or_default() += page.words;
    }
    words
}
