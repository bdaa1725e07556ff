//! The shape of an attempt, and what its payload knows inside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::call::Done;
use crate::scene::Scene;

/// One way out of a jail that is tried.
pub struct Attempt {
    /// What it tries.
    pub name: &'static str,
    /// The payload. What it reads it prints, so that the harness sees what came out.
    pub tries: fn(&Inside) -> Done,
    /// How the harness sees that it came through.
    pub sign: Sign,
    /// What must be there first, made with all the rights of the machine.
    pub stage: fn(&mut Scene),
    /// Why it cannot come through without a jail for everyone or everywhere; then it is skipped by name.
    pub needs: Option<Need>,
    /// How the run ends.
    pub end: End,
    /// How often it is tried in the jail.
    pub rounds: u32,
    /// What its standard input is.
    pub input: Input,
    /// A jail that is refused holds, too.
    pub refusable: bool,
    /// Its jail lets it start two programs, by name.
    pub named: bool,
}

/// What shows that an attempt came through.
#[derive(Clone, Copy)]
pub enum Sign {
    /// The machine's secret is in what the payload printed.
    Leaked,
    /// Something outside the folder that it may write has changed.
    Disturbed,
    /// A server of the machine heard the payload.
    Heard,
    /// The bystander was stopped, ended, traced, changed or limited.
    Hurt,
    /// The machine's mounts changed.
    Mounted,
    /// Processes are left after the end.
    Left,
    /// A process of the run has a descriptor that leads there.
    Holds(&'static str),
    /// Something else that the harness looks for while the payload waits.
    Seen(fn(&Scene) -> bool),
    /// Nothing can be seen from outside; the payload's word counts.
    Word,
}

/// What an attempt needs to come through at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The machine's root.
    Root,
    /// Something that not every kernel has, or that an administrator may have turned off.
    Kernel,
}

/// How a run ends once the harness has looked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The payload is told to end, and does.
    Told,
    /// It is killed.
    Killed,
}

/// What a payload has as its standard input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A pipe that ends when the payload is to end.
    Pipe,
    /// A terminal.
    Terminal,
    /// A folder outside, from a careless command line.
    Folder,
}

/// An attempt for everybody.
pub const fn attempt(name: &'static str, tries: fn(&Inside) -> Done, sign: Sign) -> Attempt {
    Attempt {
        name,
        tries,
        sign,
        stage: |_| (),
        needs: None,
        end: End::Told,
        rounds: 1,
        input: Input::Pipe,
        named: false,
        refusable: false,
    }
}

impl Attempt {
    /// Only root comes through without a jail.
    pub const fn root(mut self) -> Self {
        self.needs = Some(Need::Root);
        self
    }

    /// Only some kernels let it through without a jail.
    pub const fn kernel(mut self) -> Self {
        self.needs = Some(Need::Kernel);
        self
    }

    /// With a stage of its own.
    pub const fn staged(mut self, stage: fn(&mut Scene)) -> Self {
        self.stage = stage;
        self
    }

    /// Ended by a kill, this many times over.
    pub const fn killed(mut self, rounds: u32) -> Self {
        self.end = End::Killed;
        self.rounds = rounds;
        self
    }

    /// In the jail as often as this.
    pub const fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// Where no jail is as good as one that holds.
    pub const fn refusable(mut self) -> Self {
        self.refusable = true;
        self
    }

    /// In a jail that lets it start two programs, by name.
    pub const fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// With something else than a pipe as its standard input.
    pub const fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }
}

/// What a payload knows: where things are, never what is secret.
pub struct Inside {
    facts: BTreeMap<String, String>,
}

impl Inside {
    pub fn new(facts: &[String]) -> Self {
        let split = |fact: &String| fact.split_once('=').map(|(key, value)| (key.into(), value.into()));
        Self { facts: facts.iter().filter_map(split).collect() }
    }

    /// A fact by its name.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).unwrap_or_else(|| panic!("no fact {name}"))
    }

    /// A fact that is a number.
    pub fn number(&self, name: &str) -> usize {
        self.fact(name).parse().unwrap()
    }

    /// A path of the machine's stage.
    pub fn at(&self, name: &str) -> PathBuf {
        Path::new(self.fact("root")).join(name)
    }

    /// A path in the folder that may be written.
    pub fn work(&self, name: &str) -> PathBuf {
        self.at(crate::scene::WORK).join(name)
    }

    /// What the payload writes or sends when it gets the chance.
    pub fn mark(&self) -> &[u8] {
        self.fact("mark").as_bytes()
    }

    /// Without a jail what it does to the machine itself must not outlive the attempt.
    pub fn careful(&self) -> bool {
        self.fact("place") == "Machine"
    }

    /// Prints.
    pub fn say(&self, bytes: &[u8]) -> Done {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Prints the start of a file.
    pub fn spill(&self, path: impl AsRef<Path>) -> Done {
        const MOST: u64 = 256 * 1024;
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
        self.say(&bytes)
    }
}

/// Said before an attempt, so that one that never ran is not taken for one that was held.
pub const TRYING: &str = "trying";

/// Said after it, with what became of it.
pub const TRIED: &str = "tried: ";

/// The payload's whole life: try, say what became of it, stay to be looked at until told to end.
pub fn play(attempt: &Attempt, facts: &[String]) {
    let inside = Inside::new(facts);
    println!("{TRYING}");
    let done = (attempt.tries)(&inside);
    println!("\n{TRIED}{}", done.map_or_else(|error| error.to_string(), |()| "ok".into()));
    let mut rest = Vec::new();
    // A standard input that is gone says the same as one that ends.
    drop(io::stdin().read_to_end(&mut rest));
}
