//! Ways to files that were not granted.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, HERE, any, c_path, call, pids};
use crate::machine;
use crate::scene::{Scene, WORK};

pub const CHECKS: &[Attempt] = &[
    attempt("read a file by its absolute path", |i| i.spill(i.at("outside/secret")), Sign::Leaked),
    attempt(
        "read a file by climbing out of a granted folder",
        |i| i.spill(i.at("granted/../outside/secret")),
        Sign::Leaked,
    ),
    attempt("read a file by climbing out of where it stands", climb, Sign::Leaked),
    attempt("read through a link that was there", |i| i.spill(i.at("granted/link")), Sign::Leaked),
    attempt("read through a link of its own", own_link, Sign::Leaked),
    attempt("read through a hard link of its own", hard_link, Sign::Leaked),
    attempt("take a file into its own folder by a rename", take, Sign::Disturbed),
    attempt("exchange its own folder for another", exchange, Sign::Disturbed),
    attempt("read through /proc/self/root", |i| i.spill(beneath("/proc/self/root", i)), Sign::Leaked),
    attempt(
        "read through /proc/self/cwd",
        |i| i.spill(format!("/proc/self/cwd/{}/outside/secret", ups())),
        Sign::Leaked,
    ),
    attempt("read through the first process's root", |i| i.spill(beneath("/proc/1/root", i)), Sign::Leaked),
    attempt(
        "read through any process's root",
        |i| any(pids(), |pid| i.spill(beneath(&format!("/proc/{pid}/root"), i))),
        Sign::Leaked,
    ),
    attempt(
        "read where any process stands",
        |i| any(pids(), |pid| i.spill(format!("/proc/{pid}/cwd/secret"))),
        Sign::Leaked,
    ),
    attempt("read what any process has open", open_elsewhere, Sign::Leaked),
    attempt("find the file anywhere in the tree", search, Sign::Leaked),
    attempt("open a file by its handle", by_handle, Sign::Leaked).root().staged(handle),
    attempt("read with a path that is resolved later (openat2)", resolved, Sign::Leaked),
    attempt("read with the kernel's copying calls", copied, Sign::Leaked),
    attempt("list a folder that was not granted", list, Sign::Word),
    attempt("watch a folder that was not granted", watch, Sign::Word),
    attempt("ask for a file's metadata", |i| fs::metadata(i.at("outside/secret")).map(drop), Sign::Word),
    attempt(
        "write a file by its absolute path",
        |i| fs::write(i.at("outside/file"), i.mark()),
        Sign::Disturbed,
    ),
    attempt(
        "write through a link that was there",
        |i| fs::write(i.work("way-out/file"), i.mark()),
        Sign::Disturbed,
    ),
    attempt("create a file outside", |i| File::create(i.at("outside/new")).map(drop), Sign::Disturbed),
    attempt("create a file through a dangling link", dangling, Sign::Disturbed),
    attempt("remove a file outside", |i| fs::remove_file(i.at("outside/file")), Sign::Disturbed),
    attempt("make a folder beside the granted ones", |i| fs::create_dir(i.at("folder")), Sign::Disturbed),
    attempt(
        "put a file into the agent's folder, beside the workspace",
        |i| fs::write(i.work("../SOUL.md"), i.mark()),
        Sign::Disturbed,
    ),
    attempt(
        "write into the machine's programs",
        |i| fs::write(machine::system_folder().join("new"), i.mark()),
        Sign::Disturbed,
    ),
    attempt(
        "rename its own folder",
        |i| fs::rename(i.work(""), i.at("home/agents/echo/other")),
        Sign::Disturbed,
    ),
    attempt("read a granted path that was swapped for a link", swapped, Sign::Leaked)
        .staged(swap)
        .rounds(60)
        .refusable(),
    attempt("read a disk", disk, Sign::Word).kernel(),
];

fn beneath(root: &str, i: &Inside) -> String {
    format!("{root}{}", i.at("outside/secret").display())
}

/// From the folder that may be written up to the stage.
fn ups() -> String {
    vec![".."; WORK.split('/').count()].join("/")
}

fn climb(i: &Inside) -> Done {
    std::env::set_current_dir(i.work(""))?;
    i.spill(format!("{}/outside/secret", ups()))
}

fn own_link(i: &Inside) -> Done {
    symlink(i.at("outside"), i.work("link"))?;
    i.spill(i.work("link/secret"))
}

fn hard_link(i: &Inside) -> Done {
    fs::hard_link(i.at("outside/secret"), i.work("hard"))?;
    i.spill(i.work("hard"))
}

fn take(i: &Inside) -> Done {
    fs::rename(i.at("outside/secret"), i.work("taken"))
}

fn exchange(i: &Inside) -> Done {
    fs::create_dir(i.work("mine"))?;
    let (one, other) = (c_path(i.work("mine")), c_path(i.at("outside")));
    let exchange = libc::RENAME_EXCHANGE as usize;
    call(libc::SYS_renameat2, &[HERE, one.as_ptr() as usize, HERE, other.as_ptr() as usize, exchange])
        .map(drop)
}

fn open_elsewhere(i: &Inside) -> Done {
    let own = std::process::id();
    let open = pids()
        .into_iter()
        .filter(|pid| *pid != own)
        .flat_map(|pid| (0..64).map(move |number| format!("/proc/{pid}/fd/{number}")));
    // Not a pipe, which would keep it waiting.
    let file = |path: &String| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < 1024);
    let found: Vec<String> = open.filter(file).collect();
    any(found.iter(), |path| {
        let mut text = String::new();
        File::open(path)?.read_to_string(&mut text)?;
        i.say(text.as_bytes())?;
        // Others may be open too; look at them all.
        Err(io::Error::other("read"))
    })
}

/// Walks everything that can be seen and prints every file of that name.
fn search(i: &Inside) -> Done {
    // Of the machine only what is small enough; of a jail all but the processes.
    let large: &[&str] =
        if i.careful() { &["/sys", "/work", "/root", "/home", "/usr", "/var", "/tmp"] } else { &[] };
    let skipped =
        |path: &Path| path == Path::new("/proc") || large.iter().any(|large| path == Path::new(large));
    let mut folders = vec!["/".into()];
    let (mut seen, mut found) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !skipped(&path) {
                folders.push(path);
            } else if path.ends_with("outside/secret") {
                i.spill(path)?;
                found += 1;
            }
        }
    }
    if found == 0 { Err(io::Error::other(format!("not among {seen} files"))) } else { Ok(()) }
}

/// Writes down the file's handle, which a payload might have guessed.
fn handle(scene: &mut Scene) {
    let mut bytes = [0_u8; 136];
    bytes[..4].copy_from_slice(&128_u32.to_ne_bytes());
    let (path, mut mount) = (c_path(scene.at("outside/secret")), 0_i32);
    let args = [HERE, path.as_ptr() as usize, bytes.as_mut_ptr() as usize, &raw mut mount as usize, 0];
    call(libc::SYS_name_to_handle_at, &args).unwrap();
    scene.fact("handle", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
}

fn by_handle(i: &Inside) -> Done {
    let text = i.fact("handle");
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
    let mount = File::open(i.at("granted"))?;
    let args = [mount.as_raw_fd() as usize, bytes.as_ptr() as usize, libc::O_RDONLY as usize];
    let fd = call(libc::SYS_open_by_handle_at, &args)?;
    i.spill(format!("/proc/self/fd/{fd}"))
}

fn resolved(i: &Inside) -> Done {
    let folder = File::open(i.at("granted"))?;
    let how = [libc::O_RDONLY as u64, 0, 0];
    let path = c_path("../outside/secret");
    let args =
        [folder.as_raw_fd() as usize, path.as_ptr() as usize, how.as_ptr() as usize, size_of_val(&how)];
    let fd = call(libc::SYS_openat2, &args)?;
    i.spill(format!("/proc/self/fd/{fd}"))
}

/// An `O_PATH` descriptor, opened again by its number.
fn copied(i: &Inside) -> Done {
    let path = c_path(i.at("outside/secret"));
    let fd = call(libc::SYS_openat, &[HERE, path.as_ptr() as usize, libc::O_PATH as usize, 0])?;
    i.spill(format!("/proc/self/fd/{fd}"))
}

fn list(i: &Inside) -> Done {
    fs::read_dir(i.at("outside"))?.next().ok_or_else(|| io::Error::other("empty"))?.map(drop)
}

fn watch(i: &Inside) -> Done {
    let fd = call(libc::SYS_inotify_init1, &[0])?;
    let path = c_path(i.at("outside"));
    call(libc::SYS_inotify_add_watch, &[fd, path.as_ptr() as usize, libc::IN_ALL_EVENTS as usize]).map(drop)
}

fn dangling(i: &Inside) -> Done {
    symlink(i.at("outside/made"), i.work("dangling"))?;
    File::create(i.work("dangling")).map(drop)
}

/// A folder to read that somebody else exchanges for a link, again and again.
fn swap(scene: &mut Scene) {
    let (folder, link) = (scene.at("swapped/folder"), scene.at("swapped/link"));
    fs::create_dir_all(&folder).unwrap();
    symlink(scene.at("outside"), &link).unwrap();
    scene.read.push("swapped/folder".into());
    // Beneath the folder that may be written, so that nobody minds that it changes.
    fs::rename(scene.at("swapped"), scene.work().join("swapped")).unwrap();
    scene.read.pop();
    scene.read.push(format!("{WORK}/swapped/folder"));
    let (folder, link) =
        (c_path(scene.work().join("swapped/folder")), c_path(scene.work().join("swapped/link")));
    scene.give_away();
    scene.busy.push(std::thread::spawn(move || {
        let (one, other) = (folder.as_ptr() as usize, link.as_ptr() as usize);
        while call(libc::SYS_renameat2, &[HERE, one, HERE, other, libc::RENAME_EXCHANGE as usize]).is_ok() {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    }));
}

fn swapped(i: &Inside) -> Done {
    const TRIES: u32 = 5000;
    any(0..TRIES, |_| i.spill(i.work("swapped/folder/secret")))
}

/// The first block of whatever disk there is, by its name or by a node of its own.
fn disk(i: &Inside) -> Done {
    let names = fs::read_to_string("/proc/partitions")?;
    let read = |path: &Path| File::open(path)?.read_exact(&mut [0; 512]);
    any(names.lines().skip(2), |line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [major, minor, _, name] = words.as_slice() else { return Err(io::Error::other("no disk")) };
        read(&Path::new("/dev").join(name)).or_else(|_| {
            let (node, path) = (i.work(name), c_path(i.work(name)));
            let device = libc::makedev(major.parse().unwrap(), minor.parse().unwrap()) as usize;
            let mode = libc::S_IFBLK as usize | 0o600;
            call(libc::SYS_mknodat, &[HERE, path.as_ptr() as usize, mode, device])?;
            read(&node)
        })
    })
}
