//! The line between a replica and its database, which can go silent, be cut, and fail in the middle of a COMMIT.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tokio::sync::watch;

/// What ends a writing transaction, as the program sends it. Those who only read say it without the space.
const COMMIT: &[u8] = b" COMMIT\0";

/// A line; it goes with this.
pub struct Line {
    state: Arc<State>,
    port: u16,
    reached: watch::Receiver<usize>,
}

struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
    reached: watch::Sender<usize>,
}

struct Inner {
    /// Where new connections lead to.
    server: String,
    mode: Mode,
    /// How many writing transactions come to their COMMIT before the line goes silent there.
    ambush: Option<(usize, Moment)>,
    /// Raised when every connection is cut.
    cuts: usize,
    open: Vec<TcpStream>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Through,
    /// Nothing passes and nothing closes.
    Silent,
    /// Nobody gets in.
    Closed,
}

/// On which side of its being done a COMMIT is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server has not seen it.
    Before,
    /// It is done, and the answer is not there.
    After,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
        // The thread that accepts sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Line {
    /// To a server, like `127.0.0.1:5432`.
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner =
            Inner { server: server.to_owned(), mode: Mode::Through, ambush: None, cuts: 0, open: Vec::new() };
        let (sender, reached) = watch::channel(0);
        let state = Arc::new(State { inner: Mutex::new(inner), changed: Condvar::new(), reached: sender });
        let accepting = Arc::downgrade(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Some(state) = accepting.upgrade() else { return };
                state.connect(client);
            }
        });
        Self { state, port, reached }
    }

    /// Where a replica connects to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// New connections lead to another server; those that are there are cut.
    pub fn lead_to(&self, server: &str) {
        server.clone_into(&mut self.state.lock().server);
        self.cut();
    }

    /// Everything passes again; what was held up comes late.
    pub fn open(&self) {
        self.set(Mode::Through);
    }

    /// Nothing passes, and nobody is told.
    pub fn go_silent(&self) {
        self.set(Mode::Silent);
    }

    /// Every connection ends, with what is on its way, and nobody gets a new one.
    pub fn close(&self) {
        self.set(Mode::Closed);
        self.cut();
    }

    /// Every connection ends, with what is on its way.
    pub fn cut(&self) {
        let mut inner = self.state.lock();
        inner.cuts += 1;
        for stream in inner.open.drain(..) {
            // One that is closed already is closed.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.state.changed.notify_all();
    }

    fn set(&self, mode: Mode) {
        let mut inner = self.state.lock();
        (inner.mode, inner.ambush) = (mode, None);
        self.state.changed.notify_all();
    }

    /// Goes silent at the how-manieth COMMIT from now on, counted from one.
    pub fn lie_in_wait(&mut self, commit: usize, moment: Moment) {
        self.reached.mark_unchanged();
        self.state.lock().ambush = Some((commit, moment));
    }

    /// When it has.
    pub async fn reached(&self) {
        self.reached.clone().changed().await.unwrap();
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Two threads move a connection's bytes until it ends.
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let mut inner = self.lock();
        // As a machine that is cut off: whoever connects in silence waits.
        let server = Some(&inner.server).filter(|_| inner.mode != Mode::Closed);
        let Some(server) = server.and_then(|server| TcpStream::connect(server).ok()) else { return };
        // What has ended has nobody at its other end.
        inner.open.retain(|stream| stream.peer_addr().is_ok());
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            inner.open.push(stream.try_clone().unwrap());
        }
        let cuts = inner.cuts;
        drop(inner);
        let ways =
            [(client.try_clone().unwrap(), server.try_clone().unwrap(), true), (server, client, false)];
        for (from, to, is_asking) in ways {
            let state = Arc::clone(self);
            std::thread::spawn(move || {
                state.carry((&from, &to), is_asking, cuts);
                for stream in [from, to] {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        }
    }

    fn carry(&self, (mut from, mut to): (&TcpStream, &TcpStream), is_asking: bool, cuts: usize) {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(size @ 1..) = from.read(&mut bytes) {
            let bytes = &bytes[..size];
            let commits = is_asking && bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
            let moment = commits.then(|| self.comes_to_commit()).flatten();
            if moment == Some(Moment::After) && to.write_all(bytes).is_err() {
                return;
            }
            if moment.is_some() {
                self.reached.send_modify(|times| *times += 1);
            }
            if !self.may_pass(cuts) || (moment != Some(Moment::After) && to.write_all(bytes).is_err()) {
                return;
            }
        }
    }

    /// Goes silent if this is the one that is waited for.
    fn comes_to_commit(&self) -> Option<Moment> {
        let mut inner = self.lock();
        let (left, moment) = inner.ambush?;
        if left > 1 {
            inner.ambush = Some((left - 1, moment));
            return None;
        }
        (inner.mode, inner.ambush) = (Mode::Silent, None);
        Some(moment)
    }

    /// Waits while the line is silent. Whether the connection is still one.
    fn may_pass(&self, cuts: usize) -> bool {
        let waiting =
            self.changed.wait_while(self.lock(), |inner| inner.mode == Mode::Silent && inner.cuts == cuts);
        waiting.unwrap().cuts == cuts
    }
}
