//! The side of whoever asks.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use turn::KillReport;
use vocab::frame::FrameError;

use super::words::{Answer, MAX_ANSWER_BYTES, Timed, Word};
use crate::problem::Problem;

/// Why nothing was stopped, or it is not known whether.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is nobody to ask.
    #[error("nobody answers there: {0}")]
    Nobody(io::Error),
    /// The gateway says no.
    #[error("{}", .0.detail)]
    No(Problem),
    /// The connection broke, or nothing was answered in time.
    #[error("the connection to the gateway broke: {0}")]
    Broken(FrameError),
}

/// Asks the gateway whose socket is at `path`, and waits at most `time` for its answer. Blocks; needs no runtime.
///
/// # Errors
/// See [`AskError`].
pub fn ask(path: &Path, word: &Word, time: Duration) -> Result<KillReport, AskError> {
    let stream = UnixStream::connect(path).map_err(AskError::Nobody)?;
    let mut timed = Timed::new(&stream, time);
    match timed.write(word) {
        // Whoever may stop nothing is told so unheard.
        Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent.map_err(AskError::Broken)?,
    }
    match timed.read(MAX_ANSWER_BYTES).map_err(AskError::Broken)? {
        Some(Answer::Done { report }) => Ok(report),
        Some(Answer::No { problem }) => Err(AskError::No(problem)),
        None => Err(AskError::Broken(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
    }
}
