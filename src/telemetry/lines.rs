//! The way of a log line to standard error, past everything that might hang there.
//!
//! Standard error is often a pipe, and a pipe whose reader stands still blocks whoever writes. So lines wait in a
//! bounded queue for a thread that does nothing else, and a full queue loses lines and counts them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::losses::LOG_LINES;
use super::served::ServedLine;

/// When nothing waits any more the thread rests for so long, so that a busy gateway wakes it for hundreds of lines and not
/// for each: waking somebody costs more than a line.
const REST: Duration = Duration::from_millis(5);
/// Bytes written at once, about.
const PIECE: usize = 32 * 1024;

/// Lines that wait: some seconds of a busy gateway, about a megabyte.
const QUEUE: usize = 4_096;

/// The writing end. All clones share one queue.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    Served(ServedLine),
    Flush(SyncSender<()>),
}

impl Lines {
    /// Lines that a thread writes to standard error.
    pub(super) fn to_stderr() -> io::Result<Self> {
        Self::to(io::stderr())
    }

    /// Lines that a thread writes to `sink`, which may block.
    pub(super) fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        Self::resting(REST, sink)
    }

    /// As [`to`](Self::to), with a rest of this length.
    pub(super) fn resting(rest: Duration, sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, waiting) = mpsc::sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let lines = Self { queue, lost: Arc::clone(&lost) };
        thread::Builder::new().name("log".to_owned()).spawn(move || write(&waiting, sink, &lost, rest))?;
        Ok(lines)
    }

    /// A request that was served: its line is written where nobody waits for it.
    pub(super) fn served(&self, served: ServedLine) {
        self.put(Entry::Served(served));
    }

    fn put(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            LOG_LINES.add(1);
        }
    }

    /// Waits until what was logged so far is written, or gives up.
    pub(super) fn flush(&self, within: Duration) {
        const LOOK_AGAIN: Duration = Duration::from_millis(10);
        let deadline = Instant::now() + within;
        let (done, written) = mpsc::sync_channel(1);
        // The standard library's queue cannot be waited for with a deadline.
        while let Err(TrySendError::Full(_)) = self.queue.try_send(Entry::Flush(done.clone()))
            && Instant::now() < deadline
        {
            thread::sleep(LOOK_AGAIN);
        }
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The subscriber writes a line at once, so one call is one line.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(Entry::Line(line.to_owned()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(waiting: &Receiver<Entry>, mut sink: impl Write, lost: &AtomicU64, rest: Duration) {
    let mut piece = Vec::with_capacity(PIECE);
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        let (mut asked, mut is_full) = (None, false);
        while let Some(entry) = next {
            match entry {
                Entry::Line(line) => piece.extend_from_slice(&line),
                Entry::Served(served) => served.write(&mut piece),
                Entry::Flush(done) => asked = Some(done),
            }
            is_full = piece.len() >= PIECE;
            next = if is_full || asked.is_some() { None } else { waiting.try_recv().ok() };
        }
        // A log that cannot be written cannot be logged either.
        let _ = sink.write_all(&piece);
        piece.clear();
        // Now there is room for a line that says so.
        let lines = lost.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(lines, "log lines were lost: standard error was not read fast enough");
        }
        match asked {
            Some(done) => drop(done.try_send(())),
            None if is_full => {}
            None => thread::sleep(rest),
        }
    }
}
