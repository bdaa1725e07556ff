//! The whole product at work in a network of its own, where every packet that would leave is counted and every
//! call that names an address is written down: nothing leaves, and nobody is asked for a name.
//!
//! The test runs itself again inside that network, under `strace`. A second test does the same with programs that
//! do reach out, so that a watch that sees nothing is found out.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bulkhead_tests::llama::Llama;
use bulkhead_tests::{Browser, Home, Said, is_root, skipped};
use serde_json::Value;
use tempfile::TempDir;

/// Set in the run that is watched.
const INSIDE: &str = "BULKHEAD_TEST_INSIDE";

/// An address of the counting interface's network, and one that only the default route leads to.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// Loopback as everywhere, and one interface with the default route that swallows and counts what it is given. It
/// has no address of the newer kind: the kernel itself would send packets for one.
const NETWORK: &str = "
set -e
ip link set lo up
ip link add wan type veth peer name nowhere
ip link set wan addrgenmode none
ip link set nowhere addrgenmode none
ip addr add 198.51.100.2/24 dev wan
ip link set nowhere up
ip link set wan up
ip neigh add 198.51.100.1 lladdr 02:00:00:00:00:01 dev wan nud permanent
ip route add default via 198.51.100.1 dev wan
dir=$1
shift
look() {
    ip -s -j link show wan > \"$dir/$1\"
    cat /proc/net/snmp /proc/net/netstat /proc/net/snmp6 /proc/net/igmp > \"$dir/$1.counters\" 2> /dev/null || true
}
look before
code=0
strace -f --seccomp-bpf -qq -s 256 -e trace=%network -e signal=none -o \"$dir/calls\" \"$@\" || code=$?
look after
exit $code
";

/// What a run did, as seen from outside.
struct Seen {
    said: Said,
    folder: TempDir,
}

impl Seen {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// What the kernel counted otherwise than before, to say of a packet what it was.
    fn counted(&self) -> Vec<String> {
        let (before, after) = (self.read("before.counters"), self.read("after.counters"));
        let before: BTreeSet<&str> = before.lines().collect();
        after.lines().filter(|line| !before.contains(line)).map(str::to_owned).collect()
    }

    /// The packets that went to the interface.
    fn packets(&self) -> u64 {
        let count = |name: &str| {
            let link: Value = serde_json::from_str(&self.read(name)).unwrap();
            link[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
        };
        count("after") - count("before")
    }

    /// Every call that names an address.
    fn addressed(&self) -> Vec<String> {
        self.read("calls").lines().filter(|line| line.contains("sa_family=")).map(str::to_owned).collect()
    }

    /// The calls that name an address beyond this machine, or a socket that is none of the test's own.
    fn leaving(&self) -> Vec<String> {
        let own = format!("sun_path=\"{}/", root(&self.folder).display());
        let stays = |call: &String| {
            call.contains("inet_addr(\"127.")
                || call.contains("inet_pton(AF_INET6, \"::1\"")
                || call.contains(&own)
                || call.contains("sa_family=AF_UNSPEC")
                // What the kernel says of a peer without a name.
                || call.contains("{sa_family=AF_UNIX}")
        };
        self.addressed().into_iter().filter(|call| !stays(call)).collect()
    }

    /// Nothing left, and nobody was asked.
    #[track_caller]
    fn stays(&self) {
        let leaving = self.leaving();
        assert!(leaving.is_empty(), "this leaves the machine, or asks somebody:\n{}", leaving.join("\n"));
        assert_eq!(
            self.packets(),
            0,
            "packets left, by calls that named no address. What the kernel counted: {:#?}",
            self.counted()
        );
    }
}

/// A folder as the kernel names it, since that is how its sockets are written down: what `TMPDIR` says may go
/// through a link.
fn root(folder: &TempDir) -> PathBuf {
    folder.path().canonicalize().unwrap()
}

/// A folder in which sockets can be made, whose paths have a hundred bytes at most.
fn folder() -> TempDir {
    const ROOM: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    if root(&folder).as_os_str().len() <= ROOM { folder } else { tempfile::tempdir_in("/tmp").unwrap() }
}

/// Runs the test `name` of this binary again, watched; nothing where that cannot be had.
fn watched(name: &str) -> Option<Seen> {
    let test = format!("zero_egress::{name}");
    for (program, package) in [("strace", "strace"), ("ip", "iproute2"), ("unshare", "util-linux")] {
        if Command::new(program).arg("-V").output().is_err() {
            skipped(&format!("security::{test}"), &format!("`{package}` is not installed"));
            return None;
        }
    }
    let spaces = if is_root() { "-n" } else { "-Urn" };
    if !Command::new("unshare").args([spaces, "true"]).status().unwrap().success() {
        skipped(&format!("security::{test}"), "a network namespace cannot be had here");
        return None;
    }
    let folder = folder();
    let outside = format!("http://{OUTSIDE}:3128");
    let kept = ["PATH", "BULKHEAD_MODEL_SERVER", "RUST_BACKTRACE"];
    let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let child = Command::new("unshare")
        .args([spaces, "sh", "-c", NETWORK, "sh"])
        .arg(root(&folder))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        // The same everywhere. A shell without `SHELL` or `HOME` asks the machine's name service for them.
        .env_clear()
        .envs(kept)
        .envs([("SHELL", "/bin/sh"), ("LANG", "C.UTF-8"), (INSIDE, "1")])
        .envs(["HOME", "TMPDIR"].map(|name| (name, root(&folder))))
        // Nothing goes by way of a proxy, whatever the environment says.
        .envs(
            ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
                .map(|name| (name, &outside)),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Some(Seen { said: Said::from(child.wait_with_output().unwrap()), folder })
}

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[test]
fn not_one_packet_and_not_one_question_leaves_while_the_whole_product_works() {
    if is_inside() {
        return the_whole_product();
    }
    let name = "not_one_packet_and_not_one_question_leaves_while_the_whole_product_works";
    let Some(seen) = watched(name) else { return };
    assert_eq!(seen.said.code, 0, "{}{}", seen.said.out, seen.said.err);
    for line in seen.said.err.lines().filter(|line| line.starts_with("SKIPPED")) {
        skipped("in part: security::zero_egress", line.trim_start_matches("SKIPPED "));
    }
    let addressed = seen.addressed();
    for what in ["connect(", "bind(", "inet_addr(\"127.0.0.1\")", "gateway.sock"] {
        assert!(addressed.iter().any(|call| call.contains(what)), "the watch saw no `{what}`: {addressed:?}");
    }
    seen.stays();
}

#[test]
fn the_watch_sees_a_packet_a_connection_and_a_question() {
    if is_inside() {
        return reach_out();
    }
    let Some(seen) = watched("the_watch_sees_a_packet_a_connection_and_a_question") else { return };
    assert_eq!(seen.said.code, 0, "{}{}", seen.said.out, seen.said.err);
    let leaving = seen.leaving();
    for what in ["htons(9)", "htons(7)", "AF_INET6", "/nowhere.sock"] {
        assert!(leaving.iter().any(|call| call.contains(what)), "`{what}` was not seen: {leaving:?}");
    }
    // One datagram and the first packet of a connection at least; a resolver's questions beside them.
    assert!(seen.packets() >= 2, "{} packets", seen.packets());
}

#[test]
fn a_program_that_reaches_out_is_seen_to_try_and_not_one_packet_leaves() {
    if is_inside() {
        let home = Home::new();
        home.soul("scout", SOUL);
        home.start();
        let connects = format!("exec 3<>/dev/tcp/{OUTSIDE}/7 || echo refused");
        home.run(&["run", "scout", "--", "bash", "-c", &connects]).done().has("refused");
        return;
    }
    let Some(seen) = watched("a_program_that_reaches_out_is_seen_to_try_and_not_one_packet_leaves") else {
        return;
    };
    assert_eq!(seen.said.code, 0, "{}{}", seen.said.out, seen.said.err);
    let leaving = seen.leaving();
    assert!(!leaving.is_empty() && leaving.iter().all(|call| call.contains("203.0.113.9")), "{leaving:?}");
    assert_eq!(seen.packets(), 0, "{:#?}", seen.counted());
}

/// What nothing of the product may do.
fn reach_out() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    assert_eq!(socket.send_to(b"hello", (OUTSIDE, 9)).unwrap(), 5);
    let address = SocketAddr::from((OUTSIDE, 7));
    assert!(TcpStream::connect_timeout(&address, Duration::from_millis(50)).is_err());
    assert!(TcpStream::connect("[2001:db8::9]:7").is_err());
    assert!(std::os::unix::net::UnixStream::connect("/nowhere.sock").is_err());
}

/// A turn that would like to look at the world, ask a name and tell others.
const SCENE: &str = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}
      - {skill: browser, arguments: {url: \"http://203.0.113.9/collect\"}}
      - {skill: browser, arguments: {url: \"https://collect.example.org/\"}}
      - {skill: exec, arguments: {command: echo, args: [here]}}
      - {skill: message, arguments: {channel: \"board:forum\", text: here it is}}
  - say: that is all
    repeat: true
";

const SOUL: &str = "# Scout

## Identity

- Name: scout
- Role: Looks around

## Skills

- browser: Look around
- file-reader: Look things up
  - paths: HOME/handbook
- exec: Say it
  - commands: echo
- message: Tell others

## Channels

- board: forum
";

fn the_whole_product() {
    let home = Home::new();
    home.soul("scout", SOUL);
    home.scene(SCENE);
    home.start();
    let chat = home.begin(&["chat", "scout", "look around"]);
    home.run(&["approvals", "approve", &home.waiting()]).done();
    Said::of(chat).done().has("denied").has("that is all");
    health(home.json(&["gateway", "status"])["address"].as_str().unwrap());
    console(&home);
    home.run(&["run", "scout", "--", "echo", "from a program"]).done().has("from a program");
    home.run(&["run", "scout", "--", "python3", "-c", ENDPOINTS])
        .done()
        .has("model answered")
        .has("tools answered");
    home.run(&["agents", "list"]).done();
    home.run(&["agents", "kill", "--all"]).done();
    home.run(&["agents", "resume", "helper"]).done();
    home.run(&["check"]).done();
    let doctor = home.json(&["doctor"]);
    assert_eq!(doctor["ok"], true, "{doctor}");
    if let Some(llama) = Llama::start("the part with a real model server") {
        let server = llama.pressed(false);
        home.edit("default = \"rehearsal/scene\"", "default = \"box\"");
        home.add(&server.settings());
        home.run(&["gateway", "restart"]).done();
        // The model speaks nonsense; what it says is no matter here.
        drop(home.run(&["chat", "helper", "hello"]));
        assert!(!server.requests("/chat/completions").is_empty());
    }
    // The default: whatever answers on this machine, where nothing does.
    let settings = fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    let auto = settings.replace("default = \"rehearsal/scene\"", "default = \"auto\"");
    fs::write(home.at("bulkhead.toml"), auto.replace("default = \"box\"", "default = \"auto\"")).unwrap();
    home.run(&["chat", "helper", "hello"]).with(4);
    home.run(&["gateway", "stop"]).done();
    home.verifies();
    demo(home.outside());
}

/// A program that asks its model something and lists its skills, at the addresses that it was given.
const ENDPOINTS: &str = r#"
import json, os, urllib.error, urllib.request
def post(url, body):
    headers = {'content-type': 'application/json', 'accept': 'application/json, text/event-stream',
               'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY']}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            answer.read()
            return 'answered'
    except urllib.error.HTTPError:
        return 'answered'
print('model', post(os.environ['OPENAI_BASE_URL'] + '/chat/completions',
                    {'model': 'any', 'messages': [{'role': 'user', 'content': 'hello'}]}))
print('tools', post(os.environ['BULKHEAD_MCP_URL'], {'jsonrpc': '2.0', 'id': 1, 'method': 'initialize', 'params': {
    'protocolVersion': '2025-06-18', 'capabilities': {}, 'clientInfo': {'name': 'test', 'version': '1'}}}))
"#;

/// What a browser does: the page with all that it names, a sign-in, and what happens as it happens.
fn console(home: &Home) {
    let nobody = Browser::at(home);
    let page = nobody.send("GET", "/", &nobody.headers(), b"").is(200).body;
    let assets: Vec<&str> =
        page.split('"').filter(|word| word.ends_with(".js") || word.ends_with(".css")).collect();
    if assets.is_empty() {
        skipped("in part: security::zero_egress", "the console's page is not built into this binary");
    }
    for asset in assets {
        let path = format!("/{}", asset.trim_start_matches(['.', '/']));
        assert!(!nobody.send("GET", &path, &nobody.headers(), b"").is(200).body.is_empty(), "{path}");
    }
    let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(home, &person);
    let mut events = browser.follow_sse("events", None);
    assert_eq!(events.status, 200);
    // What happens in it is no matter here, only that it is heard.
    drop(home.run(&["chat", "helper", "hello"]));
    assert!(events.until("helper").contains("helper"));
}

fn health(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

fn demo(folder: &Path) {
    let demo =
        Command::new(bulkhead_tests::home::bulkhead()).arg("demo").current_dir(folder).output().unwrap();
    Said::from(demo).done();
}
