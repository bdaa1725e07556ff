//! The API's description and the gateway itself, tried by other people's tools: `openapi-spec-validator` and
//! `schemathesis` of PyPI. Skips loudly where `tests/openapi/run build` could not get them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_http::{Access, routes};
use bulkhead_tests::described::Described;
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

/// What tries a gateway by its description, by these settings; which operations is for the caller to add.
fn tries(programs: &Path, home: &Home, description: &Path, settings: &str) -> Command {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi").join(settings);
    let mut command = Command::new(programs.join("schemathesis"));
    command.arg("--config-file").arg(settings).arg("run").arg(description);
    command.args(["--url", &format!("http://{}", Browser::at(home).address)]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED]);
    command.args(["--request-timeout", "30", "--continue-on-failure", "--warnings", "off", "--no-color"]);
    // It keeps what it found in the folder that it runs in.
    command.current_dir(home.outside());
    command
}

/// Tries every operation with the token of somebody.
#[track_caller]
fn try_all(programs: &Path, home: &Home, description: &Path, token: &str) {
    let mut command = tries(programs, home, description, "schemathesis.toml");
    command.args(LEFT_OUT.iter().flat_map(|name| ["--exclude-operation-id", name]));
    run(command.env("BULKHEAD_TOKEN", token));
}

/// Tries these operations with the cookie of somebody, as the gateway's own page does.
#[track_caller]
fn try_signed_in(programs: &Path, home: &Home, description: &Path, who: &Browser, names: &[String]) {
    let mut command = tries(programs, home, description, "signed-in.toml");
    command.args(["--header", &format!("Origin: http://{}", who.address)]);
    command.args(names.iter().flat_map(|name| ["--include-operation-id", name]));
    run(command.env("BULKHEAD_COOKIE", who.cookie.as_ref().unwrap()));
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

/// What is not tried with a sign-in: it ends that, by a name that what is tried finds in an answer.
const ENDS_IT: [&str; 2] = ["sign_out", "end_sign_in"];

#[test]
fn what_is_for_who_is_signed_in_alone_is_answered_as_described() {
    let Some(programs) = programs("api::checked::what_is_for_who_is_signed_in_alone") else { return };
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let people = home.signed_in(["ada", "bob"]);
    let description = home.outside().join("openapi.json");
    fs::write(&description, people[0].get("openapi.json").is(200).body).unwrap();
    let described = Described::to(&people[0]);
    let names: Vec<String> = routes()
        .filter(|route| matches!(route.access, Access::SignedIn | Access::Oneself))
        .map(|route| described.operation(route.method, route.path.trim_start_matches("/api/v1/")))
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .filter(|name| !ENDS_IT.contains(&name.as_str()))
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    for person in &people {
        try_signed_in(&programs, &home, &description, person, &names);
        // It was they all the time, and still is.
        drop(person.get("sign-ins").is(200));
    }
    home.verifies();
}
