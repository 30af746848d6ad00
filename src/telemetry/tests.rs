//! What is logged and traced, as whoever reads it gets it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

use std::io::{Read as _, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::lines::Lines;
use super::{Verbosity, levels, log, traces};
use crate::config::{self, LogFormat, Sources};

fn settings(text: &str) -> config::Telemetry {
    config::load(&Sources::from_text("test", text)).unwrap().config.telemetry
}

/// A sink that keeps what was written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What `logged` leaves in the log, line by line. No name stands twice in one, which other readers may refuse.
fn log_of(verbosity: Verbosity, logged: impl FnOnce()) -> Vec<Value> {
    use tracing_subscriber::Layer as _;
    let kept = Kept::default();
    let lines = Lines::to(kept.clone()).unwrap();
    let subscriber =
        Registry::default().with(log(LogFormat::Json, lines.clone()).with_filter(levels(verbosity)));
    tracing::subscriber::with_default(subscriber, logged);
    lines.flush(Duration::from_secs(5));
    let read = |line: &str| {
        let read: Value = serde_json::from_str(line).unwrap();
        assert_eq!(read.to_string().len(), line.len(), "{line}");
        read
    };
    kept.text().lines().map(read).collect()
}

#[test]
fn a_line_is_one_object_with_the_fields_of_its_spans() {
    let lines = log_of(Verbosity::Usual, || {
        let request = tracing::info_span!("request", request_id = "r-1", status = tracing::field::Empty);
        let request = request.entered();
        request.record("status", 200);
        let _inner = tracing::info_span!("upstream", operation = "buy").entered();
        tracing::info!(attempts = 2, target = "not the target", "sent \"once\"\nand not again");
    });
    let [line] = lines.as_slice() else { unreachable!("{lines:?}") };
    let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["timestamp", "level", "target", "message", "request_id", "status", "operation", "attempts"]
    );
    assert_eq!(line["message"], "sent \"once\"\nand not again");
    assert_eq!((&line["request_id"], &line["status"]), (&"r-1".into(), &200.into()));
    assert_eq!(line["target"], module_path!());
    line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn a_field_may_be_anything_and_of_two_with_one_name_the_inner_and_later_counts() {
    let lines = log_of(Verbosity::Usual, || {
        let outer =
            tracing::info_span!("outer", kind = "a", status = 1, level = "no", message = "no").entered();
        outer.record("status", 2);
        outer.record("status", 3);
        let _inner = tracing::info_span!("inner", kind = "b").entered();
        let odd = "tab\t \"quotes\" back\\slash\n\u{7f}\u{1}é";
        tracing::info!(whole = -1_i64, most = u64::MAX, half = 0.5, none = f64::NAN, yes = true, odd, r#type = ?Some(odd));
        let fault: Box<dyn std::error::Error> = "went \"wrong\"".into();
        tracing::warn!(error = &*fault, "said");
    });
    let [odd, wrong] = lines.as_slice() else { unreachable!("{lines:?}") };
    assert_eq!((&odd["kind"], &odd["status"], &odd["level"]), (&"b".into(), &3.into(), &"INFO".into()));
    assert_eq!(odd["message"], "no", "the event has none of its own");
    assert_eq!((&odd["whole"], &odd["most"], &odd["half"]), (&(-1).into(), &u64::MAX.into(), &0.5.into()));
    assert_eq!((&odd["none"], &odd["yes"]), (&Value::Null, &true.into()));
    let text = "tab\t \"quotes\" back\\slash\n\u{7f}\u{1}é";
    assert_eq!((&odd["odd"], &odd["type"]), (&text.into(), &format!("{:?}", Some(text)).into()));
    assert_eq!((&wrong["message"], &wrong["error"]), (&"said".into(), &"went \"wrong\"".into()));
}

#[test]
fn details_are_left_out_and_a_quiet_log_has_only_what_is_wrong() {
    let write = || {
        tracing::debug!("detail");
        tracing::info!("usual");
        tracing::warn!("wrong");
    };
    let messages = |verbosity| {
        let lines = log_of(verbosity, write);
        lines.into_iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages(Verbosity::Usual), ["usual", "wrong"]);
    assert_eq!(messages(Verbosity::Quiet), ["wrong"]);
}

/// A sink that blocks until it is let go.
struct Stuck(mpsc::Receiver<()>, Kept);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_is_not_read_holds_up_nobody() {
    let (let_go, held) = mpsc::channel();
    let kept = Kept::default();
    let lines = Lines::to(Stuck(held, kept.clone())).unwrap();
    for number in 0..10_000 {
        (&lines).write_all(format!("{number}\n").as_bytes()).unwrap();
    }
    drop(let_go);
    let last = || kept.text().lines().count();
    lines.flush(Duration::from_secs(10));
    assert!((4_096..10_000).contains(&last()), "{}", last());
    assert!(kept.text().starts_with("0\n"));
}

#[test]
fn a_log_that_has_more_to_write_does_not_rest() {
    let ((let_go, held), (told, written)) = (mpsc::channel(), mpsc::channel());
    let lines = Lines::resting(Duration::from_hours(1), Told(held, told)).unwrap();
    // A piece by itself, so that the others wait when it is written; they are four more.
    let mut all = format!("{:039999}\n", 0);
    (&lines).write_all(all.as_bytes()).unwrap();
    for number in 0..4_000 {
        let line = format!("{number:039}\n");
        (&lines).write_all(line.as_bytes()).unwrap();
        all += &line;
    }
    drop(let_go);
    let mut text = Vec::new();
    while text.len() < all.len() {
        text.extend(written.recv_timeout(Duration::from_secs(10)).unwrap());
    }
    assert!(text == all.as_bytes());
}

/// Writes nothing before it is let go, and tells what.
struct Told(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        self.1.send(bytes.to_owned()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes one request: its head and its body.
fn take_request(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    (head, body)
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_span_arrives_at_the_collector_and_its_trace_id_in_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || take_request(&listener));

    let settings = settings(&format!("[telemetry]\notlp_endpoint = {endpoint:?}\nsample = \"100%\""));
    let provider = traces::provider(&settings).unwrap().unwrap();
    let kept = Kept::default();
    let lines = Lines::to(kept.clone()).unwrap();
    let subscriber =
        Registry::default().with(traces::layer(&provider)).with(log(LogFormat::Json, lines.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let _request = tracing::info_span!("POST buy", request_id = "r-1").entered();
        tracing::info!("a line of the log, not of the trace");
        let _foreign = tracing::info_span!(target: "hyper", "not ours").entered();
    });
    provider.shutdown().unwrap();
    lines.flush(Duration::from_secs(5));

    let (head, body) = collector.join().unwrap();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{head}");
    for present in ["service.name", "numbers-gateway", "POST buy", "request_id", "r-1"] {
        assert!(contains(&body, present), "{present}");
    }
    for absent in ["a line of the log", "not ours"] {
        assert!(!contains(&body, absent), "{absent}");
    }
    let line: Value = serde_json::from_str(&kept.text()).unwrap();
    let trace_id = u128::from_str_radix(line["trace_id"].as_str().unwrap(), 16).unwrap();
    assert!(body.windows(16).any(|window| window == trace_id.to_be_bytes()));
}

#[test]
fn without_a_collector_nothing_is_traced() {
    assert!(traces::provider(&settings("")).unwrap().is_none());
}

#[test]
fn a_trace_that_is_not_sampled_stands_in_the_log_all_the_same() {
    let settings = settings("[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\nsample = \"0%\"");
    let provider = traces::provider(&settings).unwrap().unwrap();
    let kept = Kept::default();
    let lines = Lines::to(kept.clone()).unwrap();
    let subscriber =
        Registry::default().with(traces::layer(&provider)).with(log(LogFormat::Json, lines.clone()));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request");
        super::continue_trace(&span, &format!("00-{trace}-00f067aa0ba902b7-00"));
        let _request = span.entered();
        tracing::info!("a line");
    });
    lines.flush(Duration::from_secs(5));
    let line: Value = serde_json::from_str(&kept.text()).unwrap();
    assert_eq!(line["trace_id"], trace);
}
