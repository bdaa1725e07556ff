//! What holds for any proposal: no panic, one answer, and nothing that is taken away ever widens it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_monitor::{Config, Rates};
use proptest::prelude::*;
use serde_json::json;
use vocab::{ChatMessage, Decision, Intent, Labels, Role, ToolCall, Verb};

use crate::common::*;

const fn strictness(decision: Decision) -> u8 {
    match decision {
        Decision::Permit => 0,
        Decision::Ask => 1,
        Decision::Deny => 2,
        Decision::Kill => 3,
    }
}

fn skill() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(strings(&["file-reader", "file-writer", "browser", "message", "exec", "sql"])),
        1 => ".{0,40}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => prop::sample::select(strings(&["srv", "docs", "hr", "plans", "..", ".", "", "home", "agents", "echo", "workspace", "*"])),
        1 => "[^/]{0,8}",
    ];
    (any::<bool>(), prop::collection::vec(part, 0..7))
        .prop_map(|(absolute, parts)| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => path().prop_map(|path| json!({ "path": path }).to_string()),
        2 => (path(), ".{0,40}").prop_map(|(path, content)| json!({ "path": path, "content": content }).to_string()),
        2 => "(https?|ftp|file)://[a-z0-9@:.*]{0,20}(/.{0,10})?".prop_map(|url| json!({ "url": url }).to_string()),
        2 => prop::sample::select(strings(&["https://docs.example.org/a", "http://a.wiki.example.org", "https://docs.example.org./"]))
            .prop_map(|url| json!({ "url": url }).to_string()),
        2 => ("(forum|staff|board:forum|board:.{0,5}|.{0,9})", ".{0,40}")
            .prop_map(|(channel, text)| json!({ "channel": channel, "text": text }).to_string()),
        2 => ".{0,80}",
        1 => "[\\[\\]{}\",:0-9a-z ]{0,80}",
    ]
}

fn intent() -> impl Strategy<Value = Intent> {
    let message =
        (".{0,60}", prop::option::of((skill(), arguments()))).prop_map(|(content, tool)| ChatMessage {
            role: if tool.is_some() { Role::Assistant } else { Role::User },
            content,
            tool_calls: tool
                .into_iter()
                .map(|(name, arguments)| ToolCall { id: "c".into(), name, arguments })
                .collect(),
            tool_call_id: None,
        });
    prop_oneof![
        6 => (skill(), arguments()).prop_map(|(skill, arguments)| call(&skill, &arguments)),
        2 => ".{0,200}".prop_map(|text| reply(&text)),
        2 => (prop::collection::vec(message, 0..4), any::<u32>()).prop_map(|(messages, dropped)| Intent::ModelCall { messages, dropped }),
    ]
}

fn some_labels() -> impl Strategy<Value = Labels> {
    let categories = prop::sample::subsequence(vec!["employee-personal-data", "project-x"], 0..=2);
    (prop::sample::select(vec!["public", "internal", "confidential", "restricted"]), categories)
        .prop_map(|(level, categories)| labels(&[vec![level], categories].concat()))
}

fn rates() -> impl Strategy<Value = Rates> {
    (0..25_u32, 0..25_u32, 0..1500_u64, 0..90_u64).prop_map(
        |(last_minute, in_turn, tokens_today, seconds)| Rates {
            last_minute,
            in_turn,
            tokens_today,
            turn_elapsed: Duration::from_secs(seconds),
        },
    )
}

fn marks() -> impl Strategy<Value = BTreeMap<String, Labels>> {
    let paths = strings(&["/srv/docs/a", "/srv/docs/a/b", "/home/agents/echo/workspace/x", "/", "/srv/docs"]);
    prop::collection::btree_map(prop::sample::select(paths), some_labels(), 0..3)
}

fn asker() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["mia", "tom", "eve", "mallory"])
}

/// A home in which much is permitted, so that taking something away shows.
fn generous() -> Config {
    let mut config = config();
    config.groups[0].rights.read.push("/srv/hr".into());
    config.groups[0].rights.channels.push("board:*".into());
    config.sinks.clear();
    config
}

/// The homes are made once for all cases: that is most of the time.
fn config_of_cases() -> ProptestConfig {
    ProptestConfig::with_cases(1024)
}

#[test]
fn any_proposal_has_one_answer() {
    let (plain, screened) = (Home::with(generous(), SOUL), Home::with(generous(), SCREENED));
    proptest!(config_of_cases(), |(
        intent in intent(), asker in asker(), session in some_labels(), marks in marks(), rates in rates(), screens in any::<bool>(),
    )| {
        let standing = At { said: String::new(), session, marks, rates };
        let home = if screens { &screened } else { &plain };
        let (one, two) = (home.judge_at(asker, intent.clone(), &standing), home.judge_at(asker, intent, &standing));
        prop_assert_eq!(one.verdict(), two.verdict());
        prop_assert_eq!(one.action(), two.action());
        prop_assert_eq!(one.entry(), two.entry());
        prop_assert!(!one.verdict().reasons.is_empty());
        if one.verdict().decision == Decision::Permit {
            let (action, path) = (one.action(), one.action().resource.name());
            prop_assert!(asker != "mallory" && action.verb != Verb::SkillCall);
            let granted = ["/srv/docs", "/srv/hr", "/home/agents/echo/workspace"];
            prop_assert!(action.verb != Verb::FileRead || granted.iter().any(|root| path.starts_with(root)), "{}", path);
            prop_assert!(!path.contains("/../") && !path.ends_with("/.."));
        }
    });
}

#[test]
fn a_right_less_is_never_an_action_more() {
    let full = Home::with(generous(), SOUL);
    let mut fewer = Vec::new();
    for (kind, place, group) in
        (0..5).flat_map(|kind| (0..4).flat_map(move |place| (0..3).map(move |group| (kind, place, group))))
    {
        let mut config = generous();
        let rights = &mut config.groups[group].rights;
        let names = [
            &mut rights.agents,
            &mut rights.read,
            &mut rights.hosts,
            &mut rights.channels,
            &mut rights.models,
        ];
        let names = names.into_iter().nth(kind).unwrap();
        if place < names.len() {
            names.remove(place);
            fewer.push(Home::with(config, SOUL));
        }
    }
    assert!(fewer.len() > 8);
    let narrowed = Cell::new(false);
    proptest!(config_of_cases(), |(intent in intent(), asker in asker(), one in any::<prop::sample::Index>())| {
        let before = full.judge(asker, intent.clone()).verdict().decision;
        let after = one.get(&fewer).judge(asker, intent).verdict().decision;
        narrowed.set(narrowed.get() | (after != before));
        prop_assert!(strictness(after) >= strictness(before), "{:?} became {:?}", before, after);
    });
    assert!(narrowed.get(), "the cases show the difference");
}

#[test]
fn a_guardrail_more_is_never_an_action_more() {
    let before = Home::with(generous(), SOUL);
    let mut after = Vec::new();
    for ask in ["", "@decision(\"ask\")"] {
        for scope in [
            "action, resource",
            "action == Action::\"reply\", resource",
            "action, resource in Path::\"/srv\"",
            "action == Action::\"web.get\", resource in Host::\"*.org\"",
        ] {
            for condition in [
                "",
                "when { context.external }",
                "unless { context.approved }",
                "when { context.labels.contains(\"internal\") }",
            ] {
                let mut config = generous();
                let text =
                    format!("@id(\"m\") @message(\"m\") {ask} forbid (principal, {scope}) {condition};");
                config.guardrails.push(guardrail("more.cedar", &text));
                after.push(Home::with(config, SOUL));
            }
        }
    }
    let narrowed = Cell::new(false);
    proptest!(config_of_cases(), |(intent in intent(), asker in asker(), one in any::<prop::sample::Index>())| {
        let before = before.judge(asker, intent.clone()).verdict().decision;
        let after = one.get(&after).judge(asker, intent).verdict().decision;
        narrowed.set(narrowed.get() | (after != before));
        prop_assert!(strictness(after) >= strictness(before), "{:?} became {:?}", before, after);
    });
    assert!(narrowed.get(), "the cases show the difference");
}

#[test]
fn labels_and_counts_only_ever_narrow() {
    let home = Home::with(generous(), SOUL);
    proptest!(config_of_cases(), |(
        intent in intent(), asker in asker(), low in some_labels(), more in some_labels(), rates in rates(), marks in marks(),
    )| {
        let easy = At { session: low.clone(), ..At::default() };
        let hard = At { said: String::new(), session: low.join(&more), rates, marks };
        let before = home.judge_at(asker, intent.clone(), &easy).verdict().decision;
        let after = home.judge_at(asker, intent, &hard).verdict().decision;
        prop_assert!(strictness(after) >= strictness(before), "{:?} became {:?}", before, after);
    });
}

#[test]
fn an_approval_of_something_else_permits_nothing() {
    let home = Home::with(generous(), SOUL);
    proptest!(config_of_cases(), |(intent in intent(), asker in asker(), other in any::<[u8; 32]>())| {
        let judged = home.judge_approved(asker, intent, Some(&vocab::Digest::from_bytes(other)));
        prop_assert_eq!(judged.verdict().decision, Decision::Deny);
    });
}
