//! Policies by what they can apply to, so that a judgement costs what its resource costs and not what the
//! whole organisation costs.
//!
//! A policy whose scope says `resource == E` or `resource in E` can only apply to E and what is beneath it,
//! and Cedar evaluates the scope before the conditions. So for a resource it is enough to evaluate the policies
//! filed under the resource itself, under each entity above it, and under none: every other policy would come
//! out unsatisfied and without an error. That is the whole argument, and `tests/slicing.rs` holds it
//! against Cedar's own answer for the whole set.
//!
//! Each file is a policy set made when the agent is loaded, so that a judgement copies and parses nothing.

use std::collections::HashMap;

use cedar_policy::{AuthorizationError, Authorizer, Entities, EntityUid, PolicySet, Request};
use vocab::Verb;

use super::text::Clause;
use super::words::Lineage;
use crate::config::ConfigError;

/// The policies of one layer.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    clauses: HashMap<String, Clause>,
    by_verb: HashMap<Verb, Drawer>,
}

#[derive(Debug, Default)]
struct Drawer {
    any: PolicySet,
    scoped: HashMap<EntityUid, PolicySet>,
}

/// The policies of one layer that came out true, in the order of their names, and those that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings<'a> {
    pub(crate) permits: Vec<&'a Clause>,
    pub(crate) forbids: Vec<&'a Clause>,
    /// The policy's name and what went wrong in it.
    pub(crate) errors: Vec<(String, String)>,
}

impl PartialEq for Clause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Clause {}

impl Slices {
    /// Files `clauses`; `file` is named in errors.
    ///
    /// # Errors
    /// When two have the same name.
    pub(crate) fn new(file: &str, clauses: Vec<Clause>) -> Result<Self, ConfigError> {
        let mut slices = Self::default();
        for clause in clauses {
            let twice = || ConfigError::TwiceId { file: file.to_owned(), policy: clause.id.clone() };
            for verb in &clause.verbs {
                let drawer = slices.by_verb.entry(*verb).or_default();
                let set = match &clause.scope {
                    None => &mut drawer.any,
                    Some(scope) => drawer.scoped.entry(scope.clone()).or_default(),
                };
                set.add(clause.policy.clone()).map_err(|_| twice())?;
            }
            if slices.clauses.contains_key(&clause.id) {
                return Err(twice());
            }
            slices.clauses.insert(clause.id.clone(), clause);
        }
        Ok(slices)
    }

    /// All clauses, by name.
    pub(crate) fn clauses(&self) -> Vec<&Clause> {
        let mut all: Vec<&Clause> = self.clauses.values().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Evaluates what can apply. A policy that fails to evaluate is an error here, whatever Cedar decides.
    pub(crate) fn evaluate(
        &self,
        verb: Verb,
        resource: &Lineage,
        request: &Request,
        entities: &Entities,
    ) -> Findings<'_> {
        let mut findings = Findings::default();
        let Some(drawer) = self.by_verb.get(&verb) else { return findings };
        let authorizer = Authorizer::new();
        let scoped = resource.all().filter_map(|uid| drawer.scoped.get(uid));
        for set in std::iter::once(&drawer.any).filter(|set| !set.is_empty()).chain(scoped) {
            let response = authorizer.is_authorized(request, set, entities);
            for error in response.diagnostics().errors() {
                let AuthorizationError::PolicyEvaluationError(failed) = error;
                findings.errors.push((failed.policy_id().to_string(), error.to_string()));
            }
            for id in response.diagnostics().reason() {
                match self.clauses.get::<str>(id.as_ref()) {
                    Some(clause) if clause.forbids => findings.forbids.push(clause),
                    Some(clause) => findings.permits.push(clause),
                    None => findings.errors.push((id.to_string(), "a policy without a record".to_owned())),
                }
            }
        }
        findings.permits.sort_by(|a, b| a.id.cmp(&b.id));
        findings.forbids.sort_by(|a, b| a.id.cmp(&b.id));
        findings.errors.sort();
        findings
    }
}
