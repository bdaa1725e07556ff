//! The fuzz targets: each is named in the manifest, by which `scripts/fuzz` runs them and clippy compiles them, and has something
//! to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What there is of targets, by their names.
pub struct Targets {
    pub files: BTreeSet<String>,
    pub manifest: String,
    /// The folders of seeds, with how many each has.
    pub seeds: BTreeMap<String, usize>,
}

pub fn targets(root: &Path) -> Targets {
    let folder = |path: &str| {
        let entries = std::fs::read_dir(root.join("fuzz").join(path)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let count = |path: &Path| {
        std::fs::read_dir(path).unwrap().filter(|seed| seed.as_ref().unwrap().path().is_file()).count()
    };
    Targets {
        files: folder("fuzz_targets").map(|path| name(&path)).collect(),
        manifest: std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap(),
        seeds: folder("seeds").map(|path| (name(&path), count(&path))).collect(),
    }
}

/// What is wrong with them.
pub fn check(targets: &Targets) -> Vec<String> {
    let manifest: toml::Table = targets.manifest.parse().unwrap();
    let bins = manifest.get("bin").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = |bin: &toml::Value, key: &str| {
        bin.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    let named: BTreeMap<String, String> =
        bins.iter().map(|bin| (text(bin, "name"), text(bin, "path"))).collect();
    let mut findings = Vec::new();
    for name in targets.files.iter().chain(named.keys()).chain(targets.seeds.keys()).collect::<BTreeSet<_>>()
    {
        if !targets.files.contains(name) {
            findings.push(format!("fuzz: `{name}` has no fuzz_targets/{name}.rs"));
        } else if named.get(name) != Some(&format!("fuzz_targets/{name}.rs")) {
            findings.push(format!(
                "fuzz/Cargo.toml: does not name `{name}`, so that nothing compiles or runs it"
            ));
        } else if targets.seeds.get(name).is_none_or(|seeds| *seeds == 0) {
            findings.push(format!("fuzz: `{name}` has no file in seeds/{name}"));
        }
    }
    findings
}

#[test]
fn a_target_that_is_not_run_or_begins_with_nothing_is_found() {
    let good = || Targets {
        files: BTreeSet::from(["one".into()]),
        manifest: "[[bin]]\nname = \"one\"\npath = \"fuzz_targets/one.rs\"".into(),
        seeds: BTreeMap::from([("one".into(), 1)]),
    };
    assert_eq!(check(&good()), [""; 0]);
    let two = || BTreeSet::from(["one".into(), "two".into()]);
    for bad in [
        Targets { files: two(), ..good() },
        Targets { files: BTreeSet::new(), ..good() },
        Targets { manifest: String::new(), ..good() },
        Targets { manifest: good().manifest.replace("one.rs", "two.rs"), ..good() },
        Targets { seeds: BTreeMap::new(), ..good() },
        Targets { seeds: BTreeMap::from([("one".into(), 0)]), ..good() },
        Targets { seeds: BTreeMap::from([("one".into(), 1), ("old".into(), 1)]), ..good() },
    ] {
        assert_eq!(check(&bad).len(), 1, "{:?} {}", bad.files, bad.manifest);
    }
}
