//! A machine that lacks what the tests need: it is installed, or each of it is named.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Said, programs};
use tempfile::TempDir;

/// All that the script runs of a machine.
const PROGRAMS: [&str; 3] = ["bash", "dirname", "cat"];

/// What a machine lacks that has nothing but these.
const LACKS: [&str; 6] = ["g++", "util-linux", "iproute2", "strace", "procps", "mount"];

/// A machine with these programs and an `apt-get` that has every package but the one that is named.
struct Machine(TempDir);

impl Machine {
    fn of(uid: u32, without: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for name in PROGRAMS {
            let found =
                std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.exists());
            symlink(found.unwrap(), folder.path().join(name)).unwrap();
        }
        let machine = Self(folder);
        machine.program("id", &format!("echo {uid}"));
        let asked = machine.asked();
        let asked = asked.display();
        machine.program(
            "apt-get",
            &format!("echo \"$@\" >>{asked}; case \" $* \" in *\" {without} \"*) exit 100 ;; esac"),
        );
        machine
    }

    fn program(&self, name: &str, words: &str) {
        programs::written(self.0.path().join(name), &format!("#!/bin/bash\n{words}\n"));
    }

    /// Where `apt-get` writes down what it was asked for.
    fn asked(&self) -> PathBuf {
        self.0.path().join("asked")
    }

    fn prepare(&self) -> Said {
        self.script("prepare", &["tests"])
    }

    fn script(&self, name: &str, args: &[&str]) -> Said {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name);
        let mut command = Command::new(self.0.path().join("bash"));
        command.arg(script).args(args).env_clear().env("PATH", self.0.path());
        Said::of(
            command
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }
}

#[test]
fn what_is_missing_is_installed_or_named_and_one_that_cannot_be_had_keeps_no_other_away() {
    let machine = Machine::of(0, "-");
    let said = machine.prepare();
    assert_eq!(said.code, 0, "{}", said.err);
    let asked = fs::read_to_string(machine.asked()).unwrap();
    assert!(asked.starts_with("update ") && asked.lines().count() == 2, "{asked}");
    for package in LACKS {
        assert!(asked.contains(&format!(" {package} ")), "{package}: {asked}");
    }

    let machine = Machine::of(0, "strace");
    let said = machine.prepare();
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains("missing: strace (Debian: sudo apt-get install strace)"), "{}", said.err);
    let asked = fs::read_to_string(machine.asked()).unwrap();
    for package in LACKS {
        assert!(
            asked.lines().any(|line| line.ends_with(&format!("recommends {package}"))),
            "{package}: {asked}"
        );
    }

    let machine = Machine::of(1_000, "-");
    let said = machine.prepare();
    assert_eq!(said.code, 4, "{}", said.err);
    for package in LACKS {
        assert!(said.err.contains(&format!(" {package} ")), "{package}: {}", said.err);
    }
    assert!(!machine.asked().exists(), "whoever may not install has installed");
}

#[test]
fn a_fresh_debian_that_cannot_be_made_here_is_refused_in_one_sentence() {
    let machine = Machine::of(1_000, "-");
    let said = machine.script("fresh", &[]);
    assert_eq!(said.code, 4, "{}", said.err);
    assert_eq!(said.err, "make fresh: only root can make a Debian beside this one (sudo make fresh)\n");

    let machine = Machine::of(0, "mmdebstrap");
    let said = machine.script("fresh", &[]);
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(
        said.err.contains("missing: mmdebstrap (Debian: sudo apt-get install mmdebstrap)"),
        "{}",
        said.err
    );
}
