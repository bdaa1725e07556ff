//! From a file of a role to its policies: parsed, named and validated strictly.

use std::collections::HashSet;

use cedar_policy::{
    Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator,
};

use crate::config::ConfigError;
use crate::policy::text::{one_line, place, with_line};

/// The most bytes of a role's name.
const MAX_NAME_BYTES: usize = 64;

/// The name of the role that a file has.
///
/// # Errors
/// When it has none that bulkhead.toml could say.
pub(super) fn name(file: &str) -> Result<&str, ConfigError> {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let name = file.strip_suffix(".cedar").unwrap_or_default();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(plain) {
        return Err(ConfigError::RoleFile {
            file: file.to_owned(),
            why: "cannot name a role; use 1 to 64 small letters, digits and `-`, as in `night-watch.cedar`",
        });
    }
    Ok(name)
}

/// The policies of a role's text, each as `role:NAME:ID`.
///
/// # Errors
/// When the text is not Cedar, a policy has no name, a forbid has no reason, or one does not fit the schema or can never apply.
pub(super) fn read(schema: &Schema, file: &str, role: &str, text: &str) -> Result<PolicySet, ConfigError> {
    let file_name = || file.to_owned();
    let syntax = |why: String| ConfigError::Syntax { file: file_name(), why };
    let parsed: PolicySet =
        text.parse().map_err(|error: cedar_policy::ParseErrors| syntax(with_line(&error, text)))?;
    if let Some(template) = parsed.templates().next() {
        let policy = template.annotation("id").unwrap_or("without id").to_owned();
        return Err(ConfigError::Template { file: file_name(), policy });
    }
    let mut policies: Vec<&Policy> = parsed.policies().collect();
    policies.sort_by_key(|policy| place(policy.id()));
    let (mut named, mut seen) = (Vec::with_capacity(policies.len()), HashSet::new());
    for (number, policy) in policies.into_iter().enumerate() {
        let short = policy
            .annotation("id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| ConfigError::NoId { file: file_name(), number: number.saturating_add(1) })?;
        let id = format!("role:{role}:{short}");
        let message = policy.annotation("message").unwrap_or_default().trim();
        if policy.effect() == Effect::Forbid && message.is_empty() {
            return Err(ConfigError::NoMessage { file: file_name(), policy: id });
        }
        if policy.annotation("decision").is_some() {
            return Err(ConfigError::RoleAsks { file: file_name(), policy: id });
        }
        if !seen.insert(id.clone()) {
            return Err(ConfigError::TwiceId { file: file_name(), policy: id });
        }
        named.push(policy.new_id(PolicyId::new(&id)));
    }
    let set = PolicySet::from_policies(named).map_err(|error| syntax(error.to_string()))?;
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    let why = |policy: &PolicyId, why: String| ConfigError::RoleUnfit {
        file: file_name(),
        policy: policy.to_string(),
        why,
    };
    if let Some(error) = result.validation_errors().min_by_key(|error| error.policy_id().to_string()) {
        return Err(why(error.policy_id(), one_line(error)));
    }
    let idle = |warning: &&ValidationWarning| matches!(warning, ValidationWarning::ImpossiblePolicy(_));
    match result.validation_warnings().find(idle) {
        Some(warning) => Err(why(warning.policy_id(), one_line(warning))),
        None => Ok(set),
    }
}
