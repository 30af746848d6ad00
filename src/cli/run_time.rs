//! The async runtime, sized for a service that mostly waits.

use std::future::Future;
use std::num::NonZeroU32;
use std::thread;

use rustix::process::{self, Resource, Rlimit};
use tokio::runtime::Builder;

use super::Failure;

/// Bounds the threads for blocking calls, each of which may grow to 2 MB: reads of the database and little else.
const BLOCKING_THREADS: usize = 16;

/// Descriptors of all that is not a client's connection or a call made for one: listeners, operators' connections, the
/// database, webhooks, keys, files that are read again.
const OTHER_FILES: u64 = 128;
/// Fewer connections than these are no service.
const FEWEST_CONNECTIONS: u32 = 8;

/// Runs a service, with a worker thread a core.
pub(super) fn serve<T>(service: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    open_as_many_files_as_allowed();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    run(Builder::new_multi_thread().worker_threads(workers), service)
}

/// A connection is an open file, and the usual bound of 1,024 is for programs that wait with `select`. Where it cannot
/// be raised, fewer connections are let in: [`connections_that_fit`].
fn open_as_many_files_as_allowed() {
    let limit = process::getrlimit(Resource::Nofile);
    let _ = process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// How many of these connections may be open at once, so that descriptors are left for everything else: what a client
/// asks for may need one to `ClickSend` beside its own, and a buy must never lack the one that it is written down with.
pub(super) fn connections_that_fit(wanted: NonZeroU32) -> NonZeroU32 {
    process::getrlimit(Resource::Nofile).current.map_or(wanted, |files| fitting(wanted, files))
}

fn fitting(wanted: NonZeroU32, files: u64) -> NonZeroU32 {
    let fit = u32::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(u32::MAX);
    NonZeroU32::new(fit.max(FEWEST_CONNECTIONS)).map_or(wanted, |fit| fit.min(wanted))
}

/// Runs something short on this thread.
pub(super) fn once<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run(&mut Builder::new_current_thread(), work)
}

fn run<T>(builder: &mut Builder, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = builder.max_blocking_threads(BLOCKING_THREADS).enable_all().build();
    runtime.map_err(|error| Failure::internal(format_args!("no async runtime: {error}")))?.block_on(work)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::fitting;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        let fit = |wanted, files| fitting(NonZeroU32::new(wanted).unwrap_or(NonZeroU32::MIN), files).get();
        assert_eq!(fit(1024, 20_000), 1024, "there are plenty");
        assert_eq!(fit(1024, 2 * 1024 + 128), 1024);
        assert_eq!(fit(1024, 1024), 448);
        assert_eq!(fit(1024, 256), 64);
        assert_eq!(fit(20, 256), 20);
        assert_eq!(fit(1024, 20), 8, "too few for anything, and still not none");
    }
}
