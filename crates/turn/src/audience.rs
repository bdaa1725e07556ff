//! Who will see what an action would move, for the person who decides on it.
//!
//! In: an action that waits. Out: who has a right by the settings to read what it would write, and the model that is given its
//! words or what comes back. It knows nothing of who reads a channel, a page or a file by other ways than ours.

use monitor::Members;
use vocab::{Resource, Verb};

use crate::gateway::Gateway;
use crate::view::{ApprovalView, ModelSeen};

/// The argument of a command in which the places stand where it may write.
const WRITES: &str = "writes";

impl Gateway {
    /// Who has a right to read what this would write; none for what writes nothing here.
    pub(crate) fn readers(&self, view: &ApprovalView) -> Option<Vec<Members>> {
        let monitor = self.monitor_or_last();
        match view.action.verb {
            Verb::FileWrite => Some(monitor.holders(Verb::FileRead, &view.action.resource)),
            Verb::CommandRun => {
                let writes = view.action.args.get(WRITES).and_then(|paths| paths.as_array());
                Some(monitor.readers_beneath(writes.into_iter().flatten().filter_map(|path| path.as_str())))
            }
            _ => None,
        }
    }

    /// The model that a call is of, or that is given what comes back of a read, a page or a command. None for what tells a
    /// model nothing, and where the agent's SOUL.md does not say by now which it is.
    pub(crate) fn model_seen(&self, view: &ApprovalView) -> Option<ModelSeen> {
        let monitor = self.monitor_or_last();
        let name = match view.action.verb {
            Verb::ModelCall => view.action.resource.name().to_owned(),
            Verb::FileRead
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::WebGet
            | Verb::CommandRun => {
                let compartment = self.slot(&view.agent).and_then(|slot| self.compartment(&slot, &monitor));
                match compartment {
                    Ok(compartment) => compartment.model().to_owned(),
                    Err(refusal) => {
                        tracing::debug!("which model `{}` has is not known: {refusal}", view.agent);
                        return None;
                    }
                }
            }
            Verb::FileWrite | Verb::MessagePost | Verb::Reply | Verb::ReplyPart | Verb::SkillCall => {
                return None;
            }
        };
        let remote = monitor.is_remote(&Resource::Model(name.clone()));
        Some(ModelSeen { name, remote })
    }
}
