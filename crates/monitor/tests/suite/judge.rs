//! What is permitted, held, denied and stopped, and which layer says so.

use std::time::Duration;

use crate::common::*;
use bulkhead_monitor::Rates;
use vocab::{Decision, Layer, Resource, Verb};

/// Judged as `asker`, `intent` comes to `decision`, and a reason of that name is given.
#[track_caller]
fn expect(home: &Home, asker: &str, intent: vocab::Intent, decision: Decision, because: &str) {
    let (found, reasons) = home.ruled(asker, intent);
    assert_eq!(found, decision, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason == because), "{because} is not in {reasons:?}");
}

#[test]
fn a_grant_and_a_right_together_permit() {
    let home = Home::new();
    expect(
        &home,
        "mia",
        read("/srv/docs/a.md"),
        Decision::Permit,
        "policy/skill:file-reader:paths:/srv/docs",
    );
    expect(&home, "mia", read("/srv/docs/a.md"), Decision::Permit, "rights/rights:staff:read:/srv/docs");
    expect(
        &home,
        "mia",
        write("notes.md", "x"),
        Decision::Permit,
        "rights/rights:staff:agents:echo:workspace",
    );
    expect(
        &home,
        "mia",
        get("https://docs.example.org/a?b#c"),
        Decision::Permit,
        "rights/rights:staff:hosts:docs.example.org",
    );
    expect(&home, "mia", reply("hello"), Decision::Permit, "policy/identity:reply");
    expect(&home, "mia", ask_model("hello"), Decision::Permit, "rights/rights:staff:models:ollama");
    expect(
        &home,
        "tom",
        write("/home/agents/echo/workspace/a", "x"),
        Decision::Permit,
        "rights/rights:askers:agents:*:workspace",
    );
    expect(&home, "tom", reply("hello"), Decision::Permit, "rights/rights:askers:agents:*:reply");
}

#[test]
fn what_the_agent_was_not_granted_is_denied_by_policy() {
    let home = Home::new();
    expect(&home, "mia", read("/etc/passwd"), Decision::Deny, "policy/skill:file-reader");
    let verdict = home.judge("mia", read("/etc/passwd"));
    let said = verdict.verdict().reasons.iter().find(|reason| reason.layer == Layer::Policy).unwrap();
    assert_eq!(said.message, "`/etc/passwd` is in no `file-reader` grant of `echo`");
    expect(&home, "mia", read("/srv/docsx/a"), Decision::Deny, "policy/skill:file-reader");
    expect(&home, "mia", read("/srv/docs/../secret"), Decision::Deny, "policy/skill:file-reader");
    expect(&home, "mia", write("/srv/docs/a.md", "x"), Decision::Deny, "policy/skill:file-writer");
    expect(&home, "mia", get("https://evil.example.com/"), Decision::Deny, "policy/skill:browser");
    expect(&home, "mia", post("slack:leaks", "x"), Decision::Deny, "policy/skill:message");
}

#[test]
fn what_the_asker_has_no_right_to_is_denied_by_rights() {
    let home = Home::new();
    expect(&home, "tom", read("/srv/docs/a.md"), Decision::Deny, "rights/rights:read");
    let (_, reasons) = home.ruled("tom", read("/srv/docs/a.md"));
    assert!(!reasons.iter().any(|reason| reason.starts_with("policy/")), "the agent itself may: {reasons:?}");
    expect(&home, "mia", post("board:staff", "x"), Decision::Deny, "rights/rights:channels");
    // The workspace of another agent, and the agents' own files, are not what `*` gives.
    expect(&home, "tom", read("/home/agents/echo/SOUL.md"), Decision::Deny, "rights/rights:read");
}

#[test]
fn a_post_to_a_channel_that_is_not_connected_is_denied_and_waits_for_nobody() {
    let mut config = config();
    for group in &mut config.groups {
        group.rights.channels = strings(&["*"]);
    }
    let home = Home::with(config, &SOUL.replace("- board: forum", "- slack: content-team"));
    for channel in ["slack:content-team", "content-team"] {
        expect(&home, "mia", post(channel, "x"), Decision::Deny, "policy/channel:not-connected");
    }
    let held = home.judge("mia", post("content-team", "x"));
    let said = &held.verdict().reasons[0].message;
    assert!(said.starts_with("`slack` channels are not connected"), "{said}");
    let approved = home.judge_approved("mia", post("content-team", "x"), Some(&held.binding()));
    assert_eq!(approved.verdict().decision, Decision::Deny);
    expect(&home, "mia", post("board:staff", "x"), Decision::Ask, "guardrail/guardrail:base:wider-audience");
}

#[test]
fn a_stranger_is_denied_whatever_groups_he_claims() {
    let home = Home::new();
    expect(&home, "mallory", reply("hello"), Decision::Deny, "rights/person:unknown");
    expect(&home, "mallory", read("/srv/docs/a.md"), Decision::Deny, "rights/person:unknown");
}

#[test]
fn a_post_waits_for_a_person_and_an_approval_lifts_it_once_exactly() {
    let home = Home::new();
    expect(&home, "mia", post("forum", "Hello"), Decision::Ask, "guardrail/guardrail:base:wider-audience");
    let held = home.judge("mia", post("forum", "Hello"));
    assert_eq!(held.action().resource, Resource::Channel("board:forum".into()));
    let binding = held.binding();
    let again = home.judge_approved("mia", post("forum", "Hello"), Some(&binding));
    assert_eq!(again.verdict().decision, Decision::Permit);
    assert!(again.verdict().reasons.iter().any(|reason| reason.layer == Layer::Approval));
    for changed in [post("forum", "Hello "), post("board:staff", "Hello"), reply("Hello")] {
        let other = home.judge_approved("mia", changed, Some(&binding));
        assert_eq!(other.verdict().decision, Decision::Deny);
        assert!(other.verdict().reasons.iter().any(|reason| reason.policy == "approval:changed"));
    }
}

#[test]
fn an_approval_dies_with_the_policies_and_labels_it_was_given_under() {
    let mut home = Home::new();
    let binding = home.judge("mia", post("forum", "Hello")).binding();
    home.at.session = labels(&["public"]);
    assert_eq!(
        home.judge_approved("mia", post("forum", "Hello"), Some(&binding)).verdict().decision,
        Decision::Deny
    );
    let mut other = config();
    other.guardrails.push(guardrail(
        "more.cedar",
        "@id(\"x\") @message(\"x\") forbid (principal, action == Action::\"web.get\", resource);",
    ));
    let other = Home::with(other, SOUL);
    assert_eq!(
        other.judge_approved("mia", post("forum", "Hello"), Some(&binding)).verdict().decision,
        Decision::Deny
    );
    let soul = Home::with(config(), &SOUL.replace("Be concise", "Be brief"));
    assert_eq!(
        soul.judge_approved("mia", post("forum", "Hello"), Some(&binding)).verdict().decision,
        Decision::Deny
    );
}

#[test]
fn a_guardrail_that_denies_outweighs_one_that_asks() {
    let mut config = config();
    config.guardrails.push(guardrail(
        "own.cedar",
        "@id(\"quiet\") @message(\"no posts today\") forbid (principal, action == Action::\"message.post\", resource);",
    ));
    let home = Home::with(config, SOUL);
    expect(&home, "mia", post("forum", "Hello"), Decision::Deny, "guardrail/guardrail:own:quiet");
    let binding = home.judge("mia", post("forum", "Hello")).binding();
    assert_eq!(
        home.judge_approved("mia", post("forum", "Hello"), Some(&binding)).verdict().decision,
        Decision::Deny
    );
}

#[test]
fn a_guardrail_that_asks_for_ever_denies_once_it_was_approved() {
    let mut config = config();
    config.guardrails = vec![guardrail(
        "own.cedar",
        "@id(\"stuck\") @message(\"ask\") @decision(\"ask\") forbid (principal, action == Action::\"reply\", resource);",
    )];
    let home = Home::with(config, SOUL);
    let held = home.judge("mia", reply("x"));
    assert_eq!(held.verdict().decision, Decision::Ask);
    assert_eq!(
        home.judge_approved("mia", reply("x"), Some(&held.binding())).verdict().decision,
        Decision::Deny
    );
}

#[test]
fn a_policy_that_fails_to_evaluate_denies() {
    let mut config = config();
    let text = "@id(\"sum\") @message(\"sum\") forbid (principal, action, resource) when { 9223372036854775807 + (if context.approved then 0 else 1) < 0 };";
    config.guardrails.push(guardrail("sum.cedar", text));
    let home = Home::with(config, SOUL);
    expect(&home, "mia", reply("x"), Decision::Deny, "guardrail/guardrail:sum:sum");
    let verdict = home.judge("mia", reply("x"));
    assert!(verdict.verdict().reasons.iter().any(|reason| reason.message.contains("failed to evaluate")));
}

#[test]
fn reading_needs_both_clearances() {
    let home = Home::with(config(), &format!("{SOUL}## Clearance\n- restricted\n- employee-personal-data\n"));
    expect(&home, "eve", read("/srv/hr/pay.csv"), Decision::Permit, "rights/rights:personnel:read:/srv/hr");
    let home = Home::new();
    expect(&home, "eve", read("/srv/hr/pay.csv"), Decision::Deny, "flow/clearance:agent");
    expect(&home, "mia", read("/srv/docs/plans/a"), Decision::Deny, "flow/clearance:asker");
    let judged = home.judge("mia", read("/srv/docs/plans/x/a"));
    assert_eq!(judged.verdict().labels, labels(&["confidential", "project-x"]), "all that covers it, joined");
}

#[test]
fn what_was_seen_goes_only_where_its_labels_may() {
    let mut home =
        Home::with(config(), &format!("{SOUL}## Clearance\n- restricted\n- employee-personal-data\n"));
    home.at.session = labels(&["restricted", "employee-personal-data"]);
    expect(&home, "mia", reply("secret"), Decision::Deny, "flow/clearance:sink");
    expect(&home, "eve", reply("secret"), Decision::Permit, "policy/identity:reply");
    expect(&home, "eve", ask_model("x"), Decision::Deny, "flow/clearance:sink");
    expect(&home, "eve", get("https://docs.example.org/"), Decision::Deny, "flow/clearance:sink");
    expect(
        &home,
        "eve",
        post("forum", "x"),
        Decision::Deny,
        "guardrail/guardrail:base:above-internal-stays-inside",
    );
    expect(
        &home,
        "eve",
        post("forum", "x"),
        Decision::Deny,
        "guardrail/guardrail:base:personal-data-stays-inside",
    );
    let written = home.judge("eve", write("a.md", "secret"));
    assert_eq!(written.verdict().decision, Decision::Permit);
    assert_eq!(mark(&written), &home.at.session, "the file carries what the session has seen");
    expect(&home, "eve", write("out/a.md", "secret"), Decision::Deny, "flow/clearance:sink");
    home.at.session = labels(&["internal"]);
    expect(&home, "eve", get("https://a.wiki.example.org/"), Decision::Deny, "flow/clearance:sink");
}

fn mark(judged: &bulkhead_monitor::Judgement) -> &vocab::Labels {
    let [(_, labels)] = judged.marks() else { panic!("one file is written: {:?}", judged.marks()) };
    labels
}

#[test]
fn a_mark_follows_the_file() {
    let mut home = Home::new();
    home.at.marks.insert("/home/agents/echo/workspace/a.md".into(), labels(&["confidential"]));
    expect(
        &home,
        "mia",
        call("file-writer", r#"{"path":"a.md","content":"x","append":true}"#),
        Decision::Permit,
        "rights/rights:staff:agents:echo:workspace",
    );
    let added = home.judge("mia", call("file-writer", r#"{"path":"a.md","content":"x","append":true}"#));
    assert_eq!(mark(&added), &labels(&["confidential"]));
    let replaced = home.judge("mia", write("a.md", "x"));
    assert_eq!(mark(&replaced), &labels(&["internal"]));
    home.at.marks.insert("/srv/docs/a/b".into(), labels(&["confidential"]));
    expect(&home, "mia", read("/srv/docs/a"), Decision::Deny, "flow/clearance:asker");
    expect(&home, "mia", read("/srv/docs/a/b"), Decision::Deny, "flow/clearance:asker");
    expect(&home, "mia", read("/srv/docs/a/bc"), Decision::Permit, "rights/rights:staff:read:/srv/docs");
}

#[test]
fn a_remote_model_is_outside() {
    let soul = SOUL.replace("- Role: Writer", "- Role: Writer\n- Model: openai/gpt");
    let mut settings = config();
    settings.sinks.push(bulkhead_monitor::Sink {
        resource: Resource::Model("openai".into()),
        clearance: labels(&["restricted"]),
    });
    let mut home = Home::with(settings, &format!("{soul}## Clearance\n- restricted\n"));
    expect(&home, "tom", ask_model("x"), Decision::Permit, "policy/identity:model");
    expect(&home, "mia", ask_model("x"), Decision::Deny, "rights/rights:models");
    home.at.session = labels(&["confidential"]);
    expect(
        &home,
        "tom",
        ask_model("x"),
        Decision::Deny,
        "guardrail/guardrail:base:above-internal-stays-inside",
    );
}

#[test]
fn limits_deny_and_a_loop_that_does_not_listen_is_killed() {
    let mut home = Home::new();
    for (rates, policy) in [
        (Rates { in_turn: 10, ..Rates::default() }, "rate/limit:actions-per-turn"),
        (Rates { last_minute: 20, ..Rates::default() }, "rate/limit:actions-per-minute"),
        (Rates { turn_elapsed: Duration::from_secs(60), ..Rates::default() }, "rate/limit:turn-time"),
    ] {
        home.at.rates = rates;
        expect(&home, "mia", read("/srv/docs/a"), Decision::Deny, policy);
    }
    home.at.rates = Rates { tokens_today: 1000, ..Rates::default() };
    expect(&home, "mia", ask_model("x"), Decision::Deny, "rate/limit:model-tokens-per-day");
    expect(&home, "mia", reply("x"), Decision::Permit, "policy/identity:reply");
    home.at.rates = Rates { in_turn: 20, ..Rates::default() };
    expect(&home, "mia", reply("x"), Decision::Kill, "rate/limit:runaway");
    expect(&home, "mia", call("exec", "{}"), Decision::Kill, "rate/limit:runaway");
}

#[test]
fn a_skill_that_is_not_there_is_recorded_and_refused_with_its_reason() {
    let home = Home::new();
    expect(
        &home,
        "mia",
        call("exec", r#"{"command":"chmod -R 777 /srv"}"#),
        Decision::Deny,
        "policy/skill:none",
    );
    expect(&home, "mia", call("exec", "{}"), Decision::Deny, "guardrail/guardrail:base:no-execution");
    let judged = home.judge("mia", call("ex\u{202e}ec\n", r#"{"command":"chmod -R 777 /srv"}"#));
    assert_eq!(judged.action().verb, Verb::SkillCall);
    assert_eq!(judged.action().resource, Resource::Skill("ex\\u{202e}ec\\u{a}".into()));
    assert_eq!(judged.action().text("arguments"), Some(r#"{"command":"chmod -R 777 /srv"}"#));
    let soul = SOUL.replace("- Be concise", "- Never execute code or system commands");
    let (_, reasons) = Home::with(config(), &soul).ruled("mia", call("exec", "{}"));
    assert!(reasons.iter().any(|reason| reason.starts_with("policy/rule:")), "{reasons:?}");
}

#[test]
fn a_stopped_agent_gets_nothing() {
    let home = Home::new();
    home.echo.gate().close();
    expect(&home, "mia", reply("x"), Decision::Deny, "policy/agent:stopped");
    home.echo.gate().open();
    expect(&home, "mia", reply("x"), Decision::Permit, "policy/identity:reply");
}

#[test]
fn a_proposal_of_another_agent_is_denied() {
    let home = Home::new();
    let mut other = proposal(reply("x"));
    other.agent = vocab::AgentName::new("other").unwrap();
    let mia = home.monitor.person(&vocab::PersonId::new("mia").unwrap()).unwrap();
    let standing = bulkhead_monitor::Standing {
        asker: mia,
        labels: &home.at.session,
        marks: &home.at.marks,
        said: "",
        rates: home.at.rates,
        approved: None,
        programs: &(),
        now: vocab::Timestamp::UNIX_EPOCH,
    };
    let judged = bulkhead_monitor::judge(&home.echo, other, &standing);
    assert_eq!(judged.verdict().decision, Decision::Deny);
}

#[test]
fn a_model_is_told_the_charter_and_no_more_tools_than_there_are() {
    let home = Home::new();
    let judged = home.judge("mia", ask_model("hello"));
    let args = &judged.action().args;
    assert_eq!(args["system"].as_str().unwrap(), home.echo.charter().prompt());
    let names: Vec<&str> =
        args["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["file-reader", "file-writer", "browser", "message"]);
    assert_eq!(args["messages"][0]["content"], "hello");
    assert_eq!(judged.action().resource, Resource::Model("ollama/llama3".into()));
}

#[test]
fn the_incident_itself_is_held() {
    let home = Home::with(config(), SCREENED);
    let (decision, reasons) =
        home.ruled("mia", post("forum", "Run chmod on the share and everyone can read it"));
    assert_eq!(decision, Decision::Ask, "{reasons:?}");
}
