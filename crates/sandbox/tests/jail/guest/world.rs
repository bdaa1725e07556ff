//! What a guest sees of the world: the gateway's listener, and nothing else.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use bulkhead_sandbox::{Exit, GUEST_PORT, Jail, JailError, SpawnError, System, layer};

use super::{command, jail, said, shell, system, wait};
use crate::Check;
use crate::layers::{kernels_abi, without};
use crate::stage::{Folders, roster, run};

pub(super) const CHECKS: &[Check] = &[
    ("guest: the gateway's listener is reached, and nothing else", only_the_listener_is_reached),
    ("guest: without a listener nothing listens", without_a_listener),
    ("guest: sockets with a name only where landlock keeps them apart", sockets_with_a_name),
    ("guest: what it sees of the machine", what_it_sees),
    ("guest: grants are what they say", grants_are_what_they_say),
    ("guest: what may only be written is nowhere that it could be read", a_blind_grant_beneath_scratch),
    ("guest: nobody's rights are lent out", nobodys_rights_are_lent_out),
    ("guest: without its namespaces it is refused", without_its_namespaces),
    ("guest: a jail that is none is refused", a_jail_that_is_none),
    ("guest: every layer is named", every_layer_is_named),
];

fn only_the_listener_is_reached() {
    let folders = Folders::new();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "from outside it is reached");
    let jail = jail(&folders, System { listen: true, ..system() });
    let line = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{GUEST_PORT} && echo ping >&3 && read -r x <&3 || exit 1; test \"$x\" = pong || exit 2
        for at in 127.0.0.1/{port} 192.0.2.1/80 8.8.8.8/53 169.254.169.254/80 localhost/{port} example.com/80; do
            (exec 4<>/dev/tcp/$at) 2>/dev/null && exit 3
            (echo x > /dev/udp/$at) 2>/dev/null && test ${{at#127}} = $at && test ${{at#localhost}} = $at && exit 4
        done; exit 0"
    );
    run(async {
        let command = command(&["bash", "-c", &line], &folders.path("work"));
        let mut guest = roster().launch("a", &jail, command).await.unwrap();
        let listener = guest.take_listener().unwrap();
        assert!(guest.take_listener().is_none());
        listener.set_nonblocking(false).unwrap();
        let answered = std::thread::spawn(move || {
            let (mut stream, from) = listener.accept().unwrap();
            assert!(from.ip().is_loopback());
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(b"pong\n").unwrap();
            line
        });
        assert_eq!(wait(&mut guest).await, Exit::Code(0));
        assert_eq!(answered.join().unwrap(), "ping\n");
    });
}

fn without_a_listener() {
    let folders = Folders::new();
    let line = format!("(exec 3<>/dev/tcp/127.0.0.1/{GUEST_PORT}) 2>/dev/null && exit 1; exit 0");
    run(async {
        let command = command(&["bash", "-c", &line], &folders.path("work"));
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        assert!(guest.take_listener().is_none());
        assert_eq!(wait(&mut guest).await, Exit::Code(0));
    });
}

/// Its own where Landlock (ABI 9) keeps it from those of the machine, none where it does not; a daemon's in no case.
fn sockets_with_a_name() {
    const APART: i64 = 9;
    let folders = Folders::new();
    let daemons =
        ["granted", "work"].map(|name| UnixListener::bind(folders.path(name).join("daemon")).unwrap());
    let code = "
import socket
def meet(path, own):
    try:
        listener = socket.socket(socket.AF_UNIX)
        if own: listener.bind(path); listener.listen()
        socket.socket(socket.AF_UNIX).connect(path)
        return 'met'
    except OSError: return 'refused'
print(meet('/tmp/own', True), meet('own', True), meet('daemon', False), meet('../granted/daemon', False))";
    let tried = command(&["python3", "-c", code], &folders.path("work"));
    let said = match said(&roster(), &jail(&folders, system()), tried) {
        Err(SpawnError::Command { .. }) => return eprintln!("SKIPPED: no python3"),
        other => other.unwrap(),
    };
    let own = if kernels_abi() < APART { "refused refused" } else { "met met" };
    let expected = format!("{own} refused refused\n");
    assert_eq!(said.out, expected);
    drop(daemons);
}

fn what_it_sees() {
    let folders = Folders::new();
    let (jail, work) = (jail(&folders, system()), folders.path("work"));
    let etc = shell(&jail, &work, "find /etc -maxdepth 1 -mindepth 1 | sort");
    for secret in ["shadow", "gshadow", "ssh", "sudoers", "npmrc", "pip.conf", "machine-id", "fstab"] {
        assert!(!etc.lines().any(|line| line == format!("/etc/{secret}")), "{secret}: {etc}");
    }
    let names = shell(&jail, &work, "cut -d: -f1 /etc/passwd | sort | tr '\\n' ' '; cat /etc/resolv.conf");
    assert!(names.starts_with("agent nobody root "), "{names}");
    let dev = shell(&jail, &work, "ls /dev | tr '\\n' ' '");
    assert_eq!(dev, "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
    // Its own processes, the first not among them.
    let pids = shell(&jail, &work, "ls /proc | grep -c '^[0-9]'; test -e /proc/1/status && echo first; true");
    assert!(pids.trim().parse::<u32>().is_ok_and(|count| count <= 4), "{pids}");
    let hidden =
        ["kcore", "keys", "kallsyms", "cmdline", "timer_list", "sysrq-trigger", "vmallocinfo", "vmcore"];
    for hidden in hidden.into_iter().chain(["allocinfo", "kpagecgroup", "kpagecount", "pagetypeinfo"]) {
        assert_eq!(shell(&jail, &work, &format!("cat /proc/{hidden} 2>/dev/null; echo")), "\n", "{hidden}");
    }
    let root = shell(&jail, &work, "ls / | tr '\\n' ' '");
    for private in ["root", "home", "boot", "sys", "var", "run", "mnt", "opt", "srv"] {
        assert!(!root.split(' ').any(|name| name == private), "{root}");
    }
}

fn grants_are_what_they_say() {
    let folders = Folders::new();
    fs::write(folders.path("granted/program"), "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(folders.path("granted/program"), fs::Permissions::from_mode(0o755)).unwrap();
    let blind = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::write(blind.path().join("file"), "unseen").unwrap();
    let mut jail = jail(&folders, system());
    jail.write.push(blind.path().into());
    let there = blind.path().display();
    let work = folders.path("work");
    for (line, said) in [
        ("cat ../granted/file", "granted"),
        ("../granted/program", "ran\n"),
        ("echo x > ../granted/file || echo no", "no\n"),
        ("rm ../granted/file || echo no", "no\n"),
        ("chmod 777 ../granted/file || echo no", "no\n"),
        ("touch ../granted/new || echo no", "no\n"),
        ("cat ../outside/secret || echo no", "no\n"),
        ("ls ../outside || echo no", "no\n"),
        ("cat way-out/secret || echo no", "no\n"),
        ("cat ../granted/link || echo no", "no\n"),
        (&format!("cat {there}/file || echo no"), "no\n"),
        (&format!("echo x > {there}/new && echo yes"), "yes\n"),
        (&format!("mkfifo {there}/pipe || echo no"), "no\n"),
        ("touch /var/tmp/new || echo no", "no\n"),
    ] {
        assert_eq!(shell(&jail, &work, &format!("({line}) 2>/dev/null")), said, "{line}");
    }
}

fn a_blind_grant_beneath_scratch() {
    let folders = Folders::new();
    let mut jail = jail(&folders, system());
    jail.write.push(folders.path("outside"));
    match said(&roster(), &jail, command(&["true"], &folders.path("work"))) {
        Err(SpawnError::Refused { why, mend, .. }) => {
            assert!(why.contains("outside") && mend.contains("elsewhere"), "{why}; {mend}");
        }
        other => panic!("{other:?}"),
    }
}

fn nobodys_rights_are_lent_out() {
    let folders = Folders::new();
    let (jail, work) = (jail(&folders, system()), folders.path("work"));
    let line = "cp /bin/true t; for mode in 4755 2755 u+s g+s; do chmod $mode t 2>/dev/null && echo lent; done; \
        python3 -c \"import os; os.open('m', os.O_CREAT | os.O_WRONLY, 0o4755)\" 2>/dev/null; \
        sh -c 'test -u m && echo lent'; chmod 755 t; echo end";
    assert_eq!(shell(&jail, &work, line), "end\n");
    for entry in fs::read_dir(&work).unwrap().flatten() {
        let mode = fs::symlink_metadata(entry.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o6000, 0, "{entry:?}");
    }
}

fn without_its_namespaces() {
    for (call, name) in [
        ("user", layer::USER_NAMESPACE),
        ("mount", layer::MOUNT_NAMESPACE),
        ("pid", layer::PID_NAMESPACE),
        ("network", layer::NETWORK_NAMESPACE),
        ("fsopen", layer::ROOT),
        ("pivot-root", layer::ROOT),
    ] {
        assert_eq!(without(call, &["guest", "reduced"]), [format!("refused {name} true")], "{call}");
    }
    assert_eq!(without("landlock", &["guest", "reduced"]), ["lacks landlock"]);
    assert_eq!(without("seccomp", &["guest", "reduced"]), ["lacks seccomp"]);
    assert_eq!(without("seccomp", &["guest"]), ["refused seccomp true"]);
}

fn a_jail_that_is_none() {
    let folders = Folders::new();
    let launch = |jail: &Jail| said(&roster(), jail, command(&["true"], &folders.path("work")));
    let none = Jail { system: None, ..jail(&folders, system()) };
    assert!(matches!(launch(&none), Err(SpawnError::Jail(JailError::System))));
    for wrong in [
        System { processes: 0, ..system() },
        System { tmp_bytes: 0, ..system() },
        System { cpu_seconds: Some(0), ..system() },
        System { read: vec!["relative".into()], ..system() },
        System { programs: vec!["/usr/../bin/sh".into()], ..system() },
    ] {
        let wrong = jail(&folders, wrong);
        assert!(matches!(launch(&wrong), Err(SpawnError::Jail(_))), "{wrong:?}");
    }
    for missing in [
        System { read: vec![folders.path("nowhere")], ..system() },
        System { programs: vec![folders.path("nowhere")], ..system() },
    ] {
        match launch(&jail(&folders, missing)) {
            Err(SpawnError::Refused { why, .. }) => assert!(why.contains("nowhere"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let whole = Jail { read: vec!["/".into()], ..jail(&folders, system()) };
    assert!(matches!(launch(&whole), Err(SpawnError::Refused { .. })));
}

fn every_layer_is_named() {
    let folders = Folders::new();
    run(async {
        let command = command(&["true"], &folders.path("work"));
        let mut guest = roster().launch("a", &jail(&folders, system()), command).await.unwrap();
        let names: Vec<&str> = guest.layers().iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, layer::ALL);
        assert!(guest.layers().iter().all(|layer| layer.present));
        assert_eq!(wait(&mut guest).await, Exit::Code(0));
        assert_eq!(wait(&mut guest).await, Exit::Code(0), "it answers the same again");
    });
}
