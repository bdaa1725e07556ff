//! `## Channels`: where the agent may post to.

use crate::charter::Channel;
use crate::diagnostic::{Findings, quoted};
use crate::limits::{MAX_CHANNELS, MAX_VALUE_BYTES};
use crate::markdown::{Section, key_value};
use crate::nearest::nearest;
use crate::values;

/// The kinds of channel that this version delivers to.
pub const CONNECTED: [&str; 1] = ["board"];

/// Reads `## Channels`.
pub(crate) fn read(section: Option<&Section>, findings: &mut Findings) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    let Some(section) = section else { return channels };
    for (spot, text) in section.prose() {
        let message = format!("{} is not a list item and names no channel", quoted(text));
        findings.warn(spot, message, "write `- kind: destination`, such as `- board: forum`");
    }
    for item in section.items() {
        item.refuse_children(findings, "a channel");
        let Some((kind, value)) = key_value(&item.text) else {
            let message = format!("`- kind: destination` was expected, not {}", quoted(&item.text));
            findings.error(item.spot, message, "write it as in `- board: forum`");
            continue;
        };
        if !kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            let message = format!("{} is not a kind of channel", quoted(&kind));
            findings.error(item.spot, message, "use a-z, 0-9 and `-`, such as `board` or `slack`");
            continue;
        }
        if !CONNECTED.contains(&kind.as_str()) {
            let help = nearest(&kind, CONNECTED).map_or_else(
                || format!("nothing is delivered there; connected: {}", CONNECTED.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            findings.warn(item.spot, format!("`{kind}` is not connected in this version"), help);
        }
        for destination in values::list(&value) {
            let destination = destination.strip_prefix('#').unwrap_or(&destination).trim();
            let channel =
                Channel { kind: kind.clone(), destination: destination.to_owned(), line: item.spot.line };
            match fault(&channel, &channels) {
                Some((message, help)) => findings.error(item.spot, message, help),
                None => channels.push(channel),
            }
        }
    }
    channels
}

fn fault(channel: &Channel, before: &[Channel]) -> Option<(String, &'static str)> {
    let Channel { kind, destination, .. } = channel;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if destination.is_empty() {
        return Some((
            format!("`{kind}` has no destination"),
            "write it behind the colon, as in `- board: forum`",
        ));
    }
    if destination.len() > MAX_VALUE_BYTES {
        return Some((
            format!("{} is longer than {MAX_VALUE_BYTES} bytes", quoted(destination)),
            "shorten it",
        ));
    }
    if kind == "board" && !destination.chars().all(plain) {
        let message = format!("{} is not the name of a board", quoted(destination));
        return Some((message, "use a-z, 0-9, `-`, `_` and `.`, such as `forum`"));
    }
    if before.iter().any(|other| other.kind == *kind && other.destination == *destination) {
        return Some((
            format!("the channel {} stands here a second time", quoted(&channel.resource_name())),
            "keep one of them",
        ));
    }
    (before.len() >= MAX_CHANNELS).then(|| (format!("more than {MAX_CHANNELS} channels"), "remove some"))
}
