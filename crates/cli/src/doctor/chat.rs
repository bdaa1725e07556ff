//! The chat: what leaves for it, and whether its secrets are there.

use super::{Finding, State};
use crate::home::Home;
use crate::settings::Settings;

/// What a chat's findings are called.
pub(super) const CHECK: &str = "chat";

/// Says that what waits is told to a chat, and what of that lacks.
pub(super) fn look(home: &Home, settings: &Settings) -> Vec<Finding> {
    let Some(chat) = &settings.chat else { return Vec::new() };
    let (name, store) = (chat.name.get_ref(), settings.secrets(home));
    let secrets = [(&chat.webhook, "webhook"), (&chat.signing_secret, "signing-secret")];
    let lacking = secrets.iter().filter_map(|(secret, of)| {
        let error = store.value(secret.name()).err()?;
        let mend = "write it there; without both the gateway does not start, and answers nothing in the chat";
        Some(Finding::of(CHECK, State::Missing, format!("the `{of}` of the chat `{name}`: {error}"), mend))
    });
    let told = format!(
        "what waits and is of low risk goes to the chat `{name}` of Slack's team `{}` as far as it is {}, which LEAVES this machine",
        chat.team.get_ref(),
        chat.clearance
    );
    std::iter::once(Finding::ok(CHECK, told)).chain(lacking).collect()
}

/// That the chat takes nothing, as the gateway's status says it.
pub(super) fn failing(name: &str, error: &str) -> Finding {
    let message =
        format!("the chat `{name}` takes no messages, so what waits is in the console alone: {error}");
    Finding::of(
        CHECK,
        State::Missing,
        message,
        "mend its webhook; what waits from then on is posted by itself",
    )
}
