//! A chat channel beside the console: what waits and is of low risk is shown there whole, with a one-time id, and answered by it.
//!
//! In: approvals as they begin to wait, and what a chat account says, of whom others have made sure that it is theirs. Out: messages, which the
//! settings' way to the chat carries ([`Messenger`]), and decisions, on the one road that all take (`decide.rs`). The chat is an audience outside:
//! it is shown what its clearance covers and nothing else, and an action that is not shown whole cannot be answered there.

mod answer;
mod guesses;
mod once;
mod posting;
mod words;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use journal::Facts;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vocab::{ApprovalId, Digest, Labels};

use crate::approvals::ApprovalRow;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind};

pub use answer::Answer;
pub use once::Once;

use guesses::Guesses;

/// The most approvals that are held in a row to be posted; those that come beyond are looked for once these are through.
const MAX_DUE: usize = 256;

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
    /// Whether the chat took the message. Until then nobody may have it, and the next gateway posts anew.
    #[serde(default)]
    delivered: bool,
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
    /// Whether some did not fit among these.
    missed: AtomicBool,
    /// What the chat is told of, until it waits no more.
    open: Mutex<BTreeMap<ApprovalId, Open>>,
    guesses: Mutex<Guesses>,
}

/// A message that is out, or on its way.
#[derive(Debug, Clone)]
struct Open {
    /// The one-time id that is good, if it has one.
    once: Option<Digest>,
    binding: Digest,
    /// Cancelled when there is nothing to say any more, so that the message is not sent any more either.
    over: CancellationToken,
}

impl Chat {
    pub(crate) fn new(channel: Channel) -> Self {
        let (due, coming) = mpsc::channel(MAX_DUE);
        let (open, guesses) = (Mutex::default(), Mutex::default());
        let (coming, missed) = (Mutex::new(Some(coming)), AtomicBool::new(false));
        Self { channel, due, coming, missed, open, guesses }
    }

    /// The approval that a one-time id is for. Every one that is good is looked at, in a time that does not tell which it is.
    fn find(&self, once: &Once) -> Option<ApprovalId> {
        let open = self.open.lock();
        open.iter().fold(None, |found, (id, one)| {
            let is = one.once.is_some_and(|kept| once.is(&kept, &one.binding));
            if is { Some(id.clone()) } else { found }
        })
    }

    /// Gives up on the message about an approval: its one-time id is good for nothing, and this gateway does not look for it among what did not fit.
    fn give_up(&self, id: &ApprovalId) {
        if let Some(open) = self.open.lock().get_mut(id) {
            open.once = None;
            open.over.cancel();
        }
    }

    /// Whether this gateway has told, or tried to tell, of an approval.
    fn has_tried(&self, id: &ApprovalId) -> bool {
        self.open.lock().contains_key(id)
    }

    /// Forgets the one-time id of an approval.
    fn close(&self, id: &ApprovalId) {
        if let Some(open) = self.open.lock().remove(id) {
            open.over.cancel();
        }
    }
}

impl Posted {
    /// Whether it is of the chat of this name.
    fn is_of(&self, channel: &str) -> bool {
        self.channel == channel
    }

    /// Whether an approval with this leaves nothing to say there.
    fn is_said(&self, channel: &str) -> bool {
        self.is_of(channel) && self.delivered
    }
}

impl ApprovalRow {
    /// Makes the one-time id void, so that it decides nothing more; the chat is told of the approval anew.
    pub(crate) fn void_once(&mut self) {
        if self.chat.as_ref().is_some_and(|posted| posted.once.is_some()) {
            self.chat = None;
        }
    }

    /// More people are asked: what was announced only because nobody of those before is known in the chat is looked at anew. Whether there is
    /// something to say.
    fn asks_more_in_chat(&mut self, clearance: &Labels) -> bool {
        let announced = self.chat.as_ref().is_some_and(|posted| posted.once.is_none());
        if announced && words::may_be_told(&self.view, self.carried.as_ref(), clearance).is_ok() {
            self.chat = None;
        }
        self.chat.is_none()
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
            chat.missed.store(true, Ordering::Release);
        }
    }

    /// Makes the one-time id of an approval void in a row that is recorded then, and stops its message where it is on its way.
    pub(crate) fn void_in_chat(&self, row: &mut ApprovalRow) {
        row.void_once();
        if let Some(chat) = &self.chat {
            chat.close(&row.view.id);
        }
    }

    /// Looks anew at an announcement, when more people are asked.
    pub(crate) fn asks_more_in_chat(&self, row: &mut ApprovalRow) {
        if let Some(chat) = &self.chat
            && row.asks_more_in_chat(&chat.channel.clearance)
        {
            chat.close(&row.view.id);
        }
    }

    /// Takes up what waited when the last gateway ended: a one-time id that was posted is still good, since its digest is in the row, and what the
    /// chat did not take is posted with another.
    pub(crate) fn take_up_chat(&self, row: &ApprovalRow) {
        let (Some(chat), ApprovalState::Waiting) = (&self.chat, row.view.state) else { return };
        match row.chat.as_ref().filter(|posted| posted.is_said(&chat.channel.name)) {
            Some(Posted { once, .. }) => {
                let open = Open { once: *once, binding: row.view.digest, over: CancellationToken::new() };
                chat.open.lock().insert(row.view.id.clone(), open);
            }
            None => self.tell_chat(&row.view),
        }
    }

    /// Whether somebody may decide on this row by that way; what the record says of it.
    pub(crate) fn passes(&self, row: &ApprovalRow, way: Way<'_>) -> Result<Facts, Refusal> {
        let Way::Chat(once) = way else { return Ok(Facts::new()) };
        let over =
            || Refusal::new(RefusalKind::Conflict, "this id is good no more; the console has what waits");
        let Channel { name, clearance, .. } = &self.chat.as_ref().ok_or_else(over)?.channel;
        let kept = row.chat.as_ref().filter(|posted| posted.is_of(name)).and_then(|posted| posted.once);
        if !kept.is_some_and(|kept| once.is(&kept, &row.view.digest)) {
            return Err(over());
        }
        words::may_be_told(&row.view, row.carried.as_ref(), clearance).map_err(|_| over())?;
        Ok(Facts::new().with("channel", name.as_str()))
    }
}
