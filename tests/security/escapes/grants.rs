//! What was granted, used for more than it was granted for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use bulkhead_tests::programs;

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, HERE, any, c_path, call};
use crate::machine::{NOBODY, User};
use crate::scene::Scene;

pub const CHECKS: &[Attempt] = &[
    attempt("write a file that may be read", |i| fs::write(i.at("granted/file"), i.mark()), Sign::Disturbed),
    attempt("append to a file that may be read", append, Sign::Disturbed),
    attempt("empty a file that may be read", empty, Sign::Disturbed),
    attempt("truncate it by its path", truncate, Sign::Disturbed),
    attempt("open it again for writing by its descriptor", reopen, Sign::Disturbed),
    attempt(
        "create a file in a folder that may be read",
        |i| File::create(i.at("granted/new")).map(drop),
        Sign::Disturbed,
    ),
    attempt("remove a file that may be read", |i| fs::remove_file(i.at("granted/file")), Sign::Disturbed),
    attempt("move it into the folder that may be written", move_out, Sign::Disturbed),
    attempt("move a file into the folder that may be read", move_in, Sign::Disturbed),
    attempt("link a file that may be read into its own folder and write it", link, Sign::Disturbed),
    attempt("change the mode of a file that may be read", chmod, Sign::Disturbed),
    attempt("change its mode by its descriptor", chmod_open, Sign::Disturbed),
    attempt("change the owner of a file that may be read", own, Sign::Disturbed).root(),
    attempt("change its times", times, Sign::Disturbed),
    attempt("set an attribute of it", attribute, Sign::Disturbed).kernel(),
    attempt("set a flag of it", flag, Sign::Word).root().kernel(),
    attempt("change a device of the machine", touch_device, Sign::Seen(touched)).root(),
    attempt("write into a pipe of the machine in a folder that may be read", pipe, Sign::Heard),
    attempt("use a device node in a folder that may be read", device, Sign::Word).root().staged(node),
    attempt("make a device node", make_node, Sign::Seen(|scene| scene.work().join("node").exists())).root(),
    attempt("become root by a program that is set so", set_user, Sign::Leaked)
        .staged(set_user_program)
        .root(),
    attempt("gain rights by a program that has some", set_user, Sign::Leaked).staged(capable_program).root(),
    attempt("make a program that is set so", make_set_user, Sign::Seen(made_set_user)).root(),
    attempt("start a program of its own", own_program, Sign::Leaked).staged(own_program_stage).named(),
    attempt("start a program of its own from /tmp", |i| program_at(i, "/tmp/program"), Sign::Word).named(),
    attempt("start a program of its own from /dev/shm", |i| program_at(i, "/dev/shm/program"), Sign::Word)
        .named(),
    attempt("start a program of its own from memory", from_memory, Sign::Word).named(),
    attempt("start a file that may be read by its descriptor", by_descriptor, Sign::Word)
        .staged(own_program_stage)
        .named(),
];

fn append(i: &Inside) -> Done {
    OpenOptions::new().append(true).open(i.at("granted/file"))?.write_all(i.mark())
}

fn empty(i: &Inside) -> Done {
    let path = c_path(i.at("granted/file"));
    call(libc::SYS_openat, &[HERE, path.as_ptr() as usize, libc::O_TRUNC as usize, 0]).map(drop)
}

fn truncate(i: &Inside) -> Done {
    let path = c_path(i.at("granted/file"));
    call(libc::SYS_truncate, &[path.as_ptr() as usize, 1]).map(drop)
}

fn reopen(i: &Inside) -> Done {
    let file = File::open(i.at("granted/file"))?;
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().write(true).open(again)?.write_all(i.mark())
}

fn move_out(i: &Inside) -> Done {
    fs::rename(i.at("granted/file"), i.work("moved"))
}

fn move_in(i: &Inside) -> Done {
    fs::rename(i.work("file"), i.at("granted/moved"))
}

fn link(i: &Inside) -> Done {
    fs::hard_link(i.at("granted/file"), i.work("linked"))?;
    fs::write(i.work("linked"), i.mark())
}

fn chmod(i: &Inside) -> Done {
    fs::set_permissions(i.at("granted/file"), fs::Permissions::from_mode(0o4777))
}

fn chmod_open(i: &Inside) -> Done {
    File::open(i.at("granted/file"))?.set_permissions(fs::Permissions::from_mode(0o777))
}

fn own(i: &Inside) -> Done {
    chown(i.at("granted/file"), Some(1), Some(1))
}

fn times(i: &Inside) -> Done {
    let file = File::open(i.at("granted/file"))?;
    file.set_modified(std::time::UNIX_EPOCH)
}

fn attribute(i: &Inside) -> Done {
    let (path, name) = (c_path(i.at("granted/file")), c_path("user.bulkhead"));
    let value = i.mark();
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, value.as_ptr() as usize, value.len(), 0];
    call(libc::SYS_setxattr, &args).map(drop)
}

/// `FS_IOC_SETFLAGS` to what they are.
fn flag(i: &Inside) -> Done {
    let file = File::open(i.at("granted/file"))?;
    let mut flags = 0_usize;
    let fd = file.as_raw_fd() as usize;
    call(libc::SYS_ioctl, &[fd, libc::FS_IOC_GETFLAGS as usize, &raw mut flags as usize])?;
    call(libc::SYS_ioctl, &[fd, libc::FS_IOC_SETFLAGS as usize, &raw mut flags as usize]).map(drop)
}

fn pipe(i: &Inside) -> Done {
    OpenOptions::new().write(true).open(i.at("granted/pipe"))?.write_all(i.mark())
}

/// A device that does the same whatever its times are, so that the machine is none the worse for it.
const DEVICE: &str = "/dev/full";

/// Long ago, in seconds.
const LONG_AGO: i64 = 1_000_000;

fn touch_device(_: &Inside) -> Done {
    let (path, times) = (c_path(DEVICE), [LONG_AGO, 0, LONG_AGO, 0]);
    call(libc::SYS_utimensat, &[HERE, path.as_ptr() as usize, times.as_ptr() as usize, 0]).map(drop)
}

fn touched(_: &Scene) -> bool {
    let touched = fs::metadata(DEVICE).is_ok_and(|meta| meta.mtime() == LONG_AGO);
    if touched {
        let path = c_path(DEVICE);
        // To the present: nobody knows what it was.
        call(libc::SYS_utimensat, &[HERE, path.as_ptr() as usize, 0, 0]).unwrap();
    }
    touched
}

fn node(scene: &mut Scene) {
    make_zero(&scene.at("granted/zero")).unwrap();
}

fn make_zero(path: &std::path::Path) -> Done {
    let name = c_path(path);
    let mode = libc::S_IFCHR as usize | 0o666;
    call(libc::SYS_mknodat, &[HERE, name.as_ptr() as usize, mode, libc::makedev(1, 5) as usize]).map(drop)
}

fn device(i: &Inside) -> Done {
    File::open(i.at("granted/zero"))?.read_exact(&mut [1; 8])
}

fn make_node(i: &Inside) -> Done {
    make_zero(&i.work("node"))
}

/// A secret that the user may not read, and a program that anybody may start as root.
fn set_user_program(scene: &mut Scene) {
    roots_secret(scene);
    let program = scene.at("granted/program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
}

/// The same with a capability (`CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH`) instead of a user.
fn capable_program(scene: &mut Scene) {
    roots_secret(scene);
    let value: [u32; 5] = [0x0200_0001, 0b110, 0, 0, 0];
    let (path, name) = (c_path(scene.at("granted/program")), c_path("security.capability"));
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, value.as_ptr() as usize, 20, 0];
    call(libc::SYS_setxattr, &args).unwrap();
}

fn roots_secret(scene: &Scene) {
    scene.give_away();
    let (secret, program) = (scene.at("granted/root-only"), scene.at("granted/program"));
    fs::write(&secret, &scene.secret).unwrap();
    programs::copied(&scene.program, &program);
    chown(&program, Some(0), Some(0)).unwrap();
    // Root needs a right, too, to read what is another's alone.
    let owner = if scene.user == User::Root { NOBODY } else { 0 };
    chown(&secret, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
}

fn set_user(i: &Inside) -> Done {
    if i.spill(i.at("granted/root-only")).is_ok() {
        return Ok(());
    }
    show(Command::new(i.at("granted/program")).arg("spill").arg(i.at("granted/root-only")), i)
}

fn show(command: &mut Command, i: &Inside) -> Done {
    let output = command.output()?;
    i.say(&output.stdout)?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(output.status.to_string())) }
}

fn make_set_user(i: &Inside) -> Done {
    fs::write(i.work("suid"), "#!/usr/bin/true\n")?;
    fs::set_permissions(i.work("suid"), fs::Permissions::from_mode(0o4755))
}

fn made_set_user(scene: &Scene) -> bool {
    let made = fs::metadata(scene.work().join("suid"));
    made.is_ok_and(|meta| meta.uid() == 0 && meta.mode() & 0o4000 != 0)
}

fn own_program_stage(scene: &mut Scene) {
    programs::copied(&scene.program, scene.at("granted/program"));
    // For those that ask a program what is secret: the one granted file of this stage.
    fs::write(scene.at("granted/own"), &scene.secret).unwrap();
}

/// A copy of itself where it may write. What it prints is granted, so that only the start is judged.
fn own_program(i: &Inside) -> Done {
    program_at(i, i.work("program").to_str().unwrap())?;
    i.spill(i.at("granted/own"))
}

fn program_at(i: &Inside, path: &str) -> Done {
    let small = b"#!/usr/bin/true\n";
    fs::write(path, small)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    show(&mut Command::new(path), i)?;
    fs::remove_file(path)
}

fn from_memory(_: &Inside) -> Done {
    let name = c_path("program");
    let exec = 0x10; // MFD_EXEC
    let fd = call(libc::SYS_memfd_create, &[name.as_ptr() as usize, exec])
        .or_else(|_| call(libc::SYS_memfd_create, &[name.as_ptr() as usize, 0]))?;
    fs::copy("/usr/bin/true", format!("/proc/self/fd/{fd}"))?;
    execute(fd)
}

fn by_descriptor(i: &Inside) -> Done {
    let file = File::open(i.at("granted/program"))?;
    execute(file.as_raw_fd() as usize)
}

/// By `execveat` on the descriptor, and by its name in /proc.
fn execute(fd: usize) -> Done {
    let nothing = c_path("");
    let path = format!("/proc/self/fd/{fd}");
    let mut by_call = Command::new("/usr/bin/true");
    // SAFETY: between fork and exec nothing but a system call is made.
    unsafe {
        by_call.pre_exec(move || {
            let argv = [c"program".as_ptr(), c"nothing".as_ptr(), std::ptr::null()];
            let empty = nothing.as_ptr() as usize;
            let args = [
                fd,
                empty,
                argv.as_ptr() as usize,
                argv[2..].as_ptr() as usize,
                libc::AT_EMPTY_PATH as usize,
            ];
            call(libc::SYS_execveat, &args).map(drop)
        });
    }
    let mut by_name = Command::new(path);
    by_name.arg("nothing");
    any([by_call, by_name], |mut command: Command| command.status().map(drop))
}
