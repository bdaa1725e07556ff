//! Real programs of this machine. One that is not here is skipped, loudly.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bulkhead_sandbox::{Exit, Jail, SpawnError, System};

use super::{command, jail, said, shell, system};
use crate::Check;
use crate::stage::{Folders, roster, until};

pub(super) const CHECKS: &[Check] = &[
    ("guest: shell and pipelines", shell_and_pipelines),
    ("guest: python3", || python("python3")),
    ("guest: a python outside /usr", python_elsewhere),
    ("guest: a script and its interpreter", a_script_and_its_interpreter),
    ("guest: node", node),
    ("guest: git", git),
    ("guest: gcc, and what it made", gcc),
    ("guest: perl", perl),
    ("guest: only the named programs", only_the_named_programs),
    ("guest: what cannot be started is said", what_cannot_be_started_is_said),
];

/// Whether a program is here.
fn here(name: &str) -> bool {
    let found =
        ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(name).exists());
    if !found {
        eprintln!("SKIPPED: `{name}` is not on this machine");
    }
    found
}

fn shell_and_pipelines() {
    let folders = Folders::new();
    let (jail, work) = (jail(&folders, system()), folders.path("work"));
    assert_eq!(shell(&jail, &work, "printf 'b\\na\\nc\\n' | sort | tr -d '\\n'"), "abc");
    assert_eq!(shell(&jail, &work, "find . -type f | grep -c file"), "1\n");
    assert_eq!(shell(&jail, &work, "cat file ../granted/file"), "workgranted");
    assert_eq!(
        shell(&jail, &work, "echo new > made && mv made kept && ln -s kept link && cat link"),
        "new\n"
    );
    assert_eq!(fs::read_to_string(folders.path("work/kept")).unwrap(), "new\n");
    assert_eq!(shell(&jail, &work, "echo scratch > /tmp/x && cat /tmp/x"), "scratch\n");
    assert_eq!(
        shell(&jail, &work, "echo said > /dev/stderr; echo x > /dev/null; head -c 2 /dev/zero | od -An -tx1"),
        "said\n 00 00\n"
    );
    assert_eq!(shell(&jail, &work, "id -un; hostname 2>/dev/null || uname -n"), "agent\njail\n");
    assert_eq!(
        shell(
            &jail,
            &work,
            "head -c 4 /dev/urandom | wc -c; test $(date +%Y) -gt 2000; sleep 0.01; (exit 3) || echo no"
        ),
        "4\nno\n"
    );
}

const PYTHON: &str = r#"
import concurrent.futures, hashlib, json, multiprocessing, os, socket, ssl, subprocess, sys, tempfile, threading, time, zoneinfo
assert subprocess.run(["echo", "hi"], capture_output=True).stdout == b"hi\n"
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert sum(pool.map(lambda x: x * x, range(100))) == 328350
lock = multiprocessing.get_context("fork").Lock()
def child(queue): queue.put(os.getpid())
queue = multiprocessing.get_context("fork").Queue()
process = multiprocessing.get_context("fork").Process(target=child, args=(queue,))
process.start(); assert queue.get() == process.pid; process.join()
server = socket.create_server(("127.0.0.1", 0)) if LOOPBACK else None
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
with tempfile.TemporaryFile() as f: f.write(b"x")
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    out, _ = await process.communicate(b"y"); assert out == b"y"
asyncio.run(main())
assert os.cpu_count() >= 1
ssl.create_default_context()
open("made-by-python", "w").write("yes")
print("fine", sys.version_info[0])
"#;

fn python(program: &str) {
    if program.starts_with('/') || here(program) {
        let folders = Folders::new();
        try_python(&jail(&folders, system()), program, &folders);
    }
}

fn try_python(jail: &Jail, program: &str, folders: &Folders) {
    let code = PYTHON.replace("LOOPBACK", "False");
    let said = said(&roster(), jail, command(&[program, "-c", &code], &folders.path("work"))).unwrap();
    assert_eq!((said.exit, said.out.as_str()), (Exit::Code(0), "fine 3\n"));
    assert_eq!(fs::read_to_string(folders.path("work/made-by-python")).unwrap(), "yes");
}

/// An interpreter with its libraries in a folder of its own.
fn elsewhere() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // What is called so may also start another one, which knows where it lies itself.
    let found = std::env::split_paths(&path).find_map(|folder| {
        let asked = std::process::Command::new(folder.join("python3"))
            .args(["-c", "import sys; print(sys.base_prefix)"])
            .output()
            .ok()
            .filter(|said| said.status.success())?;
        let root = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
        let outside = root.is_absolute() && !root.starts_with("/usr") && root != Path::new("/");
        (outside && root.join("bin/python3").exists()).then_some(root)
    });
    if found.is_none() {
        eprintln!(
            "SKIPPED: a python with a folder of its own, because none outside /usr is on the PATH of this user"
        );
    }
    found
}

fn python_elsewhere() {
    let Some(root) = elsewhere() else { return };
    let program = root.join("bin/python3");
    let folders = Folders::new();
    let with = jail(&folders, System { read: vec![root], ..system() });
    try_python(&with, program.to_str().unwrap(), &folders);
    let without = said(
        &roster(),
        &jail(&folders, system()),
        command(&[program.to_str().unwrap()], &folders.path("work")),
    );
    assert!(matches!(without, Err(SpawnError::Command { code: 127, .. })), "{without:?}");
}

fn a_script_and_its_interpreter() {
    let folders = Folders::new();
    let script = folders.path("work/script");
    fs::write(&script, "#!/bin/sh\necho \"$0 $1\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let said =
        said(&roster(), &jail(&folders, system()), command(&[script, "x"], &folders.path("work"))).unwrap();
    assert_eq!(said.out, format!("{script} x\n"));
}

fn node() {
    if !here("node") {
        return;
    }
    let folders = Folders::new();
    let code = r#"
        const { execFileSync } = require("child_process"), fs = require("fs"), os = require("os");
        const { Worker } = require("worker_threads");
        fs.writeFileSync("made-by-node", String(execFileSync("echo", ["hi"])));
        fs.mkdtempSync("/tmp/x"); os.cpus(); os.totalmem();
        new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true })
            .on("message", (n) => setTimeout(() => console.log("fine", n), 5));
    "#;
    let jail = jail(&folders, system());
    let said = said(&roster(), &jail, command(&["node", "-e", code], &folders.path("work"))).unwrap();
    assert_eq!((said.exit, said.out.as_str()), (Exit::Code(0), "fine 42\n"));
    assert_eq!(fs::read_to_string(folders.path("work/made-by-node")).unwrap(), "hi\n");
}

fn git() {
    if !here("git") {
        return;
    }
    let folders = Folders::new();
    let line = "git init -q r && cd r && git config user.email a@b && git config user.name a && echo x > f && git add f \
        && git commit -qm first && git log --oneline | wc -l && git status --short && git gc -q && git clone -q . ../s \
        && cat ../s/f";
    assert_eq!(shell(&jail(&folders, system()), &folders.path("work"), line), "1\nx\n");
}

fn gcc() {
    if !here("gcc") {
        return;
    }
    let folders = Folders::new();
    let code = r#"
        #include <pthread.h>
        #include <stdio.h>
        static void *add(void *n) { __sync_fetch_and_add((int *)n, 1); return 0; }
        int main(void) {
            int n = 0; pthread_t all[16];
            for (int i = 0; i < 16; i++) if (pthread_create(&all[i], 0, add, &n)) return 1;
            for (int i = 0; i < 16; i++) pthread_join(all[i], 0);
            printf("%d\n", n); return 0;
        }
    "#;
    fs::write(folders.path("work/threads.c"), code).unwrap();
    let line = "gcc -O1 -pthread threads.c -o threads && ./threads";
    assert_eq!(shell(&jail(&folders, system()), &folders.path("work"), line), "16\n");
}

fn perl() {
    if here("perl") {
        let folders = Folders::new();
        let line = "perl -MFile::Temp -e 'print join q(,), sort { $a <=> $b } 3, 1, 2'";
        assert_eq!(shell(&jail(&folders, system()), &folders.path("work"), line), "1,2,3");
    }
}

fn only_the_named_programs() {
    let folders = Folders::new();
    let work = folders.path("work");
    let copy = folders.path("work/copy");
    fs::copy("/bin/echo", &copy).unwrap();
    let named = System { programs: vec!["/bin/sh".into(), "/usr/bin/wc".into()], ..system() };
    let jail = jail(&folders, named);
    let ran =
        |words: &[&str]| said(&roster(), &jail, command(words, &work)).map(|said| (said.exit, said.out));
    assert_eq!(ran(&["sh", "-c", "echo x | wc -c; echo /usr/bin/*"]).unwrap().1.lines().next(), Some("2"));
    let (_, shown) = ran(&["sh", "-c", "echo /usr/bin/* /usr/local/bin/*"]).unwrap();
    let shown: Vec<&str> = shown.split_whitespace().filter(|name| !name.contains('*')).collect();
    assert!(shown.iter().all(|name| name.ends_with("sh") || name.ends_with("/wc")), "{shown:?}");
    assert!(matches!(ran(&["cat"]), Err(SpawnError::Command { code: 127, .. })));
    // A copy in a granted folder, and through the loader, which must be there.
    match ran(&[copy.to_str().unwrap()]) {
        Err(SpawnError::Command { code: 126, why }) => assert!(why.contains("not granted"), "{why}"),
        other => panic!("{other:?}"),
    }
    let through = "for loader in /lib64/ld-linux* /lib/ld-linux*; do $loader ./copy through; done 2>/dev/null; echo end";
    assert_eq!(ran(&["sh", "-c", through]).unwrap().1, "end\n");
    let (exit, _) = ran(&[
        "sh",
        "-c",
        "cp /bin/sh /tmp/s 2>/dev/null; while read -r x; do :; done < /bin/sh; /tmp/s -c true",
    ])
    .unwrap();
    assert_ne!(exit, Exit::Code(0));
}

fn what_cannot_be_started_is_said() {
    let folders = Folders::new();
    let (jail, work, roster) = (jail(&folders, system()), folders.path("work"), roster());
    fs::write(folders.path("work/plain"), "x").unwrap();
    fs::write(folders.path("work/broken"), "#!/no/such/interpreter\n").unwrap();
    fs::write(folders.path("work/noise"), [0, 1, 2, 3]).unwrap();
    for name in ["broken", "noise"] {
        fs::set_permissions(folders.path("work").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let refused = |words: &[&str], folder: &Path| match said(&roster, &jail, command(words, folder)) {
        Err(SpawnError::Command { code, why }) => (code, why),
        other => panic!("{words:?}: {other:?}"),
    };
    for (words, folder, code, part) in [
        (["no-such-program"], &work, 127, "no program `no-such-program`"),
        (["/no/such/program"], &work, 127, "not shown in this jail"),
        (["../outside/secret"], &work, 127, "not shown in this jail"),
        (["./plain"], &work, 126, "not marked as a program"),
        (["./broken"], &work, 126, "interpreter"),
        (["./noise"], &work, 126, "no program that this machine can start"),
        (["."], &work, 127, "no program `.`"),
        (["./"], &work, 126, "is a folder"),
        (["true"], &folders.path("outside"), 126, "cannot run in the folder"),
        (["true"], &folders.path("work/nowhere"), 126, "cannot run in the folder"),
        (["true"], &folders.path("work/file"), 126, "cannot run in the folder"),
    ] {
        let (got, why) = refused(&words, folder);
        assert!(got == code && why.contains(part), "{words:?} {folder:?}: {got} {why}");
        assert!(!why.contains('\n'), "{why}");
    }
    until("nothing is left behind", || roster.count("a") == 0);
}
