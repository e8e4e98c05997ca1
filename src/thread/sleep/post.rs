//! Waking for what is addressed to one thread: shares of a broadcast.
//!
//! As with errands, the thread needs no permit. Who delivers fills the post, *then*
//! takes the crew's lock; a thread that parks is put on the list and looks at its post
//! under that lock. One sees the other. The protocol: `broadcast/mod.rs`.

use super::{POST, Sleep, Start};
use crate::primitive::atomic::Ordering::Release;

impl Sleep {
    /// Something was put into the post of a thread: wakes it, if it is parked.
    pub(in crate::thread) fn wake_for_post(&self, index: usize) {
        let mut crew = self.crew.lock();
        let Some(at) = crew.parked.iter().rposition(|parked| *parked == index) else {
            // It is at work, on its way here, or on its way out: it looks.
            return;
        };
        crew.parked.remove(at);
        let seat = &self.seats[index];
        // ORDERING: Release pairs with the Acquire in `sleep`.
        seat.signal.store(POST, Release);
        drop(crew);
        seat.parker.unpark();
    }

    /// A place for a further thread, if there may be one; the caller starts it.
    pub(in crate::thread) fn place_for_post(&self) -> Option<Start> {
        let mut crew = self.crew.lock();
        if crew.ended {
            return None;
        }
        let index = crew.take_place()?;
        crew.live += 1;
        Some(Start::for_post(index))
    }
}
