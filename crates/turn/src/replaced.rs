//! What a held write would replace: looked at when the agent asks, shown to whoever decides, and the only thing that a yes
//! lets be written over.
//!
//! The file is read by a jailed worker that has the agent's granted paths, and neither the agent nor the one who asked it hears
//! what is in it. The text is kept beside the approval for as long as that waits, in a row of its own. Between the question
//! and the yes the file may change: the yes is for what was there when the agent asked, and the worker looks again right
//! before it writes.

use monitor::{Judgement, Over};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skills::{Bench, Seen};
use vocab::{ApprovalId, Decision, Labels, Person, Verb};

use crate::approvals::{ApprovalRow, load, text_before};
use crate::diff::Diff;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::view::{ApprovalView, FileChange};
use crate::{Refusal, records};

/// Why nothing is compared for what does not wait any more.
const GONE: &str = "this does not wait any more, and the text of what lay there is kept only until then";

/// What lay where a held write goes, when the agent asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Before {
    /// What may be written over.
    pub(crate) over: Over,
    /// Its size.
    bytes: u64,
    /// What it carried.
    labels: Labels,
    /// Its text, when it is short enough to be shown; empty where nothing was there. It is kept in a row of its own; one
    /// in the approval's row is of a gateway before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// Why it could not be looked at.
    why: Option<String>,
}

impl ApprovalRow {
    /// What a yes to this lets be written over; nothing for what is no write.
    pub(crate) fn over(&self) -> Option<Over> {
        let seen = self.before.as_ref().map(|before| before.over);
        // A write of which nobody looked at what it would replace replaces nothing.
        seen.or_else(|| (self.view.action.verb == Verb::FileWrite).then_some(Over::Nothing))
    }

    /// The content of a record of what was decided on this: of a write, the file that it is for, too.
    pub(crate) fn content(&self) -> Value {
        let mut content = records::of_approval(&self.view.digest, self.why.as_deref());
        if let (Some(fields), Some(over)) = (content.as_object_mut(), self.over()) {
            fields.insert("over".to_owned(), json!(over));
        }
        content
    }
}

/// Whether this is a write that waits for a person.
pub(crate) fn is_held_write(judgement: &Judgement) -> bool {
    judgement.verdict().decision == Decision::Ask && judgement.action().verb == Verb::FileWrite
}

impl Gateway {
    /// What a held write would replace.
    pub(crate) async fn look_before(&self, judgement: &Judgement, bench: &mut Bench) -> Before {
        let action = judgement.action();
        let seen = self.skills.look(bench, judgement).await;
        let labels = self.monitor_or_last().labels_of(action.resource.name(), &self.marks());
        let nothing = Before { over: Over::Nothing, bytes: 0, labels, text: None, why: None };
        match seen {
            Ok(None) => Before { text: Some(String::new()), ..nothing },
            Ok(Some(Seen { digest, size, text })) => {
                Before { over: Over::Only(digest), bytes: size, text, ..nothing }
            }
            Err(why) => Before { why: Some(why), ..nothing },
        }
    }

    /// What would change in the file, as this person may see it. Whoever does not decide on it sees the action alone: whoever
    /// asked, too, since nothing says that they may read the file.
    pub(crate) async fn change_seen(
        &self,
        by: &Person,
        view: &ApprovalView,
        id: &ApprovalId,
    ) -> Result<Option<FileChange>, Refusal> {
        if view.asked_by == by.id && !self.is_solo(by) {
            return Ok(None);
        }
        let monitor = self.monitor()?;
        if !monitor.may_decide(by, &view.agent, &view.action, &view.labels, view.escalated) {
            return Ok(None);
        }
        let row = load(&self.journal, id)?;
        let Some((state, before)) = row.and_then(|row| Some((row.view.state, row.before?))) else {
            return Ok(None);
        };
        let path = view.action.resource.name();
        // By the settings and marks as they are now, too: what was labelled meanwhile counts.
        let labels = before.labels.join(&monitor.labels_of(path, &self.marks()));
        let created = before.over == Over::Nothing && before.why.is_none();
        let change = FileChange { created, bytes: before.bytes, labels, diff: None, why: None };
        let plain = Labels::default();
        let clearance = monitor.person(&by.id).map_or(&plain, |person| &person.clearance);
        if !created && !change.labels.within(clearance) {
            let why = format!(
                "the file as it is carries `{}`, and you are cleared for `{clearance}`: only what would be written is shown",
                change.labels
            );
            return Ok(Some(FileChange { bytes: 0, why: Some(why), ..change }));
        }
        if let Some(why) = before.why {
            let why = format!("what lies there could not be looked at, so a yes replaces nothing: {why}");
            return Ok(Some(FileChange { why: Some(why), ..change }));
        }
        if state != ApprovalState::Waiting {
            return Ok(Some(FileChange { why: Some(GONE.to_owned()), ..change }));
        }
        let written = view.action.text("content").unwrap_or_default().to_owned();
        let appends = view.action.args.get("append").and_then(serde_json::Value::as_bool) == Some(true);
        let (journal, approval) = (self.journal.clone(), id.clone());
        let compare = move || {
            let kept = match before.text {
                Some(text) => Some(text),
                None => text_before(&journal, &approval)?,
            };
            let Some(old) = kept else { return Ok(None) };
            let new = if appends { old.clone() + &written } else { written };
            Ok(Some(Diff::between(&old, &new)))
        };
        let diff = self.lookers.work(compare).await?;
        let why = if diff.is_some() { None } else { Some(self.without_text(id, before.bytes)?) };
        Ok(Some(FileChange { diff, why, ..change }))
    }

    /// Why there is no text of what would be replaced.
    fn without_text(&self, id: &ApprovalId, bytes: u64) -> Result<String, Refusal> {
        // It may have been decided since it was found waiting, and then the text is gone.
        if load(&self.journal, id)?.is_none_or(|row| row.view.state != ApprovalState::Waiting) {
            return Ok(GONE.to_owned());
        }
        Ok(format!(
            "what lies there is no text, or too long to be set against what would be written: {bytes} bytes"
        ))
    }
}
