//! Collections on a running gateway: who asks finds what agent, asker and labels allow, whatever is looked for by whatever name.

use bulkhead_tests::{Home, Said};
use serde_json::{Value, json};

/// Looks up for whoever asks: the handbook, and the personnel files.
const SOUL: &str = "# Clerk

## Identity

- Name: clerk
- Role: Looks things up

## Skills

- documents: Answer from the documents
  - collections: handbook, personnel

## Clearance

- restricted
";

const RIGHTS: &str = "models = [\"*\"]\ncollections = [\"handbook\"]";

const COLLECTIONS: &str = "[collections.handbook]\nfolder = \"HOME/books\"\n\
    [collections.personnel]\nfolder = \"HOME/personnel\"\nlabels = [\"restricted\"]\n\
    [collections.drafts]\nfolder = \"HOME/drafts\"\n\
    [[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"restricted\"]\n";

fn found(collection: &str, query: &str) -> (&'static str, Value) {
    ("documents-search", json!({ "collection": collection, "query": query }))
}

fn opened(collection: &str, document: &str) -> (&'static str, Value) {
    ("documents-read", json!({ "collection": collection, "document": document }))
}

fn scene(calls: &[(&str, Value)]) -> String {
    let call =
        |(skill, arguments): &(&str, Value)| format!("      - {{skill: {skill}, arguments: {arguments}}}\n");
    let calls: String = calls.iter().map(call).collect();
    format!("turns:\n  - calls:\n{calls}  - say: That is what there is.\n    repeat: true\n")
}

fn home(calls: &[(&str, Value)]) -> Home {
    let home = Home::new();
    let put = |path: &str, text: &str| {
        let path = home.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("books/time-off.md", "# Time off\n\nEverybody has 28 days of vacation.\nAsk a week before.\n");
    put("books/travel/hotels.csv", "city,most\nOslo,140\n");
    put("books/picture.png", "vacation");
    put("personnel/xaver.md", "Xaver earns 54321 and has 30 days of vacation.\n");
    put("drafts/plan.md", "In the draft there is no vacation.\n");
    std::os::unix::fs::symlink(home.at("personnel"), home.at("books/files")).unwrap();
    home.soul("clerk", SOUL);
    home.edit("models = [\"*\"]", RIGHTS);
    home.add(COLLECTIONS);
    home.scene(&scene(calls));
    home
}

fn of(home: &Home, kind: &str) -> Vec<Value> {
    let mut found = home.whole(&["--kind", kind, "--agent", "clerk"]);
    found.retain(|record| {
        record["action"]["verb"].as_str().is_some_and(|verb| verb.starts_with("documents."))
    });
    found
}

fn decisions(home: &Home) -> Vec<String> {
    of(home, "verdict").iter().map(|verdict| verdict["decision"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_search_finds_what_agent_and_asker_both_may_and_nothing_by_another_name() {
    let home = home(&[
        found("handbook", "vacation"),
        opened("handbook", "time-off.md"),
        found("personnel", "vacation"),
        opened("personnel", "xaver.md"),
        found("drafts", "vacation"),
        found("nowhere", "vacation"),
        opened("handbook", "files/xaver.md"),
        found("handbook", "document:xaver OR text:54321*"),
        opened("handbook", "none.md"),
    ]);
    home.run(&["check", "clerk"]).done().has("handbook, personnel").lacks("not available");
    home.run(&["explain", "clerk"]).done().has("Collection::\"handbook\"").has("documents.search");
    home.start();
    home.run(&["chat", "clerk", "how much vacation is there?"]).done();
    let all = of(&home, "verdict");
    let said_no = |nth: usize| all[nth].to_string();
    assert_eq!(all[0]["action"]["resource"], json!({ "kind": "collection", "name": "handbook" }));
    assert_eq!(
        decisions(&home),
        ["permit", "permit", "deny", "deny", "deny", "deny", "permit", "permit", "permit"]
    );
    for nth in [2, 3] {
        assert!(said_no(nth).contains("has no right to read the collection `personnel`"), "{}", all[nth]);
        assert!(said_no(nth).contains("\"layer\":\"rights\""), "{}", all[nth]);
    }
    assert!(
        said_no(4).contains("skill:documents") && said_no(4).contains("rights:collections"),
        "{}",
        all[4]
    );
    assert!(said_no(5).contains("collection:unknown"), "{}", all[5]);
    let outcomes = of(&home, "outcome");
    let said = |nth: usize| {
        outcomes[nth]["content"]["body"]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", outcomes[nth]))
            .to_owned()
    };
    let statuses: Vec<&str> = outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["done", "done", "failed", "done", "failed"]);
    // The place comes with the words, so that an answer can name it.
    assert_eq!(
        said(0),
        "[collection handbook, 1 passages; 2 documents searched, 2 left out: 1 of another kind, 1 links, pipes or devices]\n\
         time-off.md:1-4\n    # Time off Everybody has 28 days of vacation. Ask a week before.\n"
    );
    assert_eq!(
        said(1),
        "[document handbook/time-off.md, lines 1 to 4 of 4, its end]\n\
         # Time off\n\nEverybody has 28 days of vacation.\nAsk a week before.\n"
    );
    assert!(said(2).contains("symbolic link"), "{}", said(2));
    assert!(said(3).contains("0 passages"), "{}", said(3));
    assert!(said(4).contains("there is no document `none.md`"), "{}", said(4));
    let heard = Value::from(outcomes.clone()).to_string();
    for closed in ["Xaver", "earns", "draft there"] {
        assert!(!heard.contains(closed), "{closed}: {heard}");
    }
    let heart = std::fs::read_to_string(home.at("agents/clerk/HEARTBEAT.md")).unwrap();
    assert!(
        heart.contains("Used skill: documents") && heart.contains("handbook") && !heart.contains("28 days"),
        "{heart}"
    );
    home.verifies();
}

#[test]
fn what_a_collection_carries_goes_with_what_was_found() {
    let home = home(&[found("personnel", "vacation")]);
    home.edit("collections = [\"handbook\"]", "collections = [\"*\"]");
    home.start();
    home.run(&["chat", "clerk", "who has vacation?"]).done();
    let outcomes = of(&home, "outcome");
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["labels"]), (&"done".into(), &json!(["restricted"])));
    assert!(outcomes[0].to_string().contains("xaver.md:1-1"), "{}", outcomes[0]);
    let heart = std::fs::read_to_string(home.at("agents/clerk/HEARTBEAT.md")).unwrap();
    assert!(!heart.contains("personnel"), "what is above `internal` is not named: {heart}");
    // Whoever is cleared for less is denied by the label, whatever their right.
    home.edit("clearance = [\"restricted\"]\nadmin", "clearance = [\"internal\"]\nadmin");
    home.run(&["chat", "clerk", "and now?"]).done();
    let verdict = &of(&home, "verdict")[1];
    assert_eq!(verdict["decision"], "deny");
    assert!(verdict.to_string().contains("clearance:asker"), "{verdict}");
    assert_eq!(of(&home, "outcome").len(), 1);
    home.verifies();
}

#[test]
fn a_person_sees_the_whole_search_before_it_is_done_and_a_pattern_is_for_exactly_that() {
    let query = "vacation\n\u{202e}days";
    let home = home(&[found("handbook", query)]);
    let look = "@id(\"look\") @message(\"a person looks at every search\") @decision(\"ask\")\n\
                forbid (principal, action == Action::\"documents.search\", resource == Collection::\"handbook\") unless { context.approved };\n";
    std::fs::write(home.at("guardrails/ours.cedar"), look).unwrap();
    home.start();
    let chat = home.begin(&["chat", "clerk", "how much vacation is there?"]);
    let id = home.waiting();
    let seen = home.json(&["approvals", "show", &id]);
    assert_eq!(seen["action"]["args"], json!({ "collection": "handbook", "query": query }));
    home.run(&["approvals", "show", &id]).has("collection:handbook").has("vacation").lacks("\u{202e}");
    home.run(&["approvals", "approve", &id, "--pattern"]).done();
    Said::of(chat).done().has("That is what there is.");
    assert!(of(&home, "outcome")[0].to_string().contains("time-off.md:1-4"));
    // The same again is done without another look; other words are not.
    home.run(&["chat", "clerk", "and now?"]).done();
    assert_eq!(of(&home, "outcome").len(), 2);
    home.scene(&scene(&[found("handbook", "days")]));
    let chat = home.begin(&["chat", "clerk", "and now?"]);
    home.run(&["approvals", "deny", &home.waiting()]).done();
    Said::of(chat).done();
    assert_eq!(of(&home, "outcome").iter().filter(|outcome| outcome["status"] == "done").count(), 2);
    home.verifies();
}

#[test]
fn a_folder_that_is_gone_or_full_is_one_sentence() {
    let home = home(&[found("handbook", "vacation")]);
    home.start();
    let asked = |status: &str, says: &str| {
        home.run(&["chat", "clerk", "how much vacation is there?"]).done();
        let outcome = of(&home, "outcome").pop().unwrap();
        assert_eq!(outcome["status"], status, "{outcome}");
        assert!(outcome.to_string().contains(says), "{outcome}");
    };
    std::fs::rename(home.at("books"), home.at("away")).unwrap();
    asked("failed", "is not there");
    std::os::unix::fs::symlink(home.at("away"), home.at("books")).unwrap();
    asked("failed", "symbolic link");
    std::fs::remove_file(home.at("books")).unwrap();
    std::fs::write(home.at("books"), "a file").unwrap();
    asked("failed", "is not there");
    std::fs::remove_file(home.at("books")).unwrap();
    std::fs::create_dir(home.at("books")).unwrap();
    asked("done", "0 passages; 0 documents searched");
    for nth in 0..10 {
        std::fs::File::create(home.at(&format!("books/{nth}.txt"))).unwrap().set_len(4 << 20).unwrap();
    }
    asked("failed", "bytes together");
    std::fs::remove_dir_all(home.at("books")).unwrap();
    std::fs::rename(home.at("away"), home.at("books")).unwrap();
    asked("done", "time-off.md:1-4");
    home.verifies();
}

#[test]
fn settings_of_collections_that_cannot_be_used_are_one_sentence() {
    for (from, to, says) in [
        (
            "folder = \"HOME/books\"",
            "folder = \"handbook\"",
            "the `folder` of `[collections.handbook]` must be absolute",
        ),
        ("folder = \"HOME/books\"", "folder = \"HOME/keys\"", "files of the gateway's own"),
        ("folder = \"HOME/books\"", "folder = \"HOME/agents/clerk\"", "files of the gateway's own"),
        ("folder = \"HOME/books\"", "folder = \"HOME/personnel\"", "lies in that of"),
        (
            "folder = \"HOME/books\"",
            "folder = \"HOME/personnel/a\"",
            "lies in that of `[collections.personnel]`",
        ),
        ("folder = \"HOME/books\"", "folder = \"HOME/x/../handbook\"", "without `.`, `..`"),
        ("[collections.drafts]", "[collections.\"D R\"]", "is no name of a collection"),
        ("[collections.handbook]", "[collections.other]", "there is no `[collections.handbook]`"),
        (
            "collections = [\"handbook\"]",
            "collections = [\"Handbook\"]",
            "there is no `[collections.Handbook]`",
        ),
        ("folder = \"HOME/books\"", "folder = \"HOME/books\"\nwrite = true", "unknown field `write`"),
        ("labels = [\"restricted\"]", "labels = [\"secret stuff\"]", "line"),
    ] {
        let home = home(&[found("handbook", "a")]);
        let here = |text: &str| text.replace("HOME", home.path().to_str().unwrap());
        home.edit(&here(from), &here(to));
        let said = home.run(&["gateway", "start"]);
        assert_ne!(said.code, 0, "{to}");
        assert!(said.err.contains(says), "{to}: {}", said.err);
    }
}
