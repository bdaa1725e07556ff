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
        | ProblemKind::Conflict
        | ProblemKind::Shown => Exit::Refused,
        ProblemKind::Busy | ProblemKind::Unavailable | ProblemKind::Timeout => Exit::Unreachable,
        ProblemKind::Method | ProblemKind::Internal => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const EXITS: [Exit; 7] = [
        Exit::Done,
        Exit::Found,
        Exit::Usage,
        Exit::Refused,
        Exit::Unreachable,
        Exit::Internal,
        Exit::Interrupted,
    ];

    /// Every kind of no: serde names them all where it is given none of them.
    fn kinds() -> Vec<ProblemKind> {
        let none = serde_json::from_value::<ProblemKind>("none".into()).unwrap_err().to_string();
        let (_, names) = none.split_once("expected one of ").unwrap();
        let names = names.split('`').skip(1).step_by(2);
        names.map(|name| serde_json::from_value(name.into()).unwrap()).collect()
    }

    /// The codes of the guide's table, each with the kinds of no that end so.
    fn guide() -> Vec<(u8, Vec<ProblemKind>)> {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md");
        let text = std::fs::read_to_string(guide).unwrap();
        let (_, section) = text.split_once("\n## How a command ends\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
        rows.map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let named = cells.get(2).unwrap_or(&"").split_whitespace().map(|name| name.trim_matches('`'));
            let kinds = named.map(|name| serde_json::from_value(name.into()).unwrap());
            (cells[0].parse().unwrap(), kinds.collect())
        })
        .collect()
    }

    #[test]
    fn the_codes_are_the_documented_ones() {
        assert_eq!(EXITS.map(Exit::code), [0, 1, 2, 3, 4, 5, 130]);
        assert_eq!(guide().iter().map(|(code, _)| *code).collect::<Vec<_>>(), EXITS.map(Exit::code));
        assert_eq!(Exit::Program(7).code(), 7);
    }

    #[test]
    fn every_kind_of_no_ends_a_command_as_documented() {
        let guide = guide();
        let kinds = kinds();
        for kind in &kinds {
            let rows = guide.iter().flat_map(|(code, kinds)| kinds.iter().map(move |kind| (*code, kind)));
            let codes: Vec<u8> = rows.filter(|(_, named)| *named == kind).map(|(code, _)| code).collect();
            assert_eq!(codes, [exit_of(*kind).code()], "{kind:?} in docs/guide.md");
        }
        assert!(kinds.contains(&ProblemKind::NotFound) && kinds.contains(&ProblemKind::Internal));
    }
}
