//! Programs that start other programs or run code, by their usual names. Granting one grants more than its name
//! says, so `check` says so. The list is a warning and no wall: what holds is the jail.

/// What a program starts besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Launches {
    /// The programs that its arguments name.
    Commands,
    /// Code that it is given.
    Code,
}

/// Programs that run what their arguments or their settings name.
const COMMANDS: &[&str] = &[
    "at",
    "batch",
    "bwrap",
    "chroot",
    "chrt",
    "doas",
    "ed",
    "env",
    "expect",
    "find",
    "flock",
    "gdb",
    "git",
    "ionice",
    "less",
    "ltrace",
    "make",
    "man",
    "more",
    "nano",
    "nice",
    "nohup",
    "ninja",
    "parallel",
    "rsync",
    "run-parts",
    "scp",
    "screen",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "ssh",
    "start-stop-daemon",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "tar",
    "taskset",
    "time",
    "timeout",
    "tmux",
    "unshare",
    "watch",
    "xargs",
    "zip",
];

/// Shells, interpreters, and programs with one inside.
const CODE: &[&str] = &[
    "ash",
    "awk",
    "bash",
    "bc",
    "bun",
    "busybox",
    "cargo",
    "csh",
    "dash",
    "deno",
    "emacs",
    "fish",
    "gawk",
    "gcc",
    "guile",
    "irb",
    "java",
    "julia",
    "ksh",
    "lua",
    "luajit",
    "m4",
    "mawk",
    "mksh",
    "nawk",
    "node",
    "nodejs",
    "npm",
    "npx",
    "perl",
    "php",
    "pip",
    "powershell",
    "psql",
    "pwsh",
    "pypy",
    "python",
    "R",
    "Rscript",
    "rbash",
    "ruby",
    "rustc",
    "sed",
    "sh",
    "sqlite3",
    "tclsh",
    "toybox",
    "uv",
    "vi",
    "view",
    "vim",
    "wish",
    "zsh",
];

/// What `command` starts besides itself, by its name without folder and version: `/usr/bin/python3.11` is `python`.
pub(crate) fn launches(command: &str) -> Option<Launches> {
    let name = command.rsplit('/').next().unwrap_or(command);
    let family = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let known = |list: &[&str]| list.contains(&name) || list.contains(&family);
    if known(CODE) || name.starts_with("ld-linux") || name == "ld.so" {
        Some(Launches::Code)
    } else if known(COMMANDS) {
        Some(Launches::Commands)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_and_interpreters_are_known_by_any_of_their_names() {
        for name in [
            "sh",
            "/bin/bash",
            "python3",
            "/usr/bin/python3.11",
            "perl5.36",
            "busybox",
            "ld-linux-x86-64.so.2",
        ] {
            assert_eq!(launches(name), Some(Launches::Code), "{name}");
        }
        for name in ["env", "nice", "timeout", "xargs", "sudo", "/usr/bin/find", "git"] {
            assert_eq!(launches(name), Some(Launches::Commands), "{name}");
        }
        for name in ["cat", "ls", "sleep", "/opt/tools/lint", "sha256sum"] {
            assert_eq!(launches(name), None, "{name}");
        }
    }
}
