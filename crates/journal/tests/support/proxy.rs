//! What stands between a gateway and its database, and can fail in every way that a network can.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to bytes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They pass.
    Open,
    /// They stay where they are, and nobody is told.
    Stuck,
    /// They pass on the connections that there are. Each further one is taken and never answered.
    MuteToNew,
    /// They pass, but what a further connection says that signs in as this user: that is taken and never answered.
    MuteTo(&'static str),
    /// The next answer is lost, and the connection with it. Then they pass.
    LoseAnswer,
    /// The same after so many answers that pass.
    LoseAnswerAfter(u32),
    /// The next question is lost, and the connection with it. Then they pass.
    LoseQuestion,
    /// The same after so many questions that pass.
    LoseQuestionAfter(u32),
    /// The connection is lost to the client with its next question, which arrives all the same once [`Proxy::deliver`] lets
    /// it. Then they pass.
    DelayQuestion,
    /// The same, and no connection gets through any more.
    DelayQuestionAndClose,
    /// The next answer is lost, and no connection gets through any more.
    LoseAnswerAndClose,
    /// The next question is lost, and no connection gets through any more.
    LoseQuestionAndClose,
    /// No connection gets through.
    Closed,
}

/// A port of this machine that leads to a server's socket.
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    socket: PathBuf,
    way: Mutex<Way>,
    delayed: Mutex<Vec<(UnixStream, Vec<u8>)>>,
    muted: AtomicUsize,
}

impl Inner {
    fn way(&self) -> Way {
        *self.way.lock().unwrap()
    }

    fn set(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    /// Whether a connection that begins with `question` is not to be answered. It is held for as long as that is so.
    fn mutes(&self, question: &[u8]) -> bool {
        let Way::MuteTo(user) = self.way() else { return false };
        let user = format!("\0{user}\0");
        if !question.windows(user.len()).any(|part| part == user.as_bytes()) {
            return false;
        }
        self.muted.fetch_add(1, Ordering::SeqCst);
        while matches!(self.way(), Way::MuteTo(_)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// The way of the next answer, which is counted.
    fn answer(&self) -> Way {
        let mut way = self.way.lock().unwrap();
        match *way {
            Way::LoseAnswerAfter(0) => *way = Way::LoseAnswer,
            Way::LoseAnswerAfter(more) => *way = Way::LoseAnswerAfter(more - 1),
            _ => {}
        }
        *way
    }

    /// The way of the next question, which is counted.
    fn question(&self) -> Way {
        let mut way = self.way.lock().unwrap();
        match *way {
            Way::LoseQuestionAfter(0) => *way = Way::LoseQuestion,
            Way::LoseQuestionAfter(more) => *way = Way::LoseQuestionAfter(more - 1),
            _ => {}
        }
        *way
    }
}

impl Proxy {
    /// A way to the server whose socket is in `folder`.
    pub fn new(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = folder.join(".s.PGSQL.5432");
        let (way, delayed, muted) = (Mutex::new(Way::Open), Mutex::default(), AtomicUsize::new(0));
        let inner = Arc::new(Inner { socket, way, delayed, muted });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            let mut mute = Vec::new();
            for client in listener.incoming().map_while(Result::ok) {
                let closed = shared.way() == Way::Closed;
                if shared.way() == Way::MuteToNew {
                    mute.push(client);
                    continue;
                }
                // A server that is away takes nobody, as a closed way does.
                let Ok(server) = UnixStream::connect(&shared.socket) else { continue };
                if !closed {
                    connect(&shared, client, server);
                }
            }
        });
        Self { port, inner }
    }

    /// The address of a database of that server by this way.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// From now on it is so.
    pub fn set(&self, way: Way) {
        self.inner.set(way);
    }

    /// Whether what was asked for has happened.
    pub fn is(&self, way: Way) -> bool {
        self.inner.way() == way
    }

    /// How many connections have been taken and not answered for their user.
    pub fn muted(&self) -> usize {
        self.inner.muted.load(Ordering::SeqCst)
    }

    /// Lets every question that was delayed arrive.
    pub fn deliver(&self) -> usize {
        let delayed = std::mem::take(&mut *self.inner.delayed.lock().unwrap());
        let count = delayed.len();
        for (mut server, question) in delayed {
            // A server that has ended the session does not take it any more, which is right.
            if server.write_all(&question).is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        }
        count
    }
}

fn connect(inner: &Arc<Inner>, client: TcpStream, server: UnixStream) {
    let (mut questions, mut from_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let shared = Arc::clone(inner);
    std::thread::spawn(move || {
        let (mut bytes, mut begun) = (vec![0; 64 * 1024], false);
        while let Ok(count @ 1..) = from_client.read(&mut bytes) {
            let question = &bytes[..count];
            if !std::mem::replace(&mut begun, true) && shared.mutes(question) {
                break;
            }
            while shared.way() == Way::Stuck {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            match shared.question() {
                Way::LoseQuestion => shared.set(Way::Open),
                Way::LoseQuestionAndClose => shared.set(Way::Closed),
                way @ (Way::DelayQuestion | Way::DelayQuestionAndClose) => {
                    let then = if way == Way::DelayQuestion { Way::Open } else { Way::Closed };
                    shared.set(then);
                    shared.delayed.lock().unwrap().push((questions, question.to_vec()));
                    drop(from_client.shutdown(Shutdown::Both));
                    return;
                }
                _ => {
                    if questions.write_all(question).is_ok() {
                        continue;
                    }
                }
            }
            break;
        }
        drop(from_client.shutdown(Shutdown::Both));
        drop(questions.shutdown(Shutdown::Both));
    });
    let (mut server, mut client, shared) = (server, client, Arc::clone(inner));
    std::thread::spawn(move || {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = server.read(&mut bytes) {
            while shared.way() == Way::Stuck {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            match shared.answer() {
                Way::LoseAnswer => shared.set(Way::Open),
                Way::LoseAnswerAndClose => shared.set(Way::Closed),
                _ => {
                    if client.write_all(&bytes[..count]).is_ok() {
                        continue;
                    }
                }
            }
            break;
        }
        drop(client.shutdown(Shutdown::Both));
        if shared.delayed.lock().unwrap().is_empty() {
            drop(server.shutdown(Shutdown::Both));
        }
    });
}
