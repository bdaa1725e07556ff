//! Who will see what an action would move, in the words of a terminal.

use turn::{ApprovalView, Members};
use vocab::Verb;

use crate::terminal::{Keep, field, visible};

/// The lines that say it: who sees it where it goes, and who is given what comes back.
pub(super) fn lines(view: &ApprovalView) -> Vec<String> {
    let name = visible(view.action.resource.name(), Keep::Nothing);
    let seen = match view.action.verb {
        Verb::MessagePost => format!("everyone who reads the channel `{name}`"),
        Verb::WebGet => format!("whoever runs the host `{name}`, and who is on the way there"),
        Verb::ModelCall => called(view, &name),
        Verb::FileWrite => format!("who has a right to read `{name}`: {}", groups(view)),
        Verb::CommandRun => run(view),
        Verb::FileRead | Verb::TableRead | Verb::DocumentsSearch | Verb::DocumentsRead => {
            format!("{}, and the agent: it is read here, and written nowhere", view.asked_by)
        }
        Verb::Reply | Verb::ReplyPart => format!("{}, who asked", view.asked_by),
        Verb::SkillCall => "nobody".to_owned(),
    };
    let mut lines = vec![field("seen by", &seen)];
    lines.extend(back(view));
    lines
}

/// Who sees what a model is asked.
fn called(view: &ApprovalView, name: &str) -> String {
    match &view.model {
        Some(model) if !model.remote => {
            format!("the server of the model `{name}`, which is this machine: none of it leaves it")
        }
        Some(_) => format!(
            "whoever runs the server of the model `{name}`, which is another machine: all of it leaves this one"
        ),
        None => format!("whoever runs the server of the model `{name}`"),
    }
}

/// Who has before them what a command writes. It has no network.
fn run(view: &ApprovalView) -> String {
    let writes = view.action.args.get("writes").and_then(|paths| paths.as_array());
    let paths: Vec<String> = writes
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str())
        .map(|path| format!("`{}`", visible(path, Keep::Nothing)))
        .collect();
    if paths.is_empty() {
        return "nobody else: it has no network, and may write nothing that stays".to_owned();
    }
    format!("who has a right to read what it may write ({}): {}", paths.join(", "), groups(view))
}

fn groups(view: &ApprovalView) -> String {
    let Some(readers) = &view.readers else { return "whoever that is by the settings".to_owned() };
    let said: Vec<String> = readers.iter().map(group).collect();
    if said.is_empty() {
        return "nobody by the settings".to_owned();
    }
    format!("{}; and their agents for them", said.join("; "))
}

fn group(of: &Members) -> String {
    let people: Vec<&str> = of.people.iter().map(vocab::PersonId::as_str).collect();
    let people = if people.is_empty() { "nobody is in it".to_owned() } else { people.join(", ") };
    format!("{} ({people})", visible(&of.name, Keep::Nothing))
}

/// Who is given what comes back of it; none for what brings nothing back.
fn back(view: &ApprovalView) -> Option<String> {
    let to = match view.action.verb {
        Verb::FileRead
        | Verb::TableRead
        | Verb::DocumentsSearch
        | Verb::DocumentsRead
        | Verb::WebGet
        | Verb::CommandRun => &view.asked_by,
        Verb::FileWrite
        | Verb::ModelCall
        | Verb::MessagePost
        | Verb::Reply
        | Verb::ReplyPart
        | Verb::SkillCall => {
            return None;
        }
    };
    let model = match &view.model {
        Some(model) if model.remote => format!(
            "the agent's model `{}`, whose server is another machine: it leaves this one unless its labels keep it here",
            visible(&model.name, Keep::Nothing)
        ),
        Some(model) => format!("the agent's model `{}` on this machine", visible(&model.name, Keep::Nothing)),
        None => "the agent's model, which may be on another machine".to_owned(),
    };
    Some(field("comes back", &format!("to the conversation of {to}, and with it to {model}")))
}
