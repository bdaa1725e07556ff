//! Mounts, roots and namespaces: ways to another tree, or to a right that the jail took.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use crate::attempt::{Attempt, Inside, Sign, attempt};
use crate::call::{Done, HERE, any, c_path, call, minus, mount, pids};
use crate::scene::Scene;

const AT_RECURSIVE: usize = 0x8000;
const MOUNT_ATTR_RDONLY: u64 = 1;

pub const CHECKS: &[Attempt] = &[
    attempt("mount a file system", |i| mount("tmpfs", i.work(""), "tmpfs", 0, ""), Sign::Mounted).root(),
    attempt("mount one in a namespace of its own", mount_in_own, Sign::Word),
    attempt("in a namespace of its own: bind a folder into its own", |i| owned(i, bind), Sign::Leaked),
    attempt("in a namespace of its own: mount with the new calls", |i| owned(i, new_calls), Sign::Word),
    attempt("in a namespace of its own: lay one folder over another", |i| owned(i, overlay), Sign::Leaked)
        .kernel(),
    attempt("in a namespace of its own: the file of all processes", |i| owned(i, own_proc), Sign::Word),
    attempt("in a namespace of its own: the devices of terminals", |i| owned(i, terminals), Sign::Word),
    attempt("in a namespace of its own: another root (pivot_root)", |i| owned(i, pivot), Sign::Word),
    attempt("in a namespace of its own: change its root twice (chroot)", |i| owned(i, chroot), Sign::Leaked),
    attempt("a file system that it serves itself (FUSE)", fuse, Sign::Word).kernel(),
    attempt("bind a folder into its own", bind, Sign::Leaked).root(),
    attempt("mount with the new calls", new_calls, Sign::Mounted).root(),
    attempt("copy the tree of mounts", open_tree, Sign::Leaked),
    attempt("make a read-only mount writable", remount, Sign::Disturbed).root(),
    attempt("make a read-only mount writable with the new call", set_attributes, Sign::Disturbed).root(),
    attempt("take away the mount that covers a folder", uncover, Sign::Leaked).root(),
    attempt("take away every mount that it sees", uncover_all, Sign::Leaked).root(),
    attempt("change how mounts spread", spread, Sign::Word).root(),
    attempt("change its root twice (chroot)", chroot, Sign::Leaked).root(),
    attempt("put another root below (pivot_root)", pivot, Sign::Word).root(),
    attempt("mount the file of all processes anew", proc, Sign::Leaked).root(),
    attempt(
        "mount the devices of terminals",
        |i| mount("devpts", i.work(""), "devpts", 0, ""),
        Sign::Mounted,
    )
    .root(),
    attempt("mount the control groups", cgroup, Sign::Word).root(),
    attempt("make a control group of the machine", make_cgroup, Sign::Seen(made_cgroup)).root().kernel(),
    attempt("join a process's namespaces", join, Sign::Leaked).root(),
    attempt("join a process's namespaces by its number alone", join_by_pidfd, Sign::Word).root(),
    attempt("have a user namespace", |_| unshare(libc::CLONE_NEWUSER), Sign::Word),
    attempt("have a user namespace by a new process", clone_user, Sign::Word),
    attempt("have a user namespace by the newest call", clone3_user, Sign::Word),
    attempt("have a network namespace", |_| unshare(libc::CLONE_NEWNET), Sign::Word).root(),
    attempt("have a time namespace", |_| unshare(0x80), Sign::Word).root(),
    attempt("give itself rights in a namespace", rights, Sign::Leaked).staged(out_of_reach),
];

fn unshare(what: i32) -> Done {
    call(libc::SYS_unshare, &[what as usize]).map(drop)
}

fn mount_in_own(i: &Inside) -> Done {
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    mount("tmpfs", i.work(""), "tmpfs", 0, "")
}

/// What only root may do, an ordinary user does as the root of a namespace of their own.
fn owned(i: &Inside, through: fn(&Inside) -> Done) -> Done {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    // What comes before it in the same right of the machine is not the machine's any more.
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    through(i)
}

fn overlay(i: &Inside) -> Done {
    for name in ["over", "upper", "inner"] {
        fs::create_dir(i.work(name))?;
    }
    let at = |name: &str| i.work(name).display().to_string();
    let options =
        format!("lowerdir={},upperdir={},workdir={}", i.at("outside").display(), at("upper"), at("inner"));
    mount("overlay", i.work("over"), "overlay", 0, &options)?;
    i.spill(i.work("over/secret"))
}

/// Of processes of its own, in which alone it may be mounted.
fn own_proc(i: &Inside) -> Done {
    fs::create_dir(i.work("proc"))?;
    unshare(libc::CLONE_NEWPID)?;
    let child = call(libc::SYS_clone, &[libc::SIGCHLD as usize])?;
    if child == 0 {
        let mounted = mount("proc", i.work("proc"), "proc", 0, "").is_ok();
        std::process::exit(i32::from(!mounted));
    }
    let mut status = 0_i32;
    call(libc::SYS_wait4, &[child, &raw mut status as usize, 0, 0])?;
    if status == 0 { Ok(()) } else { Err(std::io::Error::other("not mounted")) }
}

fn terminals(i: &Inside) -> Done {
    mount("devpts", i.work(""), "devpts", 0, "newinstance")
}

fn fuse(i: &Inside) -> Done {
    let device = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let on = |i: &Inside| mount("fuse", i.work(""), "fuse", 0, &options);
    on(i).or_else(|_| {
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        on(i)
    })
}

fn bind(i: &Inside) -> Done {
    fs::create_dir(i.work("on"))?;
    mount(i.at("outside").to_str().unwrap(), i.work("on"), "", libc::MS_BIND, "")?;
    i.spill(i.work("on/secret"))
}

fn new_calls(i: &Inside) -> Done {
    let (kind, nothing, on) = (c_path("tmpfs"), c_path(""), c_path(i.work("")));
    let context = call(libc::SYS_fsopen, &[kind.as_ptr() as usize, 0])?;
    call(libc::SYS_fsconfig, &[context, 6, 0, 0, 0])?; // FSCONFIG_CMD_CREATE
    let mounted = call(libc::SYS_fsmount, &[context, 0, 0])?;
    let empty = nothing.as_ptr() as usize;
    call(libc::SYS_move_mount, &[mounted, empty, HERE, on.as_ptr() as usize, 4]).map(drop)
}

/// A detached copy of `/`: as it is, and in a namespace of its own.
fn open_tree(i: &Inside) -> Done {
    let copy = || {
        let root = c_path("/");
        let flags = AT_RECURSIVE | 1; // OPEN_TREE_CLONE
        let tree = call(libc::SYS_open_tree, &[HERE, root.as_ptr() as usize, flags])?;
        let path = i.at("outside/secret");
        let inner = c_path(path.strip_prefix("/").unwrap());
        let file = call(libc::SYS_openat, &[tree, inner.as_ptr() as usize, 0, 0])?;
        i.spill(format!("/proc/self/fd/{file}"))
    };
    copy().or_else(|_| {
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        copy()
    })
}

fn remount(i: &Inside) -> Done {
    mount("none", i.at("ro"), "", libc::MS_REMOUNT | libc::MS_BIND, "")?;
    fs::write(i.at("ro/file"), i.mark())
}

fn set_attributes(i: &Inside) -> Done {
    let path = c_path(i.at("ro"));
    let attributes = [0, MOUNT_ATTR_RDONLY, 0, 0];
    let args =
        [HERE, path.as_ptr() as usize, AT_RECURSIVE, attributes.as_ptr() as usize, size_of_val(&attributes)];
    call(libc::SYS_mount_setattr, &args)?;
    fs::write(i.at("ro/file"), i.mark())
}

fn unmount(path: impl AsRef<std::path::Path>) -> Done {
    let path = c_path(path);
    call(libc::SYS_umount2, &[path.as_ptr() as usize, libc::MNT_DETACH as usize]).map(drop)
}

fn uncover(i: &Inside) -> Done {
    unmount(i.at("covered"))?;
    i.spill(i.at("covered/secret"))
}

fn uncover_all(i: &Inside) -> Done {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let points: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    any(points.into_iter().rev(), |point| {
        // Not /proc, through which the harness looks.
        if point == "/" || point.starts_with("/proc") {
            return Err(std::io::Error::other("left alone"));
        }
        unmount(point)?;
        i.spill(i.at("covered/secret"))
    })
}

fn spread(_: &Inside) -> Done {
    mount("none", "/", "", libc::MS_SHARED | libc::MS_REC, "")
}

fn chroot(i: &Inside) -> Done {
    let change = |path: std::path::PathBuf| {
        let path = c_path(path);
        call(libc::SYS_chroot, &[path.as_ptr() as usize])
    };
    std::env::set_current_dir(i.work(""))?;
    fs::create_dir(i.work("below"))?;
    change(i.work("below"))?;
    for _ in 0..16 {
        std::env::set_current_dir("..")?;
    }
    change(".".into())?;
    i.spill(i.at("outside/secret"))
}

fn pivot(i: &Inside) -> Done {
    unshare(libc::CLONE_NEWNS)?;
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    mount("tmpfs", i.work(""), "tmpfs", 0, "")?;
    fs::create_dir(i.work("old"))?;
    let (new, old) = (c_path(i.work("")), c_path(i.work("old")));
    call(libc::SYS_pivot_root, &[new.as_ptr() as usize, old.as_ptr() as usize]).map(drop)
}

fn proc(i: &Inside) -> Done {
    fs::create_dir(i.work("proc"))?;
    mount("proc", i.work("proc"), "proc", 0, "")?;
    i.spill(i.work(&format!("proc/{}/environ", i.fact("bystander"))))
}

fn cgroup(i: &Inside) -> Done {
    mount("cgroup2", i.work(""), "cgroup2", 0, "")
}

const CGROUPS: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

fn make_cgroup(i: &Inside) -> Done {
    any(CGROUPS, |place| fs::create_dir(format!("{place}/{}", i.fact("mark"))))
}

fn made_cgroup(scene: &Scene) -> bool {
    // Removed at once, for it is the one thing here that the machine does not take with it.
    CGROUPS.iter().any(|place| fs::remove_dir(format!("{place}/{}", scene.mark)).is_ok())
}

/// Of the bystander and of the first process, the network's foremost: then its loopback is ours.
fn join(i: &Inside) -> Done {
    let spill = || i.spill(i.at("outside/secret"));
    let others = pids().into_iter().filter(|pid| *pid != std::process::id());
    any(others, |pid| {
        any(["user", "mnt"], |kind| {
            let space = File::open(format!("/proc/{pid}/ns/{kind}"))?;
            call(libc::SYS_setns, &[space.as_raw_fd() as usize, 0])?;
            spill()
        })
    })
}

fn join_by_pidfd(i: &Inside) -> Done {
    any([i.number("bystander"), 1], |pid| {
        let fd = call(libc::SYS_pidfd_open, &[pid, 0])?;
        call(libc::SYS_setns, &[fd, libc::CLONE_NEWNET as usize]).map(drop)
    })
}

fn clone_user(_: &Inside) -> Done {
    let child = call(libc::SYS_clone, &[libc::CLONE_NEWUSER as usize | libc::SIGCHLD as usize])?;
    if child == 0 {
        std::process::exit(0);
    }
    Ok(())
}

fn clone3_user(_: &Inside) -> Done {
    let mut args = [0_u64; 11];
    args[0] = libc::CLONE_NEWUSER as u64;
    args[4] = libc::SIGCHLD as u64;
    let child = call(libc::SYS_clone3, &[args.as_ptr() as usize, size_of_val(&args)])?;
    if child == 0 {
        std::process::exit(0);
    }
    Ok(())
}

/// A file that the user owns and may not read.
fn out_of_reach(scene: &mut Scene) {
    use std::os::unix::fs::PermissionsExt;
    let path = scene.at("granted/closed");
    fs::write(&path, &scene.secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    scene.give_away();
}

/// Root of a namespace may read what its user owns, whatever the mode says.
fn rights(i: &Inside) -> Done {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(libc::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    call(libc::SYS_prctl, &[libc::PR_SET_SECUREBITS as usize, minus(0)])?;
    i.spill(i.at("granted/closed"))
}
