//! The arrows between the rooms, and which room may hold the network, the policies and the database.
//! Takes the manifests of `crates/`; `docs/adr/` says why an arrow was added.

use std::path::Path;

/// Each room in the order of the arrows, with the rooms that it may use. A room's own tests may also use
/// every room that stands before it here.
const ARROWS: [(&str, &[&str]); 14] = [
    ("vocab", &[]),
    ("secrets", &[]),
    ("soul", &["vocab"]),
    ("journal", &["vocab"]),
    ("export", &["vocab", "secrets", "journal"]),
    ("people", &["vocab", "journal"]),
    ("sandbox", &["vocab"]),
    ("agent", &["vocab"]),
    ("monitor", &["vocab", "soul", "journal"]),
    ("skills", &["vocab", "secrets", "monitor", "sandbox"]),
    ("models", &["vocab", "secrets", "monitor"]),
    // Not `agent`: the gateway spawns it and speaks bounded frames with it.
    ("turn", &["vocab", "soul", "journal", "monitor", "sandbox", "skills", "models"]),
    ("http", &["vocab", "turn", "people", "journal"]),
    (
        "cli",
        &[
            "vocab", "secrets", "soul", "journal", "export", "people", "sandbox", "agent", "monitor",
            "skills", "models", "turn", "http",
        ],
    ),
];

/// Crates that only some rooms may hold, why, and whether every other room's tests may.
struct Reserved {
    crates: &'static [&'static str],
    rooms: &'static [&'static str],
    why: &'static str,
    tests: bool,
}

const RESERVED: [Reserved; 5] = [
    Reserved {
        crates: &["reqwest", "hyper", "hyper-util", "ureq", "curl", "tungstenite", "tokio-tungstenite"],
        rooms: &["models", "skills", "export", "http", "cli"],
        why: "speaks to the network",
        tests: false,
    },
    Reserved { crates: &["async-openai"], rooms: &["models"], why: "speaks to model servers", tests: false },
    Reserved { crates: &["axum"], rooms: &["http", "cli"], why: "serves the network", tests: true },
    Reserved {
        crates: &["cedar-policy", "cedar-policy-core"],
        rooms: &["monitor"],
        why: "decides, and only the monitor decides",
        tests: true,
    },
    Reserved {
        crates: &["rusqlite", "libsqlite3-sys", "sqlx", "tokio-postgres", "tokio-postgres-rustls"],
        rooms: &["journal", "skills"],
        why: "opens databases: the journal its record, and the jailed worker of `sql` what agents read",
        tests: true,
    },
];

/// A room's name (its folder) and its manifest.
pub struct Manifest {
    pub room: String,
    pub text: String,
}

/// The manifests of all rooms.
pub fn manifests(root: &Path) -> Vec<Manifest> {
    let folders = std::fs::read_dir(root.join("crates")).unwrap();
    let mut found: Vec<Manifest> = folders
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| Manifest {
            room: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(path.join("Cargo.toml")).unwrap(),
        })
        .collect();
    found.sort_by(|a, b| a.room.cmp(&b.room));
    found
}

/// What is wrong with one room's manifest.
pub fn check(manifest: &Manifest) -> Vec<String> {
    let room = manifest.room.as_str();
    let file = format!("crates/{room}/Cargo.toml");
    let table: toml::Table = match manifest.text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{file}: {error}")],
    };
    let Some(place) = ARROWS.iter().position(|(name, _)| *name == room) else {
        return vec![format!("{file}: a room without arrows; say why in docs/adr/ and add it to ARROWS")];
    };
    let mut findings = Vec::new();
    let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        findings.push(format!("{file}: lacks `[lints] workspace = true`"));
    }
    let before: Vec<&str> = ARROWS[..place].iter().map(|(name, _)| *name).collect();
    for (name, in_tests) in dependencies(&table) {
        let is_room = ARROWS.iter().any(|(room, _)| *room == name);
        let allowed = if in_tests { before.as_slice() } else { ARROWS[place].1 };
        if is_room && !allowed.contains(&name.as_str()) {
            let tests = if in_tests { "'s tests" } else { "" };
            findings.push(format!("{file}: {room}{tests} may not use {name}"));
        }
        for reserved in RESERVED.iter().filter(|reserved| reserved.crates.contains(&name.as_str())) {
            if !(reserved.rooms.contains(&room) || in_tests && reserved.tests) {
                findings
                    .push(format!("{file}: `{name}` {}; it belongs to {:?}", reserved.why, reserved.rooms));
            }
        }
    }
    findings
}

/// The dependencies by their real names, rooms without their prefix, and whether each is for tests only.
fn dependencies(table: &toml::Table) -> Vec<(String, bool)> {
    let mut tables = vec![table];
    if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut found = Vec::new();
    for table in tables {
        for (kind, in_tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let Some(list) = table.get(kind).and_then(toml::Value::as_table) else { continue };
            found.extend(list.iter().map(|(key, value)| (real_name(key, value), in_tests)));
        }
    }
    found
}

fn real_name(key: &str, value: &toml::Value) -> String {
    let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
    name.strip_prefix("bulkhead-").unwrap_or(name).to_owned()
}

#[cfg(test)]
fn findings(room: &str, dependencies: &str) -> Vec<String> {
    check(&Manifest { room: room.into(), text: format!("[lints]\nworkspace = true\n{dependencies}") })
}

#[test]
fn wrong_arrows_are_found() {
    assert_eq!(findings("turn", "[dependencies]\nskills.workspace = true"), [""; 0]);
    for bad in [
        "[dependencies]\nagent.workspace = true",
        "[dependencies]\nbulkhead-agent.workspace = true",
        "[dependencies]\nx = { package = \"bulkhead-agent\", path = \"../agent\" }",
        "[build-dependencies]\nagent.workspace = true",
        "[target.'cfg(unix)'.dependencies]\nagent.workspace = true",
        "[dev-dependencies]\nbulkhead-http.workspace = true",
    ] {
        assert_eq!(findings("turn", bad).len(), 1, "{bad}");
    }
    assert_eq!(findings("attic", "").len(), 1);
}

#[test]
fn reserved_crates_are_found() {
    assert_eq!(findings("journal", "[dependencies]\nrusqlite = \"1\""), [""; 0]);
    assert_eq!(findings("turn", "[dev-dependencies]\nrusqlite = \"1\""), [""; 0]);
    for (room, bad) in [
        ("turn", "[dependencies]\nrusqlite = \"1\""),
        ("turn", "[dependencies]\ndb = { package = \"rusqlite\", version = \"1\" }"),
        ("soul", "[dev-dependencies]\ncedar-policy = \"4\"\nreqwest = \"1\""),
        ("skills", "[dependencies]\nasync-openai = \"1\""),
    ] {
        assert_eq!(findings(room, bad).len(), 1, "{bad}");
    }
}

#[test]
fn a_room_without_the_lints_is_found() {
    assert_eq!(check(&Manifest { room: "vocab".into(), text: "[lints]\nworkspace = false".into() }).len(), 1);
    assert_eq!(check(&Manifest { room: "vocab".into(), text: "[lints".into() }).len(), 1);
}
