//! What somebody answers in the chat: `approve ID`, or `deny ID reason`.

use std::sync::Arc;

use journal::Facts;
use vocab::Digest;

use super::{Once, Way};
use crate::decide::MAX_REASON_CHARS;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::{Choice, Refusal, RefusalKind};

/// An answer, as it stands behind the name of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The id that it is by.
    pub once: Once,
    /// Why not; none where it is a yes.
    pub denies: Option<String>,
}

impl Answer {
    /// Takes an answer apart; none where it is no answer. A yes has nothing behind its id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (verb, rest) = text.trim().split_once(char::is_whitespace)?;
        let rest = rest.trim_start();
        let (id, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (once, reason) = (Once::parse(id)?, reason.trim());
        match verb {
            "approve" if reason.is_empty() => Some(Self { once, denies: None }),
            "deny" => Some(Self { once, denies: Some(reason.chars().take(MAX_REASON_CHARS).collect()) }),
            _ => None,
        }
    }
}

impl Gateway {
    /// Whether a chat account is a person's, by the settings of now.
    #[must_use]
    pub fn knows_in_chat(&self, user: &str) -> bool {
        self.monitor_or_last().person_of_chat(user).is_some()
    }

    /// Decides what the chat account `user` answers, as the person who that is by the settings of now; what they are told. Whoever calls this
    /// has made sure that it is that account. Why the gateway itself cannot is logged and not said: the account may be anybody's in that
    /// workspace.
    ///
    /// # Errors
    /// When there is no chat, nobody is that account, it is no answer, there is no such id, or this person may not decide.
    pub async fn answer_in_chat(self: &Arc<Self>, user: &str, text: &str) -> Result<String, Refusal> {
        self.answer_of_chat(user, text).await.map_err(|refusal| match refusal.kind {
            RefusalKind::Unavailable => {
                tracing::error!("what the chat says cannot be decided: {refusal}");
                Refusal::new(RefusalKind::Unavailable, "the gateway cannot decide now; see the console")
            }
            _ => refusal,
        })
    }

    async fn answer_of_chat(self: &Arc<Self>, user: &str, text: &str) -> Result<String, Refusal> {
        let Some(chat) = &self.chat else {
            return Err(Refusal::new(RefusalKind::NotFound, "there is no chat here"));
        };
        let monitor = self.monitor()?;
        let Some(by) = monitor.person_of_chat(user).cloned() else {
            let message = format!(
                "the account `{user}` is nobody here; an administrator names a person with `chat = \"{user}\"` in bulkhead.toml"
            );
            return Err(Refusal::new(RefusalKind::Forbidden, message));
        };
        let Some(Answer { once, denies }) = Answer::parse(text) else {
            let message = "that is no answer: it is `approve ID` or `deny ID reason`, with the id of the message that shows the action";
            return Err(Refusal::new(RefusalKind::Invalid, message));
        };
        if !chat.guesses.lock().count(&by.id, self.ambient.now()) {
            let message = "too many wrong ids: wait 15 minutes, or decide in the console";
            return Err(Refusal::new(RefusalKind::Busy, message));
        }
        let Some(id) = chat.find(&once) else {
            self.refused_right(&by, Facts::new().with("what", "answer in the chat by an id that is none"));
            let message = "there is no such id: it was used already, what it was for is over, or it never was; the console has what waits";
            return Err(Refusal::new(RefusalKind::NotFound, message));
        };
        chat.guesses.lock().right(&by.id);
        let choice = denies.map_or(Choice::Approve, |reason| Choice::Deny { reason });
        // What it was made for: a row with another digest has another id.
        let digest: Option<Digest> = chat.open.lock().get(&id).map(|open| open.binding);
        let view = self.decide_by(&by, &id, choice, digest, Way::Chat(&once)).await?;
        Ok(match view.state {
            ApprovalState::Waiting => format!("Your yes to {id} counts; it takes another person, too."),
            ApprovalState::Approved => format!("Approved: {id}."),
            _ => format!("Denied: {id}."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_of_two_words_an_id_and_for_a_no_a_reason() {
        let id = "LJNF-UWS2-LJNF-UWS2";
        let answer = |text: &str| Answer::parse(&text.replace("ID", id)).map(|answer| answer.denies);
        assert_eq!(answer("approve ID"), Some(None));
        assert_eq!(answer("  approve   ID  "), Some(None));
        assert_eq!(answer("deny ID"), Some(Some(String::new())));
        assert_eq!(answer("deny ID not  now,\nplease "), Some(Some("not  now,\nplease".into())));
        let long = answer(&format!("deny ID {}", "é".repeat(5_000))).unwrap().unwrap();
        assert_eq!(long.chars().count(), MAX_REASON_CHARS);
        for text in [
            "",
            "ID",
            "approve",
            "approveID",
            "approve ID now",
            "Approve ID",
            "deny",
            "kill ID",
            "approve deny ID",
            "approve 1",
            "deny a-1 x",
        ] {
            assert_eq!(answer(text), None, "{text}");
        }
    }
}
