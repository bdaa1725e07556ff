//! The many ways in which people write the same file.

mod support;

use soul::Strength;
use support::compile;

#[test]
fn line_ends_marks_titles_and_comments_do_not_matter() {
    let plain = "# SOUL.md\n# Writer\n<!-- a comment -->\n## Identity\n- Name: Echo\n- Role: R\n## Rules\n- Never execute code\n";
    let one = compile(plain);
    assert_eq!(one.title, "Writer");
    assert!(one.warnings.iter().all(|warning| !warning.message.contains("section")), "{:?}", one.warnings);
    for other in [plain.replace('\n', "\r\n"), plain.replace('\n', "\r"), format!("\u{feff}{plain}")] {
        let two = compile(&other);
        assert_eq!((&one.rules, &one.policies, one.prompt()), (&two.rules, &two.policies, two.prompt()));
        assert_ne!(one.digest, two.digest);
    }
}

#[test]
fn headings_and_keys_are_read_however_they_are_marked() {
    let charter = compile(
        "Identity\n--------\n* **Name:** Echo\n* __Role__: `Writer`\n* Tone: dry\n\n# Rules:\n1. Never execute code\n2) Be kind\n\n## SKILLS ##\n- **File Writer** – drafts\n- `browser`: web\n    - *hosts*: *.example.org\n",
    );
    assert_eq!((charter.display_name.as_str(), charter.role.as_str()), ("Echo", "Writer"));
    assert_eq!(charter.title, "Echo");
    assert_eq!(
        charter.rules.iter().map(|r| r.strength).collect::<Vec<_>>(),
        [Strength::Enforced, Strength::Advisory]
    );
    assert_eq!(charter.skills[0].skill, "file-writer");
    assert_eq!(charter.skills[0].purpose, "drafts");
    assert_eq!(charter.skills[1].hosts, ["*.example.org"]);
    assert!(charter.prompt().contains("- Tone: dry"));
}

#[test]
fn unknown_sections_reach_the_model_and_enforce_nothing() {
    let charter = compile(
        "# Echo\nYou like tea.\n## Identity\n- Name: Echo\n- Role: R\n## Rulez\n- Never execute code\n## Memory\nRemember *this*.\n### Deep\n    verbatim  \n",
    );
    assert!(charter.rules.is_empty());
    let warned =
        |part: &str| charter.warnings.iter().any(|w| w.message.contains(part) || w.help.contains(part));
    assert!(warned("`Rulez` is unknown and enforces nothing") && warned("did you mean `## Rules`"));
    assert!(warned("`Memory` is unknown"));
    let prompt = charter.prompt();
    for part in
        ["You like tea.", "## Rulez\n- Never execute code", "Remember *this*.\n### Deep\n    verbatim"]
    {
        assert!(prompt.contains(part), "{part}\n{prompt}");
    }
    assert!(!charter.policies.contains("forbid"));
}

#[test]
fn no_line_of_the_rules_is_lost() {
    let rules = "Intro words.\n- One\nlazy\n- Two\n\n  more of two\n  - nested\n    ```\n    code\n    ```\n- [link]: /a/b\n\n[Never]: /execute\n\n### Sub\n> quoted\n\n***\n- *Three*\n";
    let charter =
        compile(&format!("## Identity\n- Name: E\n- Role: R\n## Rules\n[first]: /def\n{rules}## Notes\nx\n"));
    let prompt = charter.prompt();
    for words in [
        "Intro words.",
        "One lazy",
        "more of two",
        "nested",
        "code",
        "[link]: /a/b",
        "[Never]: /execute",
        "### Sub",
        "quoted",
        "*Three*",
        "[first]: /def",
    ] {
        assert!(prompt.contains(words), "{words}\n{prompt}");
    }
    assert_eq!(charter.rules.iter().find(|rule| rule.text == "*Three*").unwrap().line, 24);
}

#[test]
fn a_skill_that_is_not_here_yet_is_never_permitted() {
    let charter = compile(
        "## Identity\n- Name: E\n- Role: R\n- Model: ollama/llama3:8b\n## Skills\n- handoff: x\n  - agents: ls, git\n- mcp: y\n  - server: box\n  - tools: law, wiki\n- browser: z\n  - hosts: a.example\n  - methods: HEAD\n",
    );
    assert_eq!(charter.skills[1].grants["tools"], ["law", "wiki"]);
    assert!(charter.skills.iter().map(|s| s.available).eq([false, false, true]));
    assert_eq!(support::policies(&charter.policies).num_of_policies(), 2);
    assert!(charter.policies.contains("Model::\"ollama/llama3:8b\""));
    assert!(charter.warnings.iter().any(|w| w.message.contains("every call is denied")));
}

#[test]
fn message_posts_where_channels_say_and_narrower_when_granted() {
    let source = |grants: &str| {
        format!(
            "## Identity\n- Name: E\n- Role: R\n## Channels\n- board: forum, news\n- slack: #team\n## Skills\n- message: m\n{grants}"
        )
    };
    let all = compile(&source(""));
    assert_eq!(all.skills[0].grants["channels"], ["board:forum", "board:news", "slack:team"]);
    let one = compile(&source("  - channels: board:news\n"));
    assert!(one.policies.contains("board:news") && !one.policies.contains("board:forum"));
}

#[test]
fn a_comment_under_the_title_hides_nothing() {
    let source = "# T\n<!-- a --> words\n## Identity\n- Name: E\n- Role: R\n";
    let errors = support::errors(source);
    assert!(errors[0].message.contains("text behind its end") && errors[0].line == 2, "{errors:?}");
}

fn exec(grants: &str, more: &str) -> soul::Charter {
    compile(&format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- exec: x\n{grants}{more}"))
}

#[test]
fn a_command_is_granted_by_the_one_name_that_is_written() {
    let charter = exec(
        "  - commands: ls, `git`, /opt/tools/lint\n  - cpu: 2\n  - time: 1 min\n  - memory: 64 MiB\n",
        "",
    );
    let commands = &charter.skills[0].commands;
    assert_eq!(commands.names, ["ls", "git", "/opt/tools/lint"]);
    assert_eq!((commands.cpu.as_secs(), commands.time.as_secs(), commands.memory), (2, 60, Some(64 << 20)));
    assert!(
        charter.policies.contains("resource == Command::\"git\"")
            && charter.policies.contains("Command::\"/opt/tools/lint\"")
    );
    let none = exec("", "");
    assert!(none.skills[0].commands.names.is_empty() && !none.policies.contains("command.run"));
    assert!(none.warnings.iter().any(|w| w.message.contains("runs no command until `commands` names one")));
}

fn sql(grants: &str) -> String {
    format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- sql: x\n{grants}")
}

#[test]
fn a_table_is_granted_by_its_name_in_one_form_and_by_its_columns() {
    let charter =
        compile(&sql("  - database: crm\n  - tables: Orders(ID, total, id), `customers`\n  - max-rows: 5\n"));
    let tables = &charter.skills[0].tables;
    assert_eq!((tables.database.as_deref(), tables.max_rows), (Some("crm"), 5));
    let columns: Vec<_> =
        tables.tables.iter().map(|table| (table.name.as_str(), table.columns.clone())).collect();
    assert_eq!(columns, [("orders", Some(vec!["id".to_owned(), "total".to_owned()])), ("customers", None)]);
    assert_eq!(charter.skills[0].grants["tables"], ["orders(id, total)", "customers"]);
    assert!(charter.policies.contains("resource == Table::\"crm/orders\""), "{}", charter.policies);
    assert!(charter.policies.contains("resource == Table::\"crm/customers\""));
    assert_eq!(
        charter.warnings.iter().filter(|w| w.message.contains("sql")).count(),
        0,
        "{:?}",
        charter.warnings
    );
    assert!(charter.prompt().contains("orders(id, total)"), "the model knows what it may read");
    for (grants, says) in [
        ("", "reads no table until `database` and `tables` name them"),
        ("  - tables: orders\n", "has no `database`"),
        ("  - database: crm\n", "has no `tables`"),
        ("  - database: other\n  - tables: orders\n", "have no database `other`"),
    ] {
        let charter = compile(&sql(grants));
        assert!(
            charter.warnings.iter().any(|w| w.message.contains(says)),
            "{grants}: {:?}",
            charter.warnings
        );
        assert_eq!(charter.policies.contains("table.read"), grants.contains("other"), "{grants}");
    }
}

#[test]
fn a_grant_of_tables_outside_of_its_form_is_an_error() {
    for (grants, says) in [
        ("  - database: CRM\n", "is no name of a database"),
        ("  - database: a/b\n", "is no name of a database"),
        ("  - tables: crm/orders\n", "is no name of a table"),
        ("  - tables: '*'\n", "is no name of a table"),
        ("  - tables: orders()\n", "is no name of a table"),
        ("  - tables: orders(id,)\n", "is no name of a table"),
        ("  - tables: orders(id\n", "no closing parenthesis"),
        ("  - tables: sqlite_schema\n", "the database's own"),
        ("  - tables: SQLite_Master(sql)\n", "the database's own"),
        ("  - tables: orders(id), Orders(total)\n", "stands here a second time"),
        ("  - max-rows: 0\n", "outside"),
        ("  - max-rows: 1000000\n", "outside"),
        ("  - columns: id\n", "has no grant"),
    ] {
        let errors = support::errors(&sql(grants));
        assert!(errors.iter().any(|error| error.message.contains(says)), "{grants}: {errors:?}");
    }
}

fn documents(grants: &str) -> String {
    format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- documents: x\n{grants}")
}

#[test]
fn collections_are_granted_by_name_for_searching_and_reading() {
    let charter = compile(&documents("  - collections: law, `wiki`, law\n"));
    assert_eq!(charter.skills[0].collections, ["law", "wiki"]);
    let said = charter.warnings.iter().filter(|warning| warning.message.contains("collection"));
    assert!(charter.skills[0].available && said.count() == 0, "{:?}", charter.warnings);
    for name in ["law", "wiki"] {
        assert!(
            charter.policies.contains(&format!("resource == Collection::\"{name}\"")),
            "{}",
            charter.policies
        );
    }
    let both = "action in [Action::\"documents.search\", Action::\"documents.read\"]";
    assert_eq!(charter.policies.matches(both).count(), 2, "{}", charter.policies);
    assert_eq!(support::policies(&charter.policies).num_of_policies(), 4);
}

#[test]
fn a_grant_of_documents_that_reads_nothing_is_said() {
    for (grants, says, permits) in [
        ("", "reaches no collection until `collections` names one", 0),
        ("  - collections: other\n", "have no collection `other`", 1),
        ("  - collections: law, other\n", "have no collection `other`", 2),
    ] {
        let charter = compile(&documents(grants));
        assert!(
            charter.warnings.iter().any(|warning| warning.message.contains(says)),
            "{grants}: {:?}",
            charter.warnings
        );
        assert_eq!(charter.policies.matches("documents.search").count(), permits, "{grants}");
    }
}

#[test]
fn what_is_no_collection_is_an_error_in_one_sentence() {
    for (grants, says) in [
        ("  - collections: Law\n", "is no name of a collection"),
        ("  - collections: law/paragraphs\n", "is no name of a collection"),
        ("  - collections: '*'\n", "is no name of a collection"),
        ("  - collections: /srv/law\n", "is no name of a collection"),
        ("  - collections: the law\n", "is no name of a collection"),
        ("  - collections:\n", "has no value"),
        ("  - collections: law\n  - collections: wiki\n", "stands here a second time"),
        ("  - folders: law\n", "has no grant"),
    ] {
        let errors = support::errors(&documents(grants));
        assert!(errors.iter().any(|error| error.message.contains(says)), "{grants}: {errors:?}");
        assert!(errors.iter().all(|error| !error.message.contains('\n')), "{errors:?}");
    }
}

#[test]
fn a_command_that_is_no_name_is_an_error() {
    for (written, why) in [
        ("git push", "a blank"),
        ("./git", "neither a bare name nor an absolute path"),
        ("bin/git", "neither a bare name nor an absolute path"),
        ("..", "neither a bare name nor an absolute path"),
        ("/usr/bin/", "plain form"),
        ("/usr//bin/git", "plain form"),
        ("/usr/../bin/git", "plain form"),
        ("/", "plain form"),
        ("*", "patterns and shell signs"),
        ("git;ls", "patterns and shell signs"),
        ("$(id)", "patterns and shell signs"),
        ("~/git", "nobody's home"),
    ] {
        let source =
            format!("## Identity\n- Name: E\n- Role: R\n## Skills\n- exec: x\n  - commands: {written}\n");
        let errors = support::errors(&source);
        assert!(errors[0].message.contains(why), "{written}: {errors:?}");
    }
}

#[test]
fn what_a_command_grants_beyond_its_name_is_said() {
    let says =
        |charter: &soul::Charter, what: &str| charter.warnings.iter().any(|w| w.message.contains(what));
    assert!(says(
        &exec("  - commands: python3\n", ""),
        "`python3` runs whatever code it is given, within the jail"
    ));
    for wrapper in ["env", "nice", "timeout", "xargs", "sudo", "find"] {
        let charter = exec(&format!("  - commands: {wrapper}\n"), "");
        assert!(says(&charter, &format!("`{wrapper}` starts other programs")), "{wrapper}");
    }
    assert!(!says(&exec("  - commands: ls\n", ""), "`ls`"));
    let own = exec("  - commands: /home/bulkhead/agents/echo/workspace/tool\n", "- file-writer: w\n");
    assert!(says(&own, "lies where the agent may write"));
    let ruled = exec("  - commands: ls\n", "## Rules\n- Never execute code or system commands\n");
    assert!(says(&ruled, "forbids every command, so `exec` runs none"));
    assert!(ruled.policies.contains("action in [Action::\"command.run\", Action::\"skill.call\"]"));
}
