//! What a worker does when what it runs waits: its permit goes to another thread,
//! its shares of broadcasts too, and it helps with what it waits for.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::{Worker, with_worker};
use crate::primitive::block::{BlockHook, BlockedOn, LastResort};
use crate::primitive::{fork, mutant};
use crate::task;

impl BlockHook for Worker {
    fn pool(&self) -> u32 {
        self.core.id
    }

    fn worker(&self) -> usize {
        self.index
    }

    fn serving(&self, pool: u32) -> Option<&dyn BlockHook> {
        let serves = with_worker(pool, |worker| {
            worker.is_some_and(|worker| ptr::eq(worker, self))
        });
        serves.then_some(self)
    }

    fn block_starts(&self, on: BlockedOn) {
        if fork::is_forked(self.core.id) {
            // A child forked by a task: the pool, its locks and its queues are
            // the parent's.
            return;
        }
        if self.in_hook.get() {
            // A spare would run the same start hook, block there as well, call a
            // spare, and so on; and who leaves takes no permit back.
            return;
        }
        // The code inside may need the pool.
        let on_code = on == BlockedOn::Code;
        let (outer, shares) = self.slot().post.blocks(on);
        let is_outermost = outer.is_none();
        self.outer_waits.borrow_mut().extend(outer);
        let call = (self.core.sleep).block_starts(&self.standing, || self.core.has_work());
        self.core.answer(call);
        self.core.pass_on(shares, self.index, true);
        if is_outermost && !on_code {
            self.steps_out();
        }
    }

    fn block_ends(&self) {
        if fork::is_forked(self.core.id) || self.in_hook.get() {
            return;
        }
        let outer = self.outer_waits.borrow_mut().pop();
        // A wait inside of `blocking`, which goes on without a permit.
        let is_inner = outer.is_some() && !mutant("blocking-inner-wait-takes-a-permit");
        if !is_inner {
            if self.is_out.take() {
                self.core.step_in();
            }
            self.core.sleep.block_ends(&self.standing);
        }
        self.slot().post.unblocks(outer);
    }

    fn help(&self, task: NonNull<()>, is_over: &dyn Fn() -> bool) {
        if !fork::is_forked(self.core.id) && !self.in_hook.get() {
            self.help_with(task, is_over);
        }
    }

    fn offer(&self, offer: &Arc<LastResort>) {
        // Who may not run it must not be called in the place of one who may.
        if !fork::is_forked(self.core.id) && self.serving(self.core.id).is_some() {
            self.core.offers.add(offer);
        }
    }

    fn withdraw(&self, offer: &Arc<LastResort>) {
        if !fork::is_forked(self.core.id) {
            self.core.offers.remove(offer);
        }
    }

    unsafe fn run_newest(&self, task: NonNull<()>) -> bool {
        if !self.deque.ends_with(task.as_ptr()) || self.serving(self.core.id).is_none() {
            return false;
        }
        // SAFETY: by the contract the task is alive.
        if !unsafe { task::is_between_two(task, self.core.id) } {
            return false;
        }
        let Some(job) = self.deque.pop() else {
            return false;
        };
        self.core.job_taken(&job);
        // SAFETY: the handle is the caller's, the queue's reference is ours now; and
        // nobody could have come to know the task in between.
        let ran = self.on_top(|watch| unsafe { job.run_for_handle(watch) });
        self.slot().counters.count(ran);
        true
    }

    unsafe fn run_claimed(&self, task: NonNull<()>) {
        // The entry that the claim has left in a queue is most often the
        // newest of our own: without it, `loop { submit(..).result() }` in a
        // task would fill the deque.
        if self.deque.ends_with(task.as_ptr())
            && let Some(job) = self.deque.pop()
        {
            self.core.job_taken(&job);
            drop(job);
        }
        self.core.drop_claimed_errand(task);
        // SAFETY: the caller's contract is the same.
        let ran = self.on_top(|watch| unsafe { task::run_claimed(task, watch) });
        self.slot().counters.count(ran);
    }
}
