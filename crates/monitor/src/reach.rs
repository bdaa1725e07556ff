//! What a program that nobody here wrote may have before it.
//!
//! Such a program reads and writes without asking, so it gets only what could be asked for piece by piece: a granted
//! folder is in its reach when every file beneath it could be read (or written) by this agent for this asker, by grants,
//! rights, rules, guardrails and clearances alike. One file beneath that may not be read keeps the whole folder out,
//! because a jail has no holes; what was left out is said, with the reason. All that is in reach counts as read.
//!
//! A policy tells paths apart only by the paths that policies name, and labels only by those of sources and marks. So it
//! is enough to judge each of these, and a file beneath each that nobody names: every other file is judged like one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Map;
use vocab::{Action, Labels, Layer, Person, Reason, Resource, Verb};

use crate::compartment::{Compartment, Tool};
use crate::flow::Parties;
use crate::judge::Case;
use crate::monitor::Known;
use crate::policy::words::{ANY_AGENT, WORKSPACE, folders_above};
use crate::resolve::path::is_within;

/// A name that no policy, source or mark has: it stands for every file that none of them names.
const UNNAMED: &str = "\u{1}";

/// The folders and files that a program may read and write, and the labels of all of it.
///
/// Whoever starts a program with this must first mark everything in `write` with `labels`, joined with those of all
/// that the program is told, and again whenever it is told more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What it may read, absolute; a folder with all beneath it.
    pub read: Vec<PathBuf>,
    /// What it may write, absolute; a folder with all beneath it, whose names it can list.
    pub write: Vec<PathBuf>,
    /// The labels of everything at and beneath these paths.
    pub labels: Labels,
    /// What the agent was granted and is not in reach.
    pub left_out: Vec<LeftOut>,
}

/// A granted folder or file that is not in reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder or file.
    pub path: PathBuf,
    /// `file.read` or `file.write`.
    pub verb: Verb,
    /// Why not.
    pub why: Reason,
}

impl Reach {
    const fn nothing() -> Self {
        Self { read: Vec::new(), write: Vec::new(), labels: Labels::public(), left_out: Vec::new() }
    }

    /// Whether `path` is in it, to read or to write.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        let mut roots = self.read.iter().chain(&self.write).filter_map(|root| root.to_str());
        roots.any(|root| is_within(path, root))
    }

    /// The first path that this may read or write whole and `other` may not; nothing when `other` may do all that this
    /// may.
    #[must_use]
    pub fn beyond<'a>(&'a self, other: &Self) -> Option<&'a Path> {
        let beneath = |path: &str, roots: &[PathBuf]| {
            roots.iter().filter_map(|root| root.to_str()).any(|root| is_within(path, root))
        };
        let outside = |paths: &'a [PathBuf], roots: &[PathBuf]| {
            paths.iter().find(|path| !path.to_str().is_some_and(|path| beneath(path, roots)))
        };
        outside(&self.read, &other.read).or_else(|| outside(&self.write, &other.write)).map(PathBuf::as_path)
    }

    /// Whether `path` may be written.
    pub(crate) fn writes(&self, path: &str) -> bool {
        self.write.iter().filter_map(|root| root.to_str()).any(|root| is_within(path, root))
    }

    /// Why a program with this before it may not be told what carries `told`: without asking it could pass it on to
    /// where that may not go. Nothing when it may.
    #[must_use]
    pub fn denies(&self, compartment: &Compartment, asker: &Person, told: &Labels) -> Vec<Reason> {
        let Compartment { house, charter, .. } = compartment;
        let asker = house.known(&asker.id).map_or(asker, |known| &known.person);
        let parties = Parties { agent: &charter.name, agent_clearance: &charter.clearance, asker };
        house.flow.run(told, self, &parties).denies
    }

    /// The labels of all of it by now, when files have been marked meanwhile.
    #[must_use]
    pub fn labels_now(&self, compartment: &Compartment, marks: &BTreeMap<String, Labels>) -> Labels {
        let roots = self.read.iter().chain(&self.write).filter_map(|root| root.to_str());
        roots.fold(self.labels.clone(), |labels, root| {
            labels.join(&compartment.house.flow.beneath(root, marks))
        })
    }
}

/// What a program that this agent runs for this asker may have before it. `told`: the labels of all that the program is
/// told otherwise. `marks`: the labels of what agents wrote, by absolute path. A person who is not in the settings
/// reaches nothing.
#[must_use]
pub fn reach(
    compartment: &Compartment,
    asker: &Person,
    told: &Labels,
    marks: &BTreeMap<String, Labels>,
) -> Reach {
    let Some(known) = compartment.house.known(&asker.id) else { return Reach::nothing() };
    let survey = Survey { compartment, known, marks };
    let mut reach = Reach::nothing();
    for root in survey.roots(Verb::FileRead) {
        match survey.refusal(&root, Verb::FileRead, None) {
            None => {
                reach.labels = reach.labels.join(&compartment.house.flow.beneath(&root, marks));
                reach.read.push(root.into());
            }
            Some(why) => reach.left_out.push(LeftOut { path: root.into(), verb: Verb::FileRead, why }),
        }
    }
    let written = survey.roots(Verb::FileWrite);
    let carried = written
        .iter()
        .filter(|root| survey.uncleared(root).is_none())
        .fold(told.join(&reach.labels), |labels, root| {
            labels.join(&compartment.house.flow.beneath(root, marks))
        });
    for root in written {
        match survey.refusal(&root, Verb::FileWrite, Some(&carried)) {
            None => {
                reach.labels = reach.labels.join(&compartment.house.flow.beneath(&root, marks));
                reach.write.push(root.into());
            }
            Some(why) => reach.left_out.push(LeftOut { path: root.into(), verb: Verb::FileWrite, why }),
        }
    }
    reach
}

/// Why no program may run as this agent for this asker: a rule of its SOUL.md or a guardrail forbids every command, or has
/// it wait for a person, which a program that runs cannot. A person who is not in the settings has none run.
#[must_use]
pub fn no_program(compartment: &Compartment, asker: &Person, labels: &Labels) -> Option<Reason> {
    let Some(known) = compartment.house.known(&asker.id) else {
        let message = format!("`{}` is not among the people of the settings", asker.id);
        return Some(Reason { layer: Layer::Rights, policy: "person:unknown".to_owned(), message });
    };
    let resource = Resource::Command(UNNAMED.to_owned());
    let action = Action { verb: Verb::CommandRun, resource, args: Map::new() };
    Case { compartment, known, action: &action, labels, tool: None, approved: false }.forbidden()
}

/// One agent and one asker, looking at paths.
struct Survey<'a> {
    compartment: &'a Compartment,
    known: &'a Known,
    marks: &'a BTreeMap<String, Labels>,
}

impl Survey<'_> {
    fn tool(&self, verb: Verb) -> Option<&Tool> {
        self.compartment.tools.iter().find(|tool| tool.spec.verb == verb)
    }

    /// Each granted path; where the asker has a right to a part of it only, that part.
    fn roots(&self, verb: Verb) -> Vec<String> {
        let house = &self.compartment.house;
        let any_workspace = house.words.workspace(ANY_AGENT);
        let rights: BTreeSet<String> = house
            .rights
            .clauses()
            .filter(|clause| clause.verbs.contains(&verb))
            .filter_map(|clause| clause.scope_name())
            .map(|scope| if scope == any_workspace { self.compartment.workspace.clone() } else { scope })
            .collect();
        let granted = self.tool(verb).into_iter().flat_map(|tool| &tool.grant.paths);
        let mut roots: Vec<String> = Vec::new();
        for grant in granted.filter_map(|path| path.to_str()) {
            let parts = rights.iter().filter(|right| *right != grant && is_within(right, grant));
            let parts: Vec<&String> = parts.filter(|part| self.would(verb, part, None).is_none()).collect();
            let whole = self.would(verb, grant, None).is_none();
            if whole || parts.is_empty() {
                roots.push(grant.to_owned());
            } else {
                roots.extend(parts.into_iter().cloned());
            }
        }
        let mut seen = BTreeSet::new();
        roots.retain(|root| seen.insert(root.clone()));
        roots
    }

    /// Why `root` is out of reach; none when every file at and beneath it could be had.
    fn refusal(&self, root: &str, verb: Verb, carried: Option<&Labels>) -> Option<Reason> {
        let places = self.places(root);
        let beneath = |place: &str| format!("{}/{UNNAMED}", place.trim_end_matches('/'));
        let told = |place: &str, why: Reason| {
            if place == root {
                why
            } else {
                Reason { message: format!("{} (`{place}` is beneath it)", why.message), ..why }
            }
        };
        for place in &places {
            let refused =
                self.would(verb, place, carried).or_else(|| self.would(verb, &beneath(place), carried));
            if let Some(why) = refused {
                return Some(told(place, why));
            }
        }
        // Marks may be many; those that lie in the same region and carry the same labels are judged alike.
        let mut judged = BTreeSet::new();
        for (mark, labels) in self.marks.iter().filter(|(mark, _)| is_within(mark, root)) {
            let region = std::iter::once(mark.as_str()).chain(folders_above(mark));
            let region = region.into_iter().find(|name| places.contains(*name));
            if judged.insert((region, labels.names()))
                && let Some(why) = self.would(verb, mark, carried)
            {
                return Some(told(mark, why));
            }
        }
        self.uncleared(root)
    }

    /// `root` and everything beneath it that a policy or the settings tell apart from the rest.
    fn places(&self, root: &str) -> BTreeSet<String> {
        let Compartment { house, named, workspace, .. } = self.compartment;
        let any_workspace = house.words.workspace(ANY_AGENT);
        let some_workspace = any_workspace.replace(&format!("/{ANY_AGENT}/"), &format!("/{UNNAMED}/"));
        let names = named.paths().chain(house.named.paths()).chain(house.flow.labelled());
        names
            .map(str::to_owned)
            // Agents' workspaces are told apart by a name of their own.
            .chain([workspace.clone(), some_workspace, format!("{root}/{WORKSPACE}")])
            .filter(|name| *name != any_workspace && is_within(name, root))
            .chain([root.to_owned()])
            .collect()
    }

    /// Whether agent and asker are cleared for all that lies at and beneath `root`.
    fn uncleared(&self, root: &str) -> Option<Reason> {
        let labels = self.compartment.house.flow.beneath(root, self.marks);
        let charter = &self.compartment.charter;
        let readers = [
            ("clearance:agent", charter.name.as_str(), &charter.clearance),
            ("clearance:asker", self.known.person.id.as_str(), &self.known.person.clearance),
        ];
        let (policy, who, clearance) =
            readers.into_iter().find(|(_, _, clearance)| !labels.within(clearance))?;
        let message = format!("it carries `{labels}`, and `{who}` is cleared for `{clearance}`");
        Some(Reason { layer: Layer::Flow, policy: policy.to_owned(), message })
    }

    /// Why the file at `path` could not be had if it were asked for by itself.
    fn would(&self, verb: Verb, path: &str, carried: Option<&Labels>) -> Option<Reason> {
        let own;
        let labels = match carried {
            Some(labels) => labels,
            None => {
                own = self.compartment.house.flow.source(path, self.marks);
                &own
            }
        };
        let action = Action { verb, resource: Resource::Path(path.to_owned()), args: Map::new() };
        let Self { compartment, known, .. } = *self;
        let tool = self.tool(verb);
        Case { compartment, known, action: &action, labels, tool, approved: false }.refusal()
    }
}
