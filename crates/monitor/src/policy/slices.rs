//! Policies by what they can apply to, so that a judgement costs what its resource costs and not what the
//! whole organisation costs.
//!
//! A policy whose scope says `resource == E` or `resource in E` can only apply to E and what is beneath it,
//! and Cedar evaluates the scope before the conditions. So for a resource it is enough to evaluate the policies
//! filed under the resource itself, under each entity above it, and under none: every other policy would come
//! out unsatisfied and without an error. That is the whole argument, and `tests/slicing.rs` holds it
//! against Cedar's own answer for the whole set.
//!
//! The conditions are made when the agent is loaded, and each is evaluated by itself: Cedar's authorizer adds to
//! that only its decision, which is not used here, because it passes over a forbid that fails.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::evaluator::Evaluator;
use vocab::Verb;

use super::text::Clause;
use super::words::{Lineage, Named};
use crate::config::ConfigError;

/// The policies of one layer.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    clauses: Vec<Arc<Clause>>,
    by_verb: HashMap<Verb, Drawer>,
}

#[derive(Debug, Default)]
struct Drawer {
    any: Vec<Arc<Clause>>,
    scoped: HashMap<EntityUID, Vec<Arc<Clause>>>,
}

/// The policies of one layer that came out true, in the order of their names, and those that failed.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    pub(crate) permits: Vec<&'a Clause>,
    pub(crate) forbids: Vec<&'a Clause>,
    /// The policy's name and what went wrong in it.
    pub(crate) errors: Vec<(&'a str, String)>,
}

impl Slices {
    /// Files `clauses`; `file` is named in errors.
    ///
    /// # Errors
    /// When two have the same name.
    pub(crate) fn new(file: &str, clauses: Vec<Clause>) -> Result<Self, ConfigError> {
        let mut slices = Self::default();
        let mut seen = HashSet::new();
        for clause in clauses {
            if !seen.insert(clause.id.clone()) {
                return Err(ConfigError::TwiceId { file: file.to_owned(), policy: clause.id });
            }
            let clause = Arc::new(clause);
            for verb in &clause.verbs {
                let drawer = slices.by_verb.entry(*verb).or_default();
                let file = match &clause.scope {
                    None => &mut drawer.any,
                    Some(scope) => drawer.scoped.entry(scope.clone()).or_default(),
                };
                file.push(Arc::clone(&clause));
            }
            slices.clauses.push(clause);
        }
        slices.clauses.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(slices)
    }

    /// All clauses, by name.
    pub(crate) fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().map(Arc::as_ref)
    }

    /// Every entity that a policy here names.
    pub(crate) fn named<'a>(layers: impl IntoIterator<Item = &'a Self>) -> Named {
        let clauses = layers.into_iter().flat_map(Self::clauses);
        let mentioned: Vec<EntityUID> = clauses.flat_map(Clause::mentioned).collect();
        Named::new(mentioned.iter())
    }

    /// Evaluates what can apply. A policy that fails to evaluate is an error here, whatever Cedar decides.
    pub(crate) fn evaluate(&self, verb: Verb, resource: &Lineage, evaluator: &Evaluator<'_>) -> Findings<'_> {
        let mut findings = Findings::default();
        let Some(drawer) = self.by_verb.get(&verb) else { return findings };
        let scoped = resource.all().filter_map(|uid| drawer.scoped.get(uid)).flatten();
        for clause in drawer.any.iter().chain(scoped) {
            match clause.applies(evaluator) {
                Ok(false) => {}
                Ok(true) if clause.forbids => findings.forbids.push(clause),
                Ok(true) => findings.permits.push(clause),
                Err(error) => findings.errors.push((&clause.id, error)),
            }
        }
        findings.permits.sort_by(|a, b| a.id.cmp(&b.id));
        findings.forbids.sort_by(|a, b| a.id.cmp(&b.id));
        findings.errors.sort();
        findings
    }
}
