//! What `check --json` says about one SOUL.md, with stable field names.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::charter::{Charter, Rule, SkillGrant, Strength};
use crate::diagnostic::Diagnostic;

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The agent's name; `None` when the file does not compile and nobody else knows it.
    pub agent: Option<String>,
    /// The file, as the caller names it.
    pub path: String,
    /// Whether it compiles.
    pub valid: bool,
    /// Every error, in the order of the file.
    pub errors: Vec<Diagnostic>,
    /// Every rule; empty when the file does not compile.
    pub rules: Vec<RuleReport>,
    /// Every skill; empty when the file does not compile.
    pub skills: Vec<SkillReport>,
}

/// One rule in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// The rule in its author's words.
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// What stands behind it.
    pub strength: Strength,
    /// What enforces or screens it.
    pub by: Vec<String>,
    /// The Cedar text that it became.
    pub policy: Option<String>,
}

/// One skill in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkillReport {
    /// The skill's name.
    pub name: String,
    /// Every grant in its normal form, defaults included.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Whether no grant was written.
    pub default: bool,
}

impl CheckReport {
    /// The report on the result of [`crate::compile`]. `folder` is the agent's name where the file
    /// itself gives none.
    #[must_use]
    pub fn new(path: &str, folder: Option<&str>, compiled: &Result<Charter, Vec<Diagnostic>>) -> Self {
        let mut report = Self {
            agent: folder.map(str::to_owned),
            path: path.to_owned(),
            valid: compiled.is_ok(),
            errors: Vec::new(),
            rules: Vec::new(),
            skills: Vec::new(),
        };
        match compiled {
            Ok(charter) => {
                report.agent = Some(charter.name.to_string());
                report.rules = charter.rules.iter().map(RuleReport::from).collect();
                report.skills = charter.skills.iter().map(SkillReport::from).collect();
            }
            Err(errors) => report.errors.clone_from(errors),
        }
        report
    }
}

impl From<&Rule> for RuleReport {
    fn from(rule: &Rule) -> Self {
        Self {
            text: rule.text.clone(),
            line: rule.line,
            strength: rule.strength,
            by: rule.by.clone(),
            policy: rule.policy.clone(),
        }
    }
}

impl From<&SkillGrant> for SkillReport {
    fn from(skill: &SkillGrant) -> Self {
        Self { name: skill.skill.clone(), grants: skill.grants.clone(), default: skill.default }
    }
}
