//! An effect, until it is done, the turn's time is up or the agent is stopped; and what is heard of it.

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use monitor::{Bounds, Permit};
use skills::Bench;
use tokio_util::sync::CancellationToken;
use vocab::{Body, Outcome, Status, Verb};

use crate::deliver::deliver;
use crate::gateway::Gateway;
use crate::state::Turn;

/// How long after a stop an effect that nobody can call back may still say what became of it. Shorter than a
/// stopping gateway waits for its turns, so that the record has it.
const LATE_WAIT: Duration = Duration::from_secs(3);

/// All that is heard of an outcome that came after the agent was stopped. The record has the rest.
const CAME_LATE: &str = "this came after the agent was stopped, and is not used";

/// How an effect ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending<T> {
    /// While it was wanted.
    InTime(T),
    /// After the agent was stopped.
    Late(T),
    /// The agent was stopped, and nothing more was heard of it.
    Stopped,
    /// The turn's time was up.
    TimeUp,
}

/// Does what was permitted.
pub(crate) async fn perform(gateway: &Gateway, turn: &Turn, bench: &mut Bench, permit: Permit) -> Outcome {
    let proposal = permit.proposal().clone();
    let now = gateway.ambient.now();
    let verb = permit.action().verb;
    let reach = match permit.bounds() {
        Bounds::Command(run) => Some(run.reach.clone()),
        Bounds::None | Bounds::File { .. } | Bounds::Web { .. } | Bounds::Tables(_) => None,
    };
    let ended = |status, text: &str| Outcome {
        proposal: proposal.clone(),
        status,
        labels: turn.session.labels.clone(),
        body: Body::Text { text: text.to_owned() },
    };
    if turn.stopped.is_cancelled() {
        return ended(Status::Denied, &format!("{} before this began", gateway.why_stopped(&turn.id)));
    }
    let effect = async {
        match verb {
            Verb::ModelCall => gateway.models.perform(permit, now).await,
            Verb::Reply => deliver(gateway, turn, permit, now),
            Verb::FileRead
            | Verb::FileWrite
            | Verb::WebGet
            | Verb::MessagePost
            | Verb::CommandRun
            | Verb::TableRead
            | Verb::SkillCall => gateway.skills.perform(permit, bench, now).await,
        }
    };
    let outcome = match until(effect, &turn.stopped, turn.time_left(now), lasts(verb)).await {
        Ending::InTime(Ok(outcome)) => outcome,
        Ending::InTime(Err(refused)) => ended(Status::Denied, &refused.to_string()),
        // Of one that failed, nobody knows how far it came: its process was ended.
        Ending::Late(Ok(outcome)) if outcome.status == Status::Failed => {
            Outcome { status: Status::Unknown, ..outcome }
        }
        Ending::Late(Ok(outcome)) => Outcome { status: Status::Late, ..outcome },
        Ending::Late(Err(_)) => {
            ended(Status::Denied, &format!("{} before this began", gateway.why_stopped(&turn.id)))
        }
        Ending::Stopped if turn.row.program => {
            ended(Status::Unknown, "the program gave this up, or was stopped, while it was under way")
        }
        Ending::Stopped => {
            ended(Status::Unknown, &format!("{} while this was under way", gateway.why_stopped(&turn.id)))
        }
        Ending::TimeUp => ended(Status::Unknown, "the turn's time was up while this was under way"),
    };
    match reach {
        // While a command ran, others may have put data before it that carries more.
        Some(reach) => {
            let labels = reach.labels_now(&turn.compartment, &gateway.marks());
            Outcome { labels: outcome.labels.join(&labels), ..outcome }
        }
        None => outcome,
    }
}

/// Whether giving up on an effect leaves it unknown what became of it. A question to a model or a page is
/// over when its connection is, and a command when its jail is.
const fn lasts(verb: Verb) -> bool {
    match verb {
        Verb::ModelCall | Verb::WebGet | Verb::CommandRun | Verb::Reply => false,
        Verb::FileRead | Verb::FileWrite | Verb::TableRead | Verb::MessagePost | Verb::SkillCall => true,
    }
}

async fn until<T>(
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
