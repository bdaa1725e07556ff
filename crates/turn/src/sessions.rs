//! A person's own conversations: their list, and searching them.

use journal::{Draft, Event, Facts, Journal, Kind};
use vocab::{AgentName, Person, PersonId, SessionId};

mod recall;

pub use recall::{MAX_RECALLED, Recall};

use crate::gateway::Gateway;
use crate::view::{ConversationView, Conversations};
use crate::{Refusal, RefusalKind};
use crate::{branch, session};

/// The most conversations in one list.
pub const MAX_LISTED: usize = 200;

/// How many there are in one when nobody says.
const USUALLY_LISTED: usize = 50;

/// The most conversations that one list goes through; it says where to go on.
const MAX_GONE_THROUGH: usize = 1_000;

impl Gateway {
    /// This person's own conversations, with `agent` alone if one is named: those in which the last message came in before
    /// the place `before`, the newest first. At most `limit`, and never more than [`MAX_LISTED`]. The first words of each are a
    /// look at content, and the look is durable before this answers.
    ///
    /// # Errors
    /// When `before` is no place in a list, or the database cannot be read or the record written.
    pub async fn conversations(
        &self,
        by: &Person,
        agent: Option<AgentName>,
        before: Option<String>,
        limit: Option<u32>,
    ) -> Result<Conversations, Refusal> {
        if before.as_deref().is_some_and(|place| session::at_place(place).is_none()) {
            let message =
                "`before` is no place in a list of conversations: give back what the last list said";
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let most = match limit {
            None | Some(0) => USUALLY_LISTED,
            Some(limit) => usize::try_from(limit).unwrap_or(MAX_LISTED).min(MAX_LISTED),
        };
        let (journal, person) = (self.journal.clone(), by.id.clone());
        let list = move || list(&journal, &person, agent.as_ref(), before, most);
        let mut listed = self.lookers.work(list).await?;
        for view in &mut listed.sessions {
            view.turn = self.open.turn_in(&view.session);
            if let Some(turn) = &view.turn {
                view.waiting = session::turn(&self.journal, turn)?.and_then(|row| row.waiting);
            }
        }
        let words = |view: &&ConversationView| {
            view.title.is_some() || view.branch.as_ref().is_some_and(|branch| branch.title.is_some())
        };
        let titles = listed.sessions.iter().filter(words).count();
        if titles > 0 {
            let facts = Facts::new().with("count", titles as u64).with("own", true);
            let mut draft = Draft::of_event(Kind::Admin, Event::ContentRead, facts);
            draft.person = Some(by.id.clone());
            self.record(draft, Vec::new()).await?;
        }
        Ok(listed)
    }
}

fn list(
    journal: &Journal,
    person: &PersonId,
    agent: Option<&AgentName>,
    mut before: Option<String>,
    most: usize,
) -> Result<Conversations, Refusal> {
    let places = session::listed(journal, person, before.as_deref(), MAX_GONE_THROUGH)?;
    let mut more = places.len() == MAX_GONE_THROUGH;
    let mut sessions = Vec::new();
    for place in places {
        if sessions.len() == most {
            more = true;
            break;
        }
        if let Some(id) = session::at_place(&place) {
            sessions.extend(view(journal, person, agent, id)?);
        }
        before = Some(place);
    }
    Ok(Conversations { sessions, before: before.filter(|_| more) })
}

/// The conversation, if it is still there and one with this agent.
fn view(
    journal: &Journal,
    person: &PersonId,
    agent: Option<&AgentName>,
    id: SessionId,
) -> Result<Option<ConversationView>, Refusal> {
    let row = session::session(journal, &id)?;
    let Some(row) = row.filter(|row| row.person == *person && agent.is_none_or(|agent| row.agent == *agent))
    else {
        return Ok(None);
    };
    let title = session::title(journal, &id)?;
    let branch = branch::view(journal, &row)?;
    Ok(Some(ConversationView {
        session: id,
        agent: row.agent,
        started: row.started,
        last: row.last,
        turns: row.turns,
        labels: row.labels,
        turn: None,
        waiting: None,
        title,
        branch,
    }))
}
