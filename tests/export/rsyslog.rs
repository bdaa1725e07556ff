//! A real rsyslog in a folder of its own.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulkhead_tests::{Port, eventually, skipped, tls};
use tempfile::TempDir;

/// How records reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Tcp,
    /// The other module for TCP, which reads in threads of its own.
    PlainTcp,
    /// TLS by this driver.
    Tls(&'static str),
    Udp,
}

pub struct Rsyslog {
    folder: TempDir,
    input: Input,
    _place: Port,
    pub port: u16,
    child: Option<Child>,
}

const PROGRAM: &str = "/usr/sbin/rsyslogd";

impl Rsyslog {
    /// Starts it, or says loudly that `test` is skipped.
    pub fn start(test: &str, input: Input) -> Option<Self> {
        let driver = match input {
            Input::Tls("gtls") => Some(("lmnsd_gtls.so", "rsyslog-gnutls")),
            Input::Tls(_) => Some(("lmnsd_ossl.so", "rsyslog-openssl")),
            _ => None,
        };
        let wanted = driver.map_or(("", "rsyslog"), |driver| driver);
        let there = Path::new(PROGRAM).exists()
            && (wanted.0.is_empty() || Path::new(&modules()).join(wanted.0).exists());
        if !there {
            skipped(test, &format!("`{}` is not installed", wanted.1));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let place = Port::held();
        let port = match input {
            Input::Udp => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
            _ => place.number,
        };
        if driver.is_some() {
            tls::certificates(folder.path());
        }
        let mut made = Self { folder, input, _place: place, port, child: None };
        made.go_on();
        Some(made)
    }

    /// Starts it again where it was.
    pub fn go_on(&mut self) {
        let conf = self.folder.path().join("rsyslog.conf");
        fs::write(&conf, self.settings()).unwrap();
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(PROGRAM)
            .arg("-n")
            .arg("-f")
            .arg(&conf)
            .arg("-i")
            .arg(self.folder.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let (port, input) = (self.port, self.input);
        let log = self.folder.path().join("log");
        eventually("rsyslog listens", || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "rsyslog ended: {}", fs::read_to_string(&log).unwrap());
            match input {
                Input::Udp => fs::read_to_string("/proc/net/udp").unwrap().contains(&format!(":{port:04X} ")),
                _ => TcpStream::connect(("127.0.0.1", port)).is_ok(),
            }
        });
    }

    /// Kills it with whatever it holds in memory.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    /// What it has written.
    pub fn written(&self) -> String {
        fs::read(self.out())
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The sequence numbers of the records that it has written whole, in their order.
    pub fn seqs(&self) -> Vec<u64> {
        let text = self.written();
        let pieces = text.split("[bulkhead@32473 seq=\"").skip(1);
        let whole = |piece: &str| {
            let (_, rest) = piece.split_once(" hash=\"")?;
            (rest.find('"')? == 64).then_some(())
        };
        pieces.filter_map(|piece| whole(piece).and(piece.split('"').next()?.parse().ok())).collect()
    }

    /// Where its certificates are.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The settings of an export to it.
    pub fn export(&self) -> String {
        let (scheme, host) = match self.input {
            Input::Tcp | Input::PlainTcp => ("tcp", "127.0.0.1"),
            Input::Udp => ("udp", "127.0.0.1"),
            Input::Tls(_) => ("tls", "localhost"),
        };
        let to = format!("name = \"siem\"\nformat = \"syslog\"\nto = \"{scheme}://{host}:{}\"\n", self.port);
        if scheme == "tls" { format!("{to}ca = {:?}\n", self.file("authority.pem")) } else { to }
    }

    /// Where it listens, on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn settings(&self) -> String {
        let (port, out) = (self.port, self.out());
        let tls = |name: &str| self.folder.path().join(name);
        let (global, input) = match self.input {
            Input::Tcp => (
                String::new(),
                format!(
                    "module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")"
                ),
            ),
            Input::PlainTcp => (
                String::new(),
                format!(
                    "module(load=\"imptcp\")\ninput(type=\"imptcp\" address=\"127.0.0.1\" port=\"{port}\")"
                ),
            ),
            Input::Tls(driver) => (
                format!(
                    "defaultNetstreamDriver=\"{driver}\" defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                    tls("authority.pem").display(),
                    tls("certificate.pem").display(),
                    tls("key.pem").display()
                ),
                format!(
                    "module(load=\"imtcp\" StreamDriver.Name=\"{driver}\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")"
                ),
            ),
            Input::Udp => (
                String::new(),
                format!(
                    "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")"
                ),
            ),
        };
        format!(
            "global(workDirectory=\"{}\" maxMessageSize=\"64k\" {global})\n{input}\ntemplate(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\naction(type=\"omfile\" file=\"{}\" template=\"raw\")\n",
            self.folder.path().display(),
            out.display()
        )
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The folder of its modules.
fn modules() -> String {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().map_while(Result::ok);
    let found = folders.map(|entry| entry.path().join("rsyslog")).find(|path| path.is_dir());
    found.unwrap_or_else(|| PathBuf::from("/usr/lib/rsyslog")).to_string_lossy().into_owned()
}
