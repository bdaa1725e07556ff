//! What the kernel says of processes.

use std::fs;

use crate::Done;

/// The processes whose parent this one is.
pub(crate) fn children() -> Done<Vec<u32>> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // One that is gone by now is none.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        if parent == Some(own.as_str()) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Memory that a process has, with what it shares divided among those who share it, in KiB.
pub(crate) fn proportional_kib(pid: u32) -> Done<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss in smaps_rollup")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Fails when a process of this benchmark is left.
pub(crate) fn nothing_left() -> Done<()> {
    let begun = std::time::Instant::now();
    // The spawners end when their rosters do, in their own time.
    while begun.elapsed().as_secs() < 5 {
        if children()?.is_empty() {
            println!("\nprocesses left                 0");
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Err(format!("processes are left: {:?}", children()?).into())
}
