//! Settings that many read and one replaces: `cargo run --example readers_and_writer`.
//! Watch four things:
//!
//! 1. *Readers share.* At first all of them hold the lock at the same moment: they
//!    meet at a barrier, each with its guard in hand.
//! 2. *No half of a change.* The writer changes two fields, with a pause between
//!    them. Nobody ever sees the one without the other.
//! 3. *The writer gets in*, though readers come again and again, and are never all
//!    gone by themselves: who waits to write keeps new readers out.
//! 4. *Downgrade.* Having written, the writer goes on as a reader. The others read
//!    the new version along with it, which it waits for, its own guard in hand.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use raddle::ThreadPool;
use raddle::sync::{Barrier, Condition, RwLock, RwLockWriteGuard};

const READERS: usize = 4;
const VERSIONS: usize = 5;
const SOON: Duration = Duration::from_secs(10);

/// Version `n` has `n` servers.
#[derive(Default)]
struct Settings {
    version: usize,
    servers: Vec<String>,
}

#[derive(Default)]
struct Shared {
    settings: RwLock<Settings>,
    /// The newest version that somebody has read.
    read: Condition<usize>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(READERS)?;
    let shared = Arc::new(Shared::default());
    // The readers, and the writer, which begins when all of them read.
    let all_read = Arc::new(Barrier::new(READERS + 1));

    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (shared, all_read) = (shared.clone(), all_read.clone());
            pool.submit(move || {
                let settings = shared.settings.read();
                all_read.wait_timeout(SOON)?;
                drop(settings);
                Ok::<_, raddle::sync::BarrierError>(read_to_the_last(&shared))
            })
        })
        .collect();
    all_read.wait_timeout(SOON)?;
    println!("{READERS} readers held the lock at once");

    for version in 1..=VERSIONS {
        let asked = Instant::now();
        let mut settings = shared.settings.write();
        let waited = asked.elapsed();
        settings.version = version;
        thread::sleep(Duration::from_millis(2)); // half done: nobody sees this
        settings.servers.push(format!("server-{version}"));

        let settings = RwLockWriteGuard::downgrade(settings);
        let read_along = |read: &mut usize| *read == version;
        let in_time = shared.read.wait_for_timeout(SOON, read_along).is_some();
        assert!(in_time, "readers read along");
        let servers = settings.servers.join(", ");
        println!("version {version}, after {waited:.0?}: {servers}");
    }

    for (number, reader) in readers.into_iter().enumerate() {
        println!("reader {number} read {} times", reader.result()??);
    }
    Ok(())
}

/// Reads again and again, until it has seen the last version; says how often.
fn read_to_the_last(shared: &Shared) -> usize {
    let (mut seen, mut reads) = (0, 0);
    while seen < VERSIONS {
        let settings = shared.settings.read();
        assert_eq!(
            settings.servers.len(),
            settings.version,
            "no half of a change"
        );
        assert!(settings.version >= seen, "never back to an old one");
        seen = settings.version;
        reads += 1;
        thread::sleep(Duration::from_micros(200)); // uses them
        drop(settings);

        shared.read.update(|read| *read = seen.max(*read));
    }
    reads
}
