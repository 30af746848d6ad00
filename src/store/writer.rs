//! The one thread of a process that writes, with group commit.
//!
//! Jobs wait in a bounded queue. The thread takes what is there (at most 128), gives each a savepoint of its own
//! inside one transaction, and answers all of them only after the one COMMIT, and its one fsync, is done:
//! many callers share the price of a durable write, and a failed job leaves its neighbours alone.
//!
//! A failed COMMIT is rolled back and told, and the next group tries its luck; one whose answer was lost is told as that.
//! A failed fsync is the end: the pages that it was about may be gone while the kernel calls them clean, so nothing is
//! answered, nothing tried again, and what really stands is found out by the next process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::domain::audit::Head;
use crate::store::engine::{Begun, Engine, Upkeep};
use crate::store::error::StoreError;
use crate::store::tx::{Finished, Tx};
use crate::store::{audit, fence, migrations};

/// Callers that may wait before a further one is told that the store is busy.
const QUEUE: usize = 1024;
/// Jobs that share one commit: enough to make fsync cheap, few enough that the first does not wait long.
const GROUP: usize = 128;
/// A disk that has done nothing for so long stands still: whoever comes then is told at once, and not after the
/// deadline of those before him.
const STANDSTILL: Duration = Duration::from_secs(2);

type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Job = Box<dyn FnOnce(&dyn Engine, Timestamp) -> Answer + Send>;

/// Told when an fsync failed: the store answers no write from then on, and the process has to end.
pub type OnLost = Arc<dyn Fn() + Send + Sync>;

/// The sending side. Dropping it waits for the thread: what was accepted is written, and the file left tidy.
pub(super) struct Writer {
    queue: Option<mpsc::SyncSender<Job>>,
    waiting: Arc<Mutex<Waiting>>,
    newest: Arc<watch::Sender<i64>>,
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
    /// Brings the database up to date and starts the thread.
    pub(super) fn start(
        mut engine: Box<dyn Engine>,
        clock: Clock,
        on_lost: OnLost,
    ) -> Result<Self, StoreError> {
        migrations::run(&mut *engine, clock.now())?;
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let head = audit::head(&engine.session())?;
        let newest = Arc::new(watch::Sender::new(head.sequence));
        let waiting = Arc::new(Mutex::new(Waiting { jobs: 0, since: Instant::now(), is_failing: false }));
        let thread = Thread {
            engine,
            jobs,
            waiting: Arc::clone(&waiting),
            clock,
            newest: Arc::clone(&newest),
            seen: head,
            went_back: false,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run(&on_lost))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), waiting, newest, thread: Some(thread) })
    }

    /// The number of the newest durable event, and each later one.
    pub(super) fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// For somebody else who hears of events.
    pub(super) fn announcing(&self) -> Arc<watch::Sender<i64>> {
        Arc::clone(&self.newest)
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
        let job: Job = Box::new(move |engine, at| {
            let result = in_savepoint(engine, at, job);
            Box::new(move |committed| {
                // Whoever asked may be gone; the write stands all the same.
                let _ = send.send(match committed {
                    Ok(()) => result,
                    Err(StoreError::Unanswered) => Err(StoreError::Unanswered.into()),
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
struct Thread {
    engine: Box<dyn Engine>,
    jobs: mpsc::Receiver<Job>,
    waiting: Arc<Mutex<Waiting>>,
    clock: Clock,
    newest: Arc<watch::Sender<i64>>,
    /// The end of the chain, as far as this process knows that it is durable.
    seen: Head,
    /// Whether the transaction that is under way is on a database that lacks some of it.
    went_back: bool,
}

pub(super) fn tell_lost(error: &StoreError, on_lost: &OnLost) {
    tracing::error!(%error, "an fsync failed: the gateway ends, and its next start finds out what stands");
    on_lost();
}

impl Thread {
    fn run(mut self, on_lost: &OnLost) {
        let ended = self.serve().and_then(|()| self.engine.tidy());
        if let Err(error) = ended {
            tell_lost(&error, on_lost);
        }
    }

    /// Group after group, until nobody can send any more. The one error is a failed fsync: then nobody is answered.
    fn serve(&mut self) -> Result<(), StoreError> {
        while let Some(first) = self.next()? {
            let mut answers = Vec::new();
            let committed = self.group(first, &mut answers);
            if let Err(StoreError::NotDurable(_)) = committed {
                // Not even "no" would be true. Whoever waits sees the process end.
                std::mem::forget(answers);
                return committed;
            }
            self.announce();
            lock(&self.waiting).leave(answers.len(), committed.is_ok());
            for answer in answers {
                answer(committed.as_ref().copied());
            }
        }
        Ok(())
    }

    /// The next job, or nothing once nobody can send any more. What is to be kept up is, while nobody waits.
    fn next(&mut self) -> Result<Option<Job>, StoreError> {
        loop {
            let patience = match self.engine.upkeep()? {
                Upkeep::Nothing => return Ok(self.jobs.recv().ok()),
                Upkeep::After(idle) => idle,
                Upkeep::Now => Duration::ZERO,
            };
            match self.jobs.recv_timeout(patience) {
                Ok(job) if !patience.is_zero() => return Ok(Some(job)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                early => {
                    let begins = self.engine.keep_up()?;
                    if let Ok(job) = early {
                        return Ok(Some(job));
                    }
                    match begins {
                        Begun::OnAsBefore => self.look(),
                        Begun::Anew => self.compare(),
                    }
                }
            }
        }
    }

    /// One group, from BEGIN to COMMIT. On failure nothing of it remains, unless the error may stand.
    fn group(&mut self, first: Job, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        let begun = self.begin();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            answers.push(job(&*self.engine, self.clock.now()));
            if answers.len() < GROUP {
                next = self.jobs.try_recv().ok();
            }
        }
        let committed = begun.and_then(|()| self.commit());
        if committed.is_err() && self.engine.is_in_transaction() {
            self.engine.roll_back();
        }
        committed
    }

    /// A server that is not the one of before has to have what that one had.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.went_back = match self.engine.begin()? {
            Begun::OnAsBefore => false,
            Begun::Anew => fence::compare(&*self.engine, self.seen, self.clock.now())?,
        };
        Ok(())
    }

    /// A transaction with nothing in it but what a new connection is asked: others should not buy for as long as nobody
    /// writes here.
    fn compare(&mut self) {
        let compared = self.begin().and_then(|()| self.commit());
        match compared {
            Ok(()) => self.announce(),
            Err(error) => {
                tracing::warn!(%error, "whether the database has everything could not be seen; trying again");
                if self.engine.is_in_transaction() {
                    self.engine.roll_back();
                }
            }
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let head = audit::head(&self.engine.session())?;
        let news = (head != self.seen).then_some(head.sequence);
        self.engine.commit(news)?;
        self.seen = head;
        Ok(())
    }

    /// What others committed in the meantime.
    fn look(&mut self) {
        if let Ok(head) = audit::head(&self.engine.session()) {
            // A database that went back is compared with what was seen when it is written to.
            if head.sequence > self.seen.sequence {
                self.seen = head;
            }
            self.announce();
        }
    }

    fn announce(&mut self) {
        let (newest, went_back) = (self.seen.sequence, std::mem::take(&mut self.went_back));
        self.newest.send_if_modified(|known| {
            let is_news = newest > *known || went_back;
            *known = if went_back { newest } else { (*known).max(newest) };
            is_news
        });
    }
}

fn in_savepoint<R, E: From<StoreError>>(
    engine: &dyn Engine,
    at: Timestamp,
    job: impl FnOnce(Tx<'_>) -> Result<Finished<R>, E>,
) -> Result<R, E> {
    if !engine.is_in_transaction() {
        // BEGIN failed: a savepoint now would commit by itself, without the group.
        return Err(StoreError::Unavailable("no transaction could be begun".to_owned()).into());
    }
    engine.script("SAVEPOINT job")?;
    // A job that panics must not take the thread, and with it every later write, along.
    let result = catch_unwind(AssertUnwindSafe(|| job(Tx::new(engine, at))));
    let result = result.unwrap_or_else(|_| Err(StoreError::Corrupt("a write panicked".to_owned()).into()));
    let result = result.map(Finished::into_result);
    if result.is_err()
        && let Err(error) = engine.script("ROLLBACK TO job")
    {
        // What cannot be undone alone must not be committed with the group: then nobody's is.
        engine.roll_back();
        return Err(error.into());
    }
    engine.script("RELEASE job")?;
    result
}
