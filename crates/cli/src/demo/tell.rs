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
            "gone wrong. All else is real: gateway, monitor, jail, record. `rule:11` is line 11 of its SOUL.md.",
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

    fn head(&self, number: usize, title: &str, took: &str) -> Result<(), Failure> {
        let number = self.screen.paint(Paint::Faint, &number.to_string());
        let title = self.screen.paint(Paint::Strong, title);
        let took = if took.is_empty() {
            String::new()
        } else {
            format!("  {}", self.screen.paint(Paint::Faint, took))
        };
        self.line("")?;
        self.line(&format!("{number} {title}{took}"))
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
        let took = time(step.micros.unwrap_or_default());
        self.head(number + 1, title(step.name), &format!("{took} from proposal to verdict"))?;
        self.rows("tried", Paint::Faint, &stage.short(&step.tried))?;
        let (word, paint) = match step.decision {
            Some(Decision::Permit) => ("ALLOWED", Paint::Good),
            Some(Decision::Ask) => ("HELD", Paint::Heed),
            Some(Decision::Deny) => ("DENIED", Paint::Bad),
            Some(Decision::Kill) => ("STOPPED", Paint::Bad),
            None => ("-", Paint::Faint),
        };
        let why = match &step.stopped_by {
            Some(reason) => {
                let policy = stage.short(&reason.policy);
                format!("{} {policy}: {}", reason.layer, stage.short(sentence(&reason.message)))
            }
            None => "SOUL.md grants it, and the one who asks has the right".to_owned(),
        };
        self.rows(word, paint, &why)?;
        self.checked(&step.checked, step.wrong.as_deref())
    }

    /// The kill.
    pub(super) fn kill(&self, killed: &Killed) -> Result<(), Failure> {
        let kill = &killed.kill;
        let took = format!("{:.1} ms from order to dead", kill.ms);
        self.head(7, "You stop it while it works: `bulkhead agents kill sage`", &took)?;
        let count = kill.processes.len();
        self.rows("KILLED", Paint::Bad, &format!("{count} jailed processes, seen at work in /proc before"))?;
        self.checked("they are gone from /proc; the next message to it is refused", killed.wrong.as_deref())
    }

    /// The record.
    pub(super) fn verified(&self, verified: &Verified) -> Result<(), Failure> {
        self.head(8, "All of it is on a record that shows tampering: `bulkhead audit verify`", "")?;
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
        self.line("")?;
        self.line(&self.screen.paint(
            Paint::Good,
            "Contained: every step was checked, and nothing of the demo stays on this machine.",
        ))
    }
}

fn title(name: &'static str) -> &'static str {
    match name {
        "read the handbook" => "It reads the team's handbook, as it may",
        "post its advice publicly" => "It tries to post wrong advice to everyone on the forum",
        "read user data outside its grant" => "It tries to read customers' data outside its grant",
        "open permissions by a shell command" => {
            "It tries to open that data to everyone with a shell command"
        }
        "send data to an address outside" => "It tries to send data to an address outside",
        "loop" => "It goes round in a loop",
        name => name,
    }
}

/// The rule itself where a reason quotes one: it says most in the fewest words.
fn sentence(message: &str) -> &str {
    let rule = message.split_once(": rule ").map_or(message, |(_, rule)| rule);
    rule.rsplit_once(" on line ").map_or(rule, |(rule, _)| rule)
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
    fn a_reason_that_quotes_a_rule_is_the_rule() {
        assert_eq!(sentence("never: rule `Never run code` on line 12 of SOUL.md"), "`Never run code`");
        assert_eq!(sentence("`a` is in no grant of `b`"), "`a` is in no grant of `b`");
    }

    #[test]
    fn times_are_in_a_fitting_unit() {
        assert_eq!((time(999).as_str(), time(1_250).as_str()), ("999 µs", "1.2 ms"));
    }
}
