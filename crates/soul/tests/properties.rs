//! What holds for every file, however it is made.

mod support;

use cedar_policy::Effect;
use proptest::prelude::*;
use soul::{Charter, Screen};
use support::{bodies, place, policies, with_rules};

/// Text in which Markdown, Cedar and this format have something to trip over.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z .,:'-]{0,12}",
        1 => any::<char>().prop_map(String::from),
        2 => prop::sample::select(vec![
            "\n", "\r\n", "\r", "\t", "- ", "  - ", "* ", "1. ", "# ", "## ", "### ", "> ", "```", "~~~", "---", "===",
            "<!--", "-->", "<div>", "[", "](", ")", "\"", "\\", "`", "**", "|", "://", "..", "*.", "\u{feff}", "\0",
            "Rules", "## Rules", "## Skills\n", "## Identity\n", "- Name: x", "- Role: y", "Never execute code",
            "- browser: z\n", "  - hosts: a.example\n", "- sql: z\n", "  - database: crm\n", "- documents: z\n", "  - collections: law, wiki\n", "  - tables: orders(id, total)\n", "\u{202e}", "ünï", "\u{2028}", ");permit(principal,action,resource);",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A rule that often is, or is near, a known form.
fn rule_text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Never execute code or system commands",
        "Never access external networks",
        "All outputs must be reviewed before publishing",
        "Read internal documents only",
        "Never access or reference employee personal data",
        "Never output employee personal data",
        "Never provide financial, legal, or medical advice",
        "Flag any request that involves financial transactions",
        "If a request falls outside writing, respond: \"no\"",
        "Be concise",
    ]);
    let words = prop::collection::vec(
        prop::sample::select(vec![
            "never",
            "do not",
            "execute",
            "run",
            "code",
            "or",
            "commands",
            "access",
            "external",
            "networks",
            "only",
            "internal",
            "all",
            "outputs",
            "must",
            "be",
            "reviewed",
            "before",
            "publishing",
            "employee",
            "personal",
            "data",
        ]),
        0..9,
    );
    prop_oneof![
        known.prop_map(str::to_owned),
        words.prop_map(|words| words.join(" ")),
        hostile().prop_map(|text| text.replace(['\n', '\r'], " ")),
    ]
}

/// A file that compiles more often than not.
fn near_valid() -> impl Strategy<Value = String> {
    let skill = prop_oneof![
        Just("- browser: b\n".to_owned()),
        "[a-zA-Z0-9.*:/-]{1,14}".prop_map(|host| format!("- browser: b\n  - hosts: {host}\n")),
        "[a-zA-Z0-9 .*/\"'é~-]{1,20}".prop_map(|path| format!("- file-reader: r\n  - paths: {path}\n")),
        hostile().prop_map(|purpose| format!("- file-writer: {purpose}\n")),
        Just("- message: m\n".to_owned()),
    ];
    let channel = "[a-z]{1,6}: ?[a-zA-Z0-9#\"\\\\ ]{1,9}".prop_map(|channel| format!("- {channel}\n"));
    (
        hostile(),
        prop::collection::vec(rule_text(), 0..5),
        prop::collection::vec(skill, 0..3),
        prop::collection::vec(channel, 0..2),
        prop::option::weighted(0.2, hostile()),
    )
        .prop_map(|(title, rules, skills, channels, noise)| {
            let rules: String = rules.iter().map(|rule| format!("- {rule}\n")).collect();
            format!(
                "# {}\n## Identity\n- Name: Echo\n- Role: R\n## Skills\n{}## Channels\n{}{}\n## Rules\n{rules}",
                title.replace(['\n', '\r'], " "),
                skills.concat(),
                channels.concat(),
                noise.unwrap_or_default(),
            )
        })
}

/// Detectors with what they are for, without the line of the rule.
fn screens(charter: &Charter) -> Vec<String> {
    let name = |Screen { detector, .. }: &Screen| format!("{detector:?}");
    let mut all: Vec<String> = charter.screens.iter().map(name).collect();
    all.sort();
    all
}

/// Whether `more` has everything of `less`, as often.
fn covers(more: &[String], less: &[String]) -> bool {
    less.iter().all(|x| more.iter().filter(|y| *y == x).count() >= less.iter().filter(|y| *y == x).count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_every_error_says_where(source in prop_oneof![hostile(), ".{0,200}", near_valid()]) {
        match soul::compile(&source, &place()) {
            Ok(charter) => prop_assert!(!charter.prompt().is_empty()),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty() && !error.help.is_empty());
                    prop_assert!(error.message.chars().all(|c| !c.is_control()), "{:?}", error.message);
                }
            }
        }
    }

    #[test]
    fn compiling_is_deterministic(source in near_valid()) {
        prop_assert_eq!(soul::compile(&source, &place()), soul::compile(&source, &place()));
    }

    #[test]
    fn generated_policies_are_valid_and_named_once(source in near_valid()) {
        if let Ok(charter) = soul::compile(&source, &place()) {
            let set = policies(&charter.policies);
            let mut ids: Vec<&str> = set.policies().filter_map(|policy| policy.annotation("id")).collect();
            ids.sort_unstable();
            let count = ids.len();
            ids.dedup();
            prop_assert_eq!((count, count), (ids.len(), set.num_of_policies()));
            prop_assert_eq!(charter.rules.iter().filter(|rule| rule.policy.is_some()).count(), bodies(&charter, Effect::Forbid).values().sum::<usize>());
        }
    }

    #[test]
    fn a_rule_more_never_permits_more(
        rules in prop::collection::vec(rule_text(), 0..5),
        extra in prop_oneof![rule_text(), hostile()],
        at in 0_usize..6,
    ) {
        let texts: Vec<&str> = rules.iter().map(String::as_str).collect();
        let mut more = texts.clone();
        more.insert(at.min(more.len()), &extra);
        let compiled = (soul::compile(&with_rules(&texts), &place()), soul::compile(&with_rules(&more), &place()));
        // What stands in an item can end the list; then it is not a rule that was added.
        let one_item = !extra.contains(['\n', '\r']);
        if let (Ok(before), Ok(after)) = compiled && one_item {
            prop_assert_eq!(bodies(&before, Effect::Permit), bodies(&after, Effect::Permit));
            let forbids = bodies(&after, Effect::Forbid);
            for (body, count) in bodies(&before, Effect::Forbid) {
                prop_assert!(forbids.get(&body).is_some_and(|n| *n >= count), "{} is gone", body);
            }
            prop_assert!(covers(&screens(&after), &screens(&before)));
            prop_assert_eq!(&before.skills, &after.skills);
            prop_assert_eq!((&before.limits, &before.clearance), (&after.limits, &after.clearance));
        }
    }

    #[test]
    fn every_word_of_a_rule_reaches_the_model(rules in prop::collection::vec("[a-zA-Z*_`~<>\\[\\]():/.-]{1,8}( [a-z*_`~<>\\[\\]():/.#-]{1,8}){0,5}", 1..5)) {
        let texts: Vec<&str> = rules.iter().map(String::as_str).collect();
        if let Ok(charter) = soul::compile(&with_rules(&texts), &place()) {
            let prompt: String = charter.prompt().split_whitespace().collect();
            for text in texts {
                let marks = ['-', '*', '.', '>', '_', '\\'];
                let words: String = text.split_whitespace().collect();
                prop_assert!(prompt.contains(words.trim_matches(marks)), "{:?} of {:?}\n{}", text, rules, charter.prompt());
            }
        }
    }
}

#[test]
fn towers_of_marks_neither_hang_nor_overflow() {
    const BYTES: usize = 100_000;
    for unit in [
        "[",
        "![",
        "> ",
        "- ",
        "*",
        "_a",
        "`",
        "<",
        "&",
        "(",
        "- [",
        "**a ",
        "```\n",
        "#\n",
        "1. ",
        "\t",
        "\n> ",
        "\\",
        "<!--",
        "a:",
        "- a:\n  - b:\n",
    ] {
        let tower = unit.repeat(BYTES / unit.len());
        for source in [tower.clone(), format!("## Identity\n- Name: e\n- Role: r\n## Rules\n- {tower}")] {
            if let Err(errors) = soul::compile(&source, &place()) {
                assert!(!errors.is_empty());
            }
        }
    }
}

proptest! {
    /// Whatever is written as tables: it is refused, or what is granted has one form that means itself, and a policy each.
    #[test]
    fn tables_are_refused_or_have_one_form(tables in "[a-zA-Z0-9_ (),/*\"'.ü-]{1,40}") {
        let source = format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- sql: x\n  - database: crm\n  - tables: {tables}\n");
        let Ok(charter) = soul::compile(&source, &place()) else { return Ok(()) };
        let sql = &charter.skills[0];
        let again = source.replace(&format!("tables: {tables}\n"), &format!("tables: {}\n", sql.grants["tables"].join(", ")));
        let same = soul::compile(&again, &place()).unwrap();
        prop_assert_eq!(&same.skills[0].tables, &sql.tables);
        for table in &sql.tables.tables {
            let name = format!("crm/{}", table.name);
            prop_assert!(vocab::table::is_canonical(&name), "{}", name);
            prop_assert!(charter.policies.contains(&format!("Table::\"{name}\"")), "{}", charter.policies);
        }
        prop_assert_eq!(policies(&charter.policies).num_of_policies(), 2 + sql.tables.tables.len());
    }

    /// Whatever is written as collections: it is refused, or what is granted are names that are themselves, and a policy each.
    #[test]
    fn collections_are_refused_or_are_names(collections in "[a-zA-Z0-9_ (),/*\"'.ü-]{1,40}") {
        let source = format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- documents: x\n  - collections: {collections}\n");
        let Ok(charter) = soul::compile(&source, &place()) else { return Ok(()) };
        let granted = &charter.skills[0].collections;
        prop_assert!(granted.iter().all(|name| vocab::collection::collection(name).is_ok()), "{:?}", granted);
        for name in granted {
            prop_assert!(charter.policies.contains(&format!("Collection::\"{name}\"")), "{}", charter.policies);
        }
        prop_assert_eq!(policies(&charter.policies).num_of_policies(), 2 + granted.len());
    }
}
