//! Which queue an action waits in, and who decides there.

use std::time::Duration;

use bulkhead_monitor::{Approvers, Config, Escalation, Monitor, Queue, Risk};
use vocab::{Action, AgentName, PersonId, Resource, Verb};

use crate::common::*;

fn id(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

fn echo() -> AgentName {
    AgentName::new("echo").unwrap()
}

fn approvers(people: &[&str]) -> Approvers {
    Approvers { people: people.iter().map(|name| id(name)).collect(), groups: Vec::new() }
}

fn queue(name: &str, people: &[&str]) -> Queue {
    Queue {
        name: name.into(),
        agents: vec![],
        actions: vec![],
        resources: vec![],
        risk: Risk::Low,
        approvers: approvers(people),
        needed: 1,
        lifetime: None,
        escalation: None,
    }
}

fn deed(verb: Verb, resource: Resource) -> Action {
    Action { verb, resource, args: Default::default() }
}

fn post(channel: &str) -> Action {
    deed(Verb::MessagePost, Resource::Channel(channel.into()))
}

fn house(queues: Vec<Queue>) -> Config {
    Config { queues, ..config() }
}

#[test]
fn the_first_queue_that_fits_has_it_and_none_is_a_queue_of_all() {
    let monitor = Monitor::new(house(vec![
        Queue { resources: strings(&["board:forum"]), ..queue("forum", &["mia"]) },
        Queue { resources: strings(&["board:*", "*.example.org"]), ..queue("boards", &["mia"]) },
        Queue {
            resources: strings(&["/srv/docs"]),
            actions: vec![Verb::FileWrite],
            ..queue("docs", &["mia"])
        },
        Queue { agents: strings(&["other"]), ..queue("another's", &["mia"]) },
        Queue { risk: Risk::High, ..queue("high", &["mia"]) },
    ]))
    .unwrap();
    let path = |path: &str| Resource::Path(path.into());
    for (action, labels_of, name) in [
        (post("board:forum"), "internal", Some("forum")),
        (post("board:staff"), "internal", Some("boards")),
        (deed(Verb::WebGet, Resource::Host("www.example.org".into())), "internal", Some("boards")),
        (deed(Verb::WebGet, Resource::Host("badexample.org".into())), "internal", None),
        (deed(Verb::FileWrite, path("/srv/docs/a/b.md")), "internal", Some("docs")),
        (deed(Verb::FileWrite, path("/srv/docs")), "internal", Some("docs")),
        (deed(Verb::FileWrite, path("/srv/docs-not")), "internal", None),
        (deed(Verb::FileRead, path("/srv/docs/a")), "internal", None),
        (deed(Verb::FileRead, path("/srv/docs/a")), "confidential", Some("high")),
        (deed(Verb::CommandRun, Resource::Command("git".into())), "internal", Some("high")),
    ] {
        let found = monitor.queue(&echo(), &action, &labels(&[labels_of]));
        assert_eq!(found.map(|queue| queue.name.as_str()), name, "{action:?} {labels_of}");
    }
}

#[test]
fn a_queue_narrows_who_decides_and_gives_nobody_a_right() {
    let escalation = Escalation { after: Duration::from_secs(60), to: approvers(&["eve", "tom"]) };
    let monitor =
        Monitor::new(house(vec![Queue { escalation: Some(escalation), ..queue("all", &["mia", "tom"]) }]))
            .unwrap();
    let plain = Monitor::new(config()).unwrap();
    let may = |monitor: &Monitor, who: &str, escalated| {
        let person = monitor.person(&id(who)).unwrap().clone();
        monitor.may_decide(&person, &echo(), &post("board:forum"), &labels(&["internal"]), escalated)
    };
    assert!(may(&plain, "mia", false) && may(&plain, "eve", false), "without a queue, whoever may approve");
    assert!(may(&monitor, "mia", false) && !may(&monitor, "eve", false));
    assert!(may(&monitor, "mia", true) && may(&monitor, "eve", true), "more are asked after a while");
    for escalated in [false, true] {
        assert!(!may(&monitor, "tom", escalated), "he has no right to approve, whatever names him");
    }
    let stranger = person("zoe", &["staff"], &[]);
    assert!(!monitor.may_decide(&stranger, &echo(), &post("board:forum"), &labels(&[]), true));
    // Members of a group are looked up in the settings, not in what somebody brings along.
    let groups = Approvers { groups: strings(&["personnel"]), people: vec![] };
    let monitor = Monitor::new(house(vec![Queue { approvers: groups, ..queue("all", &[]) }])).unwrap();
    let forged = person("mia", &["staff", "personnel"], &[]);
    assert!(!monitor.may_decide(&forged, &echo(), &post("board:forum"), &labels(&[]), false));
    assert!(may(&monitor, "eve", false));
}

#[test]
fn a_queue_that_nobody_could_decide_in_is_refused_with_its_mend() {
    let group = Approvers { groups: strings(&["nobody"]), people: vec![] };
    let to = Escalation { after: Duration::from_secs(1), to: approvers(&["zoe"]) };
    for (queue, parts) in [
        (queue("q", &[]), ["needs 1", "has 0"]),
        (Queue { needed: 2, ..queue("q", &["mia"]) }, ["needs 2", "has 1"]),
        (Queue { needed: 0, ..queue("q", &["mia"]) }, ["needs 0", "1 or 2"]),
        (Queue { needed: 3, ..queue("q", &["mia", "tom", "eve"]) }, ["needs 3", "1 or 2"]),
        (queue("q", &["zoe"]), ["the person `zoe`", "mend"]),
        (Queue { escalation: Some(to), ..queue("q", &["mia"]) }, ["the person `zoe`", "mend"]),
        (Queue { approvers: group, ..queue("q", &["mia"]) }, ["the group `nobody`", "mend"]),
    ] {
        let said = Monitor::new(house(vec![queue])).unwrap_err().to_string();
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    let twice =
        Monitor::new(house(vec![queue("q", &["mia"]), queue("q", &["eve"])])).unwrap_err().to_string();
    assert!(twice.contains("`q`"), "{twice}");
    let other = Monitor::new(house(vec![queue("q", &["mia"])])).unwrap();
    assert_ne!(other.version(), Monitor::new(config()).unwrap().version(), "queues are part of the policies");
}

#[test]
fn risk_grows_with_labels_and_never_shrinks_by_them() {
    for verb in Verb::ALL {
        let low = Risk::of(verb, &labels(&["public"]));
        assert_eq!(low, Risk::of(verb, &labels(&["internal"])));
        for high in [&["confidential"][..], &["restricted"], &["public", "employee-personal-data"]] {
            assert_eq!(Risk::of(verb, &labels(high)), Risk::High);
        }
        assert_eq!(low == Risk::High, verb == Verb::CommandRun);
    }
    assert_eq!(Risk::of(Verb::Reply, &labels(&["internal"])), Risk::Low);
    assert_eq!(Risk::of(Verb::MessagePost, &labels(&["internal"])), Risk::Medium);
}
