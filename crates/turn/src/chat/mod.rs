//! A chat channel beside the console: what waits and is of low risk is shown there whole, with a one-time id, and answered by it.
//!
//! In: approvals as they begin to wait, and what a chat account says, of whom others have made sure that it is theirs. Out: messages, which the
//! settings' way to the chat carries ([`Messenger`]), and decisions, on the one road that all take (`decide.rs`). The chat is an audience outside:
//! it is shown what its clearance covers and nothing else, and an action that is not shown whole cannot be answered there.

mod answer;
mod guesses;
mod once;
mod words;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use journal::{Draft, Event, Facts, Kind};
use monitor::Monitor;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vocab::{ApprovalId, Digest, Labels};

use crate::approvals::{ApprovalRow, load};
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind, records};

pub use answer::Answer;
pub use once::Once;

use guesses::Guesses;
use words::Untold;

/// The most approvals that wait to be posted; what comes beyond is in the console alone.
const MAX_DUE: usize = 256;

/// How often a message is tried.
const MAX_TRIES: u32 = 4;

/// The pause after the first of these that fails; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The most people who are looked through for one who could answer in the chat.
const MAX_LOOKED_THROUGH: usize = 1_000;

/// Carries a message to the chat. It fails with one sentence, in which nothing of the message is.
pub trait Messenger: Send + Sync {
    /// Sends it, once.
    fn send(&self, text: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

/// The chat of the settings.
#[derive(Clone)]
pub struct Channel {
    /// What people call it.
    pub name: String,
    /// What it may carry.
    pub clearance: Labels,
    /// The way there.
    pub way: Arc<dyn Messenger>,
}

/// What the chat was told of an approval: of one row, and gone with its wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// Which chat.
    channel: String,
    /// The digest of the one-time id; none where it cannot be answered there.
    once: Option<Digest>,
}

/// By which way somebody decides.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way<'a> {
    /// Whatever leads to the gateway itself.
    Gateway,
    /// The chat, with this one-time id.
    Chat(&'a Once),
}

/// What one gateway has to do with its chat.
pub(crate) struct Chat {
    channel: Channel,
    due: mpsc::Sender<ApprovalId>,
    /// Until the task that posts has it.
    coming: Mutex<Option<mpsc::Receiver<ApprovalId>>>,
    /// What can be answered there, until it waits no more.
    open: Mutex<BTreeMap<ApprovalId, Open>>,
    guesses: Mutex<Guesses>,
}

/// A one-time id that is good.
#[derive(Debug, Clone)]
struct Open {
    once: Digest,
    binding: Digest,
    /// Cancelled when it is good no more, so that its message is not sent any more either.
    over: CancellationToken,
}

impl Chat {
    pub(crate) fn new(channel: Channel) -> Self {
        let (due, coming) = mpsc::channel(MAX_DUE);
        let (open, guesses) = (Mutex::default(), Mutex::default());
        Self { channel, due, coming: Mutex::new(Some(coming)), open, guesses }
    }

    /// The approval that a one-time id is for. Every one that is good is looked at, in a time that does not tell which it is.
    fn find(&self, once: &Once) -> Option<ApprovalId> {
        let open = self.open.lock();
        open.iter().fold(
            None,
            |found, (id, one)| {
                if once.is(&one.once, &one.binding) { Some(id.clone()) } else { found }
            },
        )
    }

    /// Forgets the one-time id of an approval.
    fn close(&self, id: &ApprovalId) {
        if let Some(open) = self.open.lock().remove(id) {
            open.over.cancel();
        }
    }
}

impl Posted {
    /// Whether an approval with this leaves nothing to say in the chat of this name.
    fn is_said(&self, channel: &str) -> bool {
        self.channel == channel
    }
}

impl ApprovalRow {
    /// Makes the one-time id void, so that it decides nothing more; the chat is told of the approval anew.
    pub(crate) fn void_once(&mut self) {
        if self.chat.as_ref().is_some_and(|posted| posted.once.is_some()) {
            self.chat = None;
        }
    }
}

impl Gateway {
    /// Hears of an approval, whose state has changed.
    pub(crate) fn tell_chat(&self, view: &ApprovalView) {
        let Some(chat) = &self.chat else { return };
        if view.state != ApprovalState::Waiting {
            chat.close(&view.id);
            return;
        }
        if chat.due.try_send(view.id.clone()).is_err() {
            tracing::warn!(
                "{MAX_DUE} approvals wait to be posted to the chat `{}`: `{}` is in the console alone",
                chat.channel.name,
                view.id
            );
        }
    }

    /// Takes up what waited when the last gateway ended: a one-time id that was posted is still good, since its digest is in the row, and what was
    /// not posted is.
    pub(crate) fn take_up_chat(&self, row: &ApprovalRow) {
        let (Some(chat), ApprovalState::Waiting) = (&self.chat, row.view.state) else { return };
        match row.chat.as_ref().filter(|posted| posted.is_said(&chat.channel.name)) {
            Some(Posted { once: Some(once), .. }) => {
                let open = Open { once: *once, binding: row.view.digest, over: CancellationToken::new() };
                chat.open.lock().insert(row.view.id.clone(), open);
            }
            Some(Posted { once: None, .. }) => {}
            None => self.tell_chat(&row.view),
        }
    }

    /// Whether somebody may decide on this row by that way; what the record says of it.
    pub(crate) fn passes(&self, row: &ApprovalRow, way: Way<'_>) -> Result<Facts, Refusal> {
        let Way::Chat(once) = way else { return Ok(Facts::new()) };
        let over =
            || Refusal::new(RefusalKind::Conflict, "this id is good no more; the console has what waits");
        let Channel { name, clearance, .. } = &self.chat.as_ref().ok_or_else(over)?.channel;
        let kept = row.chat.as_ref().filter(|posted| posted.is_said(name)).and_then(|posted| posted.once);
        if !kept.is_some_and(|kept| once.is(&kept, &row.view.digest)) {
            return Err(over());
        }
        words::may_be_told(&row.view, clearance).map_err(|_| over())?;
        Ok(Facts::new().with("channel", name.as_str()))
    }

    /// Posts what begins to wait, until the gateway stops. Nothing waits for it.
    pub(crate) fn keep_posting(self: &Arc<Self>) {
        let Some(mut coming) = self.chat.as_ref().and_then(|chat| chat.coming.lock().take()) else { return };
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            loop {
                let id = tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    id = coming.recv() => id,
                };
                let Some(id) = id else { return };
                if let Err(refusal) = gateway.post(&id).await {
                    tracing::error!("the approval `{id}` is not posted to the chat: {refusal}");
                }
            }
        });
    }

    /// Posts one approval, if the chat has not been told of it.
    async fn post(&self, id: &ApprovalId) -> Result<(), Refusal> {
        let Some(chat) = &self.chat else { return Ok(()) };
        let Some((text, over)) = self.ready_to_post(chat, id).await? else { return Ok(()) };
        let Err(why) = self.carry(chat, text, &over).await else { return Ok(()) };
        tracing::error!("the chat `{}` is not told of the approval `{id}`: {why}", chat.channel.name);
        let _deciding = self.deciding.lock().await;
        chat.close(id);
        let facts = Facts::new().with("channel", chat.channel.name.as_str()).with("approval", id.as_str());
        let draft = Draft::of_event(Kind::Alert, Event::ChatFailed, facts.with("error", why));
        // Nobody has the one-time id, so it is good for nothing, and the next gateway posts it anew.
        let row = load(&self.journal, id)?.filter(|row| row.view.state == ApprovalState::Waiting);
        let changes = row.map(|row| ApprovalRow { chat: None, ..row }.changes()).transpose()?;
        self.record(draft, changes.unwrap_or_default()).await
    }

    /// The message about an approval that waits, once it is on the record that it leaves; with what ends before it is sent when the approval
    /// does.
    async fn ready_to_post(
        &self,
        chat: &Chat,
        id: &ApprovalId,
    ) -> Result<Option<(String, CancellationToken)>, Refusal> {
        let _deciding = self.deciding.lock().await;
        let channel = &chat.channel;
        let row = load(&self.journal, id)?.filter(|row| {
            let waits = row.view.state == ApprovalState::Waiting && !row.view.is_over(self.ambient.now());
            waits && !row.chat.as_ref().is_some_and(|posted| posted.is_said(&channel.name))
        });
        let Some(mut row) = row else { return Ok(None) };
        let once = Once::from_random(self.ambient.random());
        let monitor = self.monitor()?;
        let told = self.told(&monitor, channel, &row.view, &once);
        let kept = told.is_ok().then(|| once.digest(&row.view.digest));
        row.chat = Some(Posted { channel: channel.name.clone(), once: kept });
        self.record(posted(channel, &row, told.as_ref().err().copied()), row.changes()?).await?;
        let over = CancellationToken::new();
        if let Some(once) = kept {
            let open = Open { once, binding: row.view.digest, over: over.clone() };
            if let Some(before) = chat.open.lock().insert(id.clone(), open) {
                before.over.cancel();
            }
        }
        let text = told.unwrap_or_else(|_| words::announcement(&row.view));
        Ok(Some((text, over)))
    }

    /// The whole action, if the chat may be told it and somebody there may answer.
    fn told(
        &self,
        monitor: &Monitor,
        channel: &Channel,
        view: &ApprovalView,
        once: &Once,
    ) -> Result<String, Untold> {
        words::may_be_told(view, &channel.clearance)?;
        let most = MAX_LOOKED_THROUGH;
        let deciders = monitor.deciders(&view.agent, &view.action, &view.labels, view.escalated, most);
        let may = |person: &&vocab::Person| {
            let own = person.id == view.asked_by && !self.is_solo(person);
            person.chat.is_some() && !own && !view.approved_by.contains(&person.id)
        };
        if !deciders.iter().filter_map(|id| monitor.person(id)).any(|person| may(&person)) {
            return Err(Untold::Approvers);
        }
        words::whole(view, once)
    }

    /// Sends a message, a few times if need be, unless it is over before.
    async fn carry(&self, chat: &Chat, text: String, over: &CancellationToken) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let sent = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                () = over.cancelled() => return Ok(()),
                sent = chat.channel.way.send(text.clone()) => sent,
            };
            match sent {
                Err(why) if tried >= MAX_TRIES => return Err(why),
                Ok(()) => return Ok(()),
                Err(why) => tracing::warn!("the chat `{}` took no message: {why}", chat.channel.name),
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = over.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => pause = pause.saturating_mul(2),
            }
        }
        Ok(())
    }
}

/// The record of an approval that leaves for the chat, without the one-time id.
fn posted(channel: &Channel, row: &ApprovalRow, why: Option<Untold>) -> Draft {
    let view = &row.view;
    let facts = Facts::new().with("approval", view.id.as_str()).with("channel", channel.name.as_str());
    let facts = facts.with("answerable", why.is_none()).with_some("why", why.map(Untold::as_str));
    let mut draft = records::of_agent(Kind::Approval, Event::ApprovalPosted, None, &view.agent, facts);
    draft.session = Some(view.session.clone());
    draft.turn = Some(view.turn.clone());
    draft.verb = Some(view.action.verb);
    draft.resource = Some(view.action.resource.clone());
    draft.labels = Some(view.labels.clone());
    draft.payload = records::of_approval(&view.digest, None);
    draft
}
