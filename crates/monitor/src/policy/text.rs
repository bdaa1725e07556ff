//! From a Cedar text to clauses: parsed, named, and validated strictly against the schema, once, when an
//! agent or the monitor is loaded.

use std::collections::HashSet;
use std::fmt::Write as _;

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, ResourceConstraint, Schema, ValidationMode,
    ValidationWarning, Validator,
};
use cedar_policy_core::ast::{Eid, EntityUID, Expr, ExprKind, Literal, PolicyID, ValueKind};
use cedar_policy_core::est;
use cedar_policy_core::evaluator::Evaluator;
use vocab::Verb;

use super::words::Words;
use crate::config::ConfigError;

/// Which layer a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An agent's, made from its SOUL.md.
    Agent,
    /// The rights of groups, made from the settings.
    Rights,
    /// A guardrail file.
    Guardrail,
}

/// One policy, ready to be sliced and evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    /// Its name in reasons and records.
    pub(crate) id: String,
    /// Why it forbids; empty for a permit.
    pub(crate) message: String,
    /// Whether it forbids.
    pub(crate) forbids: bool,
    /// Whether a person may lift it.
    pub(crate) asks: bool,
    /// The verbs that it can apply to.
    pub(crate) verbs: Vec<Verb>,
    /// The entity that a resource must be, or be in, for it to apply; none when any will do.
    pub(crate) scope: Option<EntityUID>,
    /// The policy, its Cedar id being `id`.
    pub(crate) policy: Policy,
    /// Its scope and conditions as one expression, see [`bare`].
    condition: Expr,
}

impl Clause {
    /// Whether it applies to the evaluator's request; else what went wrong in it.
    pub(crate) fn applies(&self, evaluator: &Evaluator<'_>) -> Result<bool, String> {
        let value = evaluator
            .interpret(&self.condition, ast(&self.policy).env())
            .map_err(|error| error.to_string())?;
        match value.value_kind() {
            ValueKind::Lit(Literal::Bool(applies)) => Ok(*applies),
            _ => Err("its condition is neither true nor false".to_owned()),
        }
    }

    /// The name of the entity that its scope names.
    pub(crate) fn scope_name(&self) -> Option<String> {
        let Eid::Eid(name) = self.scope.as_ref()?.eid();
        Some(name.to_string())
    }

    /// Every entity that it names.
    pub(crate) fn mentioned(&self) -> impl Iterator<Item = EntityUID> {
        self.policy.entity_literals().into_iter().map(EntityUID::from)
    }
}

/// Everything that a text is loaded with.
pub(crate) struct Reader<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) words: &'a Words,
}

impl Reader<'_> {
    /// The clauses of `text`, in its order. Guardrails are named `guardrail:FILE:ID`.
    ///
    /// # Errors
    /// When the text is not Cedar, a policy has no name or no reason, or one does not fit the schema.
    pub(crate) fn read(&self, file: &str, text: &str, origin: Origin) -> Result<Vec<Clause>, ConfigError> {
        let parsed: PolicySet = text.parse().map_err(|error: cedar_policy::ParseErrors| {
            ConfigError::Syntax { file: file.to_owned(), why: with_line(&error, text) }
        })?;
        if let Some(template) = parsed.templates().next() {
            let policy = template.annotation("id").unwrap_or("without id").to_owned();
            return Err(ConfigError::Template { file: file.to_owned(), policy });
        }
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        policies.sort_by_key(|policy| place(policy.id()));
        let mut clauses = Vec::with_capacity(policies.len());
        let mut seen = HashSet::new();
        for (number, policy) in policies.into_iter().enumerate() {
            let clause = self.clause(file, number.saturating_add(1), policy, origin)?;
            if !seen.insert(clause.id.clone()) {
                return Err(ConfigError::TwiceId { file: file.to_owned(), policy: clause.id });
            }
            clauses.push(clause);
        }
        self.validate(file, &clauses, origin)?;
        Ok(clauses)
    }

    fn clause(
        &self,
        file: &str,
        number: usize,
        policy: &Policy,
        origin: Origin,
    ) -> Result<Clause, ConfigError> {
        let file_name = || file.to_owned();
        let short = policy
            .annotation("id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| ConfigError::NoId { file: file_name(), number })?;
        let id = match origin {
            Origin::Guardrail => format!("guardrail:{}:{short}", file.trim_end_matches(".cedar")),
            Origin::Agent | Origin::Rights => short.to_owned(),
        };
        let forbids = policy.effect() == Effect::Forbid;
        if origin == Origin::Guardrail && !forbids {
            return Err(ConfigError::GuardrailPermit { file: file_name(), policy: id });
        }
        let message = policy.annotation("message").unwrap_or_default().trim().to_owned();
        if forbids && message.is_empty() {
            return Err(ConfigError::NoMessage { file: file_name(), policy: id });
        }
        let asks = match policy.annotation("decision") {
            None => false,
            Some("ask") if forbids => true,
            Some(value) => {
                let value = value.to_owned();
                return Err(ConfigError::BadDecision { file: file_name(), policy: id, value });
            }
        };
        Ok(Clause {
            verbs: self.verbs(policy),
            scope: scope(policy),
            condition: bare(&ast(policy).condition(), ast(policy).id()),
            policy: policy.new_id(PolicyId::new(&id)),
            id,
            message,
            forbids,
            asks,
        })
    }

    fn verbs(&self, policy: &Policy) -> Vec<Verb> {
        match policy.action_constraint() {
            ActionConstraint::Any => Verb::JUDGED.to_vec(),
            ActionConstraint::Eq(action) => self.words.verb_of(&action.into()).into_iter().collect(),
            ActionConstraint::In(actions) => {
                actions.into_iter().filter_map(|action| self.words.verb_of(&action.into())).collect()
            }
        }
    }

    fn validate(&self, file: &str, clauses: &[Clause], origin: Origin) -> Result<(), ConfigError> {
        let set = PolicySet::from_policies(clauses.iter().map(|clause| clause.policy.clone()))
            .map_err(|error| ConfigError::Syntax { file: file.to_owned(), why: error.to_string() })?;
        let result = Validator::new(self.schema.clone()).validate(&set, ValidationMode::Strict);
        if let Some(error) = result.validation_errors().min_by_key(|error| error.policy_id().to_string()) {
            return Err(ConfigError::Invalid {
                file: file.to_owned(),
                policy: error.policy_id().to_string(),
                why: one_line(error),
            });
        }
        let idle = result
            .validation_warnings()
            .find(|warning| matches!(warning, ValidationWarning::ImpossiblePolicy(_)))
            .filter(|_| origin == Origin::Guardrail);
        match idle {
            None => Ok(()),
            Some(warning) => Err(ConfigError::Idle {
                file: file.to_owned(),
                policy: warning.policy_id().to_string(),
                why: one_line(warning),
            }),
        }
    }
}

/// The same condition without the places in the text that its parts are from, and without parts that are always true. Cedar
/// gives each value on the way the place of its expression, and with that a share in the text: all threads that judge would count
/// those shares in one word of memory, some hundred times for each judgement.
fn bare(condition: &Expr, id: &PolicyID) -> Expr {
    let Ok(condition) = condition.clone().into_expr::<est::Builder>().try_into_ast(id) else {
        return condition.clone();
    };
    let mut parts = Vec::new();
    conjuncts(&condition, &mut parts);
    // A part that is neither true nor false would be an error of the conjunction, and is one of `Clause::applies`.
    parts.into_iter().rev().reduce(|rest, part| Expr::and(part, rest)).unwrap_or_else(|| Expr::val(true))
}

/// What has to hold for `condition` to hold, in the order in which it is asked, but for what always does.
fn conjuncts(condition: &Expr, parts: &mut Vec<Expr>) {
    match condition.expr_kind() {
        ExprKind::And { left, right } => {
            conjuncts(left, parts);
            conjuncts(right, parts);
        }
        ExprKind::Lit(Literal::Bool(true)) => {}
        _ => parts.push(condition.clone()),
    }
}

fn ast(policy: &Policy) -> &cedar_policy_core::ast::Policy {
    policy.as_ref()
}

/// The entity of a resource scope. `==` and `in` alike need the resource to be it or beneath it.
fn scope(policy: &Policy) -> Option<EntityUID> {
    match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
        ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
            Some(uid.into())
        }
    }
}

/// The parser names policies `policy0`, `policy1`, ... in their order; its set keeps none.
pub(crate) fn place(id: &PolicyId) -> usize {
    let digits = id.as_ref() as &str;
    digits.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

pub(crate) fn with_line(errors: &cedar_policy::ParseErrors, text: &str) -> String {
    use miette::Diagnostic as _;
    let first = errors.iter().next();
    let offset = first
        .and_then(|error| error.labels())
        .and_then(|mut labels| labels.next())
        .map(|label| label.offset());
    let mut why = first.map_or_else(|| errors.to_string(), ToString::to_string);
    if let Some(before) = offset.and_then(|offset| text.get(..offset)) {
        let line = before.matches('\n').count().saturating_add(1);
        // Writing to a String cannot fail.
        if write!(why, " at line {line}").is_err() {
            why.push_str(" (line unknown)");
        }
    }
    why
}

pub(crate) fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` as a Cedar string literal, quotes included.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
