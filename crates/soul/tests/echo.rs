//! The sample that people already have compiles unchanged, and says honestly what it enforces.

mod support;

use soul::{CheckReport, Detector, Strength};
use support::{labelled_place, place, policies};

const ECHO: &str = include_str!("fixtures/echo.md");

#[test]
fn the_sample_compiles_with_every_strength_honest() {
    let charter = support::compile(ECHO);
    assert_eq!(charter.name.as_str(), "echo");
    assert_eq!((charter.title.as_str(), charter.role.as_str()), ("Content Writer", "Blog Content Writer"));
    assert_eq!(charter.display_name, "Echo");
    let strengths: Vec<(u32, Strength)> = charter.rules.iter().map(|r| (r.line, r.strength)).collect();
    use Strength::{Advisory, Enforced, Screened};
    assert_eq!(
        strengths,
        [(6, Advisory), (7, Screened), (8, Screened), (9, Enforced), (10, Enforced), (11, Advisory)]
    );
    assert_eq!(
        charter.refusal.as_deref(),
        Some("This is outside my scope. Please contact the appropriate team.")
    );
    let detectors: Vec<(&str, Detector)> =
        charter.screens.iter().map(|s| (s.rule.as_str(), s.detector)).collect();
    assert_eq!(detectors, [("rule:7", Detector::ProfessionalAdvice), ("rule:8", Detector::PersonalData)]);
    assert_eq!(charter.unenforced().map(|rule| rule.line).collect::<Vec<_>>(), [6]);
}

#[test]
fn the_label_makes_the_personal_data_rule_enforced_and_the_policy_is_there_before() {
    let before = support::compile(ECHO);
    let after = soul::compile(ECHO, &labelled_place()).unwrap();
    assert_eq!(before.rules[2].strength, Strength::Screened);
    assert_eq!(after.rules[2].strength, Strength::Enforced);
    assert_eq!(before.policies, after.policies);
    assert_eq!(before.screens, after.screens);
}

#[test]
fn the_samples_policies_are_these() {
    let charter = support::compile(ECHO);
    let set = policies(&charter.policies);
    let mut ids: Vec<String> = set.policies().filter_map(|p| p.annotation("id").map(str::to_owned)).collect();
    ids.sort();
    assert_eq!(
        ids,
        [
            "identity:model",
            "identity:reply",
            "rule:10",
            "rule:8",
            "rule:9",
            "skill:file-writer:paths:/home/bulkhead/agents/echo/workspace",
        ]
    );
    assert!(charter.policies.contains("@decision(\"ask\")"));
}

#[test]
fn the_warnings_name_defaults_and_what_is_not_connected() {
    let charter = support::compile(ECHO);
    let told = |part: &str| charter.warnings.iter().any(|warning| warning.message.contains(part));
    assert!(told("`browser` has no grants"));
    assert!(told("`file-writer` has no grants"));
    assert!(told("`slack` is not connected"));
}

#[test]
fn the_prompt_has_every_rule_in_its_own_words() {
    let charter = support::compile(ECHO);
    let prompt = charter.prompt();
    for rule in &charter.rules {
        assert!(prompt.contains(&rule.text), "{}", rule.text);
    }
    for part in [
        "You are Echo: Blog Content Writer.",
        "browser: Research topics on the web",
        "slack:content-team",
        "Do not try it again",
    ] {
        assert!(prompt.contains(part), "{part}\n{prompt}");
    }
}

#[test]
fn the_report_has_the_documented_shape() {
    let report = CheckReport::new("SOUL.md", None, &soul::compile(ECHO, &place()));
    let json = serde_json::to_value(&report).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&json), ["agent", "errors", "path", "rules", "skills", "valid"]);
    assert_eq!(keys(&json["rules"][0]), ["by", "line", "policy", "strength", "text"]);
    assert_eq!(keys(&json["skills"][0]), ["default", "grants", "name"]);
    assert_eq!(json["rules"][3]["strength"], "enforced");
    assert_eq!(json["agent"], "echo");
    let broken = CheckReport::new("SOUL.md", Some("x"), &soul::compile("# nothing", &place()));
    let json = serde_json::to_value(&broken).unwrap();
    assert_eq!(keys(&json["errors"][0]), ["column", "help", "line", "message"]);
    assert_eq!((json["valid"].clone(), json["agent"].clone()), (false.into(), "x".into()));
}
