//! Callers on kept connections, on one thread that never sleeps while a request is due.
//!
//! Closed loop: each connection asks again when it was answered. With a rate the loop is open: each has a timetable, and
//! what counts is the time from when a request should have been sent (so a server that stops is not forgiven the requests
//! that it kept from being sent). Every answer must be a 200 of the length that is wanted. The processor time of the
//! server is read at both ends of the window, here, so that the window and the requests are the same.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// What nobody waits for; those who do have failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Settings {
    host: String,
    /// `{}` stands for a number that goes up with each request.
    path: String,
    tokens: Vec<String>,
    connections: u64,
    /// Seconds before the window that nobody counts, and of the window.
    warm_up: f64,
    seconds: f64,
    /// Instead of a window: this many requests and no more. 0: a window.
    requests: u64,
    /// A second, over all connections; 0: as fast as they are answered.
    rate: f64,
    /// Where the numbers begin, and how many there are before they begin again (0: none does).
    first: u64,
    pages: u64,
    /// What a good answer's body has; 0: anything.
    bytes: usize,
    /// The server's process.
    pid: u32,
}

impl Settings {
    /// From words like `connections=32`.
    pub(super) fn of(words: &[&str]) -> Self {
        let find = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str, usual: f64| find(name).map_or(usual, |text| text.parse().unwrap());
        let whole = |name: &str| find(name).map_or(0, |text| text.parse().unwrap());
        let tokens = std::fs::read_to_string(find("tokens").unwrap()).unwrap();
        Self {
            host: find("host").unwrap().to_owned(),
            path: find("path").unwrap().to_owned(),
            tokens: tokens.lines().map(str::to_owned).collect(),
            connections: whole("connections").max(1),
            warm_up: number("warm_up", 0.3),
            seconds: number("seconds", 2.0),
            requests: whole("requests"),
            rate: number("rate", 0.0),
            first: whole("first"),
            pages: whole("pages"),
            bytes: whole("bytes").try_into().unwrap(),
            pid: whole("pid").try_into().unwrap(),
        }
    }

    pub(super) fn run(self) -> Value {
        // Ready sockets are looked at after every turn of the callers, not after sixty of them.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.event_interval(1).enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, self.callers())
    }

    async fn callers(self) -> Value {
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            let stream = TcpStream::connect(&self.host).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let begin = Instant::now() + Duration::from_secs_f64(self.warm_up);
        let end = begin + Duration::from_secs_f64(if self.requests > 0 { 1e6 } else { self.seconds });
        let seen = Rc::new(Seen { begin, end, ..Seen::new(self) });
        let mut callers = Vec::new();
        for (index, stream) in (0..).zip(streams) {
            callers.push(tokio::task::spawn_local(Rc::clone(&seen).call(index, stream)));
        }
        let mut spent = 0;
        if seen.settings.requests == 0 {
            tokio::time::sleep_until(begin.into()).await;
            let before = processor_time(seen.settings.pid);
            tokio::time::sleep_until(end.into()).await;
            spent = processor_time(seen.settings.pid).saturating_sub(before);
        }
        for caller in callers {
            caller.await.unwrap();
        }
        seen.told(spent)
    }
}

struct Seen {
    settings: Settings,
    begin: Instant,
    end: Instant,
    asked: Cell<u64>,
    failed: Cell<u64>,
    /// What was answered in the window: the processor time of the window is theirs.
    answered: Cell<u32>,
    /// Nanoseconds of what was to be sent in the window, or where nothing says when, of what was answered in it.
    latencies: RefCell<Vec<u64>>,
}

impl Seen {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let (asked, failed, answered) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { settings, begin: now, end: now, asked, failed, answered, latencies: RefCell::default() }
    }

    async fn call(self: Rc<Self>, index: u64, mut stream: TcpStream) {
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        let apart = Duration::from_secs_f64(1.0 / self.settings.rate.max(1.0));
        let connections = u32::try_from(self.settings.connections).unwrap();
        let mut due = Instant::now() + apart * u32::try_from(index).unwrap();
        loop {
            let begun = if self.settings.rate > 0.0 {
                let meant = due;
                due += apart * connections;
                while Instant::now() < meant {
                    tokio::task::yield_now().await;
                }
                meant
            } else {
                Instant::now()
            };
            if begun >= self.end || !self.next(&mut request) {
                return;
            }
            let asking = self.ask(&mut stream, &request, &mut answer);
            let is_good = tokio::time::timeout(PATIENCE, asking).await.is_ok_and(|good| good);
            let ended = Instant::now();
            if !is_good {
                self.failed.set(self.failed.get() + 1);
                return;
            }
            let window = self.begin..self.end;
            self.answered.set(self.answered.get() + u32::from(window.contains(&ended)));
            if window.contains(if self.settings.rate > 0.0 { &begun } else { &ended }) {
                let took = ended.duration_since(begun).as_nanos();
                self.latencies.borrow_mut().push(u64::try_from(took).unwrap());
            }
        }
    }

    /// Writes the next request; false when there were enough.
    fn next(&self, request: &mut Vec<u8>) -> bool {
        let (turn, settings) = (self.asked.get(), &self.settings);
        if settings.requests > 0 && turn >= settings.requests {
            return false;
        }
        self.asked.set(turn + 1);
        let tokens = u64::try_from(settings.tokens.len()).unwrap();
        let token = &settings.tokens[usize::try_from(turn % tokens).unwrap()];
        let number = settings.first + if settings.pages > 0 { turn % settings.pages } else { turn };
        request.clear();
        let (before, after) = settings.path.split_once("{}").unwrap_or((&settings.path, ""));
        write!(request, "GET {before}").unwrap();
        if before.len() < settings.path.len() {
            write!(request, "{number}{after}").unwrap();
        }
        let host = &settings.host;
        write!(request, " HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
        true
    }

    /// Whether the answer was good.
    async fn ask(&self, stream: &mut TcpStream, request: &[u8], answer: &mut Vec<u8>) -> bool {
        if stream.write_all(request).await.is_err() {
            return false;
        }
        answer.clear();
        loop {
            if !stream.read_buf(answer).await.is_ok_and(|length| length > 0) {
                return false;
            }
            if let Some((head, length)) = measured(answer)
                && answer.len() >= head + length
            {
                let wanted = self.settings.bytes;
                return answer.starts_with(b"HTTP/1.1 200 ") && (wanted == 0 || wanted == length);
            }
        }
    }

    fn told(&self, spent: u64) -> Value {
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort_unstable();
        let count = latencies.len();
        let micros = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e6;
        let at =
            |share: usize| latencies.get((count * share / 1000).min(count.max(1) - 1)).map(|it| micros(*it));
        // Powers of two from 1 µs.
        let mut histogram = [0_u64; 24];
        for latency in latencies.iter() {
            let bucket = (latency / 1000).max(1).ilog2();
            histogram[usize::try_from(bucket).unwrap().min(23)] += 1;
        }
        let requests = self.answered.get();
        json!({
            "requests": requests, "failed": self.failed.get(), "asked": self.asked.get(),
            "cpu_us": micros(spent) / f64::from(requests.max(1)),
            "rps": f64::from(requests) / self.settings.seconds,
            "p50_us": at(500), "p99_us": at(990), "max_us": at(1000), "histogram": histogram,
        })
    }
}

/// The lengths of the head and of the body, once the head is there.
fn measured(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let line = text
        .lines()
        .find(|line| line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case("content-length:")))?;
    Some((head, line[15..].trim().parse().ok()?))
}

/// Nanoseconds that a process's threads ran, as the scheduler counts them: the ticks of `stat` are too coarse for a window.
fn processor_time(pid: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let spent = threads.filter_map(|thread| {
        // One that ended in between has not done much.
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum()
}
