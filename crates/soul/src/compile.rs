//! A SOUL.md's text to a [`Charter`].

use std::path::Path;

use vocab::limits::MAX_SOUL_BYTES;
use vocab::{AgentName, Digest, Verb};

use crate::cedar::{Target, permit};
use crate::charter::{Charter, Place, Rule, SkillGrant};
use crate::diagnostic::{Diagnostic, Findings, Spot};
use crate::markdown::{self, Known};
use crate::rules::Compiled;
use crate::source::Source;
use crate::{channels, clearance, identity, limits, prompt, rules, skills, values};

/// Compiles a SOUL.md. The same source and place give the same charter, byte for byte.
///
/// # Errors
/// Every error of the file at once, in its order.
pub fn compile(source: &str, place: &Place) -> Result<Charter, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    if source.len() > MAX_SOUL_BYTES {
        let message = format!("a SOUL.md of {} bytes is over the limit of {MAX_SOUL_BYTES}", source.len());
        findings.error(
            Spot::START,
            message,
            "shorten it; long background belongs in files that the agent reads",
        );
        return Err(findings.into_errors());
    }
    if !values::is_firm(&place.workspace) {
        let message =
            format!("the workspace `{}` is not an absolute path without `..`", place.workspace.display());
        findings.error(Spot::START, message, "give the agent a folder by its absolute path");
        return Err(findings.into_errors());
    }
    let lines = Source::new(source);
    lines.check_characters(&mut findings);
    let Some(document) = markdown::read(&lines, &mut findings) else { return Err(findings.into_errors()) };
    let identity = identity::read(document.section(Known::Identity), &mut findings);
    let channels = channels::read(document.section(Known::Channels), &mut findings);
    let skills = skills::read(document.section(Known::Skills), &channels, place, &mut findings);
    let limits = limits::read(document.section(Known::Limits), &mut findings);
    let clearance = clearance::read(document.section(Known::Clearance), place, &mut findings);
    if document.section(Known::Skills).is_none() {
        findings.warn(
            Spot::START,
            "there is no `## Skills`: the agent can only answer",
            "list the skills that it needs",
        );
    }
    if document.section(Known::Rules).is_none() {
        findings.warn(Spot::START, "there is no `## Rules`", "add `## Rules`, one rule an item");
    }
    let compiled =
        rules::compile(document.section(Known::Rules), identity.name.as_ref(), place, &mut findings);
    exec_surprises(&skills, &compiled, &mut findings);
    // Without errors there is a name; the first is so that nothing depends on it.
    let Some(name) = identity.name.clone().filter(|_| !findings.has_errors()) else {
        return Err(findings.into_errors());
    };
    let policies = policies(&name, identity.model.as_deref(), &skills, &compiled);
    let prompt = prompt::write(&prompt::Parts {
        identity: &identity,
        compiled: &compiled,
        skills: &skills,
        channels: &channels,
        passages: &document.passages,
    });
    Ok(Charter {
        name,
        title: document.title.unwrap_or_else(|| identity.display_name.clone()),
        display_name: identity.display_name,
        role: identity.role,
        model: identity.model,
        digest: Digest::of(source.as_bytes()),
        skills,
        channels,
        limits,
        clearance,
        refusal: compiled.refusal,
        rules: compiled.rules,
        screens: compiled.screens,
        policies,
        source: source.to_owned(),
        warnings: findings.into_warnings(),
        prompt,
    })
}

/// Points out grants of `exec` that do not do what they seem to.
fn exec_surprises(skills: &[SkillGrant], compiled: &Compiled, findings: &mut Findings) {
    let Some(exec) = skills.iter().find(|skill| skill.skill == "exec") else { return };
    let spot = Spot { line: exec.line, ..Spot::START };
    let forbids =
        |rule: &&Rule| rule.policy.as_ref().is_some_and(|policy| policy.contains("Action::\"command.run\""));
    if let Some(rule) = compiled.rules.iter().find(forbids) {
        let message = format!("the rule on line {} forbids every command, so `exec` runs none", rule.line);
        findings.warn(spot, message, "remove the skill, or the rule");
    }
    let written = skills.iter().filter(|skill| skill.skill == "file-writer").flat_map(|skill| &skill.paths);
    for folder in written {
        for command in exec.commands.names.iter().filter(|command| Path::new(command).starts_with(folder)) {
            let message = format!(
                "`{command}` lies where the agent may write, so the agent would decide what it is; every call of it is denied"
            );
            findings.warn(spot, message, "keep the program in a folder that the agent may not write");
        }
    }
}

/// All Cedar text: permits first, so that a rule can only ever add behind them.
fn policies(name: &AgentName, model: Option<&str>, skills: &[SkillGrant], compiled: &Compiled) -> String {
    let model = model.map_or(Target::Any, |model| Target::In("Model", model));
    let mut all = vec![
        permit("identity:reply", name, &[Verb::Reply], &Target::Any),
        permit("identity:model", name, &[Verb::ModelCall], &model),
    ];
    all.extend(skills.iter().flat_map(|skill| skills::permits(name, skill)));
    all.extend(compiled.rules.iter().filter_map(|rule| rule.policy.clone()));
    all.join("\n")
}
