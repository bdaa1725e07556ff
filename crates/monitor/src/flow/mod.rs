//! Labels: what data carries, who is cleared for it, and where it may go.
//!
//! Comes in: an action, the session's labels, the labels of sources and marks, clearances. Goes out: the
//! labels that would move, the labels of what comes back, and every clearance that is missing.
//!
//! - **A read** carries the labels of its source: of every entry of `sources` that covers it, joined; of
//!   none, `internal`; and the mark on the file, or on any file beneath it, that an agent left when it wrote. Agent
//!   and asker must both be cleared for it.
//! - **A query** carries the labels of every table that it reads: of every entry that covers the table, its database or
//!   its database's file, joined; of none, `internal`; and the mark on that file. Agent and asker must be cleared for them.
//! - **A search** or a reading of a document carries the labels of all that is in its collection's folder, and of what covers it.
//! - **Anything else** carries the session's labels, because what an agent says may hold all it has seen. The
//!   destination must be cleared for them.
//! - **Destinations** are cleared for `internal` until a sink in the settings says otherwise, models too, local
//!   ones included: a model server keeps caches and logs that nobody here controls, so who wants a local model to
//!   see `confidential` data says so once. A reply's destination is the asker. A file takes any labels, unless
//!   a sink covers its path, because the labels stay with it: the turn keeps the mark that the judgement names.
//! - **A command** reads without asking, so it carries the session's labels and those of all that is in its reach; agent
//!   and asker must be cleared for them, and everything that it may write is marked with them.
//! - **A fetched page** has no label, so what comes back is `internal` joined with what was sent.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Bound;

use vocab::{Action, AgentName, Labels, Layer, Person, Reason, Resource, Verb};

use crate::config::Config;
use crate::policy::words::{folders_above, names_above};
use crate::reach::Reach;
use crate::resolve::path::is_within;

mod collection;
mod table;

/// The labels of sources and the clearances of destinations, by name.
#[derive(Debug)]
pub(crate) struct Flow {
    sources: HashMap<String, Labels>,
    tables: table::Tables,
    /// The folder of each collection.
    collections: HashMap<String, String>,
    /// By kind, then by name.
    sinks: HashMap<&'static str, HashMap<String, Labels>>,
}

/// Who an action is between.
pub(crate) struct Parties<'a> {
    pub(crate) agent: &'a AgentName,
    pub(crate) agent_clearance: &'a Labels,
    pub(crate) asker: &'a Person,
}

/// How data would move.
#[derive(Debug)]
pub(crate) struct Movement {
    /// The labels of the data that would move.
    pub(crate) labels: Labels,
    /// The labels of what comes back.
    pub(crate) returns: Labels,
    /// The labels that files carry once they are written, by path: the session's, and when text is added also the
    /// old mark. A folder's mark is on all beneath it.
    pub(crate) marks: Vec<(String, Labels)>,
    /// Who or what is not cleared.
    pub(crate) denies: Vec<Reason>,
}

impl Flow {
    pub(crate) fn new(config: &Config) -> Self {
        let mut sources: HashMap<String, Labels> = HashMap::new();
        for source in &config.sources {
            let labels = sources.get(&source.path).map_or(source.labels.clone(), |l| l.join(&source.labels));
            sources.insert(source.path.clone(), labels);
        }
        let mut sinks: HashMap<&'static str, HashMap<String, Labels>> = HashMap::new();
        for sink in &config.sinks {
            let of_kind = sinks.entry(sink.resource.kind()).or_default();
            of_kind.insert(sink.resource.name().to_owned(), sink.clearance.clone());
        }
        // First: a database may lie in a collection's folder.
        let collections = collection::folders(config, &mut sources);
        let tables = table::Tables::new(config, &mut sources);
        Self { sources, tables, collections, sinks }
    }

    /// The labels of what lies at an absolute path.
    pub(crate) fn source(&self, path: &str, marks: &BTreeMap<String, Labels>) -> Labels {
        let names = std::iter::once(path).chain(folders_above(path));
        let covering = names.filter_map(|name| self.sources.get(name));
        let settled = covering.fold(None, |joined: Option<Labels>, labels| {
            Some(joined.map_or_else(|| labels.clone(), |joined| joined.join(labels)))
        });
        let mut labels = settled.unwrap_or_default();
        if marks.is_empty() {
            return labels;
        }
        if let Some(mark) = marks.get(path) {
            labels = labels.join(mark);
        }
        // What a command may have written is marked by its folder.
        for mark in folders_above(path).filter_map(|folder| marks.get(folder)) {
            labels = labels.join(mark);
        }
        // A folder's listing tells the names of what is in it.
        let beneath = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let range = marks.range::<str, _>((Bound::Included(beneath.as_str()), Bound::Unbounded));
        for (_, mark) in range.take_while(|(name, _)| name.starts_with(&beneath)) {
            labels = labels.join(mark);
        }
        labels
    }

    /// What a destination may receive; none when it may receive anything.
    pub(crate) fn sink(&self, resource: &Resource) -> Option<Labels> {
        let named = self.sinks.get(resource.kind()).and_then(|of_kind| {
            let closest = of_kind.get(resource.name());
            closest.or_else(|| names_above(resource).iter().find_map(|name| of_kind.get(name.as_ref())))
        });
        match (named, resource) {
            (Some(clearance), _) => Some(clearance.clone()),
            // A command runs on this machine, in a jail, and what it writes is marked.
            (None, Resource::Path(_) | Resource::Command(_)) => None,
            (None, _) => Some(Labels::default()),
        }
    }

    /// The labels of everything at and beneath a path: what a program in a jail with it could have read.
    pub(crate) fn beneath(&self, path: &str, marks: &BTreeMap<String, Labels>) -> Labels {
        let within = self.sources.iter().filter(|(source, _)| is_within(source, path));
        within.fold(self.source(path, marks), |joined, (_, labels)| joined.join(labels))
    }

    /// Whether everything at and beneath a path carries at least `labels` without any mark.
    pub(crate) fn carries(&self, path: &str, labels: &Labels) -> bool {
        let none = BTreeMap::new();
        let beneath = self.sources.keys().map(String::as_str).filter(|source| is_within(source, path));
        std::iter::once(path).chain(beneath).all(|place| labels.within(&self.source(place, &none)))
    }

    /// The paths that carry labels of the settings' own.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    pub(crate) fn judge(
        &self,
        action: &Action,
        session: &Labels,
        marks: &BTreeMap<String, Labels>,
        reach: Option<&Reach>,
        parties: &Parties<'_>,
    ) -> Movement {
        let mut denies = Vec::new();
        let agent = parties.agent;
        if action.verb == Verb::FileRead {
            let labels = self.source(action.resource.name(), marks);
            let carries = format_args!("`{}` carries", action.resource.name());
            missing(&mut denies, "clearance:agent", carries, &labels, agent, parties.agent_clearance);
            missing(
                &mut denies,
                "clearance:asker",
                carries,
                &labels,
                &parties.asker.id,
                &parties.asker.clearance,
            );
            return Movement { returns: labels.clone(), labels, marks: Vec::new(), denies };
        }
        if action.verb == Verb::TableRead {
            return self.query(action, marks, parties);
        }
        if matches!(action.verb, Verb::DocumentsSearch | Verb::DocumentsRead) {
            return self.documents(action, marks, parties);
        }
        if let Some(reach) = reach {
            return self.run(session, reach, parties);
        }
        let carries = "this conversation carries";
        if action.verb == Verb::ModelCall {
            // What the model says goes to the agent, who may have been cleared for more when it was read.
            missing(&mut denies, "clearance:agent", carries, session, agent, parties.agent_clearance);
        }
        let sink = match action.verb {
            Verb::Reply | Verb::ReplyPart => Some(parties.asker.clearance.clone()),
            _ => self.sink(&action.resource),
        };
        if let Some(clearance) = sink {
            missing(&mut denies, "clearance:sink", carries, session, action.resource.name(), &clearance);
        }
        let returns = match action.verb {
            Verb::WebGet => session.join(&Labels::default()),
            _ => session.clone(),
        };
        let marks = match action.verb {
            Verb::FileWrite => {
                vec![(action.resource.name().to_owned(), written(action, session, marks))]
            }
            _ => Vec::new(),
        };
        Movement { labels: session.clone(), returns, marks, denies }
    }

    /// A program with all of `reach` before it, and with what the session gives it.
    pub(crate) fn run(&self, session: &Labels, reach: &Reach, parties: &Parties<'_>) -> Movement {
        let labels = session.join(&reach.labels);
        let mut denies = Vec::new();
        let carries = "what the command may read and this conversation carry";
        let Parties { agent, agent_clearance, asker } = parties;
        missing(&mut denies, "clearance:agent", carries, &labels, agent, agent_clearance);
        missing(&mut denies, "clearance:asker", carries, &labels, &asker.id, &asker.clearance);
        for root in reach.write.iter().filter_map(|root| root.to_str()) {
            let over = self.sink(&Resource::Path(root.to_owned())).map(|clearance| (root, clearance));
            let paths = self.sinks.get("path").into_iter().flatten();
            let within = paths.filter(|(path, _)| is_within(path, root));
            let within = within.map(|(path, clearance)| (path.as_str(), clearance.clone()));
            for (path, clearance) in over.into_iter().chain(within) {
                missing(&mut denies, "clearance:sink", carries, &labels, path, &clearance);
            }
        }
        denies.dedup();
        let marks = reach.write.iter().filter_map(|root| Some((root.to_str()?.to_owned(), labels.clone())));
        Movement { marks: marks.collect(), returns: labels.clone(), labels, denies }
    }
}

fn written(action: &Action, session: &Labels, marks: &BTreeMap<String, Labels>) -> Labels {
    let adds = action.args.get("append").and_then(serde_json::Value::as_bool) == Some(true);
    match marks.get(action.resource.name()).filter(|_| adds) {
        Some(old) => session.join(old),
        None => session.clone(),
    }
}

fn missing(
    denies: &mut Vec<Reason>,
    policy: &str,
    carries: impl std::fmt::Display,
    labels: &Labels,
    who: impl std::fmt::Display,
    clearance: &Labels,
) {
    if !labels.within(clearance) {
        let message = format!("{carries} `{labels}`, and `{who}` is cleared for `{clearance}`");
        denies.push(Reason { layer: Layer::Flow, policy: policy.to_owned(), message });
    }
}

#[cfg(test)]
mod tests;
