//! Places for work that threads have to wait for: a few at once, a few more in a queue, and a no for anybody beyond.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::content::blocking;
use crate::{Refusal, RefusalKind};

/// How many wait for a place; one more is told to come again.
pub(crate) const MAX_QUEUED: usize = 32;

/// So many places, with their queue.
#[derive(Debug)]
pub(crate) struct Places {
    working: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Places {
    /// Places for `most` at once.
    pub(crate) fn new(most: usize) -> Self {
        let all = most.saturating_add(MAX_QUEUED);
        Self { working: Arc::new(Semaphore::new(most)), all: Arc::new(Semaphore::new(all)) }
    }

    /// Does `work` on a thread that may wait, once there is a place. The place is taken until the work is done, also when
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// What `work` says, and when too many wait already.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let queued = Arc::clone(&self.all).try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_QUEUED} requests like this wait already; ask again in a few seconds");
            Refusal::new(RefusalKind::Busy, message)
        })?;
        let place = Arc::clone(&self.working).acquire_owned().await.map_err(|_| {
            Refusal::new(RefusalKind::Unavailable, "the gateway is stopping; ask again when it runs")
        })?;
        blocking(move || {
            let done = work();
            drop((place, queued));
            done
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    /// Polls a future once; whether it is still under way.
    fn begun<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn who_comes_when_the_queue_is_full_is_told_to_come_again_and_place_is_made_by_work_alone() {
        let places = Places::new(2);
        let (go, gate) = mpsc::sync_channel::<()>(64);
        let gate = Arc::new(Mutex::new(gate));
        let work = |n: usize| {
            let gate = Arc::clone(&gate);
            Box::pin(places.work(move || {
                gate.lock().unwrap().recv().unwrap();
                Ok(n)
            }))
        };
        let mut all: Vec<_> = (0..2 + MAX_QUEUED).map(work).collect();
        for one in &mut all {
            assert!(begun(one.as_mut()));
        }
        let mut more = work(99);
        assert_eq!(more.as_mut().await.unwrap_err().kind, RefusalKind::Busy);
        // Who goes away while their work is done still has their place; who goes out of the queue leaves theirs.
        drop(all.remove(0));
        assert_eq!(work(99).await.unwrap_err().kind, RefusalKind::Busy);
        drop(all.pop());
        let mut next = work(77);
        assert!(begun(next.as_mut()));
        all.push(next);
        for _ in 0..=all.len() {
            go.send(()).unwrap();
        }
        let mut done = Vec::new();
        for one in all {
            done.push(one.await.unwrap());
        }
        assert_eq!((done.len(), done.last()), (1 + MAX_QUEUED, Some(&77)));
    }
}
