//! Threads of their own for kills. A kill waits until processes are reaped, up to seconds where one does not end: no task
//! waits for that, and no task's threads, which a slow disk or directory may hold, are waited for either.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// How many kills go on at the same time.
const STRIKERS: usize = 2;

/// The most kills that wait for a thread; one more is done by whoever asks.
const MAX_STRIKES: usize = 64;

type Strike = Box<dyn FnOnce() + Send>;

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Strikers(SyncSender<Strike>);

impl Strikers {
    /// Made while there is nothing that could keep a thread from being made.
    ///
    /// # Errors
    /// When the machine gives no further thread.
    pub(crate) fn new() -> io::Result<Self> {
        Self::on(|serve| thread::Builder::new().name("striker".into()).spawn(serve).map(drop))
    }

    /// On threads that are so made: all of them, or those that were made end.
    fn on(mut make: impl FnMut(Strike) -> io::Result<()>) -> io::Result<Self> {
        let (strikes, waiting) = sync_channel::<Strike>(MAX_STRIKES);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..STRIKERS {
            let waiting = Arc::clone(&waiting);
            make(Box::new(move || serve(&waiting)))?;
        }
        Ok(Self(strikes))
    }

    /// Does `strike` on one of the threads, whether or not somebody goes on waiting for it.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        strike: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let strike: Strike = Box::new(move || {
            // Who asked may have gone.
            drop(done.send(strike()));
        });
        if let Err(full) = self.0.try_send(strike) {
            let (std::sync::mpsc::TrySendError::Full(strike)
            | std::sync::mpsc::TrySendError::Disconnected(strike)) = full;
            strike();
        }
        result.await.ok()
    }
}

fn serve(waiting: &Mutex<Receiver<Strike>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(strike) = next else { return };
        strike();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;

    /// Polls a future once; whether it is still under way.
    fn begun(future: Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[test]
    fn a_kill_that_waits_keeps_no_task_and_no_other_kill_waiting() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let strikers = Strikers::new().unwrap();
            let (release, held) = sync_channel::<()>(1);
            let mut first = pin!(strikers.work(move || held.recv().is_ok()));
            // The one thread of this runtime goes on, and so does a second kill.
            assert!(begun(first.as_mut()));
            assert_eq!(strikers.work(|| 7).await, Some(7));
            release.send(()).unwrap();
            assert_eq!(first.await, Some(true));
        });
    }

    #[test]
    fn a_kill_that_nobody_waits_for_any_more_is_done() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (tell, told) = sync_channel(1);
        runtime.block_on(async {
            let strikers = Strikers::new().unwrap();
            let mut gone = Box::pin(strikers.work(move || tell.send(()).unwrap()));
            begun(gone.as_mut());
            drop(gone);
        });
        told.recv().unwrap();
    }

    #[test]
    fn where_one_thread_is_wanting_there_are_none() {
        let (tell, told) = sync_channel(STRIKERS);
        let mut made = 0;
        let strikers = Strikers::on(|serve| {
            made += 1;
            if made == STRIKERS {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let tell = tell.clone();
            thread::Builder::new()
                .spawn(move || {
                    serve();
                    tell.send(()).unwrap();
                })
                .map(drop)
        });
        assert_eq!((made, strikers.unwrap_err().kind()), (STRIKERS, io::ErrorKind::WouldBlock));
        for _ in 1..STRIKERS {
            told.recv_timeout(Duration::from_secs(60)).expect("a thread that was made has ended");
        }
    }

    #[test]
    fn what_no_thread_has_room_for_is_done_by_who_asks() {
        let (strikes, _waiting) = sync_channel::<Strike>(0);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(Strikers(strikes).work(|| 7)), Some(7));
    }
}
