//! A process that has waited for its next word for a while: little of the program is in its memory, and it answers.

use std::fs;
use std::time::{Duration, Instant};

use bulkhead_sandbox::REST_AFTER;

use crate::Check;
use crate::kill::jailed;
use crate::stage::{PATIENCE, ask, roster, run};

pub(crate) const CHECKS: &[Check] =
    &[("a process that rests gives the program back", a_process_that_rests_gives_the_program_back)];

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a process has mapped, part for part, as the kernel tells whoever may see it.
fn smaps(pid: u32) -> std::io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/smaps"))
}

/// How much of the program's code a process has mapped, in KiB.
fn mapped(pid: u32) -> u64 {
    let smaps = smaps(pid).unwrap();
    let program = fs::read_link("/proc/self/exe").unwrap();
    let (mut counts, mut sum) = (false, 0);
    for line in smaps.lines() {
        if let Some(rights) = line.split(' ').nth(1).filter(|rights| rights.len() == 4) {
            counts = rights == "r-xp" && line.ends_with(program.to_str().unwrap());
        } else if let Some(rss) = line.strip_prefix("Rss:").filter(|_| counts) {
            sum += rss.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        }
    }
    sum
}

fn a_process_that_rests_gives_the_program_back() {
    run(async {
        let roster = roster();
        let mut child = jailed(&roster, "a").await;
        if smaps(child.pid()).is_err() {
            eprintln!("SKIPPED jail::a process that rests: this user may not see what it has mapped");
            return;
        }
        let (begun, mut most) = (Instant::now(), 0);
        let least = 'rests: loop {
            assert!(begun.elapsed() < PATIENCE, "{most} KiB are mapped and stay");
            // On a slow machine it may rest before anyone has looked. Then it is asked again.
            assert!(ask(&mut child, "time-and-chance", &[]).await.is_ok());
            let asked = Instant::now();
            while asked.elapsed() < REST_AFTER * 3 {
                let now = mapped(child.pid());
                if now < most {
                    break 'rests now;
                }
                most = now;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        println!("        {most} KiB of code were mapped, and {least} are");
        assert!(ask(&mut child, "time-and-chance", &[]).await.is_ok());
    });
}
