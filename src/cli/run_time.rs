//! The async runtime, sized for a service that mostly waits.

use std::future::Future;
use std::thread;

use rustix::process::{self, Resource, Rlimit};
use tokio::runtime::Builder;

use super::Failure;

/// Bounds the threads for blocking calls, each of which may grow to 2 MB: reads of the database and little else.
const BLOCKING_THREADS: usize = 16;

/// Runs a service, with a worker thread a core.
pub(super) fn serve<T>(service: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    open_as_many_files_as_allowed();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    run(Builder::new_multi_thread().worker_threads(workers), service)
}

/// A connection is an open file, and the usual bound of 1,024 is for programs that wait with `select`. Where it cannot
/// be raised, connections beyond it wait in the kernel's queue.
fn open_as_many_files_as_allowed() {
    let limit = process::getrlimit(Resource::Nofile);
    let _ = process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Runs something short on this thread.
pub(super) fn once<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run(&mut Builder::new_current_thread(), work)
}

fn run<T>(builder: &mut Builder, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = builder.max_blocking_threads(BLOCKING_THREADS).enable_all().build();
    runtime.map_err(|error| Failure::internal(format_args!("no async runtime: {error}")))?.block_on(work)
}
