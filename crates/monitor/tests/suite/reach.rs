//! The reach: all of it could be had piece by piece, and nothing that could not.

use std::path::PathBuf;

use bulkhead_monitor::{Reach, no_program, reach};
use proptest::prelude::*;
use vocab::{Decision, Labels, PersonId, Verb};

use crate::common::*;

const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Builder
## Skills
- file-reader: read
  - paths: /srv, /home/agents/echo/workspace
- file-writer: write
  - paths: /srv/out, /home/agents/echo/workspace
## Clearance
- restricted
- employee-personal-data
";

fn of(home: &Home, asker: &str) -> Reach {
    let person = home.monitor.person(&PersonId::new(asker).unwrap()).cloned();
    let person = person.unwrap_or_else(|| crate::common::person(asker, &[], &["restricted"]));
    reach(&home.echo, &person, &home.at.session, &home.at.marks)
}

fn left_out(reach: &Reach, path: &str, verb: Verb) -> String {
    let left =
        reach.left_out.iter().find(|left| left.path == std::path::Path::new(path) && left.verb == verb);
    let left = left.unwrap_or_else(|| panic!("{verb} {path} is not left out of {reach:?}"));
    format!("{}/{}: {}", left.why.layer, left.why.policy, left.why.message)
}

fn with(read: &[&str]) -> bulkhead_monitor::Config {
    let mut config = config();
    config.sources.clear();
    config.groups[0].rights.read = strings(read);
    config
}

#[test]
fn where_the_asker_has_a_right_to_a_part_only_that_part_is_in_reach() {
    let reach = of(&Home::with(with(&["/srv/docs", "/srv/wiki/x", "/etc"]), SOUL), "mia");
    let read = ["/srv/docs", "/srv/wiki/x", "/home/agents/echo/workspace"].map(PathBuf::from);
    assert_eq!(
        (reach.read, reach.write),
        (read.to_vec(), vec![PathBuf::from("/home/agents/echo/workspace")])
    );
    let all = of(&Home::with(with(&["*"]), SOUL), "mia");
    assert_eq!(all.read, ["/srv", "/home/agents/echo/workspace"].map(PathBuf::from));
    assert_eq!(
        left_out(&all, "/srv/out", Verb::FileWrite),
        "rights/rights:write: `mia` has no right to write `/srv/out`"
    );
    assert_eq!(of(&Home::with(with(&["*"]), SOUL), "nobody").read, Vec::<PathBuf>::new());
}

#[test]
fn what_is_beyond_another_reach_is_told_by_whole_names() {
    let reach = |read: &[&str], write: &[&str]| {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        Reach { read: paths(read), write: paths(write), labels: Labels::public(), left_out: Vec::new() }
    };
    let beyond = |a: &Reach, b: &Reach| a.beyond(b).map(|path| path.display().to_string());
    let wide = reach(&["/a"], &["/w"]);
    assert_eq!(beyond(&reach(&["/a", "/a/b"], &["/w/x"]), &wide), None);
    assert_eq!(beyond(&reach(&[], &[]), &reach(&[], &[])), None);
    assert_eq!(beyond(&reach(&["/a/bc"], &[]), &reach(&["/a/b"], &[])).as_deref(), Some("/a/bc"));
    assert_eq!(beyond(&reach(&["/a/b"], &[]), &reach(&["/a/bc"], &[])).as_deref(), Some("/a/b"));
    assert_eq!(beyond(&wide, &reach(&["/a/b"], &["/w"])).as_deref(), Some("/a"), "a part is not all of it");
    assert_eq!(beyond(&wide, &reach(&["/"], &["/"])), None);
    // What may be read may not be written by that, and the other way round.
    assert_eq!(beyond(&wide, &reach(&["/a", "/w"], &[])).as_deref(), Some("/w"));
    assert_eq!(beyond(&wide, &reach(&[], &["/a", "/w"])).as_deref(), Some("/a"));
}

#[test]
fn a_rule_or_a_guardrail_against_commands_has_no_program_run() {
    let why = |home: &Home| {
        let person = home.monitor.person(&PersonId::new("mia").unwrap()).cloned().unwrap();
        no_program(&home.echo, &person, &home.at.session).map(|why| format!("{}/{}", why.layer, why.policy))
    };
    assert_eq!(why(&Home::with(config(), SOUL)), None);
    let rule = SOUL.replace("## Skills", "## Rules\n- Never execute code or system commands\n## Skills");
    assert_eq!(why(&Home::with(config(), &rule)).as_deref(), Some("policy/rule:6"));
    let mut config = config();
    config.guardrails.push(guardrail(
        "ours.cedar",
        "@id(\"still\") @message(\"nothing runs here\") forbid (principal, action == Action::\"command.run\", resource);",
    ));
    assert!(why(&Home::with(config, SOUL)).unwrap().starts_with("guardrail/"));
}

#[test]
fn one_forbidden_file_keeps_its_folder_out() {
    let mut config = with(&["*"]);
    config.guardrails.push(guardrail(
        "ours.cedar",
        "@id(\"pay\") @message(\"pay is not for agents\") forbid (principal, action == Action::\"file.read\", resource == Path::\"/srv/hr/pay.csv\");",
    ));
    let reach = of(&Home::with(config.clone(), SOUL), "mia");
    let why = left_out(&reach, "/srv", Verb::FileRead);
    assert!(why.contains("ours:pay") && why.contains("`/srv/hr/pay.csv` is beneath it"), "{why}");
    assert_eq!(reach.read, [PathBuf::from("/home/agents/echo/workspace")]);
    let narrower = SOUL.replace("paths: /srv,", "paths: /srv/docs,");
    assert!(of(&Home::with(config, &narrower), "mia").read.contains(&"/srv/docs".into()));
}

#[test]
fn what_must_be_asked_for_is_not_in_reach() {
    let mut config = with(&["*"]);
    config.guardrails.push(guardrail(
        "ours.cedar",
        "@id(\"look\") @message(\"ask\") @decision(\"ask\") forbid (principal, action == Action::\"file.read\", resource in Path::\"/srv/x\") unless { context.approved };",
    ));
    assert!(left_out(&of(&Home::with(config, SOUL), "mia"), "/srv", Verb::FileRead).contains("ours:look"));
}

#[test]
fn a_home_beneath_a_granted_folder_is_not_given_away() {
    let mut config = with(&["*"]);
    config.guardrails.push(bulkhead_monitor::protecting(&["/home/keys".into()], "/home/agents".as_ref()));
    let wide = SOUL.replace("paths: /srv, ", "paths: /, /home, /home/agents, /home/agents/echo, ");
    let reach = of(&Home::with(config, &wide), "mia");
    assert_eq!(reach.read, [PathBuf::from("/home/agents/echo/workspace")]);
    for path in ["/", "/home"] {
        assert!(left_out(&reach, path, Verb::FileRead).contains("home:own-"), "{path}");
    }
}

#[test]
fn labels_are_those_of_all_that_is_beneath_and_who_is_not_cleared_does_without() {
    let mut config = with(&["*"]);
    config.sources = crate::common::config().sources;
    let home = Home::with(config.clone(), SOUL);
    let why = left_out(&of(&home, "mia"), "/srv", Verb::FileRead);
    assert!(why.starts_with("flow/clearance:") && why.contains("project-x"), "{why}");
    config.people[2].clearance = labels(&["restricted", "employee-personal-data", "project-x"]);
    let soul = SOUL.replace("- restricted\n", "- restricted\n- project-x\n");
    let home = Home::with(config, &soul);
    let all = of(&home, "eve");
    assert!(all.read.contains(&"/srv".into()), "{all:?}");
    assert_eq!(all.labels, labels(&["restricted", "employee-personal-data", "project-x"]));
}

#[test]
fn a_mark_beneath_counts_and_one_that_comes_later_too() {
    let mut home = Home::with(with(&["*"]), SOUL);
    assert_eq!(of(&home, "eve").labels, labels(&["internal"]));
    let before = of(&home, "mia");
    home.at.marks.insert("/srv/docs/a".into(), labels(&["confidential"]));
    assert_eq!(of(&home, "eve").labels, labels(&["confidential"]));
    assert_eq!(left_out(&of(&home, "mia"), "/srv", Verb::FileRead).split(':').next(), Some("flow/clearance"));
    assert_eq!(before.labels_now(&home.echo, &home.at.marks), labels(&["confidential"]));
}

fn paths() -> Vec<String> {
    strings(&[
        "/srv",
        "/srv/a",
        "/srv/a/b",
        "/srv/a/b/c",
        "/srv/ab",
        "/srv/d",
        "/home/agents/echo/workspace",
        "/home/agents/echo/workspace/x",
        "/home/agents/other/workspace",
        "/home/agents",
        "/",
    ])
}

prop_compose! {
    fn some_labels()(names in prop::sample::subsequence(strings(&["project-x", "employee-personal-data"]), 0..=2), level in prop::sample::select(strings(&["public", "internal", "confidential"]))) -> Labels {
        Labels::from_names(names.iter().map(String::as_str).chain([level.as_str()])).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever guardrails, rights, labels and marks say: a file in reach is one that could be read by asking for it.
    #[test]
    fn what_is_in_reach_could_be_read_by_itself(
        granted in prop::sample::subsequence(paths(), 1..4),
        rights in prop::sample::subsequence(paths(), 0..4),
        forbidden in prop::collection::vec((prop::sample::select(paths()), any::<bool>(), prop::option::of(prop::sample::select(paths()))), 0..4),
        sources in prop::collection::vec((prop::sample::select(paths()), some_labels()), 0..3),
        marks in prop::collection::btree_map(prop::sample::select(paths()), some_labels(), 0..3),
        asked in prop::sample::select(paths()),
        beneath in prop::sample::select(strings(&["", "/x", "/b", "/workspace", "/other/workspace/z"])),
    ) {
        let mut config = with(&[]);
        config.groups[0].rights.read = rights;
        config.sources = sources.into_iter().map(|(path, labels)| bulkhead_monitor::Source { path, labels }).collect();
        let mut text = String::new();
        for (number, (path, only, unless)) in forbidden.iter().enumerate() {
            let scope = if *only { "==" } else { "in" };
            let unless = unless.as_ref().map(|path| format!("unless {{ resource in Path::\"{path}\" }}")).unwrap_or_default();
            text.push_str(&format!("@id(\"f{number}\") @message(\"no\") forbid (principal, action == Action::\"file.read\", resource {scope} Path::\"{path}\") {unless};\n"));
        }
        config.guardrails.push(guardrail("random.cedar", &text));
        let soul = SOUL.replace("/srv, /home/agents/echo/workspace\n", &format!("{}\n", granted.join(", ")));
        // A forbid that can never apply is no guardrail.
        prop_assume!(bulkhead_monitor::Monitor::new(config.clone()).is_ok());
        let mut home = Home::with(config, &soul);
        home.at.marks = marks;
        let path = format!("{}{beneath}", asked.trim_end_matches('/'));
        let path = if path.is_empty() { "/".to_owned() } else { path };
        for asker in ["mia", "eve"] {
            let reach = of(&home, asker);
            if reach.read.iter().any(|root| std::path::Path::new(&path).starts_with(root)) {
                let judged = home.judge(asker, read(&path));
                prop_assert_eq!(judged.verdict().decision, Decision::Permit, "{} {:?} {:?}", path, judged.verdict().reasons, reach);
                prop_assert!(judged.verdict().labels.within(&reach.labels), "{}", path);
            }
        }
    }
}
