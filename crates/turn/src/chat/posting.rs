//! Posting: one message after another, each recorded before it leaves.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::{Draft, Entry, Event, Facts, Kind};
use monitor::Monitor;
use tokio_util::sync::CancellationToken;
use vocab::{ApprovalId, Digest};

use super::words::{self, Untold};
use super::{Channel, Chat, MAX_DUE, Once, Open, Posted};
use crate::approvals::{self, ApprovalRow, load};
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::{Refusal, records};

/// How often a message is tried; once only while the one before it was not taken, so that a chat which is gone holds the next ones up less.
const MAX_TRIES: u32 = 4;

/// The pause after the first of these that fails; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The most people who are looked through for one who could answer in the chat.
const MAX_LOOKED_THROUGH: usize = 1_000;

/// A message that is on the record.
struct Leaving {
    text: String,
    /// What the row has of its one-time id.
    once: Option<Digest>,
    over: CancellationToken,
}

/// What became of a message.
enum Carried {
    /// The chat took it.
    Taken,
    /// It was not sent: its approval is over, its id void, or the gateway stops.
    Left,
    /// The chat did not take it.
    Failed(String),
}

impl Gateway {
    /// Posts what begins to wait, until the gateway stops. Nothing waits for it.
    pub(crate) fn keep_posting(self: &Arc<Self>) {
        let Some(mut coming) = self.chat.as_ref().and_then(|chat| chat.coming.lock().take()) else { return };
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut tries = MAX_TRIES;
            loop {
                let id = tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    id = coming.recv() => id,
                };
                let Some(id) = id else { return };
                gateway.post_or_say(&id, &mut tries).await;
                if coming.is_empty()
                    && let Err(refusal) = gateway.post_missed(&mut tries).await
                {
                    tracing::error!("what did not fit the row to the chat is not looked for: {refusal}");
                }
            }
        });
    }

    /// Posts what did not fit, once there is room. That it waited for so long is an alert. What was tried is not tried again, so that each makes one
    /// alert.
    async fn post_missed(&self, tries: &mut u32) -> Result<(), Refusal> {
        let Some(chat) = self.chat.as_ref().filter(|chat| chat.missed.swap(false, Ordering::AcqRel)) else {
            return Ok(());
        };
        let why = format!("more than {MAX_DUE} approvals waited to be posted; the others are posted now");
        self.record(failed(chat, None, why), Vec::new()).await?;
        for ApprovalRow { view, .. } in approvals::open(&self.journal)? {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if !chat.has_tried(&view.id) {
                self.post_or_say(&view.id, tries).await;
            }
        }
        Ok(())
    }

    async fn post_or_say(&self, id: &ApprovalId, tries: &mut u32) {
        if let Err(refusal) = self.post(id, tries).await {
            tracing::error!("the approval `{id}` is not posted to the chat: {refusal}");
        }
    }

    /// Posts one approval, if the chat has not been told of it.
    async fn post(&self, id: &ApprovalId, tries: &mut u32) -> Result<(), Refusal> {
        let Some(chat) = &self.chat else { return Ok(()) };
        let Some(Leaving { text, once, over }) = self.ready_to_post(chat, id).await? else { return Ok(()) };
        let carried = self.carry(chat, text, &over, *tries).await;
        let _deciding = self.deciding.lock().await;
        let row = load(&self.journal, id)?.filter(|row| {
            let this = row.chat.as_ref().is_some_and(|posted| posted.once == once);
            row.view.state == ApprovalState::Waiting && this
        });
        match carried {
            Carried::Left => Ok(()),
            Carried::Taken => {
                *tries = MAX_TRIES;
                let Some(mut row) = row else { return Ok(()) };
                row.chat = row.chat.map(|posted| Posted { delivered: true, ..posted });
                let (subject, state) = (row.view.digest, row.changes()?);
                self.journal.follow(Entry { subject, records: Vec::new(), state }).await?;
                Ok(self.journal.flush().await?)
            }
            Carried::Failed(why) => {
                *tries = 1;
                tracing::error!("the chat `{}` is not told of the approval `{id}`: {why}", chat.channel.name);
                // Where the answer alone was lost somebody may have the one-time id: it is good for nothing, and the next gateway posts another.
                chat.give_up(id);
                let changes = row.map(|row| ApprovalRow { chat: None, ..row }.changes()).transpose()?;
                self.record(failed(chat, Some(id), why), changes.unwrap_or_default()).await
            }
        }
    }

    /// The message about an approval that waits, once it is on the record that it leaves; with what ends before it is sent when the approval
    /// does.
    async fn ready_to_post(&self, chat: &Chat, id: &ApprovalId) -> Result<Option<Leaving>, Refusal> {
        let _deciding = self.deciding.lock().await;
        let channel = &chat.channel;
        let row = load(&self.journal, id)?.filter(|row| {
            let waits = row.view.state == ApprovalState::Waiting && !row.view.is_over(self.ambient.now());
            waits && !row.chat.as_ref().is_some_and(|posted| posted.is_said(&channel.name))
        });
        let Some(mut row) = row else { return Ok(None) };
        let fresh = Once::from_random(self.ambient.random());
        let monitor = self.monitor()?;
        let told = self.told(&monitor, channel, &row, &fresh);
        let once = told.is_ok().then(|| fresh.digest(&row.view.digest));
        row.chat = Some(Posted { channel: channel.name.clone(), once, delivered: false });
        self.record(posted(channel, &row, told.as_ref().err().copied()), row.changes()?).await?;
        let over = CancellationToken::new();
        let open = Open { once, binding: row.view.digest, over: over.clone() };
        if let Some(before) = chat.open.lock().insert(id.clone(), open) {
            before.over.cancel();
        }
        let text = told.unwrap_or_else(|_| words::announcement(&row.view));
        Ok(Some(Leaving { text, once, over }))
    }

    /// The whole action, if the chat may be told it and somebody there may answer.
    fn told(
        &self,
        monitor: &Monitor,
        channel: &Channel,
        row: &ApprovalRow,
        once: &Once,
    ) -> Result<String, Untold> {
        let view = &row.view;
        words::may_be_told(view, row.carried.as_ref(), &channel.clearance)?;
        let most = MAX_LOOKED_THROUGH;
        let deciders = monitor.deciders(&view.agent, &view.action, &view.labels, view.escalated, most);
        let may = |person: &&vocab::Person| {
            let own = person.id == view.asked_by && !self.is_solo(person);
            person.chat.is_some() && !own && !view.approved_by.contains(&person.id)
        };
        if !deciders.iter().filter_map(|id| monitor.person(id)).any(|person| may(&person)) {
            return Err(Untold::Approvers);
        }
        words::whole(view, once, self.is_reduced())
    }

    /// Sends a message, a few times if need be, unless it is over before.
    async fn carry(&self, chat: &Chat, text: String, over: &CancellationToken, tries: u32) -> Carried {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let sent = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Carried::Left,
                () = over.cancelled() => return Carried::Left,
                sent = chat.channel.way.send(text.clone()) => sent,
            };
            match sent {
                Err(why) if tried >= tries => return Carried::Failed(why),
                Ok(()) => return Carried::Taken,
                Err(why) => tracing::warn!("the chat `{}` took no message: {why}", chat.channel.name),
            }
            tokio::select! {
                () = self.stop.cancelled() => return Carried::Left,
                () = over.cancelled() => return Carried::Left,
                () = tokio::time::sleep(pause) => pause = pause.saturating_mul(2),
            }
        }
        Carried::Left
    }
}

/// The alert that the chat is not told of one approval, or of several.
fn failed(chat: &Chat, id: Option<&ApprovalId>, why: String) -> Draft {
    let facts = Facts::new().with("channel", chat.channel.name.as_str());
    let facts = facts.with_some("approval", id.map(ApprovalId::as_str)).with("error", why);
    Draft::of_event(Kind::Alert, Event::ChatFailed, facts)
}

/// The record of an approval that leaves for the chat, without the one-time id.
fn posted(channel: &Channel, row: &ApprovalRow, why: Option<Untold>) -> Draft {
    let view = &row.view;
    let facts = Facts::new().with("channel", channel.name.as_str());
    let facts = facts.with("answerable", why.is_none()).with_some("why", why.map(Untold::as_str));
    let mut draft = approvals::of_view(view, None, Event::ApprovalPosted, facts);
    draft.payload = records::of_approval(&view.digest, None);
    draft
}
