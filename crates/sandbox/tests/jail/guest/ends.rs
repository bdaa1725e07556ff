//! That a guest ends, with all that it started, whoever ends it; and that its limits hold.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bulkhead_sandbox::{Exit, Guest, Jail, Roster, SpawnError, System};
use tokio::time::sleep;

use super::{command, jail, said, shell, system, wait};
use crate::Check;
use crate::stage::{Folders, roster, run, runs, until};

pub(super) const CHECKS: &[Check] = &[
    ("guest: what it left behind ends with it", what_it_left_behind_ends_with_it),
    ("guest: a kill ends all of it", a_kill_ends_all_of_it),
    ("guest: a kill ends all of it on a busy machine", a_kill_ends_all_of_it_on_a_busy_machine),
    ("guest: dropping it ends all of it", dropping_it_ends_all_of_it),
    ("guest: it does not outlive the gateway", it_does_not_outlive_the_gateway),
    ("guest: kill against launch", kill_against_launch),
    ("guest: signals reach it", signals_reach_it),
    ("guest: orphans are taken", orphans_are_taken),
    ("guest: it cannot end or look into its first process", its_first_process_is_out_of_reach),
    ("guest: a fork bomb is bounded", a_fork_bomb_is_bounded),
    ("guest: memory is bounded", memory_is_bounded),
    ("guest: /tmp is bounded", scratch_is_bounded),
    ("guest: processor time is bounded", processor_time_is_bounded),
    ("guest: files and their number are bounded", files_are_bounded),
];

/// The processes outside whose command line has `mark` in it.
fn marked(mark: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark) && runs(*pid)
    })
    .collect()
}

/// A number of seconds to sleep that no other check sleeps.
fn mark() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{}.{next:03}", 100_000 + std::process::id() % 800_000)
}

/// Sleepers in the foreground, in the background, as a daemon of a daemon, deaf to what can be ignored.
fn brood(mark: &str) -> String {
    format!(
        "sleep {mark} & (setsid sleep {mark} &) ; (setsid sh -c 'setsid sleep {mark} & exit' &) ; \
         (trap '' TERM HUP INT; nohup sleep {mark} >/dev/null 2>&1 &) ; sleep 0.2; "
    )
}

fn what_it_left_behind_ends_with_it() {
    let (folders, mark) = (Folders::new(), mark());
    let line = brood(&mark) + "exit 3";
    // Not through `said`: the sleepers hold its pipe, and the end must not wait for them.
    let exit = run(async {
        let command = command(&["sh", "-c", &line], &folders.path("work"));
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        until("all four sleep", || marked(&format!("sleep\0{mark}")).len() == 4);
        wait(&mut guest).await
    });
    assert_eq!(exit, Exit::Code(3));
    assert_eq!(marked(&format!("sleep\0{mark}")), [0; 0], "with the answer all is gone");
}

async fn brooding(roster: &Roster, jail: &Jail, folders: &Folders, mark: &str) -> Guest {
    let line = brood(mark) + &format!("sleep {mark}");
    let guest = roster.launch("a", jail, command(&["sh", "-c", &line], &folders.path("work"))).await.unwrap();
    until("all five sleep", || marked(&format!("sleep\0{mark}")).len() == 5);
    guest
}

fn a_kill_ends_all_of_it() {
    let (folders, mark, roster) = (Folders::new(), mark(), roster());
    run(async {
        let jail = jail(&folders, system());
        let mut guest = brooding(&roster, &jail, &folders, &mark).await;
        let killed = roster.kill("a");
        assert_eq!((killed.processes, killed.left), (1, 0));
        assert_eq!(marked(&format!("sleep\0{mark}")), [0; 0]);
        assert_eq!(wait(&mut guest).await, Exit::Ended);
        let again = roster.launch("a", &jail, command(&["true"], &folders.path("work"))).await;
        assert!(matches!(again, Err(SpawnError::Closed { .. })), "{again:?}");
    });
}

/// Four busy processes of others for each processor, and as many of the guest's. With the answer all is gone.
fn a_kill_ends_all_of_it_on_a_busy_machine() {
    let count = std::thread::available_parallelism().unwrap().get() * 4;
    let (folders, mark, roster) = (Folders::new(), mark(), roster());
    let busy = "while :; do :; done";
    let jail = jail(&folders, system());
    run(async {
        let line = format!("for i in $(seq {count}); do sh -c '{busy}' busy-{mark} & done; wait");
        let command = command(&["sh", "-c", &line], &folders.path("work"));
        let mut guest = roster.launch("a", &jail, command).await.unwrap();
        until("all are busy", || marked(&format!("\0busy-{mark}")).len() == count);
        let hog = || std::process::Command::new("sh").args(["-c", busy]).spawn().unwrap();
        let mut hogs: Vec<_> = (0..count).map(|_| hog()).collect();
        let killed = roster.kill("a");
        let left = marked(&format!("busy-{mark}"));
        for hog in &mut hogs {
            hog.kill().unwrap();
            hog.wait().unwrap();
        }
        assert_eq!((killed.processes, killed.left, left), (1, 0, vec![]));
        assert_eq!(wait(&mut guest).await, Exit::Ended);
    });
}

fn dropping_it_ends_all_of_it() {
    let (folders, mark, roster) = (Folders::new(), mark(), roster());
    run(async {
        drop(brooding(&roster, &jail(&folders, system()), &folders, &mark).await);
        until("all is gone", || marked(&format!("sleep\0{mark}")).is_empty());
        until("it is off the list", || roster.count("a") == 0);
    });
}

/// A gateway with a guest that has a brood. It waits to be killed.
pub(crate) fn host(mark: &str) {
    let (folders, roster) = (Folders::new(), roster());
    run(async {
        let _guest = brooding(&roster, &jail(&folders, system()), &folders, mark).await;
        println!("all");
        std::future::pending::<()>().await;
    });
}

fn it_does_not_outlive_the_gateway() {
    let mark = mark();
    let mut gateway = std::process::Command::new("/proc/self/exe")
        .args(["host", &mark])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(gateway.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line, "all\n");
    assert_eq!(marked(&format!("sleep\0{mark}")).len(), 5);
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until("all is gone", || marked(&mark).is_empty());
}

fn kill_against_launch() {
    const ROUNDS: u64 = 60;
    let (folders, mark, roster) = (Folders::new(), mark(), roster());
    let jail = jail(&folders, system());
    let mut stopped = 0;
    for round in 0..ROUNDS {
        let launched = run(async {
            let command = command(&["sleep", &mark], &folders.path("work"));
            let launch = roster.launch("a", &jail, command);
            let killer = roster.clone();
            let kill = tokio::task::spawn_blocking(move || {
                std::thread::sleep(Duration::from_micros(round * 250));
                killer.kill("a")
            });
            let (launched, killed) = tokio::join!(launch, kill);
            assert_eq!(killed.unwrap().left, 0);
            match launched {
                Ok(mut guest) => Some(wait(&mut guest).await),
                Err(SpawnError::Closed { .. }) => None,
                Err(other) => panic!("{other}"),
            }
        });
        assert_eq!(marked(&format!("sleep\0{mark}")), [0; 0], "round {round}");
        assert!(launched.is_none_or(|exit| exit == Exit::Ended), "{launched:?}");
        stopped += u64::from(launched.is_none());
        roster.open("a");
    }
    assert!(stopped > 0, "no kill came while it was being launched");
}

fn signals_reach_it() {
    let (folders, roster) = (Folders::new(), roster());
    let jail = jail(&folders, system());
    run(async {
        for (line, signal, exit) in [
            ("exec sleep 1000", libc::SIGTERM, Exit::Signal(libc::SIGTERM)),
            ("trap 'exit 9' USR1; echo > ready; while :; do sleep 0.01; done", libc::SIGUSR1, Exit::Code(9)),
            ("exec sleep 1000", libc::SIGKILL, Exit::Signal(libc::SIGKILL)),
            // To those it started, too: a shell in the foreground waits for its child.
            ("sleep 1000; exit 4", libc::SIGINT, Exit::Signal(libc::SIGINT)),
        ] {
            let command = command(&["sh", "-c", line], &folders.path("work"));
            let mut guest = roster.launch("a", &jail, command).await.unwrap();
            if line.contains("ready") {
                until("it is ready", || folders.path("work/ready").exists());
            } else {
                sleep(Duration::from_millis(100)).await;
            }
            assert!(guest.signal(0).await.is_err());
            assert!(guest.signal(65).await.is_err());
            guest.signal(signal).await.unwrap();
            assert_eq!(wait(&mut guest).await, exit, "{line}");
            guest.signal(signal).await.unwrap();
        }
    });
}

fn orphans_are_taken() {
    let folders = Folders::new();
    // More orphans than may be at once: they must leave the table when they end.
    let jail = jail(&folders, System { processes: 16, ..system() });
    let line = "i=0; while [ $i -lt 200 ]; do (true &) ; sleep 0.002; i=$((i+1)); done; echo done";
    assert_eq!(shell(&jail, &folders.path("work"), line), "done\n");
}

fn its_first_process_is_out_of_reach() {
    let folders = Folders::new();
    let line = "for s in KILL STOP TERM HUP INT SEGV CHLD USR1; do kill -$s 1; done 2>/dev/null; sleep 0.1
        for f in environ mem maps fd/0 root/etc cwd; do test -r /proc/1/$f && cat /proc/1/$f 2>/dev/null; done
        ls /proc/1/fd 2>/dev/null; echo alive";
    assert_eq!(shell(&jail(&folders, system()), &folders.path("work"), line), "alive\n");
}

/// As many processes as there may be; the machine's root has more.
fn most(processes: u32) -> usize {
    let root = if rustix::process::getuid().is_root() { 301 } else { 0 };
    processes as usize + root
}

fn a_fork_bomb_is_bounded() {
    let (folders, mark, roster) = (Folders::new(), mark(), roster());
    let jail = jail(&folders, System { processes: 32, ..system() });
    run(async {
        let bomb = format!("f() {{ sleep {mark} & f & f; }}; while :; do f 2>/dev/null; done");
        let command = command(&["bash", "-c", &bomb], &folders.path("work"));
        let guest = roster.launch("a", &jail, command).await.unwrap();
        for _ in 0..20 {
            sleep(Duration::from_millis(50)).await;
            let count = marked(&mark).len();
            assert!(count <= most(32), "{count} processes");
        }
        assert_eq!(roster.kill("a").left, 0);
        drop(guest);
        assert_eq!(marked(&mark), [0; 0]);
    });
}

fn memory_is_bounded() {
    let folders = Folders::new();
    let jail = Jail { memory_bytes: 256 << 20, ..jail(&folders, system()) };
    let work = folders.path("work");
    let tries = [
        ("private", "b = bytearray(N); print('had', len(b))"),
        ("shared", "import mmap; m = mmap.mmap(-1, N); m.write(b'x' * N); print('had')"),
        (
            "zero",
            "import mmap; f = open('/dev/zero', 'r+b'); m = mmap.mmap(f.fileno(), N); m.write(b'x' * N); print('had')",
        ),
        ("memfd", "import os; f = os.memfd_create('x'); print('had')"),
        ("shm", "f = open('/dev/shm/x', 'wb'); f.write(b'x' * N); print('had')"),
        ("sysv", "import ctypes; c = ctypes.CDLL(None); print('had') if c.shmget(0, N, 0o1600) >= 0 else 0"),
    ];
    for (what, code) in tries {
        for (bytes, may) in [(1 << 20, ["private", "shm"].contains(&what)), (400 << 20, false)] {
            let code = code.replace('N', &bytes.to_string());
            let said = said(&roster(), &jail, command(&["python3", "-c", &code], &work));
            let Ok(said) = said else { return eprintln!("SKIPPED: no python3") };
            assert_eq!(said.out.starts_with("had"), may, "{what} {bytes}: {}", said.out);
        }
    }
}

fn scratch_is_bounded() {
    let folders = Folders::new();
    let jail = Jail { file_bytes: 1 << 30, ..jail(&folders, System { tmp_bytes: 1 << 20, ..system() }) };
    let line = "head -c 600000 /dev/zero > /tmp/a || exit 1; head -c 600000 /dev/zero > /dev/shm/b && exit 2; echo bounded";
    let said = shell(&jail, &folders.path("work"), line);
    assert!(said.ends_with("bounded\n"), "{said}");
    // Nothing else takes a file, and what is mounted cannot be changed.
    for path in ["/x", "/etc/x", "/dev/x", "/usr/x", "/proc/sys/kernel/pid_max", "/proc/sysrq-trigger"] {
        let line =
            format!("if echo 1 2>/dev/null > {path}; then echo written; else echo refused; fi 2>/dev/null");
        assert_eq!(shell(&jail, &folders.path("work"), &line), "refused\n", "{path}");
    }
}

fn processor_time_is_bounded() {
    let folders = Folders::new();
    let jail = jail(&folders, System { cpu_seconds: Some(1), ..system() });
    let said =
        said(&roster(), &jail, command(&["sh", "-c", "while :; do :; done"], &folders.path("work"))).unwrap();
    assert!(matches!(said.exit, Exit::Signal(libc::SIGXCPU | libc::SIGKILL)), "{said:?}");
}

fn files_are_bounded() {
    let folders = Folders::new();
    let jail = Jail { file_bytes: 1 << 20, open_files: 32, ..jail(&folders, system()) };
    let work = folders.path("work");
    let large =
        said(&roster(), &jail, command(&["sh", "-c", "head -c 3000000 /dev/zero > big"], &work)).unwrap();
    assert_ne!(large.exit, Exit::Code(0));
    assert_eq!(fs::metadata(folders.path("work/big")).unwrap().len(), 1 << 20);
    let line = "ulimit -n; ulimit -c; ulimit -n 4096 2>/dev/null || echo refused";
    assert_eq!(shell(&jail, &work, line), "32\n0\nrefused\n");
    // What was open here is not open there: three descriptors, and the one that lists them.
    let mut list = command(&["ls", "/proc/self/fd"], &work);
    let (from, to) = std::io::pipe().unwrap();
    list.stdio[1] = OwnedFd::from(to);
    let exit = run(async { wait(&mut roster().launch("a", &jail, list).await.unwrap()).await });
    assert_eq!((exit, std::io::read_to_string(from).unwrap().as_str()), (Exit::Code(0), "0\n1\n2\n3\n"));
}
