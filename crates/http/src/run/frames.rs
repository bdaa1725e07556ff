//! The words of a run: what a command asks for, and what it is told.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use serde::{Deserialize, Serialize};
use vocab::{AgentName, SessionId};

use crate::problem::ProblemKind;

/// The most words of a command line.
pub const MAX_ARGS: usize = 4_096;

/// The most bytes of a command line and of the variables that go with it, in all.
pub const MAX_ARG_BYTES: usize = 128 * 1024;

/// The most variables of the caller's environment that may be passed on.
pub const MAX_ENV: usize = 64;

/// The longest name of a variable, in bytes, and of a terminal's or a language's.
pub const MAX_NAME_BYTES: usize = 128;

/// The variables that Bulkhead sets itself.
pub const OWN_VARIABLES: [&str; 9] = [
    "PATH",
    "HOME",
    "TERM",
    "LANG",
    "TMPDIR",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "BULKHEAD_MCP_URL",
    "BULKHEAD_AGENT",
];

/// The signals that are passed on: HUP, INT, QUIT, USR1, USR2, TERM, CONT, STOP and TSTP, as Linux numbers them.
pub const SIGNALS: [i32; 9] = [1, 2, 3, 10, 12, 15, 18, 19, 20];

/// A word of a command line: text wherever it is UTF-8, which it need not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word {
    /// UTF-8.
    Text(String),
    /// Anything else, byte by byte.
    Bytes(Vec<u8>),
}

impl From<OsString> for Word {
    fn from(word: OsString) -> Self {
        word.into_string().map_or_else(|word| Self::Bytes(word.into_vec()), Self::Text)
    }
}

impl From<Word> for OsString {
    fn from(word: Word) -> Self {
        match word {
            Word::Text(text) => text.into(),
            Word::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

impl Word {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => OsStr::new(text).as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// A variable that goes with a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Word,
}

/// What a command asks for first. Its standard input, output and error come beside this frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// As which agent.
    pub agent: AgentName,
    /// The program and its arguments.
    pub command: Vec<Word>,
    /// The folder to work in; the agent's workspace when none is named.
    #[serde(default)]
    pub folder: Option<Word>,
    /// What kind of terminal it writes to.
    #[serde(default)]
    pub term: Option<String>,
    /// The caller's language.
    #[serde(default)]
    pub lang: Option<String>,
    /// Variables of the caller that the program gets.
    #[serde(default)]
    pub env: Vec<Variable>,
    /// Whether standard input is a terminal that becomes the program's own.
    #[serde(default)]
    pub terminal: bool,
}

/// What a command says once its program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromCommand {
    /// Pass this signal on, one of [`SIGNALS`].
    Signal {
        /// Its number.
        signal: i32,
    },
}

/// What a command is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToCommand {
    /// The program runs.
    Started {
        /// The conversation that the record keeps what it does under.
        session: SessionId,
        /// Where it finds the Model Context Protocol.
        mcp_url: String,
        /// Whether its jail may lack a layer of containment.
        reduced: bool,
    },
    /// It does not run.
    Refused {
        /// One sentence: what was wrong, where, and the way out.
        sentence: String,
        /// What kind of no it is.
        why: Why,
    },
    /// A signal stopped it, as a key of its terminal does; it goes on when CONT is passed on. Said once until then.
    Paused {},
    /// It has ended; nothing follows.
    Exited {
        /// How.
        how: Exited,
    },
}

/// What kind of no a run gets. The command's exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// One that every request may get.
    Problem(ProblemKind),
    /// There is no such program.
    NoProgram,
    /// It is there and cannot be started.
    NotExecutable,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Exited {
    /// By itself, with this code.
    Code {
        /// The code.
        code: i32,
    },
    /// By this signal.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Bulkhead ended it.
    Stopped {
        /// Why, in one sentence.
        sentence: String,
    },
}

/// Why a frame that fits its form is refused all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nothing to run.
    #[error("there is no command after `--`; write `bulkhead run NAME -- COMMAND`")]
    Empty,
    /// Too many words.
    #[error("a command of {0} words; the most is {MAX_ARGS}: put them in a file that it reads")]
    Args(usize),
    /// Too many bytes.
    #[error(
        "the command and its variables have {0} bytes; the most is {MAX_ARG_BYTES}: put them in a file that it reads"
    )]
    Bytes(usize),
    /// Too many variables.
    #[error("{0} variables are passed on; the most is {MAX_ENV}")]
    Variables(usize),
    /// Not a variable's name.
    #[error("`{0}` is no name of a variable; use letters, digits and `_`")]
    Name(String),
    /// One that is not the caller's to set.
    #[error("Bulkhead sets `{0}` itself; leave out `--env {0}`")]
    Own(String),
    /// A zero byte.
    #[error("a word of the command has a zero byte in it, which no program can be given")]
    Zero,
    /// A terminal's or a language's name.
    #[error("the environment's `{0}` is no plain word of at most {MAX_NAME_BYTES} bytes; unset it")]
    Plain(&'static str),
}

impl Ask {
    /// Whether it keeps to its bounds.
    ///
    /// # Errors
    /// The first that it breaks.
    pub fn check(&self) -> Result<(), AskError> {
        if self.command.first().is_none_or(|program| program.bytes().is_empty()) {
            return Err(AskError::Empty);
        }
        if self.command.len() > MAX_ARGS {
            return Err(AskError::Args(self.command.len()));
        }
        if self.env.len() > MAX_ENV {
            return Err(AskError::Variables(self.env.len()));
        }
        let values = self.env.iter().map(|variable| &variable.value);
        let words = || self.command.iter().chain(self.folder.as_ref()).chain(values.clone()).map(Word::bytes);
        let names = self.env.iter().map(|variable| variable.name.len());
        let bytes = words().map(|word| word.len().saturating_add(1)).chain(names).sum();
        if bytes > MAX_ARG_BYTES {
            return Err(AskError::Bytes(bytes));
        }
        if words().any(|word| word.contains(&0)) {
            return Err(AskError::Zero);
        }
        for variable in &self.env {
            check_name(&variable.name)?;
        }
        plain("TERM", self.term.as_deref())?;
        plain("LANG", self.lang.as_deref())
    }
}

/// Whether `name` is that of a variable which a caller may pass on.
///
/// # Errors
/// When it is none, or Bulkhead sets it.
pub fn check_name(name: &str) -> Result<(), AskError> {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || name.len() > MAX_NAME_BYTES || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(AskError::Name(name.chars().take(MAX_NAME_BYTES).collect()));
    }
    if OWN_VARIABLES.contains(&name) {
        return Err(AskError::Own(name.to_owned()));
    }
    Ok(())
}

fn plain(variable: &'static str, value: Option<&str>) -> Result<(), AskError> {
    let fits = |value: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '@');
        value.len() <= MAX_NAME_BYTES && value.chars().all(allowed)
    };
    if value.is_none_or(fits) { Ok(()) } else { Err(AskError::Plain(variable)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(command: &[&str]) -> Ask {
        Ask {
            agent: AgentName::new("echo").unwrap(),
            command: command.iter().map(|word| Word::Text((*word).to_owned())).collect(),
            folder: None,
            term: None,
            lang: None,
            env: Vec::new(),
            terminal: false,
        }
    }

    fn with(name: &str, value: &[u8]) -> Ask {
        let variable = Variable { name: name.to_owned(), value: OsString::from_vec(value.to_vec()).into() };
        Ask { env: vec![variable], ..ask(&["cat"]) }
    }

    #[test]
    fn a_word_comes_back_as_it_was_whatever_its_bytes() {
        for bytes in [&b"plain"[..], b"", b"\xff\xfe\x80", "gr\u{fc}n".as_bytes(), b"a\nb \"'"] {
            let word = OsString::from_vec(bytes.to_vec());
            let json = serde_json::to_string(&Word::from(word.clone())).unwrap();
            assert_eq!(OsString::from(serde_json::from_str::<Word>(&json).unwrap()), word, "{json}");
        }
    }

    #[test]
    fn a_command_keeps_to_its_bounds() {
        assert_eq!(ask(&["cat", ""]).check(), Ok(()));
        assert_eq!(ask(&[]).check(), Err(AskError::Empty));
        assert_eq!(ask(&[""]).check(), Err(AskError::Empty));
        assert_eq!(ask(&["x"; MAX_ARGS + 1]).check(), Err(AskError::Args(MAX_ARGS + 1)));
        assert!(matches!(ask(&["cat", &"x".repeat(MAX_ARG_BYTES)]).check(), Err(AskError::Bytes(_))));
        assert!(matches!(with("A", &[b'x'; MAX_ARG_BYTES]).check(), Err(AskError::Bytes(_))));
        assert_eq!(ask(&["cat", "a\0b"]).check(), Err(AskError::Zero));
        assert_eq!(with("A", b"\0").check(), Err(AskError::Zero));
        let many = Ask { env: vec![with("A", b"").env[0].clone(); MAX_ENV + 1], ..ask(&["cat"]) };
        assert_eq!(many.check(), Err(AskError::Variables(MAX_ENV + 1)));
    }

    #[test]
    fn only_a_variable_that_is_the_callers_is_passed_on() {
        assert_eq!(with("HTTPS_PROXY2", b"\xff").check(), Ok(()));
        for name in ["", "A=B", "2X", "A B", "\u{e4}", &"A".repeat(MAX_NAME_BYTES + 1)] {
            assert!(matches!(with(name, b"").check(), Err(AskError::Name(_))), "{name}");
        }
        for name in OWN_VARIABLES {
            assert_eq!(with(name, b"").check(), Err(AskError::Own(name.to_owned())));
        }
        let term = |term: &str| Ask { term: Some(term.to_owned()), ..ask(&["cat"]) }.check();
        assert_eq!(term("xterm-256color"), Ok(()));
        assert_eq!(term("../../etc/x"), Err(AskError::Plain("TERM")));
        assert_eq!(term("x\u{1b}[2J"), Err(AskError::Plain("TERM")));
    }

    #[test]
    fn an_end_comes_back_as_it_was_said() {
        for how in [
            Exited::Code { code: 3 },
            Exited::Signal { signal: 9 },
            Exited::Stopped { sentence: "the agent `echo` was stopped".to_owned() },
        ] {
            let end = ToCommand::Exited { how };
            let text = serde_json::to_string(&end).unwrap();
            assert_eq!(serde_json::from_str::<ToCommand>(&text).unwrap(), end);
        }
    }
}
