//! The API's description and the gateway itself, tried by other people's tools: `openapi-spec-validator` and
//! `schemathesis` of PyPI. Skips loudly where `tests/openapi/run build` could not get them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{ANSWERS, Browser, Home, members, skipped};
use serde_json::json;

/// How many requests are made up for one operation, beside those that try each edge of its description.
const EXAMPLES: &str = "8";

/// Always the same ones.
const SEED: &str = "1";

/// What is not tried: it ends the gateway, or never ends.
const LEFT_OUT: [&str; 2] = ["shutdown", "follow_events"];

/// The folder of the programs; without them the test is skipped.
fn programs(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join(".tools/openapi");
    if folder.join("ready").exists() {
        return Some(folder.join("venv/bin"));
    }
    skipped(test, "no `openapi-spec-validator` and `schemathesis` here (`tests/openapi/run build`)");
    None
}

/// Runs a program to its end, which is a good one.
#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

/// Tries every operation with the token of somebody.
#[track_caller]
fn try_all(programs: &Path, home: &Home, description: &Path, token: &str) {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/schemathesis.toml");
    let mut command = Command::new(programs.join("schemathesis"));
    command.arg("--config-file").arg(settings).arg("run").arg(description);
    command.args(["--url", &format!("http://{}", Browser::at(home).address)]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED]);
    command.args(["--request-timeout", "30", "--continue-on-failure", "--warnings", "off", "--no-color"]);
    command.args(LEFT_OUT.iter().flat_map(|name| ["--exclude-operation-id", name]));
    // It keeps what it found in the folder that it runs in.
    run(command.current_dir(home.outside()).env("BULKHEAD_TOKEN", token));
}

#[test]
fn the_description_is_openapi_and_the_gateway_answers_as_it_says() {
    let Some(programs) = programs("api::checked::the_description_is_openapi") else { return };
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let people = home.signed_in(["ada", "bob"]);
    let description = home.outside().join("openapi.json");
    fs::write(&description, people[0].get("openapi.json").is(200).body).unwrap();
    run(Command::new(programs.join("python")).args(["-m", "openapi_spec_validator"]).arg(&description));
    for person in &people {
        let scopes = ["read", "chat", "approve", "record", "admin"];
        let wanted = json!({ "name": "all", "scopes": scopes, "days": 1 });
        let made = person.post("tokens", &wanted).is(200).json();
        try_all(&programs, &home, &description, made["token"].as_str().unwrap());
    }
    home.verifies();
}
