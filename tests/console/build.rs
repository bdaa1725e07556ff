//! `scripts/console` and `scripts/node`: what cannot be had here is told apart from what is broken, since only the first may be skipped.

use std::fs;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::server::{Deed, Server};
use bulkhead_tests::{programs, skipped};
use serde_json::json;

/// What the script says of something that cannot be had here, and of something that is broken.
const MISSING: i32 = 3;
const BROKEN: i32 = 1;

/// A page whose only package is at this address, and what the script says of it.
fn built(registry: &str, wanted: &str, integrity: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in ["scripts", "console/src", "console/public"] {
        fs::create_dir_all(at(path)).unwrap();
    }
    for script in ["scripts/console", "scripts/node"] {
        fs::copy(here.join(script), at(script)).unwrap();
    }
    for file in ["index.html", "tsconfig.json", "svelte.config.js", "vite.config.js"] {
        fs::write(at("console").join(file), "").unwrap();
    }
    let package = json!({ "name": "page", "version": "0.0.0", "dependencies": { "thing": wanted } });
    let lock = json!({
        "name": "page", "version": "0.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": { "name": "page", "version": "0.0.0", "dependencies": { "thing": "1.0.0" } },
            "node_modules/thing": {
                "version": "1.0.0", "resolved": format!("{registry}/thing.tgz"), "integrity": integrity,
            },
        },
    });
    fs::write(at("console/package.json"), package.to_string()).unwrap();
    fs::write(at("console/package-lock.json"), lock.to_string()).unwrap();
    let said = Command::new(at("scripts/console"))
        .env("npm_config_registry", registry)
        .env("npm_config_cache", at("cache"))
        .env("npm_config_fetch_retries", "0")
        .output()
        .unwrap();
    (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned())
}

#[test]
fn a_lock_file_that_does_not_hold_is_a_failure_and_a_registry_that_is_away_is_not() {
    let test = "console::a_lock_file_that_does_not_hold_is_a_failure_and_a_registry_that_is_away_is_not";
    if !Command::new("npm").arg("--version").output().is_ok_and(|said| said.status.success()) {
        return skipped(test, "npm is not installed");
    }
    let other =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    let body = "{\"name\":\"thing\",\"versions\":{\"1.0.0\":{\"name\":\"thing\",\"version\":\"1.0.0\"}}}";
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let registry = Server::new(move |_| Deed::Say(answer.clone().into_bytes()));
    // Another file than the lock names, and a page that wants another version than the lock has.
    for wanted in ["1.0.0", "2.0.0"] {
        let (code, said) = built(&format!("http://{}", registry.address), wanted, other);
        assert_eq!(code, Some(BROKEN), "{wanted}: {said}");
    }
    let (code, said) = built("http://127.0.0.1:9", "1.0.0", other);
    assert_eq!(code, Some(MISSING), "{said}");
    assert!(said.contains("registry does not answer"), "{said}");
}

/// What `scripts/node` says on a machine of which Node has this version, where `npm` does this.
fn old_node(version: &str, npm: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/node");
    fs::create_dir(at("scripts")).unwrap();
    fs::create_dir(at("machine")).unwrap();
    programs::copied(script, at("scripts/node"));
    let node = format!("#!/bin/sh\ncase $2 in *arch) echo x64 ;; *) echo {version} ;; esac\n");
    programs::written(at("machine/node"), &node);
    programs::written(at("machine/npm"), &format!("#!/bin/bash\n{npm}\n"));
    let path = std::env::var("PATH").unwrap();
    let said = Command::new(at("scripts/node"))
        .env("PATH", format!("{}:{path}", at("machine").display()))
        .output()
        .unwrap();
    assert!(!said.status.success() || !at(".tools").exists(), "Node was fetched");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (said.status.code(), text(said.stdout), text(said.stderr))
}

#[test]
fn a_node_that_is_too_old_is_replaced_only_by_the_one_that_was_pinned() {
    let other = "for last; do :; done; name=${last/@/-}; echo other >\"$name.tgz\"";
    assert_eq!(old_node("20.19.0", "exit 1"), (Some(0), String::new(), String::new()));

    let (code, out, said) = old_node("18.20.4", other);
    assert_eq!((code, out.as_str()), (Some(BROKEN), ""), "{said}");
    assert!(said.contains("is not the one that was pinned"), "{said}");

    let (code, out, said) = old_node("18.20.4", "exit 1");
    assert_eq!((code, out.as_str()), (Some(MISSING), ""), "{said}");
    assert!(said.contains("Node is 18.20.4; 20.19.0 or newer is needed, and npm cannot fetch"), "{said}");
}
