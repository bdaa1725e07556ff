//! Programs on the libraries that other people's programs are made with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Home, Said};

/// The folder with the clients, or says loudly that `test` is skipped.
pub(crate) fn clients(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("BULKHEAD_CLIENTS").map_or_else(|| root.join(".tools/clients"), PathBuf::from);
    if dir.join("ready").is_file() {
        return Some(fs::canonicalize(dir).unwrap());
    }
    println!("SKIPPED {test}: no clients in {} (run tests/clients/run build)", dir.display());
    None
}

/// A home whose `coder` may read the virtual environment, and the interpreter that it is made of.
pub(crate) fn house(clients: &Path, scene: &str) -> Home {
    let home = Home::running(scene).with_coder();
    let python = clients.join("venv/bin/python");
    let prefix = Command::new(&python).args(["-c", "import sys; print(sys.base_prefix)"]).output().unwrap();
    let prefix = String::from_utf8(prefix.stdout).unwrap();
    let mut paths = vec![clients.to_str().unwrap().to_owned(), ".".to_owned()];
    if !prefix.starts_with("/usr") {
        paths.push(fs::canonicalize(prefix.trim()).unwrap().to_str().unwrap().to_owned());
    }
    let soul = home.path().join("agents/coder/SOUL.md");
    let text = fs::read_to_string(&soul).unwrap();
    let grant = format!("- file-reader: Reads its workspace\n  - paths: {}\n", paths.join(", "));
    fs::write(soul, text.replace("- file-reader: Reads its workspace\n", &grant)).unwrap();
    home
}

pub(crate) fn run(home: &Home, clients: &Path, program: &str) -> Said {
    let script = home.path().join("agents/coder/workspace/program.py");
    fs::write(script, program).unwrap();
    let python = clients.join("venv/bin/python");
    home.run(&["run", "-q", "coder", "--", python.to_str().unwrap(), "program.py"])
}
