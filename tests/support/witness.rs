//! A witness, made by hand as C2SP's `tlog-witness` and `tlog-cosignature` say, over no code of the product: keys, notes and
//! the proof of consistency are read here once more, by the algorithm of RFC 9162, section 2.1.4.2.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::Digest as _;

use crate::Port;
use crate::server::{Deed, Request, Server};

/// Its name.
pub const NAME: &str = "witness.example/1";

/// What each line of a signature begins with.
const MARK: &str = "\u{2014} ";

type Hash = [u8; 32];

/// Who signs as a witness.
pub struct Cosigner {
    name: String,
    pair: Ed25519KeyPair,
}

impl Default for Cosigner {
    fn default() -> Self {
        Self::of([9; 32])
    }
}

impl Cosigner {
    /// One with the key of this seed.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(seed: [u8; 32]) -> Self {
        Self::called(NAME, seed)
    }

    /// The same by another name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn called(name: &str, seed: [u8; 32]) -> Self {
        Self { name: name.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
    }

    fn bytes(&self) -> Vec<u8> {
        [&[4], self.pair.public_key().as_ref()].concat()
    }

    /// Its key, for the settings.
    #[must_use]
    pub fn key(&self) -> String {
        let (name, bytes) = (&self.name, self.bytes());
        format!("{name}+{}+{}", HEXLOWER.encode(&id(name, &bytes)), BASE64.encode(&bytes))
    }

    /// Its line for a checkpoint.
    ///
    /// # Panics
    /// When that is no note.
    #[must_use]
    pub fn cosign(&self, note: &str, time: u64) -> String {
        let (text, _) = note.split_once("\n\n").unwrap();
        let signature = self.pair.sign(format!("cosignature/v1\ntime {time}\n{text}\n").as_bytes());
        let name = &self.name;
        let bytes = [&id(name, &self.bytes()), time.to_be_bytes().as_slice(), signature.as_ref()].concat();
        format!("{MARK}{name} {}\n", BASE64.encode(&bytes))
    }
}

/// The id of a key, whose bytes begin with its type.
fn id(name: &str, key: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest([name.as_bytes(), b"\n", key].concat())[..4].to_vec()
}

/// What a witness makes of a request that it would cosign.
#[derive(Debug, Clone)]
pub enum Mood {
    /// What it should.
    Honest,
    /// It cosigns, and another signature is sent.
    Forges,
    /// It signs with the key of this seed.
    Signs([u8; 32]),
    /// Its clock is off by so many seconds.
    Off(i64),
    /// It cosigns twice.
    Twice,
    /// It has cosigned another root at the very size that it is sent.
    Differs,
    /// It says that it has cosigned one record more than it is sent.
    Ahead,
    /// It cosigns and keeps that, and the answer is lost.
    Loses,
    /// It does not look at the request and answers this, as it is.
    Says(Vec<u8>),
    /// It does not look at the request, begins an answer and does not go on.
    Stalls,
}

/// What it knows.
struct State {
    own: Cosigner,
    /// The log's key, as `NAME+ID+BASE64`.
    log: Option<String>,
    /// What it cosigned last.
    last: Option<(u64, Hash)>,
    mood: Mood,
    /// Each status that it answered by itself, with the size that was sent.
    answered: Vec<(u16, u64)>,
    /// The old size of each request.
    olds: Vec<u64>,
}

/// The witness, until it is dropped.
pub struct Witness {
    /// Its server; none while it is away.
    server: Option<Server>,
    /// Where it is, also while it is away.
    _port: Port,
    /// `127.0.0.1:PORT`.
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Default for Witness {
    fn default() -> Self {
        Self::of(Cosigner::default())
    }
}

impl Witness {
    /// One that signs as `own`.
    ///
    /// # Panics
    /// When it has no address.
    #[must_use]
    pub fn of(own: Cosigner) -> Self {
        let (answered, olds) = (Vec::new(), Vec::new());
        let state = State { own, log: None, last: None, mood: Mood::Honest, answered, olds };
        let port = Port::held();
        let address = port.address();
        let mut witness = Self { server: None, _port: port, address, state: Arc::new(Mutex::new(state)) };
        witness.comes();
        witness
    }

    /// It answers, with what it knew.
    ///
    /// # Panics
    /// When it was there already.
    pub fn comes(&mut self) {
        let state = Arc::clone(&self.state);
        let server = Server::at(&self.address, move |request| state.lock().unwrap().answer(request));
        self.server = Some(server);
    }

    /// It does not answer any more.
    pub fn goes(&mut self) {
        self.server = None;
    }

    /// It knows the log with this key from now on.
    ///
    /// # Panics
    /// When a test has broken.
    pub fn knows(&self, log: &str) {
        self.state.lock().unwrap().log = Some(log.to_owned());
    }

    /// From now on it does this.
    ///
    /// # Panics
    /// When a test has broken.
    pub fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// How many records it cosigned last.
    ///
    /// # Panics
    /// When a test has broken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.state.lock().unwrap().last.map_or(0, |(size, _)| size)
    }

    /// It forgets what it cosigned.
    ///
    /// # Panics
    /// When a test has broken.
    pub fn forgets(&self) {
        self.state.lock().unwrap().last = None;
    }

    /// The sizes that it was sent where it answered with this status by itself.
    ///
    /// # Panics
    /// When a test has broken.
    #[must_use]
    pub fn answered(&self, status: u16) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        state.answered.iter().filter(|(said, _)| *said == status).map(|(_, size)| *size).collect()
    }

    /// From which size each request had a proof.
    ///
    /// # Panics
    /// When a test has broken.
    #[must_use]
    pub fn olds(&self) -> Vec<u64> {
        self.state.lock().unwrap().olds.clone()
    }

    /// The settings that name it as `w1`.
    #[must_use]
    pub fn settings(&self) -> String {
        self.settings_as("w1")
    }

    /// The settings that name it as this.
    ///
    /// # Panics
    /// When a test has broken.
    #[must_use]
    pub fn settings_as(&self, name: &str) -> String {
        let key = self.state.lock().unwrap().own.key();
        format!("[checkpoint.witness.{name}]\nurl = \"http://{}/prefix/\"\nkey = {key:?}\n", self.address)
    }
}

/// A whole answer with this status.
#[must_use]
pub fn answer(status: u16, head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}connection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl State {
    fn answer(&mut self, request: &Request) -> Deed {
        match &self.mood {
            Mood::Says(bytes) => return Deed::Say(bytes.clone()),
            Mood::Stalls => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
                return Deed::Stall(vec![head.as_bytes().to_vec(), MARK.as_bytes().to_vec()]);
            }
            _ => {}
        }
        if request.path != "/prefix/add-checkpoint" {
            return Deed::Say(answer(404, "", b""));
        }
        let body = String::from_utf8(request.body.clone()).unwrap();
        let (status, said) = self.judge(&body).unwrap_or((400, String::new()));
        let sent = body.split_once("\n\n").and_then(|(_, note)| Asked::size(note)).unwrap_or(0);
        self.answered.push((status, sent));
        if status == 200 && matches!(self.mood, Mood::Loses) {
            return Deed::Say(Vec::new());
        }
        let kind = if status == 409 { "content-type: text/x.tlog.size\r\n" } else { "" };
        Deed::Say(answer(status, kind, said.as_bytes()))
    }

    /// What the specification says, in its order.
    fn judge(&mut self, body: &str) -> Option<(u16, String)> {
        let asked = Asked::read(body)?;
        self.olds.push(asked.old);
        let Some(log) = self.log.clone().filter(|log| log.starts_with(&format!("{}+", asked.origin))) else {
            return Some((404, String::new()));
        };
        if !asked.is_signed_by(&log) {
            return Some((403, String::new()));
        }
        if asked.old > asked.size {
            return None;
        }
        match self.mood {
            Mood::Differs => self.last = Some((asked.size, [1; 32])),
            Mood::Ahead => return Some((409, format!("{}\n", asked.size + 1))),
            _ => {}
        }
        let (size, root) = self.last.unwrap_or_default();
        if asked.old != size {
            return Some((409, format!("{size}\n")));
        }
        if size == asked.size && size != 0 && root != asked.root {
            return Some((409, format!("{size}\n")));
        }
        if !continues((size, root), (asked.size, asked.root), &asked.proof) {
            return Some((422, String::new()));
        }
        self.last = Some((asked.size, asked.root));
        Some((200, self.cosign(asked.note)))
    }

    #[expect(clippy::disallowed_methods, reason = "the witness's clock is its own")]
    fn cosign(&self, note: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        match &self.mood {
            Mood::Signs(seed) => Cosigner::of(*seed).cosign(note, now),
            Mood::Off(seconds) => self.own.cosign(note, now.saturating_add_signed(*seconds)),
            Mood::Twice => [1, now].map(|time| self.own.cosign(note, time)).concat(),
            // Of another text, under the right name and id.
            Mood::Forges => self.own.cosign(&note.replacen('\n', "x\n", 1), now),
            _ => {
                // Lines of keys that nobody named stand around its own.
                let other = Cosigner::of([8; 32]).cosign(note, now).replace(NAME, "other.example/2");
                format!("{other}{}", self.own.cosign(note, now))
            }
        }
    }
}

/// A request.
struct Asked<'a> {
    old: u64,
    proof: Vec<Hash>,
    note: &'a str,
    origin: &'a str,
    size: u64,
    root: Hash,
}

impl<'a> Asked<'a> {
    fn read(body: &'a str) -> Option<Self> {
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<Hash> = lines.map(hash).collect::<Option<_>>()?;
        let mut text = note.split('\n');
        let origin = text.next()?;
        let (size, root) = (decimal(text.next()?)?, hash(text.next()?)?);
        (proof.len() <= 63).then_some(Self { old, proof, note, origin, size, root })
    }

    fn size(note: &str) -> Option<u64> {
        decimal(note.split('\n').nth(1)?)
    }

    /// Whether the log with this key has signed the text.
    fn is_signed_by(&self, log: &str) -> bool {
        let Some((text, signatures)) = self.note.split_once("\n\n") else { return false };
        let mut parts = log.splitn(3, '+');
        let (name, _, key) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let key = BASE64.decode(key.as_bytes()).unwrap();
        let id = id(name, &key);
        signatures.lines().any(|line| {
            let sent = line.strip_prefix(MARK).and_then(|line| line.strip_prefix(name));
            let sent = sent.and_then(|sent| BASE64.decode(sent.trim_start().as_bytes()).ok());
            let sent = sent.filter(|sent| sent.starts_with(&id));
            sent.is_some_and(|sent| {
                UnparsedPublicKey::new(&ED25519, &key[1..])
                    .verify(format!("{text}\n").as_bytes(), &sent[4..])
                    .is_ok()
            })
        })
    }
}

fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(text: &str) -> Option<Hash> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha2::Sha256::digest([&[1], left.as_slice(), right].concat()).into()
}

/// RFC 9162, section 2.1.4.2.
fn continues((first, first_root): (u64, Hash), (second, second_root): (u64, Hash), proof: &[Hash]) -> bool {
    if first == 0 {
        return proof.is_empty();
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    let mut path = proof.to_vec();
    if path.is_empty() {
        return false;
    }
    if first.is_power_of_two() {
        path.insert(0, first_root);
    }
    let (mut left, mut right) = (first - 1, second - 1);
    while left & 1 == 1 {
        (left, right) = (left >> 1, right >> 1);
    }
    let (mut old, mut new) = (path[0], path[0]);
    for hash in &path[1..] {
        if right == 0 {
            return false;
        }
        if left & 1 == 1 || left == right {
            (old, new) = (node(hash, &old), node(hash, &new));
            while left & 1 == 0 && left != 0 {
                (left, right) = (left >> 1, right >> 1);
            }
        } else {
            new = node(&new, hash);
        }
        (left, right) = (left >> 1, right >> 1);
    }
    old == first_root && new == second_root && right == 0
}
