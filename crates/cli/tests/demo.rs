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
    assert!(is_empty(folder.path()));
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
