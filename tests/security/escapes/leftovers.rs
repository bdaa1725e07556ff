//! What was left lying about: descriptors of a careless parent, terminals, processes that stay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::attempt::{Attempt, Input, Inside, Sign, attempt};
use crate::call::{Done, any, c_path, call};
use crate::run;
use crate::scene::{Scene, descriptors};

pub const CHECKS: &[Attempt] = &[
    attempt("a folder that a careless parent left open", folder, Sign::Leaked)
        .staged(|s| leave(s, "outside", false)),
    attempt("stand in a folder that was left open", stand, Sign::Leaked)
        .staged(|s| leave(s, "outside", false)),
    attempt("a file that was left open for reading", |i| each(|fd| i.spill(fd)), Sign::Leaked)
        .staged(|s| leave(s, "outside/secret", false)),
    attempt(
        "a file that was left open for writing",
        |i| each(|fd| OpenOptions::new().append(true).open(fd)?.write_all(i.mark())),
        Sign::Disturbed,
    )
    .staged(|s| leave(s, "outside/file", true)),
    attempt("a socket that was left open", socket, Sign::Heard).staged(leave_socket),
    attempt("a folder for its standard input", from_folder, Sign::Disturbed).input(Input::Folder).refusable(),
    attempt("the way back from its standard streams", back, Sign::Leaked),
    attempt("type into the terminal (TIOCSTI)", |i| type_in(i, 0), Sign::Seen(typed))
        .input(Input::Terminal)
        .root()
        .kernel(),
    attempt("type into the terminal by its name", by_name, Sign::Seen(typed))
        .input(Input::Terminal)
        .root()
        .kernel(),
    attempt("the console's clipboard (TIOCLINUX)", clipboard, Sign::Word)
        .input(Input::Terminal)
        .root()
        .kernel(),
    attempt("write onto another's terminal", others_terminal, Sign::Seen(written)).staged(other_terminal),
    attempt("open a terminal of the machine", own_terminal, Sign::Seen(machines_terminal)),
    attempt("keep running in the background", background, Sign::Left),
    attempt("keep running in a session of its own", session, Sign::Left),
    attempt("keep running as a daemon that forked twice", daemon, Sign::Left),
    attempt("keep running when its streams are closed", closed, Sign::Left),
    attempt("keep running though it was told to stop", deaf, Sign::Left),
    attempt("keep running by not dying with its parent", orphan, Sign::Left),
    attempt("be forking while it is killed", forking, Sign::Left).killed(40),
    attempt("be forking in many places while it is killed", forking_widely, Sign::Left).killed(20),
    attempt("be starting programs while it is killed", starting, Sign::Left).killed(20),
    attempt("be a daemon when it is killed", daemon, Sign::Left).killed(10),
    attempt("be stopped when it is killed", stopped, Sign::Left).killed(5),
    attempt("be traced when it is killed", traced, Sign::Left).killed(5),
    attempt("end its own first process", first, Sign::Left).rounds(5),
    attempt("keep the first process from ending", hold_first, Sign::Left).killed(5),
    attempt("keep the first process from its turn", starve_first, Sign::Left).killed(3),
];

/// A number of a descriptor that a jailed process may have, and above those of all that listens on the stage: an accept that waits
/// has its number already.
const LOW: usize = run::OPEN_FILES as usize - 4;

/// A descriptor with a high number that is not closed by a start of another program.
fn keep(scene: &mut Scene, file: &impl AsFd, number: usize) {
    let fd = file.as_fd().as_raw_fd() as usize;
    let kept = call(libc::SYS_dup2, &[fd, number]).unwrap();
    // SAFETY: the number was free and is nobody else's.
    scene.kept.push(unsafe { File::from_raw_fd(i32::try_from(kept).unwrap()) });
}

fn leave(scene: &mut Scene, path: &str, write: bool) {
    let mut options = OpenOptions::new();
    let options = if write { options.append(true) } else { options.read(true) };
    let file = options.open(scene.at(path)).unwrap();
    keep(scene, &file, 777);
    keep(scene, &file, LOW);
}

fn leave_socket(scene: &mut Scene) {
    let stream = std::os::unix::net::UnixStream::connect(scene.at("outside/daemon.sock")).unwrap();
    keep(scene, &stream, 777);
}

/// Every descriptor by its name: the first that lets it through need not be the one.
fn each(through: impl Fn(&str) -> Done) -> Done {
    any(3..1024, |fd| {
        // A pipe would keep it waiting.
        let file = |path: &String| fs::metadata(path).is_ok_and(|meta| meta.is_file());
        let names = [format!("/proc/self/fd/{fd}"), format!("/dev/fd/{fd}")];
        any(names.into_iter().filter(file), |path| through(&path))?;
        Err(io::Error::other("done"))
    })
}

fn opened(folder: usize) -> io::Result<usize> {
    let name = c_path("secret");
    call(libc::SYS_openat, &[folder, name.as_ptr() as usize, 0, 0])
}

fn read(i: &Inside, fd: usize) -> Done {
    let mut bytes = [0_u8; 64];
    let count = call(libc::SYS_pread64, &[fd, bytes.as_mut_ptr() as usize, bytes.len(), 0])?;
    i.say(&bytes[..count])
}

fn folder(i: &Inside) -> Done {
    any(0..1024, |fd| read(i, opened(fd)?))
}

fn stand(i: &Inside) -> Done {
    any(0..1024, |fd| {
        call(libc::SYS_fchdir, &[fd])?;
        i.spill("secret")
    })
}

fn socket(i: &Inside) -> Done {
    let mark = i.mark();
    let quietly = (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) as usize;
    // All of them: the first that takes it need not be the one.
    let sent = (3..1024).filter(|fd| {
        call(libc::SYS_sendto, &[*fd, mark.as_ptr() as usize, mark.len(), quietly, 0, 0]).is_ok()
    });
    if sent.count() == 0 { Err(io::Error::other("no socket")) } else { Ok(()) }
}

/// From a pipe or a file that it was given to where that lives.
fn back(i: &Inside) -> Done {
    let ways =
        ["/proc/self/fd/0/..", "/proc/self/fd/1/..", "/proc/self/exe/../..", "/proc/self/cwd/../../../.."];
    any(ways, |way| i.spill(format!("{way}/outside/secret")))
}

/// What a descriptor of a folder lets through where no path leads: its mode, and what lies about it.
fn from_folder(i: &Inside) -> Done {
    call(libc::SYS_fchdir, &[0])?;
    drop(i.spill("secret"));
    fs::set_permissions("file", std::os::unix::fs::PermissionsExt::from_mode(0o777))
}

static TYPED: [u8; 2] = *b"#\n";

fn type_in(_: &Inside, fd: usize) -> Done {
    let letter =
        |at: usize| call(libc::SYS_ioctl, &[fd, libc::TIOCSTI as usize, &raw const TYPED[at] as usize]);
    letter(0)?;
    letter(1).map(drop)
}

fn by_name(i: &Inside) -> Done {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    type_in(i, terminal.as_raw_fd() as usize)
}

/// The echo of what was typed comes out of the terminal.
fn typed(scene: &Scene) -> bool {
    scene.said.contains(char::from(TYPED[0]))
}

fn clipboard(_: &Inside) -> Done {
    call(libc::SYS_ioctl, &[0, libc::TIOCLINUX as usize, [12_u8].as_ptr() as usize]).map(drop)
}

/// A terminal of somebody else, whose name can be seen in /dev/pts.
fn other_terminal(scene: &mut Scene) {
    let (master, name) = pty().unwrap();
    let path = std::path::PathBuf::from(&name);
    std::os::unix::fs::PermissionsExt::set_mode(&mut fs::metadata(&path).unwrap().permissions(), 0o622);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o622)).unwrap();
    let number = 900;
    keep_for_us(&master, number);
    scene.fact("terminal", name);
}

/// Under a number that the harness finds again, and closed when a program is started.
fn keep_for_us(file: &OwnedFd, number: usize) {
    call(libc::SYS_dup3, &[file.as_raw_fd() as usize, number, libc::O_CLOEXEC as usize]).unwrap();
}

/// A new terminal: its master, and the path of its slave.
pub fn pty() -> io::Result<(OwnedFd, String)> {
    let master = OpenOptions::new().read(true).write(true).open("/dev/ptmx")?;
    let fd = master.as_raw_fd() as usize;
    let (mut number, unlock) = (0_i32, 0_i32);
    call(libc::SYS_ioctl, &[fd, libc::TIOCSPTLCK as usize, &raw const unlock as usize])?;
    call(libc::SYS_ioctl, &[fd, libc::TIOCGPTN as usize, &raw mut number as usize])?;
    Ok((master.into(), format!("/dev/pts/{number}")))
}

fn others_terminal(i: &Inside) -> Done {
    let text = format!("\u{1b}]52;c;{}\u{7}", i.fact("mark"));
    any([i.fact("terminal").to_owned(), "/dev/pts/0".into(), "/dev/pts/1".into()], |path| {
        OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
    })
}

fn written(scene: &Scene) -> bool {
    let mut bytes = [0_u8; 4096];
    call(libc::SYS_fcntl, &[900, libc::F_SETFL as usize, libc::O_NONBLOCK as usize]).unwrap();
    let count = call(libc::SYS_read, &[900, bytes.as_mut_ptr() as usize, bytes.len()]).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).contains(&scene.mark)
}

fn own_terminal(_: &Inside) -> Done {
    pty().map(std::mem::forget)
}

/// A terminal's master whose node lies in the machine's folder of devices or of terminals.
fn machines_terminal(scene: &Scene) -> bool {
    use std::os::unix::fs::MetadataExt;
    let machine = ["/dev", "/dev/pts"].map(|path| fs::metadata(path).unwrap().dev());
    let master = |path: String| {
        fs::metadata(path)
            .is_ok_and(|meta| meta.rdev() == libc::makedev(5, 2) && machine.contains(&meta.dev()))
    };
    let open =
        |pid: u32| descriptors(pid).into_iter().any(|(number, _)| master(format!("/proc/{pid}/fd/{number}")));
    scene.run().into_iter().any(open)
}

/// One process more: 0 in it.
fn fork() -> io::Result<usize> {
    call(libc::SYS_clone, &[libc::SIGCHLD as usize])
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

/// A child that ignores what it can ignore.
fn background(_: &Inside) -> Done {
    if fork()? == 0 {
        sleep();
    }
    Ok(())
}

fn session(_: &Inside) -> Done {
    if fork()? == 0 {
        call(libc::SYS_setsid, &[])?;
        sleep();
    }
    Ok(())
}

fn daemon(_: &Inside) -> Done {
    let child = fork()?;
    if child == 0 {
        call(libc::SYS_setsid, &[])?;
        if fork()? == 0 {
            sleep();
        }
        std::process::exit(0);
    }
    call(libc::SYS_wait4, &[child, 0, 0, 0]).map(drop)
}

fn closed(_: &Inside) -> Done {
    if fork()? == 0 {
        call(libc::SYS_close_range, &[0, u32::MAX as usize, 0])?;
        sleep();
    }
    Ok(())
}

fn ignore_all() {
    for signal in 1..64 {
        // SAFETY: ignoring a signal is always sound; some cannot be.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

fn deaf(_: &Inside) -> Done {
    if fork()? == 0 {
        ignore_all();
        sleep();
    }
    Ok(())
}

fn orphan(_: &Inside) -> Done {
    if fork()? == 0 {
        call(libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG as usize, 0])?;
        call(libc::SYS_prctl, &[libc::PR_SET_CHILD_SUBREAPER as usize, 1])?;
        if fork()? == 0 {
            sleep();
        }
        sleep();
    }
    Ok(())
}

/// Runs from child to child without end, a moment each. It ends without a jail, too, so that a control
/// leaves the machine in peace.
fn run_away(rounds: u32, each: impl Fn() -> Done) -> Done {
    if fork()? == 0 {
        call(libc::SYS_setsid, &[])?;
        for _ in 0..rounds {
            // The parent goes, the child goes on.
            if fork().is_ok_and(|child| child != 0) {
                std::process::exit(0);
            }
            drop(each());
        }
        sleep();
    }
    Ok(())
}

const ROUNDS: u32 = 100_000;

fn forking(_: &Inside) -> Done {
    run_away(ROUNDS, || Ok(()))
}

fn forking_widely(_: &Inside) -> Done {
    (0..4).try_for_each(|_| run_away(ROUNDS, || Ok(())))
}

fn starting(_: &Inside) -> Done {
    let program = std::env::current_exe()?;
    run_away(2000, move || std::process::Command::new(&program).arg("nothing").spawn().map(drop))
}

fn stopped(_: &Inside) -> Done {
    if fork()? == 0 {
        call(libc::SYS_kill, &[std::process::id() as usize, libc::SIGSTOP as usize])?;
        sleep();
    }
    Ok(())
}

fn traced(_: &Inside) -> Done {
    let child = fork()?;
    if child == 0 {
        drop(call(libc::SYS_ptrace, &[0, 0, 0, 0]));
        call(libc::SYS_kill, &[std::process::id() as usize, libc::SIGSTOP as usize])?;
        sleep();
    }
    Ok(())
}

/// The first process of its namespace is the jail's own; without one it is the machine's, which it spares.
fn first(_: &Inside) -> Done {
    if fork()? == 0 {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD, libc::SIGSEGV, libc::SIGKILL]
        {
            drop(call(libc::SYS_kill, &[1, signal as usize]));
        }
        sleep();
    }
    Ok(())
}

/// Stops it, starves it of descriptors and takes its time.
fn hold_first(i: &Inside) -> Done {
    drop(call(libc::SYS_kill, &[1, libc::SIGSTOP as usize]));
    if !i.careful() {
        let none = [0_u64; 2];
        for what in 0..16 {
            drop(call(libc::SYS_prlimit64, &[1, what, none.as_ptr() as usize, 0]));
        }
        drop(call(libc::SYS_setpriority, &[0, 1, 19]));
        drop(call(libc::SYS_ptrace, &[0x4206, 1, 0, 0]));
    }
    if fork()? == 0 {
        ignore_all();
        sleep();
    }
    Ok(())
}

/// Puts it behind all others, on one processor that others keep busy.
fn starve_first(i: &Inside) -> Done {
    const SPINNERS: usize = 16;
    let one_processor = 1_u64;
    let pin = |pid: usize| call(libc::SYS_sched_setaffinity, &[pid, 8, &raw const one_processor as usize]);
    if !i.careful() {
        let zero = 0_i32;
        let idle = [1, libc::SCHED_IDLE as usize, &raw const zero as usize];
        drop(call(libc::SYS_sched_setscheduler, &idle));
        drop(call(libc::SYS_sched_setparam, &[1, &raw const zero as usize]));
        drop(call(libc::SYS_setpriority, &[libc::PRIO_PROCESS as usize, 1, 19]));
        drop(call(libc::SYS_setpriority, &[libc::PRIO_USER as usize, 0, 19]));
        drop(pin(1));
    }
    drop(pin(0));
    for _ in 0..SPINNERS {
        if fork()? == 0 {
            loop {
                std::hint::spin_loop();
            }
        }
    }
    Ok(())
}
