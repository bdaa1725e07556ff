//! Roles: what each that ships may, what a custom one can and cannot, and what is said about one that does not hold.

use bulkhead_monitor::{Act, Approvers, Config, Forbidden, Holders, Monitor};
use vocab::{AgentName, PersonId};

use crate::askers::{cells, settings};
use crate::common::*;

/// `see` and `do` are of one agent, the others of the gateway. An `x`: the role may.
const TABLE: &str = "
act             | member | approver | auditor | operator | administrator
agent.see       |        |          | x       | x        | x
agent.stop      |        |          |         | x        | x
agent.pause     |        |          |         | x        | x
agent.resume    |        |          |         | x        | x
soul.change     |        |          |         |          | x
approval.decide |        | x        |         |          |
content.read    |        |          |         |          |
agents.stop     |        |          |         | x        | x
activity.follow |        |          |         | x        | x
people.see      |        |          | x       |          | x
record.see      |        |          | x       |          | x
record.export   |        |          | x       |          | x
content.erase   |        |          |         |          | x
";

fn agent(act: Act) -> Option<AgentName> {
    act.is_of_agent().then(|| AgentName::new("broad").unwrap())
}

fn given(role: &str, people: &[&str], groups: &[&str]) -> Holders {
    let people = people.iter().map(|id| PersonId::new(id).unwrap()).collect();
    Holders { role: role.to_owned(), holders: Approvers { groups: strings(groups), people } }
}

/// The house of the askers, with these roles given and these files of roles.
fn house(roles: Vec<Holders>, files: &[(&str, &str)]) -> Config {
    let mut config = settings();
    config.roles = roles;
    config.role_files = files.iter().map(|(name, text)| guardrail(name, text)).collect();
    for id in ["member", "approver", "auditor", "operator", "administrator"] {
        config.people.push(person(id, &[], &["internal"]));
        config.people.last_mut().unwrap().administrator = id == "administrator";
    }
    config
}

fn may(monitor: &Monitor, who: &str, act: Act, on: Option<&AgentName>) -> Result<(), Option<Forbidden>> {
    monitor.may(known(monitor, who), act, on)
}

fn known<'a>(monitor: &'a Monitor, who: &str) -> &'a vocab::Person {
    monitor.person(&PersonId::new(who).unwrap()).unwrap()
}

#[test]
fn each_role_that_ships_may_what_the_table_says() {
    let roles = ["approver", "auditor", "operator"].map(|role| given(role, &[role], &[]));
    let monitor = Monitor::new(house(roles.to_vec(), &[])).unwrap();
    let mut lines = TABLE.trim().lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let roles = lines.next().unwrap()[1..].to_vec();
    let mut acts = 0;
    for line in lines {
        let act = Act::ALL.into_iter().find(|act| act.as_str() == line[0]).unwrap();
        acts += 1;
        for (role, cell) in roles.iter().zip(&line[1..]) {
            let found = may(&monitor, role, act, agent(act).as_ref());
            assert_eq!(found, if *cell == "x" { Ok(()) } else { Err(None) }, "{role}: {}", line[0]);
        }
    }
    assert_eq!(acts, Act::ALL.len());
}

const WATCH: &str = "
@id(\"stop-echo\")
permit (principal, action in [Action::\"agent.stop\", Action::\"agent.pause\"], resource == Agent::\"broad\");
@id(\"look\")
permit (principal, action == Action::\"record.see\", resource);
@id(\"not-narrow\")
@message(\"narrow is looked after by its owners\")
forbid (principal, action, resource == Agent::\"narrow\");
";

#[test]
fn a_custom_role_gives_what_it_permits_and_its_forbid_counts_before_every_right() {
    let (broad, narrow) = (AgentName::new("broad").unwrap(), AgentName::new("narrow").unwrap());
    let roles = vec![given("night-watch", &["tom"], &["bosses"]), given("operator", &["tom"], &[])];
    let monitor = Monitor::new(house(roles, &[("night-watch.cedar", WATCH)])).unwrap();
    assert_eq!(may(&monitor, "tom", Act::AgentStop, Some(&broad)), Ok(()));
    assert_eq!(may(&monitor, "tom", Act::RecordSee, None), Ok(()));
    assert_eq!(may(&monitor, "mia", Act::AgentStop, Some(&broad)), Err(None), "it is not hers");
    assert_eq!(may(&monitor, "tom", Act::SoulChange, Some(&broad)), Err(None));
    let no = Forbidden {
        policy: "role:night-watch:not-narrow".to_owned(),
        message: "narrow is looked after by its owners".to_owned(),
    };
    // The role of operators permits it, and so does the group of the boss.
    assert_eq!(may(&monitor, "tom", Act::AgentStop, Some(&narrow)), Err(Some(no.clone())));
    assert_eq!(may(&monitor, "boss", Act::ApprovalDecide, Some(&narrow)), Err(Some(no)));
    assert_eq!(may(&monitor, "boss", Act::ApprovalDecide, Some(&broad)), Ok(()));
    let boss = monitor.person(&PersonId::new("boss").unwrap()).unwrap();
    assert!(monitor.may_approve(boss, &broad) && !monitor.may_approve(boss, &narrow));
    assert!(monitor.may_read_content(boss, Some(&broad)) && !monitor.may_read_content(boss, Some(&narrow)));
    assert_eq!(monitor.roles_of(boss), ["night-watch"]);
}

#[test]
fn a_roles_forbid_counts_for_content_of_no_agent_and_its_permit_gives_none_of_that() {
    let reads = |text: &str, who: &str| {
        let roles = vec![given("r", &["boss", "tom"], &[])];
        let monitor = Monitor::new(house(roles, &[("r.cedar", text)])).unwrap();
        monitor.may_read_content(known(&monitor, who), None)
    };
    let permit = "@id(\"x\") permit (principal, action, resource);";
    assert!(reads(permit, "boss") && !reads(permit, "tom"));
    for resource in ["resource", "resource is Gateway", "resource == Gateway::\"this\""] {
        let text = format!(
            "@id(\"x\") @message(\"x\") forbid (principal, action == Action::\"content.read\", {resource});"
        );
        assert!(!reads(&text, "boss"), "{text}");
    }
    let of_agents = "@id(\"x\") @message(\"x\") forbid (principal, action == Action::\"content.read\", resource is Agent);";
    assert!(reads(of_agents, "boss"), "what a policy says of agents, it says of them alone");
}

#[test]
fn no_role_keeps_an_administrator_from_stopping_agents() {
    let text = "@id(\"x\") @message(\"x\") forbid (principal, action, resource);";
    let monitor =
        Monitor::new(house(vec![given("idle", &["ada", "tom"], &[])], &[("idle.cedar", text)])).unwrap();
    assert_eq!(may(&monitor, "ada", Act::AgentsStop, None), Ok(()));
    // What being an administrator does not give, the role does take.
    let broad = AgentName::new("broad").unwrap();
    assert!(may(&monitor, "ada", Act::ApprovalDecide, Some(&broad)).unwrap_err().is_some());
    assert!(may(&monitor, "tom", Act::AgentSee, Some(&broad)).unwrap_err().is_some());
}

#[test]
fn a_policy_that_fails_is_a_no() {
    let text = "@id(\"all\") permit (principal, action, resource);\n\
                @id(\"sum\") permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };";
    let monitor = Monitor::new(house(vec![given("odd", &["tom"], &[])], &[("odd.cedar", text)])).unwrap();
    let no = may(&monitor, "tom", Act::AgentsStop, None).unwrap_err().unwrap();
    assert!(no.message.starts_with("the role cannot be asked, which counts as a no"), "{}", no.message);
}

#[test]
fn a_role_that_permits_everything_changes_nothing_that_an_agent_may_do_for_its_holder() {
    let text = "@id(\"all\") permit (principal, action, resource);";
    let everybody = ["mia", "eve", "pia", "tom", "ada", "boss"];
    let all = house(vec![given("all", &everybody, &[])], &[("all.cedar", text)]);
    assert_eq!(
        may(&Monitor::new(all.clone()).unwrap(), "tom", Act::ContentErase, None),
        Ok(()),
        "it is given"
    );
    assert_eq!(cells(all), cells(settings()));
}

#[test]
fn a_role_that_does_not_hold_is_said_in_one_sentence_and_nothing_is_judged_by_it() {
    let permit = |rest: &str| format!("@id(\"x\") {rest}");
    for (file, text, words) in [
        ("r.cedar", "permit (principal".to_owned(), "`r.cedar` is not Cedar"),
        ("r.cedar", "permit (principal, action, resource);".to_owned(), "has no id"),
        ("r.cedar", permit("forbid (principal, action, resource);"), "forbids without a reason"),
        ("r.cedar", permit("@decision(\"ask\") permit (principal, action, resource);"), "roles ask nobody"),
        ("r.cedar", permit("permit (principal == ?principal, action, resource);"), "is a template"),
        ("r.cedar", permit("permit (principal, action == Action::\"file.read\", resource);"), "does not fit"),
        ("r.cedar", permit("permit (principal in Group::\"bosses\", action, resource);"), "does not fit"),
        (
            "r.cedar",
            permit("permit (principal, action, resource) when { context.approved };"),
            "does not fit",
        ),
        ("r.cedar", permit("permit (principal, action, resource in Path::\"/\");"), "does not fit"),
        (
            "r.cedar",
            permit("permit (principal, action == Action::\"agents.stop\", resource == Agent::\"x\");"),
            "does not fit",
        ),
        ("r.cedar", permit("permit (principal, action, resource) when { false };"), "does not fit"),
        (
            "r.cedar",
            permit("permit (principal, action, resource);\n@id(\"x\") permit (principal, action, resource);"),
            "two policies have the id `role:r:x`",
        ),
        ("operator.cedar", String::new(), "has the name of a role that ships"),
        ("Night Watch.cedar", String::new(), "cannot name a role"),
        ("../x.cedar", String::new(), "cannot name a role"),
        (".cedar", String::new(), "cannot name a role"),
    ] {
        let said = Monitor::new(house(vec![], &[(file, &text)])).unwrap_err().to_string();
        assert!(said.contains(words) && said.lines().count() == 1, "{file} {text}: {said}");
    }
    for (role, people, groups, words) in [
        ("gone", &["tom"][..], &[][..], "`gone` is not there: write `roles/gone.cedar`"),
        ("member", &["tom"], &[], "everybody is one"),
        ("administrator", &["tom"], &[], "write `administrator = true`"),
        ("operator", &[], &[], "is given to nobody"),
        ("operator", &[], &["nobodys"], "there is no `[[group]]` of that name"),
    ] {
        let said = Monitor::new(house(vec![given(role, people, groups)], &[])).unwrap_err().to_string();
        assert!(said.contains(words) && said.lines().count() == 1, "{role}: {said}");
    }
}
