//! The three layers of policy: the agent's own, the asker's rights, the guardrails.
//!
//! Comes in: policy texts when something is loaded; at a judgement who, what, to what and in which
//! circumstances. Goes out: which policies spoke, by layer. Nothing here knows labels, rates or texts.
//!
//! Cedar's own decision skips a policy that fails to evaluate, a forbid included; here any such error is
//! a reason to deny. Each layer is evaluated by itself, so that a reason can name it:
//!
//! - **policy**: at least one permit, or deny; a forbid denies, or asks when it says `@decision("ask")`;
//! - **rights**: at least one permit, or deny;
//! - **guardrail**: a forbid denies or asks. A guardrail never permits.

use cedar_policy_core::ast::Eid;
use cedar_policy_core::evaluator::Evaluator;
use vocab::{Layer, Reason, Verb};

pub(crate) mod protect;
pub(crate) mod rights;
pub(crate) mod slices;
pub(crate) mod text;
pub(crate) mod words;

use slices::{Findings, Slices};
use text::Clause;
use words::Lineage;

/// What one layer says.
#[derive(Debug, Default)]
pub(crate) struct Opinion {
    /// The permits that apply.
    pub(crate) granted: Vec<Reason>,
    /// Forbids that a person may lift.
    pub(crate) asks: Vec<Reason>,
    /// Forbids that nobody may lift, and errors.
    pub(crate) denies: Vec<Reason>,
    /// The names of the entities in the scopes of the permits.
    pub(crate) scopes: Vec<String>,
}

/// Evaluates one layer.
pub(crate) fn consult(
    layer: Layer,
    slices: &Slices,
    verb: Verb,
    resource: &Lineage,
    evaluator: &Evaluator<'_>,
) -> Opinion {
    let Findings { permits, forbids, errors } = slices.evaluate(verb, resource, evaluator);
    let reason = |clause: &Clause, message: &str| Reason {
        layer,
        policy: clause.id.clone(),
        message: message.to_owned(),
    };
    let mut opinion = Opinion::default();
    for clause in permits {
        opinion.granted.push(reason(clause, "granted"));
        if let Some(scope) = &clause.scope {
            let Eid::Eid(name) = scope.eid();
            opinion.scopes.push(name.to_string());
        }
    }
    for clause in forbids {
        let said = reason(clause, &clause.message);
        if clause.asks { opinion.asks.push(said) } else { opinion.denies.push(said) }
    }
    for (policy, error) in errors {
        let message = format!("the policy `{policy}` failed to evaluate, which counts as a denial: {error}");
        opinion.denies.push(Reason { layer, policy: policy.to_owned(), message });
    }
    opinion
}

#[cfg(test)]
mod tests;
