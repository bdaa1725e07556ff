use journal::Fact;
use vocab::{Labels, Rights};

use super::*;

fn person(id: &str, groups: &[&str]) -> Person {
    Person {
        id: PersonId::new(id).unwrap(),
        os_user: Some(id.to_owned()),
        chat: None,
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        clearance: Labels::default(),
        administrator: false,
    }
}

fn group(name: &str, agents: &[&str]) -> Group {
    let rights =
        Rights { agents: agents.iter().map(|&agent| agent.to_owned()).collect(), ..Rights::default() };
    Group { name: name.to_owned(), rights }
}

fn seen(people: Vec<Person>, groups: Vec<Group>, sections: &[(&str, &str)]) -> Seen {
    let config = monitor::Config { people, groups, ..monitor::Config::default() };
    let of = |text: &str| Digest::of(text.as_bytes());
    let sections: BTreeMap<_, _> = sections.iter().map(|&(name, text)| (name.to_owned(), of(text))).collect();
    let settings = SettingsFile {
        path: "/home/bulkhead.toml".into(),
        digest: Digest::of(format!("{sections:?}").as_bytes()),
        sections,
    };
    Seen::of(&config, Files { settings: Some(settings), guardrails: BTreeMap::new() })
}

fn told(drafts: &[Draft]) -> Vec<(&'static str, String)> {
    let who = |draft: &Draft| {
        let group = draft.facts.text("group").map(str::to_owned);
        let person = draft.person.as_ref().map(ToString::to_string);
        let path = draft.resource.as_ref().map(|resource| resource.name().to_owned());
        group.or(person).or(path).unwrap_or_default()
    };
    drafts.iter().map(|draft| (draft.event.unwrap().as_str(), who(draft))).collect()
}

fn list(draft: &Draft, name: &str) -> Vec<String> {
    match draft.facts.get(name) {
        Some(Fact::List(list)) => list.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_difference_is_a_record_that_says_what_and_from_which_digest_to_which() {
    let before = seen(
        vec![person("ann", &["staff"]), person("bob", &[]), person("cyn", &[])],
        vec![group("staff", &["echo"]), group("old", &[])],
        &[("models", "a"), ("egress", "b")],
    );
    let mut ann = person("ann", &["staff", "boss"]);
    ann.administrator = true;
    let mut now = seen(
        vec![ann, person("bob", &[]), person("dan", &[])],
        vec![group("staff", &["echo", "helper"]), group("boss", &[])],
        &[("models", "a"), ("egress", "c"), ("label", "d")],
    );
    now.files.guardrails.insert("/home/guardrails/a.cedar".into(), Digest::of(b"forbid"));
    let drafts = now.since(&before, false);
    let expected = [
        ("settings.changed", "/home/bulkhead.toml"),
        ("guardrail.added", "/home/guardrails/a.cedar"),
        ("person.changed", "ann"),
        ("person.removed", "cyn"),
        ("person.added", "dan"),
        ("group.added", "boss"),
        ("group.removed", "old"),
        ("group.changed", "staff"),
    ];
    assert_eq!(told(&drafts), expected.map(|(event, who)| (event, who.to_owned())));
    assert_eq!(list(&drafts[0], "changed"), ["egress", "label"]);
    assert_eq!(drafts[1].facts.text("new"), Some(Digest::of(b"forbid").to_string().as_str()));
    assert_eq!(list(&drafts[2], "changed"), ["administrator", "groups"]);
    assert_eq!(list(&drafts[2], "groups"), ["staff", "boss"]);
    assert_eq!(drafts[2].facts.get("administrator"), Some(&Fact::Flag(true)));
    assert!(
        drafts[2].facts.text("old").is_some() && drafts[2].facts.text("old") != drafts[2].facts.text("new")
    );
    assert_eq!(list(&drafts[7], "changed"), ["agents"]);
    assert!(now.since(&now, false).is_empty());

    let stopped = now.since(&before, true);
    assert!(stopped.iter().all(|draft| draft.facts.get("while_stopped") == Some(&Fact::Flag(true))));
    assert!(drafts.iter().chain(&stopped).all(|draft| draft.payload.is_null()), "none of it is content");
}

#[test]
fn what_was_seen_survives_its_row() {
    let now = seen(vec![person("ann", &["staff"])], vec![group("staff", &["echo"])], &[("models", "a")]);
    let row = serde_json::to_value(&now).unwrap();
    let back: Seen = serde_json::from_value(row).unwrap();
    assert!(now.since(&back, true).is_empty());
}

#[test]
fn a_soul_says_which_of_its_parts_changed() {
    let place = soul::Place {
        workspace: "/home/agents/echo/workspace".into(),
        labelled: BTreeSet::new(),
        databases: BTreeSet::new(),
        collections: BTreeSet::new(),
    };
    let text = "# Echo\n## Identity\n- Name: Echo\n- Role: Writer\n## Rules\n- Be concise\n";
    let of =
        |text: &str| SoulSeen::of(Digest::of(text.as_bytes()), Some(&soul::compile(text, &place).unwrap()));
    let (agent, path) = (AgentName::new("echo").unwrap(), Path::new("/home/agents/echo/SOUL.md"));
    let first = of(text);
    let added = first.since(None, &agent, path).unwrap();
    assert_eq!(added.event, Some(Event::AgentAdded));
    assert!(first.since(Some(&first), &agent, path).is_none());
    let second = of(&text.replace("Writer", "Reader"));
    let changed = second.since(Some(&first), &agent, path).unwrap();
    assert_eq!(changed.event, Some(Event::SoulChanged));
    assert_eq!(list(&changed, "changed"), ["identity", "prompt"]);
    assert_eq!(second.gone(&agent, path).event, Some(Event::AgentRemoved));
}
