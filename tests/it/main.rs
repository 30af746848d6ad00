//! The gateway from outside: a real router, a database of its own, the real upstream client and the simulator, all
//! over sockets. One module a subject; every test ends with the invariants of the protocol.
#![expect(clippy::disallowed_methods, reason = "a test drops its tasks with its runtime")]
#![expect(unreachable_pub, reason = "a test binary has no outside")]
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
#![expect(clippy::expect_used, reason = "a broken fixture stops the test")]
#![expect(clippy::indexing_slicing, reason = "a missing field of an answer fails the test")]

mod buying;
mod crash;
mod evidence;
mod searching;
mod stage;
