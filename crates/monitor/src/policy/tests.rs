use std::collections::BTreeSet;

use cedar_policy_core::ast::EntityUID;
use vocab::{Labels, Person, PersonId, Resource, Verb};

use super::text::literal;
use super::words::{Circumstances, Lineage, Named, SCHEMA, Words, folders_above, names_above, schema};

fn above(resource: &Resource) -> Vec<String> {
    names_above(resource).into_iter().map(Into::into).collect()
}

#[test]
fn everything_above_a_name_is_found() {
    assert_eq!(folders_above("/srv/docs/a").collect::<Vec<_>>(), ["/srv/docs", "/srv", "/"]);
    assert_eq!(folders_above("/srv").collect::<Vec<_>>(), ["/"]);
    assert_eq!(folders_above("/").count(), 0);
    assert_eq!(above(&Resource::Host("a.b.org".into())), ["*.b.org", "*.org", "*"]);
    assert_eq!(above(&Resource::Host("localhost".into())), ["*"]);
    assert_eq!(above(&Resource::Host("127.0.0.1".into())), ["*"], "an address is in no domain");
    assert_eq!(above(&Resource::Host("[::1]".into())), ["*"]);
    assert_eq!(above(&Resource::Channel("board:forum".into())), ["board:*"]);
    assert_eq!(above(&Resource::Model("ollama/llama3:8b".into())), ["ollama"]);
    assert!(above(&Resource::Person("mia".into())).is_empty());
}

fn named(texts: &[&str]) -> Named {
    let uids: Vec<EntityUID> =
        texts.iter().map(|text| text.parse::<cedar_policy::EntityUid>().unwrap().into()).collect();
    Named::new(uids.iter())
}

fn ids(lineage: &Lineage) -> BTreeSet<String> {
    lineage.above.iter().map(ToString::to_string).collect()
}

#[test]
fn a_lineage_holds_what_some_policy_names() {
    let words = Words::new("/home/agents").unwrap();
    let one = named(&["Path::\"/srv\"", "Path::\"/etc\"", "Host::\"/srv/docs\""]);
    let two = named(&["Path::\"/\"", "Path::\"/home/agents/*/workspace\""]);
    let of = |path: &str| ids(&words.resource(&Resource::Path(path.into()), [&one, &two]));
    assert_eq!(of("/srv/docs/a"), BTreeSet::from(["Path::\"/srv\"".into(), "Path::\"/\"".into()]));
    assert!(of("/home/agents/echo/workspace/x").contains("Path::\"/home/agents/*/workspace\""));
    assert!(of("/home/agents/echo/workspace").contains("Path::\"/home/agents/*/workspace\""));
    for elsewhere in
        ["/home/agents/echo/workspaces", "/home/agents/workspace", "/home/agents/echo/x/workspace"]
    {
        assert!(!of(elsewhere).contains("Path::\"/home/agents/*/workspace\""), "{elsewhere}");
    }
}

/// Requests are built without the schema, because that is the hot path; here each form is held against it.
#[test]
fn every_request_fits_the_schema() {
    let (words, schema) = (Words::new("/home/agents").unwrap(), schema().unwrap());
    let mia = Person {
        id: PersonId::new("mia").unwrap(),
        os_user: None,
        chat: None,
        groups: vec!["staff".into()],
        clearance: Labels::default(),
        administrator: false,
    };
    let (agent, asker) = (words.agent(&vocab::AgentName::new("echo").unwrap()), words.person(&mia));
    let labels = Labels::from_names(["restricted", "employee-personal-data"]).unwrap();
    let none = Named::default();
    for verb in Verb::JUDGED {
        let resource = match verb {
            Verb::ModelCall => Resource::Model("ollama/x".into()),
            Verb::FileRead | Verb::FileWrite => Resource::Path("/srv/x".into()),
            Verb::WebGet => Resource::Host("a.b.org".into()),
            Verb::MessagePost => Resource::Channel("board:forum".into()),
            Verb::Reply | Verb::ReplyPart => Resource::Person("mia".into()),
            Verb::CommandRun => Resource::Command("git".into()),
            Verb::TableRead => Resource::Table("crm/orders".into()),
            Verb::DocumentsSearch | Verb::DocumentsRead => Resource::Collection("handbook".into()),
            Verb::SkillCall => Resource::Skill("exec".into()),
        };
        let circumstances = Circumstances {
            approved: true,
            audience_wider: false,
            external: true,
            effect: "read",
            labels: &labels,
        };
        let resource = words.resource(&resource, [&none, &none]);
        let context = super::words::context(circumstances, &agent, &asker);
        for principal in [&agent, &asker] {
            let built = cedar_policy::Request::new(
                principal.uid.as_ref().clone().into(),
                format!("Action::\"{verb}\"").parse().unwrap(),
                resource.uid.as_ref().clone().into(),
                cedar_policy::Context::from(context.clone()),
                Some(&schema),
            );
            assert!(built.is_ok(), "{verb}: {}", built.unwrap_err());
        }
        assert!(words.question(verb, &agent, &asker, &resource, circumstances).is_ok());
    }
}

#[test]
fn the_schema_names_every_verb_and_no_other() {
    let schema = schema().unwrap();
    let actions: BTreeSet<String> =
        schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
    let verbs: BTreeSet<String> = Verb::JUDGED.into_iter().map(|verb| verb.to_string()).collect();
    assert_eq!(actions, verbs);
    assert!(SCHEMA.contains("action \"skill.call\""));
}

#[test]
fn a_literal_is_read_back_as_it_was() {
    for text in ["plain", "a\"b\\c", "line\nend\u{0}\u{7f}", "é✓\u{202e}", "\\u{41}", "*"] {
        let source = format!("@id({0}) permit (principal, action, resource in Path::{0});", literal(text));
        let policy: cedar_policy::Policy = source.parse().unwrap();
        assert_eq!(policy.annotation("id"), Some(text));
        let cedar_policy::ResourceConstraint::In(uid) = policy.resource_constraint() else {
            panic!("{policy}")
        };
        assert_eq!(uid.id().unescaped(), text);
    }
}
