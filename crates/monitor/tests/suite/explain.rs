//! What an agent runs under is shown whole.

use bulkhead_monitor::{explain, explained};
use vocab::Layer;

use crate::common::*;

#[test]
fn every_policy_of_every_layer_is_there() {
    let home = Home::new();
    let all = explained(&home.echo);
    let has = |layer: Layer, id: &str, effect: &str| {
        all.iter().any(|policy| policy.layer == layer && policy.id == id && policy.effect == effect)
    };
    assert!(has(Layer::Policy, "skill:file-reader:paths:/srv/docs", "permit"));
    assert!(has(Layer::Rights, "rights:staff:read:/srv/docs", "permit"));
    assert!(has(Layer::Guardrail, "guardrail:base:wider-audience", "ask"));
    assert!(has(Layer::Guardrail, "guardrail:base:no-execution", "forbid"));
    let text = explain(&home.echo);
    for policy in &all {
        assert!(text.contains(&policy.policy), "{}", policy.id);
    }
    assert!(text.parse::<cedar_policy::PolicySet>().is_ok(), "what is shown is Cedar");
}
