//! The strength of a rule is never guessed upward.

mod support;

use soul::{Detector, Strength};
use support::{compile, policies, rule, strength, with_rules};

#[test]
fn known_forms_and_their_variations_are_enforced() {
    for text in [
        "Never execute code or system commands",
        "**Never** execute code or system commands.",
        "You must not run any shell commands",
        "Don't execute code",
        "Do not run arbitrary code or scripts",
        "No code execution",
        "Never access external networks",
        "never access the internet",
        "The agent must never browse the web",
        "Never connect to external networks",
        "No external network access",
        "All outputs must be reviewed before publishing",
        "All content must be reviewed and approved by a human before it is published",
        "Never publish anything without human review",
        "Read internal documents only",
        "Only read internal documents",
    ] {
        let rule = rule(text);
        assert_eq!(rule.strength, Strength::Enforced, "{text}");
        assert!(!rule.by.is_empty() && rule.policy.is_some() && rule.near.is_none(), "{text}");
    }
}

#[test]
fn what_detectors_do_is_screened() {
    for (text, detector) in [
        ("Never provide financial, legal, or medical advice", Detector::ProfessionalAdvice),
        ("Do not give any medical, legal or financial advice", Detector::ProfessionalAdvice),
        ("Flag any request that involves financial transactions", Detector::FinancialTransaction),
        ("Never output employee personal data", Detector::PersonalData),
        ("Never access or reference employee personal data", Detector::PersonalData),
        ("Never share personal information", Detector::PersonalData),
    ] {
        let charter = compile(&with_rules(&[text]));
        assert_eq!(charter.rules[0].strength, Strength::Screened, "{text}");
        assert_eq!(charter.screens.iter().map(|s| s.detector).collect::<Vec<_>>(), [detector], "{text}");
    }
}

#[test]
fn a_label_enforces_access_and_never_more_than_that() {
    let with = |text: &str| {
        soul::compile(&with_rules(&[text]), &support::labelled_place()).unwrap().rules.remove(0).strength
    };
    assert_eq!(with("Never access employee personal data"), Strength::Enforced);
    assert_eq!(with("Never output employee personal data"), Strength::Screened);
    assert_eq!(with("Never access personal data"), Strength::Screened);
}

#[test]
fn a_qualified_reversed_or_quoted_form_is_only_advice() {
    for text in [
        "Never execute code unless asked",
        "Never execute code or system commands except in the sandbox",
        "Execute code or system commands",
        "Always execute code",
        "Never say never execute code",
        "Never never execute code",
        "Do not never execute code",
        "Never hesitate to execute code",
        "Never execute or run",
        "Never access external networks without a reason",
        "Access external networks",
        "Never access or",
        "All outputs must be reviewed",
        "All outputs must be reviewed after publishing",
        "All outputs must not be reviewed before publishing",
        "All messages must be reviewed before sending",
        "Review all outputs before publishing",
        "Read internal documents",
        "Never read internal documents only",
        "Never provide financial advice",
        "Provide financial, legal, or medical advice",
        "Never access or reference customer data",
        "Never access or reference employee personal data of other departments",
        "Nеver execute code",
        "Be concise",
        "Never",
        "Never execute code (unless it is Python)",
        "Never execute code <!-- or do -->",
        "~~Old:~~ never execute code",
    ] {
        let rule = rule(text);
        assert_eq!(rule.strength, Strength::Advisory, "{text}");
        assert!(rule.policy.is_none() && rule.by.is_empty(), "{text}");
    }
}

#[test]
fn a_rule_with_conditions_beneath_it_is_another_rule() {
    assert_eq!(strength("Never execute code\n  - except Python"), Strength::Advisory);
    assert_eq!(strength("Never execute code\n\n  unless asked"), Strength::Advisory);
    assert_eq!(strength("Never execute code\n\n  [unless asked]: /x"), Strength::Advisory);
    assert_eq!(strength("Never execute code\n  or system commands"), Strength::Enforced);
    assert_eq!(strength("Never execute code\nor system commands"), Strength::Enforced);
}

#[test]
fn a_rule_near_a_form_is_told_so() {
    for (text, form) in [
        ("Never execute code unless asked", "Never execute code or system commands"),
        ("You must not use external APIs or websites", "Never access external networks"),
        ("All messages must be approved before sending", "All outputs must be reviewed before publishing"),
        ("Never give legal advice", "Never provide financial, legal, or medical advice"),
        ("Never show salary data of employees", "Never access or reference employee personal data"),
    ] {
        assert_eq!(rule(text).near.as_deref(), Some(form), "{text}");
    }
    for text in ["Be concise", "Write clean code", "Use British spelling"] {
        assert_eq!(rule(text).near, None, "{text}");
    }
}

#[test]
fn refusal_texts_are_found_and_stay_advice() {
    let charter =
        compile(&with_rules(&["If a request falls outside billing, respond: “Not mine.”", "Be kind"]));
    assert_eq!(charter.refusal.as_deref(), Some("Not mine."));
    assert_eq!(charter.rules[0].strength, Strength::Advisory);
    assert_eq!(charter.rules[0].by.len(), 1);
    let twice = compile(&with_rules(&[
        "If a request falls outside A, respond: \"first\"",
        "If a request falls outside B, reply with: \"second\"",
    ]));
    assert_eq!(twice.refusal.as_deref(), Some("first"));
    assert!(twice.warnings.iter().any(|warning| warning.message.contains("second refusal")));
}

#[test]
fn hostile_text_stays_inside_its_string() {
    let hostile =
        r#"If a request falls outside "); permit(principal, action, resource); //\, respond: "\u{0}\"""#;
    let charter =
        compile(&with_rules(&[hostile, r#"Never execute code "\"); permit(principal,action,resource);//"#]));
    let set = policies(&charter.policies);
    assert!(set.policies().all(|policy| policy.annotation("id").is_some()));
    let source = "## Identity\n- Name: e\n- Role: r\n- Model: a/b\n## Skills\n- file-reader: r\n  - paths: /srv/\");permit(principal,action,resource);//\n- message: m\n## Channels\n- slack: \"x\\\");permit(principal,action,resource);// ünï\n";
    let charter = compile(source);
    assert_eq!(policies(&charter.policies).num_of_policies(), 4);
}

#[test]
fn strict_looks_at_how_a_rule_begins() {
    let charter = compile(&with_rules(&[
        "Only write about cats",
        "Do not be rude",
        "Must be kind",
        "All posts are short",
        "Be concise",
        "Never execute code",
        "You must be brief",
    ]));
    let texts: Vec<&str> = charter.unenforced().map(|rule| rule.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Only write about cats",
            "Do not be rude",
            "Must be kind",
            "All posts are short",
            "You must be brief"
        ]
    );
}
