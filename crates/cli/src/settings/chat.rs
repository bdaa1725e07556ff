//! `[chat]`: the chat channel in which what waits and is of low risk may be answered, too.

use std::path::PathBuf;

use people::is_slack_id;
use secrets::{Name, Reference};
use serde::Deserialize;
use toml::Spanned;
use vocab::{Labels, Person};

use super::Settings;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Chat {
    /// What people call it, and the record.
    pub(crate) name: Spanned<String>,
    /// The address of its incoming webhook, which is itself a secret.
    pub(crate) webhook: Reference,
    /// What signs the slash command.
    pub(crate) signing_secret: Reference,
    /// The workspace.
    pub(crate) team: Spanned<String>,
    /// What it may carry; without it what anybody may read.
    #[serde(default = "Labels::public")]
    pub(crate) clearance: Labels,
    /// As `[[export]]` has it.
    pub(crate) ca: Option<PathBuf>,
}

/// What is wrong with the chat, or with who people are in it, and where.
pub(super) fn fault(chat: Option<&Chat>, people: &[Spanned<Person>]) -> Option<(usize, String)> {
    let of_people = people.iter().enumerate().find_map(|(nth, spanned)| {
        let person = spanned.get_ref();
        let account = person.chat.as_ref()?;
        let mut earlier = people.iter().take(nth).map(Spanned::get_ref);
        let message = if !is_slack_id(account) {
            let id = &person.id;
            format!("the `chat` of `{id}` is no account: it is the member ID of Slack, such as `U012AB3CD`")
        } else {
            let other = earlier.find(|other| other.chat.as_ref() == Some(account))?;
            format!("`{}` and `{}` are the same account in the chat; give `chat` to one", other.id, person.id)
        };
        Some((spanned.span().start, message))
    });
    of_people.or_else(|| {
        let Chat { name, team, ca, .. } = chat?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let text = name.get_ref();
        if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.chars().all(good) {
            let message = "the `name` of `[chat]` is 1 to 64 of a-z, 0-9, `-` and `_`";
            return Some((name.span().start, message.to_owned()));
        }
        if !is_slack_id(team.get_ref()) {
            let message =
                "the `team` of `[chat]` is no workspace: it is the ID of Slack, such as `T012AB3CD`";
            return Some((team.span().start, message.to_owned()));
        }
        let relative = ca.as_ref().is_some_and(|ca| !ca.is_absolute());
        relative.then(|| (name.span().start, "the `ca` of `[chat]` needs an absolute path".to_owned()))
    })
}

impl Settings {
    /// The secrets of the chat.
    pub(super) fn chat_secrets(&self) -> impl Iterator<Item = &Name> {
        self.chat.iter().flat_map(|chat| [chat.webhook.name(), chat.signing_secret.name()])
    }
}
