//! SOUL.md as people read, check and change it over the gateway.

use std::path::Path;
use std::sync::Arc;

use monitor::{Act, Compartment, Gate, Monitor};
use serde::{Deserialize, Serialize};
use soul::{Charter, CheckReport, Diagnostic};
use vocab::limits::MAX_SOUL_BYTES;
use vocab::{AgentName, Digest, Person};

use crate::content::blocking;
use crate::gateway::Gateway;
use crate::slot::{Author, Slot};
use crate::{Refusal, RefusalKind};

/// How many SOUL.md are compiled at once for who edits them; more wait, in bounded number.
pub(crate) const MAX_CHECKERS: usize = 2;

/// A SOUL.md as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soul {
    /// The text.
    pub text: String,
    /// Its version: the SHA-256 of the text.
    pub version: Digest,
}

/// What became of a changed SOUL.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is written, as this version, and on the record.
    Written(Digest),
    /// It does not compile, and nothing was written.
    Wrong(Box<CheckReport>),
}

/// What a SOUL.md comes to by the rules of this house, under the name of the folder that it lies in.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(
    source: &str,
    workspace: &Path,
    owner: Option<&AgentName>,
    monitor: &Monitor,
) -> Result<(Arc<Charter>, Compartment), Vec<Diagnostic>> {
    let place = soul::Place {
        workspace: workspace.to_owned(),
        labelled: monitor.labelled(),
        databases: monitor.databases(),
        collections: monitor.collections(),
    };
    let charter = soul::compile(source, &place)?;
    if let Some(owner) = owner.filter(|owner| **owner != charter.name) {
        return Err(vec![Diagnostic {
            line: 1,
            column: 1,
            message: format!("it names the agent `{}` and lies in the folder of `{owner}`", charter.name),
            help: format!("write `- Name: {owner}`, or rename the folder to `{}`", charter.name),
        }]);
    }
    let charter = Arc::new(charter);
    match monitor.compartment(Arc::clone(&charter), Gate::new()) {
        Ok(compartment) => Ok((charter, compartment)),
        Err(error) => Err(vec![Diagnostic {
            line: 1,
            column: 1,
            message: format!("its policies do not hold: {error}"),
            help: "`bulkhead explain` prints them; a path or host in a grant may be the cause".to_owned(),
        }]),
    }
}

impl Gateway {
    /// An agent's SOUL.md, for an administrator and whoever may ask it.
    ///
    /// # Errors
    /// When there is no such agent for this person, or the file cannot be read.
    pub async fn soul(&self, by: &Person, name: &AgentName) -> Result<Soul, Refusal> {
        slot_soul(self.shown_slot(by, name)?).await
    }

    /// What a text would come to as this agent's SOUL.md: every rule with its strength, or everything that is wrong. Nothing
    /// is written.
    ///
    /// # Errors
    /// When there is no such agent for this person, the text is too long or the settings do not hold.
    pub async fn check_soul(
        &self,
        by: &Person,
        name: &AgentName,
        text: String,
    ) -> Result<CheckReport, Refusal> {
        let slot = self.shown_slot(by, name)?;
        self.report(slot, bounded(text)?).await.map(|(_, report)| report)
    }

    /// Writes an agent's SOUL.md anew, if `version` is the one that lies there and the text compiles. That it changed, and by
    /// whom, is durable before this answers.
    ///
    /// # Errors
    /// When this person is no administrator, there is no such agent, another version lies there, or it cannot be
    /// written or recorded.
    pub async fn change_soul(
        &self,
        by: &Person,
        name: &AgentName,
        text: String,
        version: Digest,
    ) -> Result<Changed, Refusal> {
        self.write_as(by, name, text, version, None).await
    }

    /// The one road on which a SOUL.md is written over the gateway; `from` is the version whose text it is, if it is one's.
    pub(crate) async fn write_as(
        &self,
        by: &Person,
        name: &AgentName,
        text: String,
        version: Digest,
        from: Option<u64>,
    ) -> Result<Changed, Refusal> {
        self.demand(by, Act::SoulChange, Some(name), "change what an agent is")?;
        let slot = self.slot(name)?;
        let text = bounded(text)?;
        let _editing = self.editing.lock().await;
        let there = blocking({
            let slot = Arc::clone(&slot);
            move || slot.soul_digest()
        })
        .await?;
        if there != version {
            let message = format!(
                "the SOUL.md of `{name}` is another by now (version {there}): take that one up, then change it"
            );
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        let (text, report) = self.report(Arc::clone(&slot), text).await?;
        if !report.valid {
            return Ok(Changed::Wrong(Box::new(report)));
        }
        let now = Digest::of(text.as_bytes());
        if now != there {
            *slot.author.lock() = Some(Author { writes: now, by: by.id.clone(), from });
            let written = self.write_soul(&slot, text).await;
            *slot.author.lock() = None;
            written?;
        }
        Ok(Changed::Written(now))
    }

    async fn write_soul(&self, slot: &Arc<Slot>, text: String) -> Result<(), Refusal> {
        let path = slot.soul();
        blocking(move || {
            soul::heartbeat::replace(&path, &text).map_err(|error| {
                let message = format!("`{}` cannot be written, and is as it was: {error}", path.display());
                Refusal::new(RefusalKind::Unavailable, message)
            })
        })
        .await?;
        // It is compiled and noted now, whoever else may have looked in between.
        let noted = self.monitor().and_then(|monitor| self.compartment(slot, &monitor));
        let durable = match noted {
            Ok(_) => self.journal.flush().await.map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        durable.map_err(|refusal| {
            let message = format!("the SOUL.md of `{}` is written, but: {}", slot.name, refusal.message);
            Refusal::new(refusal.kind, message)
        })
    }

    /// The agent, if this person may ask or manage it.
    fn shown_slot(&self, by: &Person, name: &AgentName) -> Result<Arc<Slot>, Refusal> {
        drop(self.agent(by, name)?);
        self.slot(name)
    }

    async fn report(&self, slot: Arc<Slot>, text: String) -> Result<(String, CheckReport), Refusal> {
        let monitor = self.monitor()?;
        let check = move || {
            let checked = check(&text, &slot.workspace(), Some(&slot.name), &monitor);
            let checked = checked.map(|(charter, _)| charter.as_ref().clone());
            let path = format!("agents/{}/SOUL.md", slot.name);
            let report = CheckReport::new(&path, Some(slot.name.as_str()), &checked);
            Ok((text, report))
        };
        self.checkers.work(check).await
    }
}

/// The SOUL.md of an agent as it lies there.
pub(crate) async fn slot_soul(slot: Arc<Slot>) -> Result<Soul, Refusal> {
    blocking(move || {
        let text = slot.soul_text()?;
        Ok(Soul { version: Digest::of(text.as_bytes()), text })
    })
    .await
}

fn bounded(text: String) -> Result<String, Refusal> {
    if text.len() > MAX_SOUL_BYTES {
        let message = format!("a SOUL.md has at most {MAX_SOUL_BYTES} bytes");
        return Err(Refusal::new(RefusalKind::Invalid, message));
    }
    Ok(text)
}
