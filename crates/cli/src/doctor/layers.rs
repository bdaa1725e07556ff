//! Containment: every layer tried for real in a throw-away process, not read off a version number.

use sandbox::{Layer, SpawnError, layer};

use super::{Finding, State};
use crate::settings::Containment;
use crate::wiring;

/// What the names of these checks begin with.
pub(super) const PREFIX: &str = "layer:";

/// Tries every layer.
pub(super) async fn look() -> Vec<Finding> {
    match wiring::probe().await {
        Ok(layers) => {
            let mut findings: Vec<Finding> = layers.iter().map(finding).collect();
            findings.extend(program(&layers).await);
            findings
        }
        Err(SpawnError::Refused { layer, why, mend }) => {
            vec![Finding::of(&format!("{PREFIX}{layer}"), State::Missing, why, mend)]
        }
        Err(error) => {
            let mend = "let this user start processes (`ulimit -u`) and let `/proc` be mounted";
            vec![Finding::of(&format!("{PREFIX}any"), State::Missing, error.to_string(), mend)]
        }
    }
}

/// Starts a program as `run` and `exec` do. What its jail lacks and an agent's does not, in an agent's own words.
async fn program(of_agents: &[Layer]) -> Vec<Finding> {
    // No layer by its name: an agent that starts no program can do without it.
    let check = "programs";
    let layers = match wiring::probe_program().await {
        Ok(layers) => layers,
        Err(SpawnError::Refused { layer, why, mend }) => {
            let message =
                format!("no program of somebody else's starts in its jail, for want of `{layer}`: {why}");
            return vec![Finding::of(check, State::Missing, message, mend)];
        }
        Err(error) => {
            let message = format!("a program of somebody else's does not run in its jail: {error}");
            let mend =
                "let `/proc` and devpts be mounted in user namespaces, and let this user start processes";
            return vec![Finding::of(check, State::Missing, message, mend)];
        }
    };
    let known = |name: &str| of_agents.iter().any(|layer| layer.name == name && layer.is_missed());
    let lacking: Vec<Finding> = layers
        .iter()
        .filter(|layer| layer.is_missed() && !known(&layer.name))
        .map(|layer| {
            let message = format!("a program of somebody else's has no `{}`: {}", layer.name, layer.why);
            Finding::of(check, State::Missing, message, layer.mend.clone())
        })
        .collect();
    if lacking.is_empty() {
        return vec![Finding::ok(check, "a program of somebody else's ran in its jail and ended")];
    }
    lacking
}

fn finding(layer: &Layer) -> Finding {
    let check = format!("{PREFIX}{}", layer.name);
    match layer.present {
        true => Finding::ok(&check, layer.why.clone()),
        // What is used where it can be had is no reason to refuse.
        false if !layer::ALL.contains(&layer.name.as_str()) => {
            Finding::of(&check, State::Warning, layer.why.clone(), layer.mend.clone())
        }
        false => Finding::of(&check, State::Missing, layer.why.clone(), layer.mend.clone()),
    }
}

/// How much of it the settings demand, where `lacking` layers are not there.
pub(super) fn demanded(containment: Containment, lacking: usize) -> Finding {
    let mend = "set `containment = \"full\"` in bulkhead.toml once every layer is there";
    match (containment, lacking) {
        (Containment::Full, 0) => Finding::ok("containment", "every layer is demanded, and there"),
        (Containment::Full, _) => {
            let message = format!("every layer is demanded and {lacking} cannot be had, so no agent starts");
            Finding::of("containment", State::Missing, message, "mend each layer above")
        }
        (Containment::Reduced, 0) => {
            let message = "containment is `reduced`, and nothing is lacking here";
            Finding::of("containment", State::Warning, message, mend)
        }
        (Containment::Reduced, _) => {
            let message =
                format!("containment is `reduced`: agents run here WITHOUT {lacking} of its layers");
            Finding::of("containment", State::Unsafe, message, mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_missing_and_what_is_only_used_where_it_is_there_is_a_warning() {
        let layer = |name: &str, present| Layer {
            name: name.into(),
            present,
            why: "because".into(),
            mend: "mend it".into(),
        };
        for name in layer::ALL {
            assert_eq!(finding(&layer(name, false)).state, State::Missing, "{name}");
            assert_eq!(finding(&layer(name, true)).state, State::Ok, "{name}");
        }
        assert_eq!(finding(&layer("some-extra", false)).state, State::Warning);
    }

    #[test]
    fn reduced_containment_is_said_loudly_and_unsafe_where_it_counts() {
        let state = |containment, lacking| demanded(containment, lacking).state;
        assert_eq!(state(Containment::Full, 0), State::Ok);
        assert_eq!(state(Containment::Full, 2), State::Missing);
        assert_eq!(state(Containment::Reduced, 0), State::Warning);
        assert_eq!(state(Containment::Reduced, 2), State::Unsafe);
    }
}
