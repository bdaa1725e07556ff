//! Starting the gateway in the background.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::home::Home;

/// The longest line that a starting gateway says, in bytes.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// The hidden flag of a gateway that was started in the background.
const ANNOUNCE: &str = "--announce";

/// What a starting gateway says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Failed { failed: String, exit: u8 },
    Started(Value),
}

/// Starts the gateway of `home` and comes back when it answers, with what it says about itself.
///
/// # Errors
/// When it does not start: its own sentence.
pub(crate) fn start(home: &Home) -> Result<Value, Failure> {
    let failed =
        |error: std::io::Error| Failure::unreachable(format!("the gateway cannot be started: {error}"));
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(home.log()).map_err(failed)?;
    let own = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(own)
        .args(["gateway", "start", "--foreground", ANNOUNCE, "--home"])
        .arg(home.root())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(failed)?;
    let mut line = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line).map_err(failed)?;
    }
    match serde_json::from_slice(&line) {
        Ok(Line::Started(about)) => Ok(about),
        Ok(Line::Failed { failed: sentence, exit }) => {
            child.wait().map_err(failed)?;
            Err(Failure::new(exit_of(exit), sentence))
        }
        Err(_) => {
            let status = child.wait().map_err(failed)?;
            Err(Failure::internal(format!(
                "the gateway ended while it started ({status}): `{}` has its last words",
                home.log().display()
            )))
        }
    }
}

fn exit_of(code: u8) -> Exit {
    let known = [Exit::Done, Exit::Found, Exit::Usage, Exit::Refused, Exit::Unreachable];
    known.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Internal)
}
