//! The one thread that writes to SQLite, with group commit.
//!
//! Jobs wait in a bounded queue. The thread takes what is there (at most 128), gives each a savepoint of its own
//! inside one `BEGIN IMMEDIATE`, and answers all of them only after the one COMMIT, and its one fsync, is done:
//! many callers share the price of a durable write, and a failed job leaves its neighbours alone.
//!
//! A failed COMMIT is rolled back and told, and the next group tries its luck. A failed fsync is the end: the pages
//! that it was about may be gone while the kernel calls them clean, so nothing is answered, nothing tried again, and
//! what really stands is found out by the next process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::tx::{Finished, Tx};
use crate::store::{audit, migrations, sqlite};

/// Callers that may wait before a further one is told that the store is busy.
const QUEUE: usize = 1024;
/// Jobs that share one commit: enough to make fsync cheap, few enough that the first does not wait long.
const GROUP: usize = 128;
/// Moving the log into the database is two fsyncs that nobody should have to wait for: it is done once nobody has
/// come for this long.
const IDLE: Duration = Duration::from_millis(20);

/// A disk that has done nothing for so long stands still: whoever comes then is told at once, and not after the
/// deadline of those before him.
const STANDSTILL: Duration = Duration::from_secs(2);

type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Job = Box<dyn FnOnce(&rusqlite::Connection, Timestamp) -> Answer + Send>;

/// Told when an fsync failed: the store answers no write from then on, and the process has to end.
pub type OnLost = Arc<dyn Fn() + Send + Sync>;

/// The sending side. Dropping it waits for the thread: what was accepted is written, and the file left tidy.
pub(super) struct Writer {
    queue: Option<mpsc::SyncSender<Job>>,
    waiting: Arc<Mutex<Waiting>>,
    newest: watch::Receiver<i64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Jobs that were accepted and not answered, and since when none was written.
struct Waiting {
    jobs: usize,
    since: Instant,
    is_failing: bool,
}

impl Waiting {
    /// Whether one more may wait. At a standstill one at a time still finds out whether it is over.
    fn enter(&mut self) -> bool {
        if self.jobs == 0 && !self.is_failing {
            self.since = Instant::now();
        }
        let may_wait = !self.is_standing_still();
        if may_wait {
            self.jobs += 1;
        }
        may_wait
    }

    fn is_standing_still(&self) -> bool {
        self.jobs > 0 && self.since.elapsed() >= STANDSTILL
    }

    fn turn_back(&mut self) {
        self.jobs = self.jobs.saturating_sub(1);
    }

    fn leave(&mut self, jobs: usize, are_written: bool) {
        self.jobs = self.jobs.saturating_sub(jobs);
        self.is_failing = !are_written;
        if are_written {
            self.since = Instant::now();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        // A thread that panicked has told so by itself; there is nothing left to wait for.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

impl Writer {
    /// Opens the database, brings it up to date and starts the thread.
    pub(super) fn start(path: &Path, clock: Clock, on_lost: OnLost) -> Result<Self, StoreError> {
        let connection = sqlite::open_for_writing(path)?;
        migrations::run(&connection, clock.now())?;
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let (written, newest) = watch::channel(audit::head(&Session::new(&connection))?.sequence);
        let waiting = Arc::new(Mutex::new(Waiting { jobs: 0, since: Instant::now(), is_failing: false }));
        let queued = Queued { jobs, waiting: Arc::clone(&waiting) };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(&connection, &queued, &clock, &written, &on_lost))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), waiting, newest, thread: Some(thread) })
    }

    /// The number of the newest durable event, and each later one.
    pub(super) fn newest(&self) -> watch::Receiver<i64> {
        self.newest.clone()
    }

    /// `Busy` while somebody finds out whether a standstill is over.
    pub(super) fn check_moving(&self) -> Result<(), StoreError> {
        if lock(&self.waiting).is_standing_still() { Err(StoreError::Busy) } else { Ok(()) }
    }

    /// Runs a job in the next group.
    pub(super) async fn write<R, E>(
        &self,
        job: impl FnOnce(Tx<'_>) -> Result<Finished<R>, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job: Job = Box::new(move |connection, at| {
            let result = in_savepoint(connection, at, job);
            Box::new(move |committed| {
                // Whoever asked may be gone; the write stands all the same.
                let _ = send.send(match committed {
                    Ok(()) => result,
                    Err(error) => Err(StoreError::Unavailable(error.to_string()).into()),
                });
            })
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Busy)?;
        if !lock(&self.waiting).enter() {
            return Err(StoreError::Busy.into());
        }
        if queue.try_send(job).is_err() {
            lock(&self.waiting).turn_back();
            return Err(StoreError::Busy.into());
        }
        match receive.await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unanswered.into()),
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The receiving side.
struct Queued {
    jobs: mpsc::Receiver<Job>,
    waiting: Arc<Mutex<Waiting>>,
}

fn run(
    connection: &rusqlite::Connection,
    queued: &Queued,
    clock: &Clock,
    written: &watch::Sender<i64>,
    on_lost: &OnLost,
) {
    let ended = serve(connection, queued, clock, written).and_then(|()| sqlite::tidy(connection));
    if let Err(error) = ended {
        tell_lost(&error, on_lost);
    }
}

pub(super) fn tell_lost(error: &StoreError, on_lost: &OnLost) {
    tracing::error!(%error, "an fsync failed: the gateway ends, and its next start finds out what stands");
    on_lost();
}

/// Group after group, until nobody can send any more. The one error is a failed fsync: then nobody is answered.
fn serve(
    connection: &rusqlite::Connection,
    queued: &Queued,
    clock: &Clock,
    written: &watch::Sender<i64>,
) -> Result<(), StoreError> {
    let (jobs, mut log) = (&queued.jobs, sqlite::Log::Short);
    while let Some(first) = next(connection, jobs, log)? {
        let mut answers = Vec::new();
        let committed = group(connection, first, jobs, clock, &mut answers);
        if let Err(StoreError::NotDurable(_)) = committed {
            // Not even "no" would be true. Whoever waits sees the process end.
            std::mem::forget(answers);
            return committed;
        }
        if let Ok(newest) = audit::head(&Session::new(connection)) {
            written.send_if_modified(|known| std::mem::replace(known, newest.sequence) != newest.sequence);
        }
        lock(&queued.waiting).leave(answers.len(), committed.is_ok());
        for answer in answers {
            answer(committed.as_ref().copied());
        }
        log = sqlite::log(connection)?;
    }
    Ok(())
}

/// The next job, or nothing once nobody can send any more. A log that has grown is moved while nobody waits, or at once
/// where it became too long.
fn next(
    connection: &rusqlite::Connection,
    jobs: &mpsc::Receiver<Job>,
    log: sqlite::Log,
) -> Result<Option<Job>, StoreError> {
    let idle = match log {
        sqlite::Log::Short => return Ok(jobs.recv().ok()),
        sqlite::Log::Grown => IDLE,
        sqlite::Log::TooLong => Duration::ZERO,
    };
    match jobs.recv_timeout(idle) {
        Ok(job) if log == sqlite::Log::Grown => Ok(Some(job)),
        Err(RecvTimeoutError::Disconnected) => Ok(None),
        early => {
            sqlite::checkpoint(connection)?;
            Ok(early.or_else(|_| jobs.recv()).ok())
        }
    }
}

/// One group, from BEGIN to COMMIT. On failure nothing of it remains.
fn group(
    connection: &rusqlite::Connection,
    first: Job,
    jobs: &mpsc::Receiver<Job>,
    clock: &Clock,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let mut next = Some(first);
    while let Some(job) = next.take() {
        answers.push(job(connection, clock.now()));
        if answers.len() < GROUP {
            next = jobs.try_recv().ok();
        }
    }
    let committed = begun.and_then(|()| execute(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing was answered yet, so a failed rollback loses nothing: the next BEGIN fails and says so.
        let _ = execute(connection, "ROLLBACK");
    }
    committed
}

fn in_savepoint<R, E: From<StoreError>>(
    connection: &rusqlite::Connection,
    at: Timestamp,
    job: impl FnOnce(Tx<'_>) -> Result<Finished<R>, E>,
) -> Result<R, E> {
    if connection.is_autocommit() {
        // BEGIN failed: a savepoint now would commit by itself, without the group.
        return Err(StoreError::Unavailable("no transaction could be begun".to_owned()).into());
    }
    execute(connection, "SAVEPOINT job")?;
    // A job that panics must not take the thread, and with it every later write, along.
    let result = catch_unwind(AssertUnwindSafe(|| job(Tx::new(Session::new(connection), at))));
    let result = result.unwrap_or_else(|_| Err(StoreError::Corrupt("a write panicked".to_owned()).into()));
    let result = result.map(Finished::into_result);
    if result.is_err()
        && let Err(error) = execute(connection, "ROLLBACK TO job")
    {
        // What cannot be undone alone must not be committed with the group: then nobody's is.
        let _ = execute(connection, "ROLLBACK");
        return Err(error.into());
    }
    execute(connection, "RELEASE job")?;
    result
}

fn execute(connection: &rusqlite::Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
