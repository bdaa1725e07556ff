//! What a command said, and what a test demands of it.

use std::process::{Child, Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::PATIENCE;

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Waits for a command that was begun.
    ///
    /// # Panics
    /// When it has not ended within [`PATIENCE`]; it is ended then.
    #[must_use]
    #[track_caller]
    pub fn of(child: Child) -> Self {
        Self::within(PATIENCE, child)
    }

    /// The same for one that may take longer.
    ///
    /// # Panics
    /// When it has not ended within `wait`; it is ended then.
    #[must_use]
    #[track_caller]
    pub fn within(wait: Duration, child: Child) -> Self {
        let pid = child.id();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || tell.send(child.wait_with_output()));
        match told.recv_timeout(wait) {
            Ok(output) => output.unwrap().into(),
            Err(_) => {
                let ended = Command::new("kill").args(["-9", &pid.to_string()]).status();
                panic!("the command did not end within {} s ({ended:?})", wait.as_secs());
            }
        }
    }

    /// It did what it was asked.
    #[track_caller]
    pub fn done(self) -> Self {
        self.with(0)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// It failed with this code and one sentence that has these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) -> Self {
        let said = self.with(code);
        assert_eq!(said.err.trim_end().lines().count(), 1, "one sentence: {}", said.err);
        assert!(said.err.starts_with("error: ") && said.err.contains(words), "`{words}`: {}", said.err);
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    /// Its output as one value.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Its output as a stream of values.
    #[must_use]
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// These words are in its output.
    #[track_caller]
    pub fn has(&self, words: &str) -> &Self {
        assert!(self.out.contains(words), "`{words}` is not in: {}", self.out);
        self
    }

    /// These words are not in its output.
    #[track_caller]
    pub fn lacks(&self, words: &str) -> &Self {
        assert!(!self.out.contains(words), "`{words}` is in: {}", self.out);
        self
    }
}
