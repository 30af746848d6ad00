//! Whole tokens through the whole verifier, with keys made on the spot.

#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
#![expect(
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "an outcome nobody expected stops the test"
)]
#![expect(clippy::indexing_slicing, reason = "fixtures are known to be long enough")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod accepted;
mod explained;
mod forge;
mod hostile;
mod hot_files;
mod key_files;
mod remote_sets;
mod server;
mod signed;
mod vectors;
