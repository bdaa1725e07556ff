//! A turn as it is told on a terminal, and how it ended.

use std::collections::BTreeMap;

use turn::{ApprovalState, Event, What};
use vocab::{Action, AgentName, ApprovalId, Decision, ProposalId, Reason, Status, TurnId, Verb};

use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Paint, Screen, visible};

/// The most characters of an argument or a result in one line; `approvals show` and the record have it whole.
const MAX_SHOWN: usize = 100;

/// What happened last that a turn's end may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Allowed,
    Refused,
    ModelFailed,
}

/// The course of one turn.
pub(super) struct Course {
    screen: Screen,
    /// What each proposal is, in a few words.
    proposed: BTreeMap<ProposalId, (Verb, String)>,
    turn: Option<TurnId>,
    waits: Option<ApprovalId>,
    last: Last,
    answered: bool,
    /// What has been printed of the answer that the model is making, or made last.
    said: String,
    error: Option<String>,
    ended: bool,
}

impl Course {
    pub(super) const fn new(screen: Screen) -> Self {
        Self {
            screen,
            proposed: BTreeMap::new(),
            turn: None,
            waits: None,
            last: Last::Nothing,
            answered: false,
            said: String::new(),
            error: None,
            ended: false,
        }
    }

    /// Takes note of an event and prints its line, unless the events themselves are printed.
    pub(super) fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        self.turn = Some(event.turn.clone());
        let line = self.note(&event.what);
        match line {
            Some(line) if !self.screen.json() => self.screen.line(&line),
            _ => Ok(()),
        }
    }

    fn note(&mut self, what: &What) -> Option<String> {
        match what {
            What::Proposal { proposal, action } => {
                let short = short(action);
                let args = arguments(action);
                if action.verb == Verb::ModelCall {
                    self.said.clear();
                }
                self.proposed.insert(proposal.clone(), (action.verb, short.clone()));
                Some(self.line("proposed", Paint::Faint, &format!("{short}{args}")))
            }
            What::Verdict { proposal, decision, reasons, micros } => {
                Some(self.verdict(proposal, *decision, reasons, *micros))
            }
            What::Outcome { proposal, status, labels, summary } => {
                let (verb, short) = self.known(proposal);
                self.last = match status {
                    Status::Done => Last::Allowed,
                    Status::Failed if verb == Some(Verb::ModelCall) => Last::ModelFailed,
                    // Whether somebody ended what is unknown or late, the end of the turn says.
                    Status::Failed | Status::Unknown | Status::Late => Last::Allowed,
                    Status::Denied | Status::Withheld => Last::Refused,
                };
                let paint = if *status == Status::Done { Paint::Good } else { Paint::Bad };
                // A reply has been printed whole.
                let summary = if verb == Some(Verb::Reply) { String::new() } else { shown(summary) };
                let told = if summary.is_empty() { String::new() } else { format!(": {summary}") };
                Some(self.line(status.as_str(), paint, &format!("{short} [{labels}]{told}")))
            }
            What::Approval { approval, state, action, .. } => Some(self.approval(approval, *state, action)),
            What::Part { text, .. } => {
                let before = if self.said.is_empty() { "\n" } else { "" };
                self.said.push_str(text);
                let text = text.strip_suffix('\n').unwrap_or(text);
                Some(format!("{before}{}", visible(text, Keep::Prose)))
            }
            What::Reply { text } => {
                self.answered = true;
                // What has been read is not printed again, unless the whole turned out to be something else.
                let rest = text.strip_prefix(&self.said).unwrap_or(text);
                Some(format!("\n{}\n", visible(rest, Keep::Prose)))
            }
            What::Notice { message } => {
                Some(self.line("notice", Paint::Heed, &visible(message, Keep::Nothing)))
            }
            What::Error { message, stopped } => {
                self.error = Some(message.clone());
                if *stopped {
                    self.last = Last::Refused;
                }
                None
            }
            What::End => {
                self.ended = true;
                None
            }
        }
    }

    fn verdict(
        &mut self,
        proposal: &ProposalId,
        decision: Decision,
        reasons: &[Reason],
        micros: u64,
    ) -> String {
        let (verb, short) = self.known(proposal);
        self.last = if decision == Decision::Permit { Last::Allowed } else { Last::Refused };
        let (word, paint) = match decision {
            Decision::Permit => ("permitted", Paint::Good),
            Decision::Ask => ("held", Paint::Heed),
            Decision::Deny => ("denied", Paint::Bad),
            Decision::Kill => ("killed", Paint::Bad),
        };
        let why: Vec<String> = reasons.iter().map(|reason| because(decision, reason)).collect();
        let why = if why.is_empty() { String::new() } else { format!(" - {}", why.join("; ")) };
        let of_it = match decision {
            _ if self.said.is_empty() || verb != Some(Verb::Reply) => "",
            Decision::Ask => "; what you have read is a part of it, and all of it waits",
            Decision::Deny | Decision::Kill => "; what you have read of it is all that comes",
            Decision::Permit => "",
        };
        self.line(word, paint, &format!("{short}{why}{of_it} ({micros} µs)"))
    }

    fn approval(&mut self, id: &ApprovalId, state: ApprovalState, action: &str) -> String {
        self.waits = (state == ApprovalState::Waiting).then(|| id.clone());
        let action = visible(action, Keep::Nothing);
        let (word, paint, refused) = match state {
            ApprovalState::Waiting => {
                let decide = format!(
                    "{id} {action}: look with `bulkhead approvals show {id}`, then `bulkhead approvals approve {id}` or `deny {id}`"
                );
                return self.line("waits", Paint::Heed, &decide);
            }
            ApprovalState::Approved => ("approved", Paint::Good, false),
            ApprovalState::Used => ("used", Paint::Good, false),
            ApprovalState::Denied => ("denied", Paint::Bad, true),
            ApprovalState::Expired => ("expired", Paint::Bad, true),
            ApprovalState::Cancelled => ("cancelled", Paint::Bad, true),
            ApprovalState::Void => ("void", Paint::Bad, true),
        };
        if refused {
            self.last = Last::Refused;
        }
        self.line(word, paint, &format!("{id} {action}"))
    }

    fn known(&self, proposal: &ProposalId) -> (Option<Verb>, String) {
        match self.proposed.get(proposal) {
            Some((verb, short)) => (Some(*verb), short.clone()),
            None => (None, proposal.to_string()),
        }
    }

    fn line(&self, word: &str, paint: Paint, rest: &str) -> String {
        format!("{}  {rest}", self.screen.paint(paint, &format!("{word:<9}")))
    }

    /// What a person who leaves now should know.
    pub(super) fn left_behind(&self, agent: &AgentName) -> String {
        match (&self.waits, &self.turn) {
            (Some(id), _) => format!(
                "you left; the request stays: `bulkhead approvals approve {id}` or `deny {id}` decides it"
            ),
            (None, Some(turn)) => {
                format!("you left; the turn {turn} goes on: `bulkhead agents kill {agent}` would stop it")
            }
            (None, None) => "you left before the turn began".to_owned(),
        }
    }

    /// How the turn ended.
    ///
    /// # Errors
    /// When it ended without an answer: its sentence.
    pub(super) fn exit(self) -> Result<Exit, Failure> {
        match self.error {
            None if self.answered => Ok(Exit::Done),
            None if self.ended => Err(Failure::new(Exit::Refused, "the turn ended without an answer")),
            None => Err(Failure::unreachable(
                "the gateway went away before the turn ended; `bulkhead gateway status` says how it is",
            )),
            Some(message) => Err(Failure::new(
                if self.last == Last::Refused { Exit::Refused } else { Exit::Unreachable },
                message,
            )),
        }
    }
}

fn short(action: &Action) -> String {
    format!("{} {}", action.verb, visible(&action.resource.to_string(), Keep::Nothing))
}

/// The arguments that the resource does not already say, each cut.
fn arguments(action: &Action) -> String {
    if matches!(action.verb, Verb::ModelCall | Verb::Reply | Verb::ReplyPart) {
        return String::new();
    }
    let args = action.args.iter().filter(|(_, value)| value.as_str() != Some(action.resource.name()));
    let args = args.map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", visible(name, Keep::Nothing), shown(&text))
    });
    let args: Vec<String> = args.collect();
    if args.is_empty() { String::new() } else { format!(" ({})", args.join(", ")) }
}

/// At most [`MAX_SHOWN`] characters of `text`, on one line, with what was cut said.
fn shown(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = one_line.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < one_line.len() { "..." } else { "" };
    format!("{}{more}", visible(&cut, Keep::Nothing))
}

/// A permit needs only the names of what allows it; a no needs its sentence.
fn because(decision: Decision, reason: &Reason) -> String {
    let policy = visible(&reason.policy, Keep::Nothing);
    if decision == Decision::Permit {
        return format!("{}: {policy}", reason.layer);
    }
    format!("{} ({}: {policy})", visible(&reason.message, Keep::Nothing), reason.layer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(what: Value) -> Event {
        let mut whole = json!({ "seq": 1, "session": "s-1", "turn": "t-1", "agent": "echo" });
        whole.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn proposal(verb: &str, name: &str) -> Event {
        event(json!({ "type": "proposal", "proposal": "p-1",
            "action": { "verb": verb, "resource": { "kind": "path", "name": name }, "args": { "path": name, "content": "a\u{1b}[2J\nb" } } }))
    }

    fn verdict(decision: &str) -> Event {
        event(json!({ "type": "verdict", "proposal": "p-1", "decision": decision, "micros": 93,
            "reasons": [{ "layer": "policy", "policy": "rule:5", "message": "not\u{202e} allowed" }] }))
    }

    fn outcome(status: &str) -> Event {
        event(
            json!({ "type": "outcome", "proposal": "p-1", "status": status, "labels": ["internal"], "summary": "x\u{9b}31m" }),
        )
    }

    fn end_of(events: &[Event]) -> Result<Exit, Exit> {
        let mut course = Course::new(Screen::new(true));
        events.iter().for_each(|event| course.tell(event).unwrap());
        course.exit().map_err(|failure| failure.exit)
    }

    #[test]
    fn hostile_text_is_harmless_in_every_line() {
        let mut course = Course::new(Screen::new(true));
        let hostile = "\u{1b}]0;x\u{7}\u{202e}";
        let events = [
            proposal("file.write", "/tmp/\u{1b}[31m"),
            verdict("deny"),
            outcome("done"),
            event(json!({ "type": "reply", "text": hostile })),
            event(json!({ "type": "notice", "message": hostile })),
            event(
                json!({ "type": "approval", "approval": "a-1", "state": "waiting", "binding": vocab::Digest::of(b""), "action": hostile }),
            ),
        ];
        for event in &events {
            let line = course.note(&event.what).unwrap();
            assert!(!line.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}']), "{line:?}");
        }
        assert!(course.left_behind(&AgentName::new("echo").unwrap()).contains("approvals approve a-1"));
    }

    #[test]
    fn what_has_come_in_parts_is_not_printed_again() {
        let mut course = Course::new(Screen::new(true));
        let part = |text: &str| event(json!({ "type": "part", "proposal": "p-9", "text": text }));
        let reply = |text: &str| event(json!({ "type": "reply", "text": text }));
        let mut told = |event: Event| course.note(&event.what).unwrap();
        assert_eq!(told(part("one\n\n")), "\none\n");
        assert_eq!(told(part("two\u{1b}[2J\n\n")).find('\u{1b}'), None);
        assert!(told(proposal("reply", "x")).contains("proposed"));
        assert!(told(verdict("ask")).contains("all of it waits"));
        assert!(told(verdict("deny")).contains("is all that comes"));
        assert!(!told(verdict("permit")).contains("what you have read"));
        assert_eq!(told(reply("one\n\ntwo\u{1b}[2J\n\nthree")), "\nthree\n");
        assert_eq!(told(reply("something else")), "\nsomething else\n");
        // Words before a call of a skill belong to no reply after it.
        told(proposal("model.call", "m"));
        assert_eq!(told(reply("one\n\nthen more")), "\none\n\nthen more\n");
    }

    #[test]
    fn the_exit_says_how_the_turn_ended() {
        let error = event(json!({ "type": "error", "message": "no" }));
        let reply = event(json!({ "type": "reply", "text": "hi" }));
        let end = event(json!({ "type": "end" }));
        assert_eq!(
            end_of(&[proposal("reply", "x"), verdict("permit"), reply.clone(), end.clone()]),
            Ok(Exit::Done)
        );
        assert_eq!(
            end_of(&[proposal("file.read", "x"), verdict("deny"), reply, end.clone()]),
            Ok(Exit::Done)
        );
        assert_eq!(
            end_of(&[proposal("model.call", "x"), verdict("deny"), error.clone(), end.clone()]),
            Err(Exit::Refused)
        );
        assert_eq!(
            end_of(&[
                proposal("model.call", "x"),
                verdict("permit"),
                outcome("failed"),
                error.clone(),
                end.clone()
            ]),
            Err(Exit::Unreachable)
        );
        let stopped = event(json!({ "type": "error", "message": "no", "stopped": true }));
        for (last, exit) in [(&error, Exit::Unreachable), (&stopped, Exit::Refused)] {
            let call = [
                proposal("model.call", "x"),
                verdict("permit"),
                outcome("unknown"),
                last.clone(),
                end.clone(),
            ];
            assert_eq!(end_of(&call), Err(exit));
        }
        assert_eq!(end_of(&[error]), Err(Exit::Unreachable));
        assert_eq!(end_of(&[proposal("model.call", "x"), verdict("permit"), stopped]), Err(Exit::Refused));
        assert_eq!(end_of(&[proposal("model.call", "x")]), Err(Exit::Unreachable), "the gateway went away");
    }
}
