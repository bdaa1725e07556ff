//! Values that grants and limits take: counts, sizes, durations, hosts and paths.
//!
//! Each gives the value in its one normal form, or says what was expected and how to mend it.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use crate::diagnostic::{Fault, quoted};
use crate::limits::{MAX_COMMAND_BYTES, MAX_TIME, MIN_TIME};

/// A whole number between two bounds; `_` may group its digits.
pub(crate) fn count(text: &str, least: u64, most: u64) -> Result<u64, Fault> {
    let digits = text.replace('_', "");
    // `parse` alone would take a sign.
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>());
    let message = match number {
        Some(Ok(number)) if (least..=most).contains(&number) => return Ok(number),
        Some(Ok(_)) => format!("{} is outside {least} to {most}", quoted(text)),
        Some(Err(_)) | None => format!("a whole number was expected, not {}", quoted(text)),
    };
    let example = least.max(60.min(most));
    Err(Fault::new(message, format!("write a whole number from {least} to {most}, such as `{example}`")))
}

/// A size in bytes: a whole number, alone or with `B`, `kB`, `MB`, `GB` (powers of 1000) or `KiB`, `MiB`,
/// `GiB` (powers of 1024).
pub(crate) fn size(text: &str, least: u64, most: u64) -> Result<u64, Fault> {
    const FORM: &str = "write a whole number and a unit, such as `64 KiB` or `10 MB`";
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let factor: Option<u64> = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => Some(1),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        _ => None,
    };
    let Some(factor) = factor else {
        return Err(Fault::new(format!("a size was expected, not {}", quoted(text)), FORM));
    };
    let number = count(digits, 0, u64::MAX)
        .map_err(|_| Fault::new(format!("a size was expected, not {}", quoted(text)), FORM))?;
    match number.checked_mul(factor) {
        Some(bytes) if (least..=most).contains(&bytes) => Ok(bytes),
        _ => Err(Fault::new(
            format!("{} is outside {least} to {most} bytes", quoted(text)),
            format!("name a size from {least} to {most} bytes, such as `{} KiB`", (least >> 10).max(64)),
        )),
    }
}

/// A time with its unit, such as `90 s`, `10 min` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, Fault> {
    const FORM: &str = "write a number and a unit, such as `90 s`, `10 min` or `1 h`";
    let time = text
        .trim()
        .parse::<SignedDuration>()
        .map_err(|_| Fault::new(format!("a time with its unit was expected, not {}", quoted(text)), FORM))?;
    match Duration::try_from(time) {
        Ok(time) if (MIN_TIME..=MAX_TIME).contains(&time) => Ok(time),
        _ => Err(Fault::new(format!("{} is outside one second to 24 hours", quoted(text)), FORM)),
    }
}

/// A time, where a number alone is seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, Fault> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if digits { duration(&format!("{} s", text.replace('_', ""))) } else { duration(text) }
}

/// A command as it must be asked for: the bare name of a program, or an absolute path.
pub(crate) fn command(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let refuse = |why: &str, help: &str| {
        Err(Fault::new(format!("a command was expected, not {}: {why}", quoted(text)), help))
    };
    const FORM: &str = "write a bare name, such as `git`, or an absolute path, such as `/opt/tools/lint`";
    if text.contains(char::is_whitespace) {
        return refuse("it has a blank in it", "name the program alone: arguments are given with each call");
    }
    if text.contains(['*', '?', '[', ']', '{', '}', '\\', '$', '|', '&', ';', '<', '>', '`', '\'', '"']) {
        return refuse("patterns and shell signs are not read", FORM);
    }
    if text.starts_with('~') {
        return refuse("`~` stands for nobody's home here", "write the path from `/` on");
    }
    if text.starts_with('/') {
        let path = Path::new(text);
        let climbs = path.components().any(|part| part == Component::ParentDir);
        return match normal(path).to_str() {
            Some(plain) if plain == text && !climbs && plain != "/" => Ok(text.to_owned()),
            _ => refuse("it is not in its plain form", "leave out `.`, `..` and doubled or trailing `/`"),
        };
    }
    if text.contains('/') || matches!(text, "" | "." | "..") || text.len() > MAX_COMMAND_BYTES {
        return refuse("it is neither a bare name nor an absolute path", FORM);
    }
    Ok(text.to_owned())
}

/// A host name in lower case and ASCII, or `*.` and such a name for all hosts beneath it.
pub(crate) fn host(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let (wild, name) = match text.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", text),
    };
    if let Some(mended) = host_in_address(text) {
        let message = format!("a host was expected, not the address {}", quoted(text));
        return Err(Fault::new(message, format!("write `{mended}`: a host has no scheme, port or path")));
    }
    let fault = || {
        Fault::new(
            format!("a host name was expected, not {}", quoted(text)),
            "write a name such as `docs.example.org`, or `*.example.org` for every host beneath it",
        )
    };
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '[' | ']' | ':');
    if !name.chars().all(allowed) {
        return Err(fault());
    }
    let parsed = url::Host::parse(name).map_err(|_| fault())?;
    let ascii = parsed.to_string();
    let named = matches!(parsed, url::Host::Domain(_));
    let labels_fit = |name: &str| {
        name.len() <= 253
            && name.split('.').all(|label| {
                (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
            })
    };
    // A wildcard directly beneath a top-level domain would name most of the network.
    if (named && !labels_fit(&ascii)) || (!wild.is_empty() && (!named || !ascii.contains('.'))) {
        return Err(fault());
    }
    Ok(format!("{wild}{ascii}"))
}

/// The host of what is an address, with a scheme, a port, a path or a user, rather than a host.
fn host_in_address(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = authority.rsplit('@').next().unwrap_or_default();
    let host = match bare.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => bare,
    };
    let is_address = scheme.is_some() || host != text;
    let fine = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '*'));
    (is_address && fine).then(|| host.to_lowercase())
}

/// An absolute path without `.` and `..`, from an absolute one or one relative to `workspace`.
/// A trailing `/` or `/**` means the folder.
pub(crate) fn path(text: &str, workspace: &Path) -> Result<PathBuf, Fault> {
    let text = text.trim();
    let folder = text.strip_suffix("/**").map(|rest| if rest.is_empty() { "/" } else { rest });
    let plain = folder.unwrap_or(text);
    let refuse = |why: &str, help: &str| {
        Err(Fault::new(format!("a path was expected, not {}: {why}", quoted(text)), help))
    };
    if plain.is_empty() {
        return refuse("it is empty", "name a folder or a file, such as `/srv/docs` or `drafts`");
    }
    if plain.contains("://") {
        return refuse("it is an address", "name a folder or a file on this machine, such as `/srv/docs`");
    }
    if plain.starts_with('~') {
        return refuse("`~` stands for nobody's home here", "write the path from `/` on");
    }
    if plain.contains(['*', '?', '[', ']', '{', '}']) {
        return refuse("patterns are not read", "name the folder: it covers all that is beneath it");
    }
    if plain.contains('\\') {
        return refuse("it has a backslash", "write the path with `/`");
    }
    if Path::new(plain).components().any(|part| part == Component::ParentDir) {
        return refuse("`..` is not followed", "write the path that it leads to, from `/` on");
    }
    Ok(normal(&workspace.join(plain)))
}

/// A path without `.`, doubled and trailing slashes. The caller has refused `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// Whether a path is absolute, has no `..` and is text.
pub(crate) fn is_firm(path: &Path) -> bool {
    path.is_absolute()
        && path.to_str().is_some()
        && !path.components().any(|part| part == Component::ParentDir)
}

/// A list at its commas; a comma between parentheses does not part it.
pub(crate) fn list(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| bare(part).to_owned()).collect()
}

/// A value without the backticks or quotes around it.
pub(crate) fn bare(text: &str) -> &str {
    let text = text.trim();
    let pairs = [('`', '`'), ('"', '"'), ('\'', '\''), ('“', '”')];
    pairs
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .map_or(text, str::trim)
}
