use jiff::ToSpan as _;
use proptest::prelude::*;

use super::*;

const SAMPLE: &str = include_str!("../../tests/fixtures/heartbeat.md");

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn used(skill: &str, detail: &str) -> What {
    What::Used { skill: skill.to_owned(), detail: Some(detail.to_owned()) }
}

#[test]
fn the_sample_is_read_and_written_unchanged() {
    let heartbeat = Heartbeat::parse(SAMPLE).unwrap();
    assert_eq!(heartbeat.render(), SAMPLE);
    assert_eq!((heartbeat.name(), heartbeat.role()), ("Echo", "Content Writer"));
    assert_eq!(heartbeat.last_active(), Some(at("2026-03-27T10:15:00Z")));
    assert_eq!(heartbeat.status(), Status { completed_today: 3, ..Status::default() });
    let actions: Vec<&Action> = heartbeat.actions().collect();
    assert_eq!(actions[0].what(), &What::Received { task: "Write blog post about AI security".to_owned() });
    assert_eq!(actions[3].what(), &used("file-writer", "saved draft to workspace/drafts/"));
    assert_eq!(actions[4].what(), &What::Completed { destination: Some("#content-team".to_owned()) });
    assert!(!heartbeat.due(at("2026-03-27T10:15:00Z")));
}

#[test]
fn scripts_count_only_what_happened() {
    let mut heartbeat = Heartbeat::new("Echo", "Writer");
    let now = at("2026-03-27T10:15:00Z");
    heartbeat.add(
        now,
        What::Received { task: "ERROR DENIED KILLED\nUsed skill: database\n- Errors: 9".to_owned() },
    );
    heartbeat.add(now, What::Note("Used skill: database (x)".to_owned()));
    heartbeat.add(now, What::Note("Completed task".to_owned()));
    heartbeat.add(now, What::Denied { subject: "web.get".to_owned(), detail: Some("rule:5".to_owned()) });
    heartbeat.add(now, What::Error { subject: "sql".to_owned(), detail: None });
    let text = heartbeat.render();
    let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert_eq!((count("ERROR"), count("DENIED"), count("KILLED"), count("Used skill:")), (1, 1, 0, 0));
    assert_eq!(count("- Errors: "), 2);
    assert!(
        text.contains("\n- [10:15] DENIED: web.get (rule:5)\n- [10:15] ERROR: sql\n## Status\n"),
        "{text}"
    );
    assert_eq!(heartbeat.status().completed_today, 0);
}

#[test]
fn a_text_cannot_leave_its_line_or_become_markup() {
    let mut heartbeat = Heartbeat::new("E\n## Status (x)", "R");
    let detail =
        "a\r\nb\u{2028}c<br>[x](http://evil)`\\\u{202e}\u{0}\u{1b}[31m".to_owned() + &"y".repeat(500);
    heartbeat.add(at("2026-03-27T10:15:00Z"), used("x\n- [00:00] y", &detail));
    let text = heartbeat.render();
    assert_eq!(text.lines().count(), 10, "{text}");
    assert!(text.starts_with("# Heartbeat - E ## Status x (R)\n"), "{text}");
    assert!(
        !text.contains(['<', '`', '\\', '\u{1b}', '\u{202e}', '\u{2028}']) && !text.contains("]("),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() < 280), "{text}");
}

#[test]
fn only_the_newest_actions_are_kept() {
    let mut heartbeat = Heartbeat::new("E", "R");
    for n in 0..MAX_ACTIONS + 5 {
        heartbeat.add(at("2026-03-27T10:15:00Z"), used("browser", &n.to_string()));
    }
    assert_eq!(heartbeat.actions().len(), MAX_ACTIONS);
    assert_eq!(heartbeat.actions().next().unwrap().what(), &used("browser", "5"));
}

#[test]
fn a_new_day_counts_anew_and_keeps_what_runs() {
    let mut heartbeat = Heartbeat::new("E", "R");
    let done = || What::Completed { destination: None };
    heartbeat.set_active_tasks(2);
    heartbeat.add(at("2026-03-27T23:59:59Z"), done());
    heartbeat.add(at("2026-03-27T23:59:59Z"), What::Error { subject: "x".to_owned(), detail: None });
    heartbeat.add_anomaly(at("2026-03-27T23:59:59Z"));
    assert_eq!(heartbeat.status(), Status { active_tasks: 2, completed_today: 1, errors: 1, anomalies: 1 });
    heartbeat.add(at("2026-03-28T00:00:00Z"), done());
    assert_eq!(heartbeat.status(), Status { active_tasks: 2, completed_today: 1, errors: 0, anomalies: 0 });
    heartbeat.add(at("2026-03-27T23:00:00Z"), done());
    assert_eq!(heartbeat.status().completed_today, 2);
    assert_eq!(heartbeat.last_active(), Some(at("2026-03-28T00:00:00Z")));
}

#[test]
fn writing_is_due_once_a_second_and_at_once_for_what_matters() {
    let now = at("2026-03-27T10:15:00Z");
    let later = |ms: i64| now.checked_add(ms.milliseconds()).unwrap();
    let mut heartbeat = Heartbeat::new("E", "R");
    assert!(heartbeat.due(now));
    heartbeat.written(now);
    assert!(!heartbeat.due(later(5000)) && heartbeat.due_at().is_none());
    heartbeat.add(later(10), used("browser", "x"));
    assert!(!heartbeat.due(later(10)) && !heartbeat.due(later(999)) && heartbeat.due(later(1000)));
    assert_eq!(heartbeat.due_at(), Some(later(1000)));
    for urgent in [
        What::Denied { subject: "x".to_owned(), detail: None },
        What::Error { subject: "x".to_owned(), detail: None },
        What::Killed { detail: None },
    ] {
        heartbeat.written(now);
        heartbeat.add(later(1), urgent);
        heartbeat.add(later(1), used("browser", "x"));
        assert!(heartbeat.due(later(1)));
    }
    heartbeat.written(now);
    heartbeat.add(later(-9000), used("browser", "x"));
    assert!(heartbeat.due(later(-9000)), "the clock was set back");
}

#[test]
fn what_is_no_heartbeat_is_refused_with_its_line() {
    let line = |text: &str| match Heartbeat::parse(text) {
        Err(HeartbeatError::Line { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(""), 1);
    assert_eq!(line("# Something"), 1);
    assert_eq!(line("# Heartbeat - E (R)\nstray"), 2);
    assert_eq!(line("# Heartbeat - E\n## Last Active\nyesterday"), 3);
    assert_eq!(line("# Heartbeat - E\n## Recent Actions\n- [25:00] x"), 3);
    assert_eq!(line("# Heartbeat - E\n## Recent Actions\n- x"), 3);
    assert_eq!(line("# Heartbeat - E\n## Status\n- Errors: many"), 3);
    assert_eq!(line("# Heartbeat - E\n## Status\n- Luck: 1"), 3);
    let huge = "x".repeat(MAX_HEARTBEAT_BYTES + 1);
    assert_eq!(Heartbeat::parse(&huge), Err(HeartbeatError::TooLarge(huge.len())));
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("HEARTBEAT.md");
    write_atomically(&path, "one").unwrap();
    let mut open = std::fs::File::open(&path).unwrap();
    write_atomically(&path, SAMPLE).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), SAMPLE);
    let mut old = String::new();
    std::io::Read::read_to_string(&mut open, &mut old).unwrap();
    assert_eq!(old, "one", "a reader keeps the file that it opened");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write_atomically(&folder.path().join("none/HEARTBEAT.md"), "x").is_err());
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(write_atomically(&taken, "x").is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[a-zA-Z \"()<>:,-]{0,20}",
        prop::sample::select(vec![
            "ERROR",
            "DENIED",
            "KILLED",
            "Used skill:",
            "ErrorERROR",
            "Completed task",
            "Received task: \"",
            "KILLED (x)",
            "\n",
            "- [10:00] ",
            "## Status",
            " (",
            ")",
            "Used skill: x",
            "ERROR: x (",
            ", output sent to ",
            "Note",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        text().prop_map(|task| What::Received { task }),
        (text(), prop::option::of(text())).prop_map(|(skill, detail)| What::Used { skill, detail }),
        prop::option::of(text()).prop_map(|destination| What::Completed { destination }),
        (text(), prop::option::of(text())).prop_map(|(subject, detail)| What::Denied { subject, detail }),
        (text(), prop::option::of(text())).prop_map(|(subject, detail)| What::Error { subject, detail }),
        prop::option::of(text()).prop_map(|detail| What::Killed { detail }),
        text().prop_map(What::Note),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        name in text(), role in text(), tasks in any::<u32>(),
        actions in prop::collection::vec((0_i64..4_000_000_000, what()), 0..8),
    ) {
        let mut heartbeat = Heartbeat::new(&name, &role);
        heartbeat.set_active_tasks(tasks);
        for (second, what) in actions.iter().cloned() {
            heartbeat.add(Timestamp::from_second(second).unwrap(), what);
        }
        let text = heartbeat.render();
        prop_assert_eq!(Heartbeat::parse(&text), Ok(heartbeat.clone()), "{}", text);
        prop_assert_eq!(text.lines().count(), 9 + actions.len(), "{}", text);
        let errors = actions.iter().filter(|(_, what)| matches!(what, What::Error { .. })).count();
        prop_assert_eq!(text.lines().filter(|line| line.starts_with("- [") && line.contains("ERROR")).count(), errors);
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), text().prop_map(|text| format!("# Heartbeat - {text}\n## Recent Actions\n- [10:00] {text}"))]) {
        if let Ok(heartbeat) = Heartbeat::parse(&text) {
            prop_assert!(Heartbeat::parse(&heartbeat.render()).is_ok());
        }
    }
}
