//! More than its share.

use std::fs::{self, File};
use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, c_path, call, minus};
use crate::run::{FILE_BYTES, MEMORY_BYTES, OPEN_FILES, PROCESSES, TMP_BYTES};
use crate::scene::{Scene, descriptors};

pub const CHECKS: &[Attempt] = &[
    attempt("more memory than it was given", memory, Sign::Seen(too_much_memory)),
    attempt("more memory by mappings that are shared", shared, Sign::Seen(too_much_memory)),
    attempt("more memory by files in memory", memory_files, Sign::Word),
    attempt("more memory by the segments of old (System V)", segments, Sign::Word),
    attempt("have the gateway ended first when memory runs out", outlive, Sign::Seen(outlives)),
    attempt("more memory on the stack", stack, Sign::Seen(too_much_memory)),
    attempt("more processes than it was given", bomb, Sign::Seen(too_many)).killed(1),
    attempt("more threads than it was given", threads, Sign::Seen(too_many_threads)).killed(1),
    attempt("more processes by vfork", vfork_bomb, Sign::Seen(too_many)).killed(1),
    attempt("more descriptors than it was given", descriptors_of_its_own, Sign::Seen(too_many_descriptors)),
    attempt("a larger file than it was given", large_file, Sign::Seen(too_large)),
    attempt("more in /tmp than it was given", |i| fill(i, "/tmp"), Sign::Word),
    attempt("more in /dev/shm than it was given", |i| fill(i, "/dev/shm"), Sign::Word),
    attempt(
        "more files in /dev/shm than there is room for",
        |i| many(i, "/dev/shm", Small::Empty),
        Sign::Word,
    ),
    attempt("more files in /tmp than there is room for", |i| many(i, "/tmp", Small::Empty), Sign::Word),
    attempt("/tmp filled by files of a byte", |i| many(i, "/tmp", Small::Byte), Sign::Word),
    attempt("/tmp filled by folders", |i| many(i, "/tmp", Small::Folder), Sign::Word),
    attempt("/tmp filled by symbolic links", |i| many(i, "/tmp", Small::Link), Sign::Word),
    attempt("/tmp filled by names of one file", |i| many(i, "/tmp", Small::Name), Sign::Word),
    attempt("/tmp filled by what is written on files (extended attributes)", attributes, Sign::Word).kernel(),
    attempt("write beside the mounts of its own root", beside, Sign::Word).root(),
    attempt("more processor time than it was given", spin, Sign::Word),
    attempt("more watchers of files than the user has (inotify)", watchers, Sign::Seen(nobody_may_watch)),
    attempt("more signals that wait than the user has", timers, Sign::Seen(no_timer_left)),
    attempt("more queues of messages (mq)", queues, Sign::Word).kernel(),
    attempt("more segments and semaphores", semaphores, Sign::Seen(shared_semaphores)),
    attempt("larger pipes than anyone needs", pipes, Sign::Word).kernel(),
];

const PIECE: usize = 1 << 20;

/// Twice what the jail has, in pieces of a megabyte.
fn pieces() -> usize {
    usize::try_from(MEMORY_BYTES).unwrap() * 2 / PIECE
}

fn memory(_: &Inside) -> Done {
    for _ in 0..pieces() {
        let mut piece: Vec<u8> = Vec::new();
        piece.try_reserve_exact(PIECE).map_err(io::Error::other)?;
        piece.resize(PIECE, 1);
        std::mem::forget(std::hint::black_box(piece));
    }
    Ok(())
}

fn shared(_: &Inside) -> Done {
    for _ in 0..pieces() {
        let flags = (libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE) as usize;
        call(libc::SYS_mmap, &[0, PIECE, 3, flags, minus(-1), 0])?;
    }
    Ok(())
}

/// Files of half the size that a file may have, as many as it takes.
fn memory_files(_: &Inside) -> Done {
    let name = c_path("more");
    let half = vec![1_u8; usize::try_from(FILE_BYTES).unwrap() / 2];
    let mut written = 0;
    while written < pieces() * PIECE {
        let fd = call(libc::SYS_memfd_create, &[name.as_ptr() as usize, 0])?;
        written += call(libc::SYS_write, &[fd, half.as_ptr() as usize, half.len()])?;
        if written % (half.len() * 32) == 0 {
            // Mapped, so that the descriptor is not needed any more.
            continue;
        }
        let mapped = call(libc::SYS_mmap, &[0, half.len(), 1, libc::MAP_SHARED as usize, fd, 0])?;
        std::hint::black_box(mapped);
        call(libc::SYS_close, &[fd])?;
    }
    Ok(())
}

fn segments(_: &Inside) -> Done {
    let bytes = pieces() * PIECE;
    let segment = call(libc::SYS_shmget, &[0, bytes, 0o1600])?;
    let at = call(libc::SYS_shmat, &[segment, 0, 0])?;
    for page in (0..bytes).step_by(4096) {
        // SAFETY: within the segment that was just attached.
        unsafe { std::ptr::write_volatile((at + page) as *mut u8, 1) };
    }
    Ok(())
}

/// Lowers the score by which the kernel chooses whom it ends.
fn outlive(_: &Inside) -> Done {
    fs::write("/proc/self/oom_score_adj", "-1000").or_else(|_| fs::write("/proc/self/oom_score_adj", "0"))
}

fn outlives(scene: &Scene) -> bool {
    let score =
        |pid: u32| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).ok()?.trim().parse::<i32>().ok();
    let gateway = score(std::process::id()).unwrap();
    scene.run().into_iter().filter_map(score).any(|score| score <= gateway)
}

/// On a thread whose stack is larger than the jail's memory.
fn stack(_: &Inside) -> Done {
    let builder = std::thread::Builder::new().stack_size(pieces() * PIECE * 4);
    let (tell, told) = std::sync::mpsc::sync_channel(0);
    builder.spawn(move || {
        let reached = deep(pieces());
        tell.send(reached).unwrap();
        std::thread::park();
    })?;
    told.recv().map(drop).map_err(io::Error::other)
}

fn deep(pieces: usize) -> usize {
    let piece = std::hint::black_box([1_u8; PIECE]);
    let below = if pieces == 0 { 0 } else { deep(pieces - 1) };
    below + usize::from(std::hint::black_box(&piece)[0])
}

fn of_status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default();
    line.trim_start_matches(':').trim().split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn too_much_memory(scene: &Scene) -> bool {
    scene
        .run()
        .into_iter()
        .map(|pid| of_status(pid, "VmHWM") * 1024)
        .any(|bytes| bytes > MEMORY_BYTES * 3 / 2)
}

/// What root may have beyond the bound, whose processes Linux does not count: see `System::processes`.
const FOR_ROOT: usize = 300;

/// More than anyone's jail has.
fn crowd() -> usize {
    usize::try_from(PROCESSES).unwrap() + FOR_ROOT + 40
}

/// More than this jail has, its first process and the payload itself included.
fn bound(scene: &Scene) -> usize {
    let for_root = if scene.user == crate::machine::User::Root { FOR_ROOT } else { 0 };
    usize::try_from(PROCESSES).unwrap() + for_root + 2
}

fn bomb(_: &Inside) -> Done {
    for _ in 0..crowd() {
        if call(libc::SYS_clone, &[libc::SIGCHLD as usize])? == 0 {
            loop {
                std::thread::sleep(std::time::Duration::from_secs(3600));
            }
        }
    }
    Ok(())
}

fn vfork_bomb(_: &Inside) -> Done {
    let program = std::env::current_exe()?;
    for _ in 0..crowd() {
        let child = Command::new(&program).arg("sleep").stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        std::mem::forget(child);
    }
    Ok(())
}

fn too_many(scene: &Scene) -> bool {
    scene.run().len() > bound(scene)
}

fn threads(_: &Inside) -> Done {
    for _ in 0..crowd() {
        std::thread::Builder::new().stack_size(64 * 1024).spawn(std::thread::park)?;
    }
    Ok(())
}

fn too_many_threads(scene: &Scene) -> bool {
    scene.run().into_iter().map(|pid| of_status(pid, "Threads")).sum::<u64>() > bound(scene) as u64
}

fn descriptors_of_its_own(_: &Inside) -> Done {
    for _ in 0..OPEN_FILES * 2 {
        std::mem::forget(File::open("/dev/null").or_else(|_| File::open("/"))?);
    }
    Ok(())
}

fn too_many_descriptors(scene: &Scene) -> bool {
    scene.run().into_iter().any(|pid| descriptors(pid).len() as u64 > OPEN_FILES)
}

fn large_file(i: &Inside) -> Done {
    let mut file = File::create(i.work("large"))?;
    let piece = vec![1_u8; PIECE];
    for _ in 0..FILE_BYTES * 2 / PIECE as u64 {
        file.write_all(&piece)?;
    }
    Ok(())
}

fn too_large(scene: &Scene) -> bool {
    fs::metadata(scene.work().join("large")).is_ok_and(|meta| meta.len() > FILE_BYTES)
}

/// Many files, each of half the size that a file may have.
fn fill(i: &Inside, folder: &str) -> Done {
    let mut written = 0;
    let piece = vec![1_u8; usize::try_from(FILE_BYTES).unwrap() / 2];
    let mut number = 0;
    while written < TMP_BYTES * 2 {
        let path = format!("{folder}/{}-{number}", i.fact("mark"));
        let mut file = File::create(&path)?;
        let put = file.write_all(&piece);
        if i.careful() || put.is_err() {
            // The machine's own /tmp is not thrown away with it.
            fs::remove_file(&path)?;
        }
        put?;
        written += piece.len() as u64;
        number += 1;
    }
    Ok(())
}

/// What is made over and over: none of it is large, and each takes of the kernel's memory.
#[derive(Clone, Copy, PartialEq)]
enum Small {
    Empty,
    Byte,
    Folder,
    Link,
    Name,
}

/// More than there is room for in a jail; the machine's folder is left as it was.
fn many(i: &Inside, folder: &str, what: Small) -> Done {
    const MOST: usize = 6_000;
    // As many as one file may have where that is bounded.
    const NAMES: usize = 2_000;
    // Longer than what fits beside a link's own entry.
    const TARGET: usize = 1024;
    let place = format!("{folder}/{}", i.fact("mark"));
    fs::create_dir(&place)?;
    let target = "x".repeat(TARGET);
    let made = (0..MOST).try_for_each(|number| {
        let path = format!("{place}/{number}");
        match what {
            Small::Name if !number.is_multiple_of(NAMES) => {
                fs::hard_link(format!("{place}/{}", number - number % NAMES), path)
            }
            Small::Empty | Small::Name => File::create(path).map(drop),
            Small::Byte => fs::write(path, "x"),
            Small::Folder => fs::create_dir(path),
            Small::Link => std::os::unix::fs::symlink(&target, path),
        }
    });
    fs::remove_dir_all(&place)?;
    made
}

/// Twice what `/tmp` has, in values of the largest size that most file systems take.
fn attributes(i: &Inside) -> Done {
    const VALUE_BYTES: usize = 3 * 1024;
    let place = format!("/tmp/{}", i.fact("mark"));
    fs::create_dir(&place)?;
    let (name, value) = (c_path("user.bulkhead"), vec![1_u8; VALUE_BYTES]);
    let most = usize::try_from(TMP_BYTES).unwrap() * 2 / VALUE_BYTES;
    let made = (0..most).try_for_each(|number| {
        let path = format!("{place}/{number}");
        File::create(&path)?;
        let at = [c_path(path).into_raw() as usize, name.as_ptr() as usize, value.as_ptr() as usize];
        call(libc::SYS_setxattr, &[at[0], at[1], at[2], VALUE_BYTES, 0]).map(drop)
    });
    fs::remove_dir_all(&place)?;
    made
}

fn beside(_: &Inside) -> Done {
    let path = "/bulkhead-escapes-beside";
    fs::write(path, "x")?;
    fs::remove_file(path)
}

/// Twice what it has.
fn spin(_: &Inside) -> Done {
    let spent = || {
        let mut time = [0_i64; 2];
        let clock = libc::CLOCK_PROCESS_CPUTIME_ID as usize;
        call(libc::SYS_clock_gettime, &[clock, time.as_mut_ptr() as usize]).map(|_| time[0])
    };
    while spent()? < 2 * i64::try_from(crate::run::CPU_SECONDS).unwrap() {
        std::hint::spin_loop();
    }
    Ok(())
}

/// Each process as many as it may have descriptors, until the user has none left.
/// How soon what others of the user give up is taken, too.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(5);

fn watchers(_: &Inside) -> Done {
    const MOST: usize = 20;
    let mut made = 0;
    for _ in 0..MOST {
        if call(libc::SYS_clone, &[libc::SIGCHLD as usize])? == 0 {
            loop {
                while call(libc::SYS_inotify_init1, &[0]).is_ok() {}
                std::thread::sleep(AGAIN);
            }
        }
        made += 1;
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    if made == MOST { Ok(()) } else { Err(io::Error::other("too few processes")) }
}

fn nobody_may_watch(_: &Scene) -> bool {
    match call(libc::SYS_inotify_init1, &[0]) {
        Ok(fd) => call(libc::SYS_close, &[fd]).is_err(),
        Err(error) => error.raw_os_error() == Some(libc::EMFILE),
    }
}

/// A timer holds a signal back for itself.
fn timers(_: &Inside) -> Done {
    const PROCESSES: usize = 8;
    let fill = || {
        let mut timer = 0_i32;
        while call(libc::SYS_timer_create, &[libc::CLOCK_MONOTONIC as usize, 0, &raw mut timer as usize])
            .is_ok()
        {}
    };
    for _ in 0..PROCESSES {
        if call(libc::SYS_clone, &[libc::SIGCHLD as usize])? == 0 {
            loop {
                fill();
                std::thread::sleep(AGAIN);
            }
        }
    }
    fill();
    std::thread::sleep(std::time::Duration::from_millis(200));
    Ok(())
}

fn no_timer_left(_: &Scene) -> bool {
    let mut timer = 0_i32;
    match call(libc::SYS_timer_create, &[libc::CLOCK_MONOTONIC as usize, 0, &raw mut timer as usize]) {
        Ok(_) => call(libc::SYS_timer_delete, &[timer as usize]).is_err(),
        Err(error) => error.raw_os_error() == Some(libc::EAGAIN),
    }
}

fn queues(_: &Inside) -> Done {
    let name = c_path("bulkhead-escapes");
    let flags = (libc::O_CREAT | libc::O_RDWR) as usize;
    call(libc::SYS_mq_open, &[name.as_ptr() as usize, flags, 0o600, 0])?;
    call(libc::SYS_mq_unlink, &[name.as_ptr() as usize]).map(drop)
}

fn semaphores(_: &Inside) -> Done {
    call(libc::SYS_semget, &[0x0b01_c4ea, 1, libc::IPC_CREAT as usize | 0o666]).map(drop)
}

fn shared_semaphores(_: &Scene) -> bool {
    fs::read_to_string("/proc/sysvipc/sem").unwrap_or_default().contains(&0x0b01_c4ea_u32.to_string())
}

/// Beyond what users may have.
fn pipes(_: &Inside) -> Done {
    let mut ends = [0_i32; 2];
    call(libc::SYS_pipe2, &[ends.as_mut_ptr() as usize, 0])?;
    call(libc::SYS_fcntl, &[ends[0] as usize, libc::F_SETPIPE_SZ as usize, 16 << 20]).map(drop)
}
