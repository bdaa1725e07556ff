//! How a command ends: the exit codes that scripts rely on, and the one sentence of an error.

use std::process::ExitCode;

use bulkhead_http::ProblemKind;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Done,
    /// A check found something: an invalid SOUL.md, a broken record.
    Found,
    /// The command or the settings are not as they must be.
    Usage,
    /// Policy, or a person, said no.
    Refused,
    /// Something that it needs cannot be reached: the home, the gateway, the model server, the database.
    Unreachable,
    /// A fault of this program.
    Internal,
    /// The person pressed Ctrl-C: 128 and the number of SIGINT, as shells have it.
    Interrupted,
    /// As a program that was run here ended.
    Program(u8),
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Internal => 5,
            Self::Interrupted => 130,
            Self::Program(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One sentence: what was wrong, where, and the way out. Empty when there is nobody to read it.
    pub(crate) sentence: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into() }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    pub(crate) fn unreachable(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, sentence)
    }

    pub(crate) fn internal(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Internal, sentence)
    }

    /// Whoever read our output has gone, as `head` does: nothing is wrong and nothing more is to be said.
    pub(crate) fn reader_gone() -> Self {
        Self::new(Exit::Done, "")
    }
}

/// The exit code for a no of the gateway.
pub(crate) const fn exit_of(kind: ProblemKind) -> Exit {
    match kind {
        ProblemKind::NotFound | ProblemKind::Invalid | ProblemKind::Reused | ProblemKind::TooLarge => {
            Exit::Usage
        }
        ProblemKind::Unidentified
        | ProblemKind::Unconfirmed
        | ProblemKind::Forbidden
        | ProblemKind::Conflict => Exit::Refused,
        ProblemKind::Busy | ProblemKind::Unavailable | ProblemKind::Timeout => Exit::Unreachable,
        ProblemKind::Method | ProblemKind::Internal => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Found, 1),
            (Exit::Usage, 2),
            (Exit::Refused, 3),
            (Exit::Unreachable, 4),
            (Exit::Internal, 5),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
        assert_eq!(exit_of(ProblemKind::Forbidden), Exit::Refused);
        assert_eq!(exit_of(ProblemKind::NotFound), Exit::Usage);
        assert_eq!(exit_of(ProblemKind::Unavailable), Exit::Unreachable);
    }
}
