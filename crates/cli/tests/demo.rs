//! `bulkhead demo`, as a person runs it: contained, recorded, in order, and gone afterwards.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use common::Said;
use serde_json::Value;

/// The steps, in the order in which they are told and recorded.
const STEPS: [(&str, &str); 6] = [
    ("read the handbook", "permit"),
    ("post its advice publicly", "ask"),
    ("read user data outside its grant", "deny"),
    ("open permissions by a shell command", "deny"),
    ("send data to an address outside", "deny"),
    ("loop", "deny"),
];

/// The demo with `folder` for its temporary folders, and nothing of this user's surroundings.
fn demo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
    command.arg("demo").env_clear().env("TMPDIR", folder).stdin(Stdio::null());
    command
}

#[cfg(test)]
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// Whether a process of this demo still runs: each gateway has its home among its arguments.
#[cfg(test)]
fn runs(folder: &Path) -> bool {
    let of_it = |entry: &fs::DirEntry| {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(folder.to_str().unwrap())
    };
    fs::read_dir("/proc").unwrap().flatten().any(|entry| of_it(&entry))
}

#[test]
fn every_step_is_contained_recorded_in_order_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let said: Said = demo(folder.path()).arg("--json").output().unwrap().into();
    let said = said.done();
    assert_eq!(said.out.lines().count(), 1, "one value: {}", said.out);
    let found = said.json();
    assert_eq!((&found["contained"], &found["rehearsal"]), (&true.into(), &true.into()));
    assert_eq!(found["missing"], serde_json::json!([]));

    let steps = found["steps"].as_array().unwrap();
    let told: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| (step["name"].as_str().unwrap(), step["decision"].as_str().unwrap()))
        .collect();
    assert_eq!(told, STEPS);
    let places: Vec<u64> = steps.iter().map(|step| step["record"].as_u64().unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    for step in steps {
        assert!(step["contained"] == true && step["micros"].as_u64().unwrap() > 0, "{step}");
    }
    let layers: Vec<&Value> = steps.iter().map(|step| &step["stopped_by"]["layer"]).collect();
    assert_eq!(
        layers,
        [
            &Value::Null,
            &"policy".into(),
            &"policy".into(),
            &"policy".into(),
            &"policy".into(),
            &"rate".into()
        ]
    );
    assert!(steps[3]["stopped_by"]["message"].as_str().unwrap().contains("Never execute code"));

    let kill = &found["kill"];
    assert!(kill["contained"] == true && kill["left"] == serde_json::json!([]), "{kill}");
    assert!(
        !kill["processes"].as_array().unwrap().is_empty() && kill["ms"].as_f64().unwrap() > 0.0,
        "{kill}"
    );
    let verify = &found["verify"];
    assert!(verify["ok"] == true && verify["contained"] == true, "{verify}");
    assert!(verify["records"].as_u64().unwrap() > *places.last().unwrap(), "{verify}");
    assert_eq!(verify["changed"], steps[2]["record"]);
    assert!(is_empty(folder.path()) && !runs(folder.path()));
}

#[test]
fn it_reads_well_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    // Its user need have no home.
    let said: Said = demo(folder.path()).env("HOME", "/nonexistent").output().unwrap().into();
    let said = said.done();
    assert!(said.out.lines().count() <= 45, "{}", said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
    assert!(
        !said.out.contains('\u{1b}') && !said.out.contains(folder.path().to_str().unwrap()),
        "{}",
        said.out
    );
    said.has("rehearsal").has("HELD").has("DENIED").has("KILLED").has("VERIFIED").has("Contained");
    // Each step with how long it took, and what stopped it, with its rule.
    let told: Vec<String> = said.out.lines().map(alike).collect();
    let heads = told.iter().filter(|line| line.ends_with("  # from proposal to verdict")).count();
    assert_eq!(heads, STEPS.len(), "{}", said.out);
    let killed =
        told.iter().filter(|line| line.ends_with("`bulkhead agents kill sage`  # from order to dead"));
    assert_eq!(killed.count(), 1, "{}", said.out);
    for words in [
        "  HELD     policy rule:11: `All outputs must be reviewed before publishing`",
        "  DENIED   policy skill:file-reader: `data/customers.csv` is in no `file-reader` grant of `sage`",
        "  DENIED   policy rule:12: `Never execute code or system commands`",
        "  DENIED   policy skill:browser: `collect.example.net` is in no `browser` grant of `sage`",
        "  DENIED   rate limit:actions-per-turn: the limit of # actions in a turn is reached",
    ] {
        assert_eq!(told.iter().filter(|line| *line == words).count(), 1, "{words}: {}", said.out);
    }
    assert!(is_empty(folder.path()));
}

/// A line without what is another in each run: every number that stands by itself is `#`, with its unit of time.
fn alike(line: &str) -> String {
    let number = |word: &str| {
        let bare = word.trim_end_matches([',', ';', ':', '.']);
        !bare.is_empty() && bare.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
    };
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        if number(word) {
            words.push(format!(
                "#{}",
                word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
            ));
        } else if !(["µs", "ms", "s"].contains(&word) && words.last().is_some_and(|last| last == "#")) {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// The lines, a row that goes on over the next line as one: where it is broken depends on how long its numbers are.
fn rows<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for line in lines {
        match (rows.last_mut(), line.strip_prefix("           ")) {
            (Some(row), Some(more)) => *row = alike(&format!("{row} {more}")),
            _ => rows.push(alike(line)),
        }
    }
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// The lines of text in a picture as `scripts/picture` draws it.
#[cfg(test)]
fn drawn(picture: &str) -> Vec<String> {
    let (_, text) = picture.split_once("<text ").unwrap();
    let lines = text.split("<tspan x=").skip(1);
    lines
        .map(|line| {
            let pieces = line.split('<').filter_map(|piece| piece.split_once('>'));
            let text: String = pieces.map(|(_, text)| text).collect();
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").trim_end().to_owned()
        })
        .collect()
}

#[test]
fn the_picture_in_the_readme_is_what_the_demo_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(fs::read_to_string(root.join("README.md")).unwrap().contains("](docs/images/demo.svg)"));
    let picture = drawn(&fs::read_to_string(root.join("docs/images/demo.svg")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let said: Said = demo(folder.path()).output().unwrap().into();
    let said = said.done();
    let typed = ["$ bulkhead demo", ""];
    let picture = rows(picture.iter().map(String::as_str));
    let told = rows(typed.into_iter().chain(said.out.lines()));
    for (drawn, told) in picture.iter().zip(&told) {
        assert_eq!(drawn, told, "docs/images/demo.svg is stale: `make picture` draws it anew");
    }
    assert_eq!(picture.len(), told.len(), "docs/images/demo.svg is stale: `make picture` draws it anew");
    assert!(told.len() > 30, "{}", said.out);
}

#[test]
fn a_signal_ends_it_and_nothing_stays() {
    for (signal, last) in [("-INT", 0), ("-TERM", 1), ("-HUP", 5)] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = demo(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // Early, while the gateway starts, and late, while the agent works.
        for _ in 0..=last {
            out.read_line(&mut String::new()).unwrap();
        }
        let told = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        let said: Said = child.wait_with_output().unwrap().into();
        // It may have been through before it heard the signal.
        assert!([0, 130].contains(&said.code), "{}: {}", said.code, said.err);
        assert!(is_empty(folder.path()) && !runs(folder.path()), "{signal}");
    }
}

#[test]
fn a_folder_that_cannot_be_had_is_one_sentence() {
    let said: Said = demo(Path::new("/nonexistent")).output().unwrap().into();
    said.fails(4, "TMPDIR");
}

#[test]
fn where_the_kernel_lacks_a_layer_the_rest_is_shown_and_the_exit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // A user namespace in which no further one may be made, as in many containers.
    let bulkhead = env!("CARGO_BIN_EXE_bulkhead");
    let script = format!("echo 0 > /proc/sys/user/max_user_namespaces && exec '{bulkhead}' demo --json");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", &script])
        .env("TMPDIR", folder.path())
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: there is no `unshare` on this machine");
        return;
    };
    let said: Said = output.into();
    if said.err.contains("unshare: ") {
        eprintln!("SKIPPED: this machine lets nobody make a user namespace: {}", said.err);
        return;
    }
    let said = said.with(4);
    assert!(said.err.contains("user-namespace"), "{}", said.err);
    let found = said.json();
    let missing: Vec<&str> =
        found["missing"].as_array().unwrap().iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert!(missing.contains(&"user-namespace"), "{missing:?}");
    assert!(found["steps"].as_array().unwrap().len() == STEPS.len() && found["contained"] == true, "{found}");
    assert!(is_empty(folder.path()));
}
