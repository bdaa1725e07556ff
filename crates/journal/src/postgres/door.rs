//! How the eraser comes in: its connection is opened beside the writer, by a thread that is there for nothing else. A server, or a
//! pooler before it, that does not answer the eraser keeps nobody else's records waiting.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use tokio::sync::oneshot;

use super::PostgresConfig;
use super::link::Link;
use super::runtime::runtime;
use super::session::{self, Append, Unfit, prepare_append};
use super::writer::in_words;
use crate::queue::Queue;

/// The eraser, or why the server does not let it in.
pub(super) type Answer = Result<Eraser, String>;

/// A session as the eraser, for one erasure.
pub(super) struct Eraser {
    session: Option<Box<(Append, Link)>>,
    /// The thread that drives the connection, and says goodbye once it has it back.
    driver: Option<oneshot::Sender<Link>>,
}

impl Eraser {
    /// What an erasure is done by.
    pub(super) fn session(&self) -> Option<&(Append, Link)> {
        self.session.as_deref()
    }
}

impl Drop for Eraser {
    fn drop(&mut self) {
        if let Some((session, driver)) = self.session.take().zip(self.driver.take())
            && driver.send(session.1).is_err()
        {
            // The thread has ended, and the connection with it.
        }
    }
}

/// Where the eraser comes in. There is one at a time: a new session ends the one before it.
#[derive(Default)]
pub(super) enum Door {
    /// Nobody was asked for.
    #[default]
    Shut,
    /// Somebody was.
    Opening(Receiver<Answer>),
    /// That is the answer.
    Open(Answer),
}

impl Door {
    /// Asks for the eraser of `config`, unless that was done. Once there is an answer the writer of `queue` is woken.
    pub(super) fn ask(&mut self, config: PostgresConfig, instance: String, queue: Arc<Queue>) {
        if !matches!(self, Self::Shut) {
            return;
        }
        let (answer, told) = sync_channel(1);
        let open = move || {
            let waking = Waking(queue);
            open(&config, &instance, &answer, &waking);
        };
        let thread = std::thread::Builder::new().name("journal-eraser".to_owned()).spawn(open);
        *self = match thread {
            Ok(_) => Self::Opening(told),
            Err(error) => Self::Open(Err(error.to_string())),
        };
    }

    /// Whether there is an answer by now.
    pub(super) fn is_open(&mut self) -> bool {
        if let Self::Opening(told) = self {
            let answer = match told.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => Err("the thread that asked for it has ended".to_owned()),
            };
            *self = Self::Open(answer);
        }
        matches!(self, Self::Open(_))
    }

    /// The answer, which is good once.
    pub(super) fn take(&mut self) -> Option<Answer> {
        if !self.is_open() {
            return None;
        }
        match std::mem::take(self) {
            Self::Open(answer) => Some(answer),
            Self::Shut | Self::Opening(_) => None,
        }
    }
}

/// Wakes the writer, at the latest when the thread ends, however it ends.
struct Waking(Arc<Queue>);

impl Drop for Waking {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Opens the eraser's session, hands it out, and drives its connection until it is back.
fn open(config: &PostgresConfig, instance: &str, answer: &SyncSender<Answer>, waking: &Waking) {
    let tell = |told: Answer| {
        if answer.send(told).is_err() {
            // The writer has ended meanwhile.
        }
        waking.0.wake();
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(why) => return tell(Err(why)),
    };
    runtime.block_on(async {
        let opened = async {
            let link = session::open_eraser(config, instance).await?;
            Ok::<_, Unfit>(Box::new((prepare_append(&link).await?, link)))
        };
        match opened.await {
            Ok(session) => {
                let (driver, back) = oneshot::channel();
                tell(Ok(Eraser { session: Some(session), driver: Some(driver) }));
                if let Ok(link) = back.await {
                    link.close().await;
                }
            }
            Err(unfit) => tell(Err(in_words(&unfit, config))),
        }
    });
}
