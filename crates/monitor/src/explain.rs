//! Everything that an agent is judged by, whole, for people.

use serde::Serialize;
use vocab::Layer;

use crate::compartment::{Compartment, soul_file};
use crate::policy::slices::Slices;
use crate::policy::text::Clause;

/// One policy that an agent runs under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its layer.
    pub layer: Layer,
    /// Its name in reasons and records.
    pub id: String,
    /// `permit`, `forbid`, or `ask` for a forbid that a person may lift.
    pub effect: &'static str,
    /// Why it forbids; empty for a permit.
    pub message: String,
    /// The Cedar text.
    pub policy: String,
}

/// Every policy that this agent runs under, by layer and then by name.
#[must_use]
pub fn explained(compartment: &Compartment) -> Vec<Explained> {
    let layers = [
        (Layer::Policy, &compartment.policies),
        (Layer::Rights, &compartment.house.rights),
        (Layer::Guardrail, &compartment.house.guardrails),
    ];
    let all = |(layer, slices): (Layer, &Slices)| -> Vec<Explained> {
        slices.clauses().map(|clause| one(layer, clause)).collect()
    };
    layers.into_iter().flat_map(all).collect()
}

/// The same as text.
#[must_use]
pub fn explain(compartment: &Compartment) -> String {
    let agent = &compartment.charter.name;
    let policies = explained(compartment);
    let mut text = String::new();
    for (layer, title) in [
        (Layer::Policy, format!("What `{agent}` may do, from {}", soul_file(agent))),
        (Layer::Rights, "What those who ask have a right to, from the groups of the settings".to_owned()),
        (Layer::Guardrail, "What no agent may do, from the guardrails".to_owned()),
    ] {
        text.push_str(&format!("// {title}\n\n"));
        for policy in policies.iter().filter(|policy| policy.layer == layer) {
            text.push_str(&format!("// {}\n{}\n\n", policy.id, policy.policy));
        }
    }
    text
}

fn one(layer: Layer, clause: &Clause) -> Explained {
    Explained {
        layer,
        id: clause.id.clone(),
        effect: match (clause.forbids, clause.asks) {
            (false, _) => "permit",
            (true, false) => "forbid",
            (true, true) => "ask",
        },
        message: clause.message.clone(),
        policy: clause.policy.to_string(),
    }
}
