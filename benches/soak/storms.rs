//! The end of channels and queues in the midst of what goes on, again and
//! again: both sides leave, or somebody closes, while others send, receive and
//! wait.
//!
//! Four threads go through the same row of channels and queues: two put a few
//! items into each and go, two take items out, until the end or less. Each ends
//! its side of one before it goes on to the next, so all end whatever happens,
//! or hang: which the watch over the whole programme says.
//!
//! What was put in must come out, where somebody stays to take it; and whatever
//! was made is dropped, once.

use std::thread;
use std::time::{Duration, Instant};

use raddle::sync::{Queue, channel};

use crate::checks::{Flow, Lives};
use crate::queues::{How, Item, Rx, Tx, channel, lives, queue};
use crate::report::{Dice, Report};
use crate::{Order, progress};

const STORMS: u64 = 1_000_000;
/// So many in a row.
const ROW: u64 = 512;
const KINDS: u64 = 9;

/// Decides what becomes of storm `number` of a row; the same for all threads.
#[derive(Clone, Copy, Debug)]
struct Plan {
    kind: u64,
    /// The receivers of a channel may leave before the end. (Of a queue, the
    /// second does so, and the first only if it closes it: consumers who leave
    /// end nothing, and producers would wait for ever.)
    leave_early: bool,
    /// A queue is closed with its items taken out.
    close_now: bool,
    /// A queue is closed by the first consumer, who goes then, and not by the
    /// first producer: who waits for room must be told.
    consumer_closes: bool,
}

impl Plan {
    fn of(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        Self {
            kind: dice.roll(KINDS),
            leave_early: dice.roll(2) == 0,
            close_now: dice.roll(2) == 0,
            consumer_closes: dice.roll(2) == 0,
        }
    }

    fn make(self) -> (Tx, Rx) {
        match self.kind {
            0 => channel(channel::unbounded()),
            1 => channel(channel::bounded(0)),
            2 => channel(channel::bounded(1)),
            3 => channel(channel::bounded(4)),
            4 => queue(Queue::unbounded()),
            5 => queue(Queue::bounded(1)),
            6 => queue(Queue::bounded(4)),
            7 => queue(Queue::bounded(2).lifo()),
            _ => queue(Queue::priority(2)),
        }
    }

    fn is_queue(self) -> bool {
        self.kind >= 4
    }

    /// Whether all that was put in must have been taken out. What is handed
    /// over without room between is taken when it is put.
    fn is_exact(self) -> bool {
        match self.is_queue() {
            true => !self.leave_early || !self.consumer_closes || self.close_now,
            false => self.kind == 1 || !self.leave_early,
        }
    }
}

pub(crate) fn run(order: &Order, until: Instant, report: &mut Report) {
    let start = Instant::now();
    let wanted = order.scaled(STORMS);
    let (mut done, mut row) = (0, 0);
    let mut items = 0;
    while done < wanted && Instant::now() < until {
        let count = ROW.min(wanted - done);
        match one_row(order.seed.wrapping_add(row), count) {
            Ok(put) => items += put,
            Err(why) => report.missed(format!("storms, row {row}: {why}")),
        }
        done += count;
        row += 1;
    }
    report.count("storms", done);
    report.count("storm_items", items);
    report.number("storms_seconds", start.elapsed().as_secs_f64().round());
    if done < wanted {
        report.missed(format!("{done} of {wanted} storms in time"));
    }
}

/// Says how many items went in.
fn one_row(seed: u64, count: u64) -> Result<u64, String> {
    let plans: Vec<Plan> = (0..count).map(|number| Plan::of(seed, number)).collect();
    let (txs, rxs): (Vec<Tx>, Vec<Rx>) = plans.iter().map(|plan| plan.make()).unzip();
    let (other_txs, other_rxs) = (txs.clone(), rxs.clone());
    // Another handle of a queue ends nothing, and keeps nobody from its end.
    let queues: Vec<Option<Queue<Item>>> = (txs.iter())
        .map(|tx| match tx {
            Tx::Channel(_) => None,
            Tx::Queue(queue) => Some(queue.clone()),
        })
        .collect();
    let plans = &plans[..];
    let results = thread::scope(|s| {
        let threads = [
            s.spawn(move || (put_all(plans, txs, 0, seed), lives())),
            s.spawn(move || (put_all(plans, other_txs, 1, seed), lives())),
            s.spawn(move || (get_all(plans, rxs, 2, seed), lives())),
            s.spawn(move || (get_all(plans, other_rxs, 3, seed), lives())),
        ];
        threads.map(|thread| thread.join().unwrap())
    });
    let mut all = Lives::default();
    let mut flows = vec![Flow::default(); plans.len()];
    for (of_thread, lives) in results {
        all.add(lives);
        for (flow, own) in flows.iter_mut().zip(of_thread) {
            flow.put += own.put;
            flow.got += own.got;
            flow.put_sum = flow.put_sum.wrapping_add(own.put_sum);
            flow.got_sum = flow.got_sum.wrapping_add(own.got_sum);
        }
    }
    for ((queue, flow), plan) in queues.iter().zip(&flows).zip(plans) {
        if let Some(unfinished) = queue.as_ref().map(Queue::unfinished)
            && !flow.is_finished(unfinished)
        {
            return Err(format!("{unfinished} unfinished of {flow:?}, {plan:?}"));
        }
    }
    drop(queues);
    all.add(lives());
    if !all.is_even() {
        return Err(format!("{all:?}"));
    }
    match (plans.iter().zip(&flows)).position(|(plan, flow)| !flow.is_even(plan.is_exact())) {
        Some(at) => Err(format!("{:?}: {:?}", plans[at], flows[at])),
        None => Ok(flows.iter().map(|flow| flow.put).sum()),
    }
}

/// Tells items apart in a sum.
fn mark(value: u64) -> u64 {
    (value + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn takes(item: &Item, flow: &mut Flow) {
    flow.got += 1;
    flow.got_sum = flow.got_sum.wrapping_add(mark(item.value()));
}

fn close(queue: &Queue<Item>, now: bool, flow: &mut Flow) {
    match now {
        true => queue.close_now().iter().for_each(|item| takes(item, flow)),
        false => queue.close(),
    }
}

fn put_all(plans: &[Plan], txs: Vec<Tx>, who: u64, seed: u64) -> Vec<Flow> {
    let mut dice = Dice::new(seed, 1 << 32 | who);
    let put_one = |(tx, plan): (Tx, &Plan)| {
        let mut flow = Flow::default();
        for number in 0..dice.roll(5) {
            let item = Item::new(who, number);
            let value = item.value();
            if tx.put(item, How::any(&mut dice)).is_err() {
                break;
            }
            flow.put += 1;
            flow.put_sum = flow.put_sum.wrapping_add(mark(value));
        }
        // A sender ends its side by going; a queue must be closed.
        if let (Tx::Queue(queue), 0, false) = (&tx, who, plan.consumer_closes) {
            close(queue, plan.close_now, &mut flow);
        }
        progress();
        flow
    };
    txs.into_iter().zip(plans).map(put_one).collect()
}

fn get_all(plans: &[Plan], rxs: Vec<Rx>, who: u64, seed: u64) -> Vec<Flow> {
    let mut dice = Dice::new(seed, 1 << 32 | who);
    let get_some = |(rx, plan): (Rx, &Plan)| {
        let mut flow = Flow::default();
        if let (Rx::Queue(queue), 2, true) = (&rx, who, plan.consumer_closes) {
            // It must not wait for items that do not come: it is to close.
            for _ in 0..dice.roll(3) {
                let limit = Duration::from_nanos(1 << dice.roll(15));
                if let Ok(item) = queue.pop_timeout(limit) {
                    takes(&item, &mut flow);
                    queue.task_done().expect("it was not done");
                }
            }
            close(queue, plan.close_now, &mut flow);
            if plan.leave_early {
                return flow;
            }
        }
        let leaves = plan.leave_early && (!plan.is_queue() || who == 3);
        let most = if leaves { dice.roll(4) } else { u64::MAX };
        while flow.got < most {
            let Some(item) = rx.get(How::any(&mut dice)) else {
                break;
            };
            takes(&item, &mut flow);
            if let Rx::Queue(queue) = &rx {
                queue.task_done().expect("it was not done");
            }
        }
        flow
    };
    rxs.into_iter().zip(plans).map(get_some).collect()
}
