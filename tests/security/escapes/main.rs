//! The escape suite: every way out of a jail that we know, tried.
//!
//! This binary is the harness and the payload. For each attempt it makes a machine to break out of (see
//! `machine`), runs the payload there without a jail, and sees it come through; then it runs the same payload
//! in a jail, in another such machine, and sees that it does not. What counts is what can be seen from outside
//! wherever there is something to see, so that a payload that lies is not believed. As root it does all of it
//! for root's gateway and for an ordinary user's.

mod attempt;
mod call;
mod ears;
mod files;
mod grants;
mod jailed;
mod kernel;
mod leftovers;
mod machine;
mod mounts;
mod names;
mod network;
mod processes;
mod report;
mod resources;
mod run;
mod scene;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use attempt::Attempt;
use machine::User;
use run::{Fate, Place};
use scene::Scene;

/// Every attempt.
fn attempts() -> impl Iterator<Item = &'static Attempt> {
    let groups = [
        files::CHECKS,
        grants::CHECKS,
        mounts::CHECKS,
        network::CHECKS,
        names::CHECKS,
        processes::CHECKS,
        kernel::CHECKS,
        resources::CHECKS,
        leftovers::CHECKS,
    ];
    groups.into_iter().flatten()
}

fn named(name: &str) -> &'static Attempt {
    attempts().find(|attempt| attempt.name == name).unwrap_or_else(|| panic!("no attempt `{name}`"))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["try", name, ..] => attempt::play(named(name), &args[2..]),
        ["machine", user, place, program, name] => return machine(user, place, program, name),
        [scene::SPAWNER] => return sandbox::spawner::serve(&[]),
        ["bystander", secret] => scene::bystander(secret),
        ["spill", path] => {
            std::io::stdout().write_all(&std::fs::read(path).unwrap_or_default()).unwrap();
        }
        ["nothing", ..] => {}
        ["sleep"] => loop {
            std::thread::park();
        },
        _ => return report::all(&words),
    }
    ExitCode::SUCCESS
}

/// Makes a machine, tries one thing in it and prints what became of it.
fn machine(user: &str, place: &str, program: &str, name: &str) -> ExitCode {
    let user = if user == "Root" { User::Root } else { User::Ordinary };
    let place = if place == "Jail" { Place::Jail } else { Place::Machine };
    let ended = machine::within(user, || {
        let fate = tried(user, place, Path::new(program), named(name));
        println!("{}", report::line(&fate));
        0
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            println!("{}", report::line(&Fate::Never(format!("no machine: {error}"))));
            ExitCode::SUCCESS
        }
    }
}

fn tried(user: User, place: Place, program: &Path, attempt: &Attempt) -> Fate {
    let mut scene = Scene::new(user, program);
    (attempt.stage)(&mut scene);
    if let Err(error) = machine::become_user(user) {
        return Fate::Never(format!("cannot become an ordinary user: {error}"));
    }
    scene.settle();
    let mut starter = jailed::Starter::default();
    // In a jail twice at least: made for it, and made ahead.
    let rounds = if place == Place::Jail { attempt.rounds.max(2) } else { 1 };
    let mut fate = Fate::Never("no round".into());
    for _ in 0..rounds {
        fate = run::once(&mut scene, attempt, place, &mut starter);
        if !matches!(fate, Fate::Held(_)) {
            break;
        }
    }
    fate
}
