//! What every pool of the process does at this moment, as text.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Weak};

use super::core::{Core, POOLS};
use super::slot::Slot;
use crate::primitive::block::BlockedOn;
use crate::primitive::fork;
use crate::task::TaskInfo;

/// Describes every pool: its figures, and each running task with its name, its
/// age, where it was submitted and what it waits for. A task whose parts other threads
/// run (the stolen half of a join, a share of a broadcast) has one such line, and the
/// parts name it. Besides, the threads from outside that work for the pool while they
/// wait for it ("guest"), and the workers that a broadcast waits for.
///
/// For people: the format may change. Queued tasks appear one by one only for
/// pools built with [`trace_tasks`](crate::ThreadPoolBuilder::trace_tasks).
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::builder().workers(1).name("cook").build()?;
/// assert!(raddle::dump().contains("pool \"cook\""));
/// # Ok::<_, raddle::StartError>(())
/// ```
pub fn dump() -> String {
    let pools: Vec<Arc<Core>> = POOLS.lock().iter().filter_map(Weak::upgrade).collect();
    let mut text = String::new();
    for core in pools {
        if fork::is_forked(core.id) {
            // Its threads are another process's, and its locks too.
            std::mem::forget(core);
            continue;
        }
        // Writing to a string does not fail.
        let _ = describe(&core, &mut text);
    }
    if text.is_empty() {
        text.push_str("no pool\n");
    }
    text
}

fn describe(core: &Core, text: &mut String) -> fmt::Result {
    let stats = core.stats();
    write!(
        text,
        "pool {:?} (number {}): {:?}, workers {}, threads {}",
        core.config.name,
        core.id,
        core.intake(),
        stats.workers,
        stats.threads,
    )?;
    if core.config.pin {
        write!(text, ", {} pinned", stats.pinned)?;
    }
    text.push('\n');
    writeln!(
        text,
        "  {} running ({} blocked), {} queued, {} delayed, {} futures, {} finished, {} panicked",
        stats.running,
        stats.blocked,
        stats.queued,
        stats.delayed,
        stats.futures,
        stats.finished,
        stats.panicked,
    )?;
    let (whole, _) = core.running_and_parts();
    for (index, slot) in core.thread_slots().iter().enumerate() {
        let who = format!("worker {index}");
        let lines = running(slot, &whole);
        describe_lines(&who, &lines, slot, text)?;
        match slot.post.len() {
            0 => {}
            1 => writeln!(text, "  {who}: a share of a broadcast is to come")?,
            shares => writeln!(text, "  {who}: shares of {shares} broadcasts are to come")?,
        }
    }
    for (number, index) in core.guests.present().into_iter().enumerate() {
        let slot = &core.slots[index];
        let mut lines = running(slot, &whole);
        lines.push("a thread from outside that takes part".to_owned());
        describe_lines(&format!("guest {number}"), &lines, slot, text)?;
    }
    for task in core.futures.idle() {
        writeln!(text, "  waits to be woken: {task}")?;
    }
    for task in core.traced() {
        writeln!(text, "  queued: {task}")?;
    }
    Ok(())
}

/// What a thread runs, the top one first. `whole` have a line of their own.
fn running(slot: &Slot, whole: &[TaskInfo]) -> Vec<String> {
    let mut lines = Vec::new();
    slot.running.look(|task| {
        let info = task.info();
        lines.push(match task.is_part() {
            false => info.to_string(),
            true if whole.iter().any(|whole| whole.id == info.id) => {
                format!("a part of task {}", info.id)
            }
            true => format!("a part of {info}"),
        });
    });
    lines
}

fn describe_lines(who: &str, lines: &[String], slot: &Slot, text: &mut String) -> fmt::Result {
    let blocked_on = slot.post.blocked_on();
    for (depth, line) in lines.iter().enumerate() {
        let below = if depth == 0 { "" } else { "below it, " };
        write!(text, "  {who}: {below}{line}")?;
        match blocked_on.as_ref().filter(|_| depth == 0) {
            Some(BlockedOn::Task {
                id,
                name,
                submitted_at,
            }) => {
                write!(text, ", waits for task #{id}")?;
                if let Some(name) = name {
                    write!(text, " {name:?}")?;
                }
                writeln!(text, ", submitted at {submitted_at}")?;
            }
            Some(BlockedOn::Thing(name)) => writeln!(text, ", waits for {name}")?,
            Some(BlockedOn::Code) => writeln!(text, ", waits for something outside raddle")?,
            None => text.push('\n'),
        }
    }
    Ok(())
}
