//! Settings and policies that cannot be judged by: one sentence each, with what, where and the mend.

use std::sync::Arc;

use bulkhead_monitor::{Config, ConfigError, Gate, Monitor, Sink, Source};
use serde_json::json;
use vocab::spec::TargetKind;
use vocab::{AgentName, Effect, PersonId, Resource, Verb};

use crate::common::*;

fn refused(text: &str) -> String {
    let mut config = config();
    config.guardrails.push(guardrail("own.cedar", text));
    Monitor::new(config).unwrap_err().to_string()
}

fn wrong(change: impl FnOnce(&mut Config)) -> String {
    let mut config = config();
    change(&mut config);
    Monitor::new(config).unwrap_err().to_string()
}

#[test]
fn a_broken_guardrail_says_where_and_how_to_mend_it() {
    for (text, parts) in [
        (
            "@id(\"a\") @message(\"m\")\nforbid (principal, action, resource",
            &["`own.cedar` is not Cedar", "at line"][..],
        ),
        ("forbid (principal, action, resource);", &["number 1 in `own.cedar`", "@id"]),
        ("@id(\"a\") forbid (principal, action, resource);", &["`guardrail:own:a`", "@message"]),
        ("@id(\"a\") permit (principal, action, resource);", &["`guardrail:own:a`", "would do nothing"]),
        (
            "@id(\"a\") @message(\"m\") @decision(\"maybe\") forbid (principal, action, resource);",
            &["@decision(\"maybe\")", "\"ask\""],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action, resource == ?resource);",
            &["is a template", "slot"],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action, resource) when { context.colour == \"red\" };",
            &["does not fit the schema", "colour"],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action == Action::\"file.burn\", resource);",
            &["does not fit the schema", "file.burn"],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action == Action::\"web.get\", resource in Path::\"/x\");",
            &["`guardrail:own:a`"],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action, resource) when { false };",
            &["can never apply"],
        ),
        (
            "@id(\"a\") @message(\"m\") forbid (principal, action, resource); @id(\"a\") @message(\"m\") forbid (principal, action, resource);",
            &["two policies", "`guardrail:own:a`"],
        ),
    ] {
        let said = refused(text);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in `{said}`");
        }
        assert!(!said.contains('\n'), "one sentence: {said}");
    }
}

#[test]
fn broken_settings_say_where_and_how_to_mend_them() {
    let cases: [(String, &str); 10] = [
        (wrong(|c| c.people[0].groups.push("nobody".into())), "group `nobody`"),
        (wrong(|c| c.people.push(person("mia", &[], &[]))), "person `mia` is in the settings twice"),
        (wrong(|c| c.people[1].os_user = Some("os-mia".into())), "operating-system user `os-mia`"),
        (wrong(|c| c.groups[0].rights.read.push("docs".into())), "`read` of the group `staff`"),
        (wrong(|c| c.groups[0].rights.write.push("/a/../b".into())), "`write` of the group `staff`"),
        (wrong(|c| c.groups[0].rights.channels.push("forum".into())), "`kind:destination`"),
        (wrong(|c| c.groups[0].rights.agents.push(String::new())), "an empty name in `agents`"),
        (wrong(|c| c.sources.push(Source { path: "x".into(), labels: labels(&[]) })), "a source of labels"),
        (
            wrong(|c| c.sinks.push(Sink { resource: Resource::Path("x".into()), clearance: labels(&[]) })),
            "a destination",
        ),
        (wrong(|c| c.agents_dir = "agents".into()), "the folder of the agents"),
    ];
    for (said, part) in cases {
        assert!(said.contains(part), "`{part}` is not in `{said}`");
    }
}

#[test]
fn a_skill_that_declares_no_schema_is_refused() {
    let mut bad = spec(
        "odd",
        Verb::FileRead,
        Effect::Read,
        "path",
        TargetKind::Path,
        json!({"path": {"type": "nothing"}}),
    );
    assert!(wrong(|c| c.skills.push(bad.clone())).contains("`odd`"));
    bad.schema = json!({"type": "object", "properties": {}});
    assert!(wrong(|c| c.skills.push(bad)).contains("its target `path`"));
}

#[test]
fn an_agents_policies_are_validated_as_strictly() {
    let monitor = Monitor::new(config()).unwrap();
    let mut charter = charter(SOUL);
    assert_eq!(monitor.check(&charter), Ok(()));
    charter.policies.push_str("\n@id(\"x\") permit (principal, action, resource in Folder::\"/\");");
    let error = monitor.check(&charter).unwrap_err();
    assert!(matches!(&error, ConfigError::Invalid { policy, .. } if policy == "x"), "{error}");
    assert!(monitor.compartment(Arc::new(charter), Gate::new()).is_err());
}

#[test]
fn names_with_quotes_stay_names() {
    let home = {
        let mut config = config();
        config.groups[0].rights.read.push("/srv/\"docs\\x".into());
        config.groups[0].rights.read.push("/srv/a\", action, resource); permit (principal".into());
        Home::with(config, &SOUL.replace("/srv/docs, /srv/hr", "/srv"))
    };
    assert_eq!(home.ruled("mia", read("/srv/\"docs\\x/a")).0, vocab::Decision::Permit);
    assert_eq!(home.ruled("mia", read("/srv/other")).0, vocab::Decision::Deny);
}

#[test]
fn people_and_their_rights_to_ask_and_approve() {
    let monitor = Monitor::new(config()).unwrap();
    let who = |id: &str| monitor.person(&PersonId::new(id).unwrap()).unwrap();
    let (echo, other) = (AgentName::new("echo").unwrap(), AgentName::new("other").unwrap());
    assert!(monitor.may_ask(who("mia"), &echo) && !monitor.may_ask(who("mia"), &other));
    assert!(monitor.may_ask(who("tom"), &other), "`*` is every agent");
    assert!(monitor.may_approve(who("mia"), &echo) && !monitor.may_approve(who("tom"), &echo));
    assert!(!monitor.may_ask(&person("mallory", &["staff"], &[]), &echo), "not in the settings");
    assert_eq!(monitor.person_of_os_user("os-tom").unwrap().id.as_str(), "tom");
    assert!(monitor.person_of_os_user("root").is_none());
}

#[test]
fn the_version_changes_with_everything_that_is_judged_by() {
    let version = |config| Monitor::new(config).unwrap().version();
    let first = version(config());
    assert_eq!(version(config()), first);
    let changes: [fn(&mut Config); 7] = [
        |c| c.guardrails[0].text.push('\n'),
        |c| c.people[0].clearance = labels(&["public"]),
        |c| c.groups[0].rights.models.clear(),
        |c| c.sources.truncate(1),
        |c| c.sinks.truncate(1),
        |c| c.remote_models.clear(),
        |c| c.skills[0].description.push('x'),
    ];
    for change in changes {
        let mut changed = config();
        change(&mut changed);
        assert_ne!(version(changed), first);
    }
}
