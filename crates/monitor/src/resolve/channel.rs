//! Channels: `kind:destination`, or the destination alone where SOUL.md has it once.

use soul::Channel;

use super::words::shown;

/// A text that names no channel.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum ChannelError {
    #[error("`{given}` is no channel of this agent; it has {has}")]
    Unknown { given: String, has: String },
    #[error("`{given}` could be {has}; write the whole name")]
    Ambiguous { given: String, has: String },
}

/// The whole name of the channel that `given` means. A whole name that is not the agent's own is passed on
/// as it is: policy refuses it, and the record then says where it would have gone.
///
/// # Errors
/// When it is a destination that SOUL.md does not have, or has more than once.
pub(crate) fn named(given: &str, channels: &[Channel]) -> Result<String, ChannelError> {
    let whole = |channel: &Channel| format!("{}:{}", channel.kind, channel.destination);
    if channels.iter().any(|channel| whole(channel) == given) {
        return Ok(given.to_owned());
    }
    let mut meant: Vec<String> =
        channels.iter().filter(|channel| channel.destination == given).map(whole).collect();
    meant.dedup();
    let list = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    match meant.as_slice() {
        [one] => Ok(one.clone()),
        [] if is_whole(given) => Ok(given.to_owned()),
        [] => {
            let all: Vec<String> = channels.iter().map(whole).collect();
            let has = if all.is_empty() { "none".to_owned() } else { list(&all) };
            Err(ChannelError::Unknown { given: shown(given), has })
        }
        several => Err(ChannelError::Ambiguous { given: shown(given), has: list(several) }),
    }
}

fn is_whole(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '#' | '@' | '/' | '+');
    name.split_once(':').is_some_and(|(kind, destination)| {
        !kind.is_empty()
            && kind.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && !destination.is_empty()
            && destination.chars().all(plain)
    })
}
