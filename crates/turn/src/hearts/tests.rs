//! What agents did is forgotten wherever it is written, nothing of anybody else's is, and what cannot be looked at is said.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

struct Clock;

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [0; 16]
    }
}

/// Hearts over a folder, in which agents and agents that were removed have something to say.
struct World {
    folder: TempDir,
    hearts: Hearts,
}

impl World {
    fn new(agents: &[&str], removed: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for name in agents
            .iter()
            .map(|name| format!("agents/{name}"))
            .chain(removed.iter().map(|name| format!("removed/{name}")))
        {
            fs::create_dir_all(at(&name)).unwrap();
            let mut beat = Heartbeat::new("Ann", "Writer");
            beat.add(Clock.now(), What::Received { task: "of the quokka".to_owned() });
            fs::write(at(&name).join("HEARTBEAT.md"), beat.render()).unwrap();
        }
        let hearts = Hearts::new(at("agents"), at("removed"), Arc::new(Clock));
        Self { folder, hearts }
    }

    fn says(&self, folder: &str) -> bool {
        fs::read_to_string(self.folder.path().join(folder).join("HEARTBEAT.md")).unwrap().contains("quokka")
    }

    fn forget(&self, agent: &str) {
        self.hearts.forget(&named(agent)).unwrap();
    }
}

fn named(agent: &str) -> BTreeSet<AgentName> {
    BTreeSet::from([AgentName::new(agent).unwrap()])
}

#[test]
fn what_an_agent_did_goes_and_what_another_with_a_longer_name_did_stays() {
    let removed = [
        "ann-20261121T101112.123456Z",
        "ann-marie-20261121T101112.123456Z",
        "ann-2026-20261121T101112.123456Z",
        "ann-t.z-20261121T101112.123456Z",
        "anna-20261121T101112.123456Z",
        "ann-other",
    ];
    let world = World::new(&["ann", "ann-marie"], &removed);
    world.forget("ann");
    assert!(!world.says("agents/ann") && world.says("agents/ann-marie"));
    let stay: Vec<&str> = removed.into_iter().filter(|name| world.says(&format!("removed/{name}"))).collect();
    assert_eq!(stay, &removed[1..]);
    world.forget("ann-marie");
    world.forget("ann-t.z");
    assert!(!world.says("agents/ann-marie") && !world.says(&format!("removed/{}", removed[1])));
    assert!(
        !world.says(&format!("removed/{}", removed[3])) && world.says(&format!("removed/{}", removed[2]))
    );
}

#[test]
fn what_a_gateway_that_was_killed_left_of_a_heartbeat_goes() {
    let removed = "removed/ann-20261121T101112.123456Z";
    let world = World::new(&["ann", "bob"], &["ann-20261121T101112.123456Z"]);
    let draft = |folder: &str| world.folder.path().join(folder).join(".heartbeat-x1");
    for folder in ["agents/ann", "agents/bob", removed] {
        fs::write(draft(folder), "words").unwrap();
    }
    let other = world.folder.path().join("agents/ann/.heartbeat");
    fs::write(&other, "somebody's").unwrap();
    world.forget("ann");
    assert!(!draft("agents/ann").exists() && !draft(removed).exists());
    assert!(draft("agents/bob").exists() && other.exists());
}

#[test]
fn what_is_not_there_is_nothing_to_forget() {
    let world = World::new(&["ann"], &[]);
    world.forget("ann");
    world.forget("nobody");
    // Something else that lies among the folders.
    fs::create_dir(world.folder.path().join("removed")).unwrap();
    fs::write(world.folder.path().join("removed/ann-20261121T101112.123456Z"), "a file").unwrap();
    world.forget("ann");
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_nothing() {
    // A link in a circle is an error for everybody, root too, and no sign that nothing is there.
    let looped = |path: &Path| symlink(path, path).unwrap();
    let told = |world: &World| world.hearts.forget(&named("ann")).unwrap_err();

    let world = World::new(&["ann"], &[]);
    looped(&world.folder.path().join("removed"));
    assert!(told(&world).contains("removed` has words that were erased cannot be told"));

    let world = World::new(&["ann"], &["ann-20261121T101112.123456Z"]);
    let heartbeat = world.folder.path().join("removed/ann-20261121T101112.123456Z/HEARTBEAT.md");
    fs::remove_file(&heartbeat).unwrap();
    looped(&heartbeat);
    assert!(told(&world).contains("HEARTBEAT.md` has words"));

    let world = World::new(&[], &[]);
    fs::create_dir(world.folder.path().join("agents")).unwrap();
    looped(&world.folder.path().join("agents/ann"));
    assert!(told(&world).contains("HEARTBEAT.md` has words"));
}
