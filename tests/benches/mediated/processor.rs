//! The processor time that processes have taken, as the kernel counts it.

use std::path::Path;
use std::time::Duration;

use crate::Done;

/// What this process has taken, its threads of now, and each of `others`.
pub(crate) fn taken(others: &[u32]) -> Done<Duration> {
    let mut sum = of(Path::new("/proc/self/task"))?;
    for pid in others {
        sum += of(Path::new(&format!("/proc/{pid}/task")))?;
    }
    Ok(sum)
}

fn of(tasks: &Path) -> Done<Duration> {
    let mut sum = Duration::ZERO;
    for task in std::fs::read_dir(tasks)? {
        // Time on a processor in nanoseconds, time in a queue, slices.
        let told = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += Duration::from_nanos(told.split_whitespace().next().unwrap_or_default().parse()?);
    }
    Ok(sum)
}
