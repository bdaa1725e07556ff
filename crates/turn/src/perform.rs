//! An effect, until it is done, the turn's time is up or the agent is stopped; and what is heard of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use monitor::{Bounds, Compartment, Permit, Reach, Refused};
use skills::Bench;
use tokio_util::sync::CancellationToken;
use vocab::{Body, Labels, Outcome, ProposalId, Status, Verb};

use crate::deliver::deliver;
use crate::gateway::Gateway;
use crate::parts;
use crate::process::Process;
use crate::state::Turn;

/// How long after a stop an effect that nobody can call back may still say what became of it. Shorter than a
/// stopping gateway waits for its turns, so that the record has it.
const LATE_WAIT: Duration = Duration::from_secs(3);

/// All that is heard of an outcome that came after the agent was stopped. The record has the rest.
const CAME_LATE: &str = "this came after the agent was stopped, and is not used";

/// How an effect ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending<T> {
    /// While it was wanted.
    InTime(T),
    /// After the agent was stopped.
    Late(T),
    /// The agent was stopped, and nothing more was heard of it.
    Stopped,
    /// The turn's time was up.
    TimeUp,
}

/// Does what was permitted. While a model is asked for an agent that is there, the agent proposes what has come whole of
/// the answer.
pub(crate) async fn perform(
    gateway: &Gateway,
    turn: &mut Turn,
    bench: &mut Bench,
    agent: Option<&mut Process>,
    permit: Permit,
) -> Outcome {
    let now = gateway.ambient.now();
    let verb = permit.action().verb;
    let effect = Effect::of(turn, &permit);
    if turn.stopped.is_cancelled() {
        return effect.not_begun(gateway, turn);
    }
    let (stopped, time) = (turn.stopped.clone(), turn.time_left(now));
    let ending = match (verb, agent) {
        (Verb::ModelCall, Some(agent)) => return parts::ask(gateway, turn, agent, effect, permit).await,
        (Verb::ModelCall, None) => until(gateway.models.perform(permit, now), &stopped, time, false).await,
        (Verb::Reply | Verb::ReplyPart, _) => {
            let delivered = async { deliver(gateway, turn, permit, now) };
            until(delivered, &stopped, time, false).await
        }
        (
            Verb::FileRead
            | Verb::FileWrite
            | Verb::WebGet
            | Verb::MessagePost
            | Verb::CommandRun
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::SkillCall,
            _,
        ) => until(gateway.skills.perform(permit, bench, now), &stopped, time, lasts(verb)).await,
    };
    effect.outcome(gateway, turn, ending)
}

/// Delivers a part of a reply, unless the turn was stopped before.
pub(crate) fn perform_part(gateway: &Gateway, turn: &Turn, permit: Permit) -> Outcome {
    let effect = Effect::of(turn, &permit);
    if turn.stopped.is_cancelled() {
        return effect.not_begun(gateway, turn);
    }
    let delivered = deliver(gateway, turn, permit, gateway.ambient.now());
    effect.outcome(gateway, turn, Ending::InTime(delivered))
}

/// What is known of an effect before it begins.
pub(crate) struct Effect {
    proposal: ProposalId,
    labels: Labels,
    before: Before,
}

/// What an effect has before it while it lasts, and reads without asking for each piece.
enum Before {
    Nothing,
    /// A command's.
    Reach(Reach),
    /// A collection's folder.
    Folder(String),
}

impl Before {
    fn of(bounds: &Bounds) -> Self {
        match bounds {
            Bounds::Command(run) => Self::Reach(run.reach.clone()),
            Bounds::Collection { folder } => Self::Folder(folder.to_string_lossy().into_owned()),
            Bounds::None | Bounds::File { .. } | Bounds::Web { .. } | Bounds::Tables(_) => Self::Nothing,
        }
    }

    /// The labels of all of it by now: meanwhile others may have put data there that carries more.
    fn labels_now(&self, compartment: &Compartment, marks: &BTreeMap<String, Labels>) -> Option<Labels> {
        match self {
            Self::Nothing => None,
            Self::Reach(reach) => Some(reach.labels_now(compartment, marks)),
            Self::Folder(folder) => Some(compartment.labels_beneath(folder, marks)),
        }
    }
}

impl Effect {
    fn of(turn: &Turn, permit: &Permit) -> Self {
        let before = Before::of(permit.bounds());
        Self { proposal: permit.proposal().clone(), labels: turn.session.labels.clone(), before }
    }

    /// Its end in one sentence.
    pub(crate) fn ended(&self, status: Status, text: &str) -> Outcome {
        Outcome {
            proposal: self.proposal.clone(),
            status,
            labels: self.labels.clone(),
            body: Body::Text { text: text.to_owned() },
        }
    }

    fn not_begun(&self, gateway: &Gateway, turn: &Turn) -> Outcome {
        self.ended(Status::Denied, &format!("{} before this began", gateway.why_stopped(&turn.id)))
    }

    /// What became of it.
    pub(crate) fn outcome(
        self,
        gateway: &Gateway,
        turn: &Turn,
        ending: Ending<Result<Outcome, Refused>>,
    ) -> Outcome {
        let outcome = match ending {
            Ending::InTime(Ok(outcome)) => outcome,
            Ending::InTime(Err(refused)) => self.ended(Status::Denied, &refused.to_string()),
            // Of one that failed, nobody knows how far it came: its process was ended.
            Ending::Late(Ok(outcome)) if outcome.status == Status::Failed => {
                Outcome { status: Status::Unknown, ..outcome }
            }
            Ending::Late(Ok(outcome)) => Outcome { status: Status::Late, ..outcome },
            Ending::Late(Err(_)) => self.not_begun(gateway, turn),
            Ending::Stopped if turn.row.program => self
                .ended(Status::Unknown, "the program gave this up, or was stopped, while it was under way"),
            Ending::Stopped => {
                let why = format!("{} while this was under way", gateway.why_stopped(&turn.id));
                self.ended(Status::Unknown, &why)
            }
            Ending::TimeUp => self.ended(Status::Unknown, "the turn's time was up while this was under way"),
        };
        match self.before.labels_now(&turn.compartment, &gateway.marks()) {
            Some(labels) => Outcome { labels: outcome.labels.join(&labels), ..outcome },
            None => outcome,
        }
    }
}

/// Whether giving up on an effect leaves it unknown what became of it. A question to a model or a page is
/// over when its connection is, and a command when its jail is.
const fn lasts(verb: Verb) -> bool {
    match verb {
        Verb::ModelCall | Verb::WebGet | Verb::CommandRun | Verb::Reply | Verb::ReplyPart => false,
        Verb::FileRead
        | Verb::FileWrite
        | Verb::TableRead
        | Verb::DocumentsSearch
        | Verb::DocumentsRead
        | Verb::MessagePost
        | Verb::SkillCall => true,
    }
}

pub(crate) async fn until<T>(
    effect: impl Future<Output = T>,
    stopped: &CancellationToken,
    time: Duration,
    lasts: bool,
) -> Ending<T> {
    let mut effect = pin!(effect);
    tokio::select! {
        biased;
        () = stopped.cancelled() => {}
        ended = tokio::time::timeout(time, effect.as_mut()) => return match ended {
            Ok(ended) if stopped.is_cancelled() => Ending::Late(ended),
            Ok(ended) => Ending::InTime(ended),
            Err(_) => Ending::TimeUp,
        },
    }
    if !lasts {
        return Ending::Stopped;
    }
    tokio::time::timeout(LATE_WAIT, effect).await.map_or(Ending::Stopped, Ending::Late)
}

/// What the agent and the person hear of an outcome: of one that came late, only that it did.
pub(crate) fn heard(outcome: &Outcome) -> Cow<'_, Outcome> {
    if outcome.status != Status::Late {
        return Cow::Borrowed(outcome);
    }
    Cow::Owned(Outcome { body: Body::Text { text: CAME_LATE.to_owned() }, ..outcome.clone() })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// Ends with `word` once the agent has been stopped.
    async fn after_the_stop(stopped: CancellationToken, word: &str) -> &str {
        tokio::task::yield_now().await;
        stopped.cancel();
        tokio::task::yield_now().await;
        word
    }

    #[test]
    fn what_comes_into_a_collection_while_it_is_searched_is_in_the_labels_of_what_is_found() {
        let config = monitor::Config { agents_dir: "/home/agents".into(), ..monitor::Config::default() };
        let house = monitor::Monitor::new(config).unwrap();
        let soul = "# Echo\n## Identity\n- Name: Echo\n- Role: Looks things up\n";
        let (_, echo) = crate::check(soul, "/home/agents/echo/workspace".as_ref(), None, &house).unwrap();
        let before = Before::of(&Bounds::Collection { folder: "/data/handbook".into() });
        let restricted = Labels::from_names(["restricted"]).unwrap();
        for (place, expected) in
            [("/data/handbook/new.md", &restricted), ("/data/other.md", &Labels::default())]
        {
            let marks = BTreeMap::from([(place.to_owned(), restricted.clone())]);
            assert_eq!(before.labels_now(&echo, &marks).as_ref(), Some(expected), "{place}");
        }
        assert_eq!(Before::of(&Bounds::None).labels_now(&echo, &BTreeMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_after_a_stop_is_late_and_a_question_is_given_up() {
        let stopped = CancellationToken::new();
        assert_eq!(until(ready("done"), &stopped, LONG, true).await, Ending::InTime("done"));
        let slow = after_the_stop(stopped.clone(), "written");
        assert_eq!(until(slow, &stopped, LONG, true).await, Ending::Late("written"));
        let stopped = CancellationToken::new();
        let slow = after_the_stop(stopped.clone(), "an answer");
        assert_eq!(until(slow, &stopped, LONG, false).await, Ending::Stopped);
        let stopped = CancellationToken::new();
        assert_eq!(until(pending::<()>(), &stopped, Duration::ZERO, true).await, Ending::TimeUp);
    }

    #[tokio::test(start_paused = true)]
    async fn an_effect_that_never_ends_holds_nothing_up_for_long() {
        let stopped = CancellationToken::new();
        stopped.cancel();
        assert_eq!(until(pending::<()>(), &stopped, LONG, true).await, Ending::Stopped);
    }
}
