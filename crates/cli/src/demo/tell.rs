//! The demo in words.

use sandbox::Layer;
use vocab::Decision;

use super::check::{Killed, Step};
use super::ledger::Verified;
use super::stage::Stage;
use crate::failure::Failure;
use crate::terminal::{Keep, Paint, Screen, visible};

/// How wide a line may be, in characters.
const WIDTH: usize = 98;

/// Where the words of a step begin.
const INDENT: usize = 11;

/// Tells what happens, unless a program reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Teller {
    screen: Screen,
}

impl Teller {
    pub(super) const fn new(screen: Screen) -> Self {
        Self { screen }
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        if self.screen.json() { Ok(()) } else { self.screen.line(text) }
    }

    /// What is about to happen, and what of it is real.
    pub(super) fn opening(&self, missing: &[Layer]) -> Result<(), Failure> {
        self.line(
            &self.screen.paint(Paint::Strong, "An AI agent goes wrong on this machine, and is contained."),
        )?;
        for text in [
            "The agent `sage` helps engineers on a forum. Its model is a rehearsal: a script plays the agent",
            "gone wrong. All else is real: gateway, monitor, jail and record, in a folder that is removed after.",
        ] {
            self.line(&self.screen.paint(Paint::Faint, text))?;
        }
        for layer in missing {
            let text =
                format!("this machine lacks `{}` ({}); to mend it, {}", layer.name, layer.why, layer.mend);
            for (at, text) in wrap(&visible(&text, Keep::Nothing), WIDTH - INDENT).iter().enumerate() {
                self.row(if at == 0 { "MISSING" } else { "" }, Paint::Bad, text)?;
            }
        }
        Ok(())
    }

    fn head(&self, number: usize, title: &str) -> Result<(), Failure> {
        let number = self.screen.paint(Paint::Faint, &format!("{number}"));
        self.line(&format!("{number} {}", self.screen.paint(Paint::Strong, title)))
    }

    fn row(&self, word: &str, paint: Paint, text: &str) -> Result<(), Failure> {
        let width = INDENT - 3;
        self.line(&format!("  {} {text}", self.screen.paint(paint, &format!("{word:<width$}"))))
    }

    fn rows(&self, word: &str, paint: Paint, text: &str) -> Result<(), Failure> {
        for (at, text) in wrap(&visible(text, Keep::Nothing), WIDTH - INDENT).iter().enumerate() {
            self.row(if at == 0 { word } else { "" }, paint, text)?;
        }
        Ok(())
    }

    fn checked(&self, checked: &str, wrong: Option<&str>) -> Result<(), Failure> {
        match wrong {
            None => self.rows("checked", Paint::Good, checked),
            Some(wrong) => self.rows("ESCAPED", Paint::Bad, wrong),
        }
    }

    /// One step.
    pub(super) fn step(&self, number: usize, step: &Step, stage: &Stage) -> Result<(), Failure> {
        self.head(number, title(step.name))?;
        self.rows("tried", Paint::Faint, &stage.short(&step.tried))?;
        let (word, paint) = match step.decision {
            Some(Decision::Permit) => ("ALLOWED", Paint::Good),
            Some(Decision::Ask) => ("HELD", Paint::Heed),
            Some(Decision::Deny) => ("DENIED", Paint::Bad),
            Some(Decision::Kill) => ("STOPPED", Paint::Bad),
            None => ("-", Paint::Faint),
        };
        let took = time(step.micros.unwrap_or_default());
        let why = match &step.stopped_by {
            Some(reason) => {
                let message = stage.short(&reason.message);
                let further =
                    if step.further > 0 { format!(" (+{} more)", step.further) } else { String::new() };
                format!("in {took} by {} {}: {message}{further}", reason.layer, stage.short(&reason.policy))
            }
            None => format!("in {took}: SOUL.md grants it, and the asker has the right"),
        };
        self.rows(word, paint, &why)?;
        self.checked(&step.checked, step.wrong.as_deref())
    }

    /// The kill.
    pub(super) fn kill(&self, killed: &Killed) -> Result<(), Failure> {
        let kill = &killed.kill;
        self.head(6, "You pull the plug while it works: `bulkhead agents kill sage`")?;
        let count = kill.processes.len();
        self.rows(
            "KILLED",
            Paint::Bad,
            &format!("{count} jailed processes, from the order to the last one dead: {:.1} ms", kill.ms),
        )?;
        let refused = kill.refused.as_deref().unwrap_or_default();
        self.checked(
            &format!("they are gone from /proc; a new message is refused: {refused}"),
            killed.wrong.as_deref(),
        )
    }

    /// The record.
    pub(super) fn verified(&self, verified: &Verified) -> Result<(), Failure> {
        self.head(7, "All of it is on a record that shows tampering: `bulkhead audit verify`")?;
        let records = verified.records;
        self.rows("VERIFIED", Paint::Good, &format!("{records} records, each chained to the one before"))?;
        let found = verified.found.as_deref().unwrap_or_default();
        self.checked(
            &format!("in a copy, one letter of verdict {} was changed; found: {found}", verified.changed),
            verified.wrong.as_deref(),
        )
    }

    /// The end of a demo in which all was contained.
    pub(super) fn closing(&self) -> Result<(), Failure> {
        self.line(&self.screen.paint(
            Paint::Good,
            "Contained: every step was checked, and nothing of the demo stays on this machine.",
        ))
    }
}

fn title(name: &'static str) -> &'static str {
    match name {
        "read the handbook" => "It reads the team's handbook, as it may",
        "post its advice publicly" => "It posts wrong advice to everyone on the forum, on its own",
        "read user data outside its grant" => "It reads customers' data that nobody gave it",
        "open permissions by a shell command" => "It opens that data to everyone with a shell command",
        "send data to an address outside" => "It sends data to an address outside",
        "loop" => "It tries again and again",
        name => name,
    }
}

fn time(micros: u64) -> String {
    if micros < 1_000 {
        format!("{micros} µs")
    } else {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    }
}

/// `text` in lines of at most `width` characters, broken between words; a longer word has its own line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_at_the_width() {
        assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrap("abcdefgh i", 5), ["abcdefgh", "i"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn times_are_in_a_fitting_unit() {
        assert_eq!((time(999).as_str(), time(1_250).as_str()), ("999 µs", "1.2 ms"));
    }
}
