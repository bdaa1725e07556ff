//! What leaves the gateway by the settings: records to other systems, checkpoints to places off this machine, and what waits to the chat.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_http::Exports;
use export::{Board, Courier, Follower, Hook, Origin, Parts, Witness};
use journal::{Journal, Notary, Place};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ambient::Machine;
use crate::failure::Failure;
use crate::home::Home;
use crate::settings::{Asked, Settings};

/// The most answers of witnesses that wait to be looked at.
const MAX_ANSWERS: usize = 16;

/// How long those that send may take to write down how far they are.
const MAX_FAREWELL: Duration = Duration::from_secs(2);

/// What is to leave.
pub(crate) struct Outgoing {
    board: Board,
    followers: Vec<Follower>,
    couriers: Vec<Courier>,
    witnesses: Vec<Witness>,
    answers: mpsc::Receiver<String>,
}

/// The way to the chat.
struct ToChat(Hook);

impl turn::Messenger for ToChat {
    fn send(&self, text: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move { self.0.send(&text).await.map_err(|error| error.to_string()) })
    }
}

/// What is leaving.
pub(crate) struct Leaving {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Outgoing {
    /// Readies what the settings name, and says in the record what of it is new.
    ///
    /// # Errors
    /// When the settings do not hold or it cannot be recorded.
    pub(crate) async fn new(
        home: &Home,
        settings: &Settings,
        journal: &Journal,
        place: &Place,
        notary: &Arc<Notary>,
    ) -> Result<Self, Failure> {
        let targets: Vec<export::Target> = settings.exports().cloned().collect();
        export::declare(journal, &targets)
            .await
            .map_err(|error| Failure::unreachable(format!("the exports cannot be recorded: {error}")))?;
        let parts = Parts {
            journal: journal.clone(),
            place: place.clone(),
            ambient: Arc::new(Machine),
            secrets: settings.secrets(home),
            origin: Origin::here(env!("CARGO_PKG_VERSION")),
        };
        let wrong = |fault: export::Fault| Failure::usage(fault.to_string());
        let board = Board::default();
        let (sender, answers) = mpsc::channel(MAX_ANSWERS);
        let follower = |target| Follower::new(target, parts.clone(), &board);
        let followers = targets.into_iter().map(follower).collect::<Result<_, _>>().map_err(wrong)?;
        let courier = |target| Courier::new(&target, parts.clone(), &board, notary.newest(), sender.clone());
        let couriers =
            settings.couriers().into_iter().map(courier).collect::<Result<_, _>>().map_err(wrong)?;
        let witness =
            |asked: Asked| Witness::new(&asked.target, asked.key, parts.clone(), &board, Arc::clone(notary));
        let witnesses =
            settings.witnesses().into_iter().map(witness).collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { board, followers, couriers, witnesses, answers })
    }

    /// The chat of the settings, if they have one.
    ///
    /// # Errors
    /// When its webhook's address cannot be used.
    pub(crate) fn chat(&self, home: &Home, settings: &Settings) -> Result<Option<turn::Channel>, Failure> {
        let Some(chat) = &settings.chat else { return Ok(None) };
        let (name, address) = (chat.name.get_ref(), chat.webhook.name().clone());
        let secrets = settings.secrets(home);
        let hook = Hook::new(name, address, chat.ca.clone(), secrets, Arc::new(Machine), &self.board);
        let way = Arc::new(ToChat(hook.map_err(Failure::usage)?));
        Ok(Some(turn::Channel { name: name.clone(), clearance: chat.clearance.clone(), way }))
    }

    /// How it stands, for whoever asks.
    pub(crate) fn standings(&self) -> Exports {
        let board = self.board.clone();
        Arc::new(move || json!(board.standings()))
    }

    /// Lets it leave.
    pub(crate) fn begin(self, notary: &Arc<Notary>) -> Leaving {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        for follower in self.followers {
            tasks.spawn(follower.run(stop.clone()));
        }
        for courier in self.couriers {
            tasks.spawn(courier.run(stop.clone()));
        }
        for witness in self.witnesses {
            tasks.spawn(witness.run(stop.clone()));
        }
        let (notary, mut answers, ended) = (Arc::clone(notary), self.answers, stop.clone());
        tasks.spawn(async move {
            loop {
                let answer = tokio::select! {
                    () = ended.cancelled() => return,
                    answer = answers.recv() => answer,
                };
                let Some(answer) = answer else { return };
                // Whoever answers something else is no witness, which is nothing bad.
                if let Err(error) = notary.cosign(&answer, None).await {
                    tracing::debug!("what a place of checkpoints answered is no cosignature: {error}");
                }
            }
        });
        tasks.close();
        Leaving { stop, tasks }
    }
}

impl Leaving {
    /// Ends it; what has not left is sent by the next gateway.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(MAX_FAREWELL, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "an export did not end in time; what it sent last is sent again by the next gateway"
            );
        }
    }
}
