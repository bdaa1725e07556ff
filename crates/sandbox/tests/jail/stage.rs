//! What the checks stand on: a runtime, this binary as a program, folders to grant or not, and processes
//! with and without a jail that take the same orders.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulkhead_sandbox::{Child, Jail, Layer, Program, Roster, SpawnError, probe, probe_program};
use tempfile::TempDir;
use vocab::frame;

use crate::program::{Ask, Told};

/// The longest that a check waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// This binary as a spawner.
pub(crate) fn spawner() -> Program {
    Program { path: "/proc/self/exe".into(), args: vec!["spawner".into()] }
}

pub(crate) fn roster() -> Roster {
    Roster::new(&spawner()).unwrap()
}

/// The layers of a role's jail that this machine lacks.
pub(crate) fn lacking() -> Vec<Layer> {
    run(probe(&spawner())).unwrap().into_iter().filter(Layer::is_missed).collect()
}

/// Those of a guest's, which has more to lay.
pub(crate) fn lacking_of_guests() -> Vec<Layer> {
    match run(probe_program(&spawner())) {
        Ok(layers) => layers.into_iter().filter(Layer::is_missed).collect(),
        Err(SpawnError::Refused { layer, why, mend }) => {
            vec![Layer { name: layer, present: false, why, mend }]
        }
        Err(other) => panic!("{other}"),
    }
}

/// Layers in words.
pub(crate) fn told(layers: &[Layer]) -> String {
    let told = layers.iter().map(|layer| format!("{} ({})", layer.name, layer.why));
    told.collect::<Vec<_>>().join(", ")
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process still runs. One that waits to be reaped does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).is_some_and(|state| !"ZX".contains(state))
}

/// Folders: `granted` to read, `work` to write, `outside` for nothing.
pub(crate) struct Folders {
    pub(crate) root: TempDir,
}

impl Folders {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["granted", "work", "outside"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let folders = Self { root };
        fs::write(folders.path("granted/file"), "granted").unwrap();
        fs::write(folders.path("work/file"), "work").unwrap();
        fs::write(folders.path("outside/secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folders.path("outside/secret"), folders.path("granted/link")).unwrap();
        std::os::unix::fs::symlink(folders.path("outside"), folders.path("work/way-out")).unwrap();
        folders
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The jail of a worker.
    pub(crate) fn jail(&self) -> Jail {
        Jail { read: vec![self.path("granted")], write: vec![self.path("work")], ..tight() }
    }
}

/// A jail without files and with little of everything.
pub(crate) fn tight() -> Jail {
    Jail { memory_bytes: 64 << 20, open_files: 16, file_bytes: 1 << 20, ..Jail::default() }
}

/// Asks a jailed process. `Err` when it refused, failed or ended over it.
pub(crate) async fn ask(child: &mut Child, attempt: &str, args: &[String]) -> Result<String, String> {
    let ask = Ask { attempt: attempt.into(), args: args.to_vec() };
    child.send(&ask).await.map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, child.recv::<Told>()).await {
        Ok(Ok(Some(told))) => told.result,
        Ok(Ok(None)) => Err("the process ended".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => panic!("no answer to {attempt} {args:?}"),
    }
}

/// A process without a jail that takes the same orders.
pub(crate) struct Plain {
    process: std::process::Child,
    stream: UnixStream,
}

impl Plain {
    pub(crate) fn start() -> Self {
        let (stream, theirs) = UnixStream::pair().unwrap();
        let process = Command::new("/proc/self/exe")
            .arg("plain")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        Self { process, stream }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn ask(&mut self, attempt: &str, args: &[String]) -> Result<String, String> {
        let ask = Ask { attempt: attempt.into(), args: args.to_vec() };
        frame::write(&mut self.stream, &ask).map_err(|error| error.to_string())?;
        match frame::read::<Told>(&mut self.stream) {
            Ok(Some(told)) => told.result,
            Ok(None) => Err("the process ended".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
