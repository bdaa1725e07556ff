//! A PostgreSQL cluster of a test's own, from the machine's packages: in a folder that is gone, with every process,
//! when the test process has ended, however it ended.
//!
//! A shell guards it. The shell reads commands from a pipe that only the test process holds; when that ends,
//! so does the cluster. PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// Starts, crashes and stops; answers each command with one line. `$1` is the folder, the rest the server's command line.
const GUARD: &str = r#"
folder=$1; shift
pid=
start() {
    "$@" >>"$folder/log" 2>&1 </dev/null &
    pid=$!
}
# The postmaster and everything that it started.
family() {
    [ -z "$pid" ] || echo "$pid" $(cat /proc/"$pid"/task/*/children 2>/dev/null)
}
gone() {
    wait "$pid" 2>/dev/null
    pid=
}
while read -r verb; do
    case $verb in
    start) start "$@" ;;
    crash) all=$(family); kill -KILL $all 2>/dev/null; gone
        for one in $all; do while [ -d /proc/"$one" ]; do sleep 0.01; done; done ;;
    quit) kill -QUIT "$pid"; gone ;;
    esac
    echo "$verb"
done
[ -z "$pid" ] || { kill -QUIT "$pid" 2>/dev/null; gone; }
rm -rf "$folder"
"#;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    bin: PathBuf,
    port: String,
    guard: Mutex<Guard>,
    names: AtomicU32,
}

#[derive(Debug)]
struct Guard {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Guard {
    fn order(&mut self, verb: &str) {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{verb}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), verb, "the cluster's guard is gone");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.orders = None;
        self.child.wait().unwrap();
    }
}

/// The newest PostgreSQL that is installed as Debian does it, or the one that is on the path.
fn programs() -> Result<PathBuf, String> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    found.sort_by_key(|bin| {
        bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok())
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = found.into_iter().rev().chain(std::env::split_paths(&path));
    let whole = |bin: &PathBuf| bin.join("postgres").exists() && bin.join("initdb").exists();
    all.find(whole).ok_or_else(|| "PostgreSQL's `initdb` and `postgres` are not installed".to_owned())
}

/// The user that the cluster runs as, when this is root.
fn user() -> Result<Option<(&'static str, u32, u32)>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(|error| error.to_string())?;
    let find = |name: &'static str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some((name, numbers.next()??, numbers.next()??))
    };
    let found = find("postgres").or_else(|| find("nobody"));
    found.map(Some).ok_or_else(|| "there is no user `postgres` or `nobody` to run PostgreSQL as".to_owned())
}

/// The words before a command that make it run as `user`.
fn becoming(user: Option<(&str, u32, u32)>) -> Vec<String> {
    let Some((_, uid, gid)) = user else { return Vec::new() };
    let ids = [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()];
    ["setpriv".to_owned()].into_iter().chain(ids).collect()
}

impl Cluster {
    /// A new one with these settings beside the defaults; why not, where it cannot be had.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, String> {
        // Short, since a socket's path may have 107 bytes.
        Self::start_in(Path::new("/tmp"), settings)
    }

    /// The same, and `change` changes its files before it starts.
    pub fn start_with(settings: &[(&str, &str)], change: impl FnOnce(&Path)) -> Result<Self, String> {
        Self::make(Path::new("/tmp"), settings, change)
    }

    /// The same as [`Cluster::start`] in a folder of `parent`.
    pub fn start_in(parent: &Path, settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::make(parent, settings, |_| {})
    }

    fn make(parent: &Path, settings: &[(&str, &str)], change: impl FnOnce(&Path)) -> Result<Self, String> {
        let bin = programs()?;
        let user = user()?;
        let folder = tempfile::Builder::new()
            .prefix("bulkhead-pg-")
            .tempdir_in(parent)
            .map_err(|e| e.to_string())?
            .keep();
        if let Some((_, uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).map_err(|error| error.to_string())?;
        }
        let data = folder.join("data");
        let words = becoming(user);
        let mut command = match words.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(bin.join("initdb"));
                command
            }
            None => Command::new(bin.join("initdb")),
        };
        // What `initdb` writes need not survive the machine; what the server writes is synced as it always is.
        command.args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        let made = command.arg(&data).current_dir("/").output().map_err(|error| error.to_string())?;
        if !made.status.success() {
            std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
            return Err(format!("`initdb` failed: {}", String::from_utf8_lossy(&made.stderr).trim()));
        }
        change(&data);
        own_all(&data, user)?;
        let mut server = words;
        server.push(bin.join("postgres").display().to_string());
        let socket = folder.display().to_string();
        let own = [
            ("listen_addresses", ""),
            ("unix_socket_directories", socket.as_str()),
            ("max_connections", "200"),
            // After a crash the server syncs the whole file system at once and not each of its files.
            ("recovery_init_sync_method", "syncfs"),
        ];
        server.extend(["-D".to_owned(), data.display().to_string()]);
        for (name, value) in own.iter().chain(settings) {
            server.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        let port =
            settings.iter().find(|(name, _)| *name == "port").map_or("5432", |(_, port)| *port).to_owned();
        let guard = guard(&folder, &server)?;
        let cluster = Self { folder, bin, port, guard: Mutex::new(guard), names: AtomicU32::new(0) };
        cluster.resume();
        Ok(cluster)
    }

    /// The one that the tests of this process share; why not, where it cannot be had.
    pub fn shared() -> Result<&'static Self, &'static str> {
        static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[])).as_ref().map_err(String::as_str)
    }

    /// The folder with the server's socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new database; its name.
    pub fn database(&self) -> String {
        let name = format!("log{}", self.names.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        name
    }

    /// A copy of a database that nobody is connected to; its name.
    pub fn copy(&self, of: &str) -> String {
        let name = format!("log{}", self.names.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {of}"));
        name
    }

    /// Where `user` finds the database `name`.
    pub fn url(&self, user: &str, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{folder}:{}/{name}", self.port)
    }

    /// What `psql` says to `sql` as the superuser.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql("postgres", database, sql).unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// What `psql` says to `sql` as `user`, or to what it objects.
    #[expect(clippy::unwrap_in_result, reason = "without `psql` there is nothing to test with")]
    pub fn try_sql(&self, user: &str, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(self.bin.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                user,
                "-d",
                database,
                "-c",
                sql,
                "-h",
            ])
            .arg(&self.folder)
            .args(["-p", &self.port])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// SIGKILL to every process of it at once.
    pub fn crash(&self) {
        self.guard.lock().unwrap().order("crash");
    }

    /// An immediate shutdown, as of an administrator in a hurry.
    pub fn quit(&self) {
        self.guard.lock().unwrap().order("quit");
    }

    /// Starts it again, and comes back when it answers.
    pub fn resume(&self) {
        self.guard.lock().unwrap().order("start");
        for _ in 0..2_000 {
            if self.try_sql("postgres", "postgres", "SELECT 1").is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Ends it, and comes back when its folder is gone.
    pub fn end(&self) {
        let mut guard = self.guard.lock().unwrap();
        guard.orders = None;
        guard.child.wait().unwrap();
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// Gives the files that are not the server's own user's to it, as strictly as it wants its key.
fn own_all(data: &Path, user: Option<(&str, u32, u32)>) -> Result<(), String> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
    let failed = |error: std::io::Error| error.to_string();
    let own = rustix::process::geteuid().as_raw();
    for file in std::fs::read_dir(data).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if let Some((_, uid, gid)) = user
            && std::fs::metadata(&path).map_err(failed)?.uid() == own
        {
            std::os::unix::fs::chown(&path, Some(uid), Some(gid)).map_err(failed)?;
        }
        if path.extension().is_some_and(|extension| extension == "key") {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
        }
    }
    Ok(())
}

fn guard(folder: &Path, server: &[String]) -> Result<Guard, String> {
    use std::os::unix::process::CommandExt as _;
    let mut child = Command::new("sh")
        .args(["-c", GUARD, "postgres-guard"])
        .arg(folder)
        .args(server)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // An interrupt at the terminal ends the test, whose end ends the cluster.
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let answers = BufReader::new(child.stdout.take().unwrap());
    Ok(Guard { orders: child.stdin.take(), answers, child })
}
