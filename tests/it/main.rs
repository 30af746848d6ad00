//! The gateway from outside: a real router, a database of its own, the real upstream client and the simulator, all
//! over sockets. One module a subject; every test ends with the invariants of the protocol.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
#![expect(clippy::expect_used, reason = "a broken fixture stops the test")]
#![expect(clippy::indexing_slicing, reason = "a missing field of an answer fails the test")]
#![expect(clippy::panic, reason = "a test fails by it")]
#![expect(clippy::needless_pass_by_value, reason = "rows of tables hand over what they are made of")]
#![expect(clippy::disallowed_methods, reason = "what a stage spawns ends with its runtime")]
#![expect(unreachable_pub, reason = "a test has no outside: `pub` here means for the other modules")]

mod approving;
mod audit;
mod authorisation;
mod backup;
mod buying;
mod canary;
mod chaos;
mod console;
mod corners;
mod crash;
mod database;
mod disk;
mod documents;
mod edge;
mod every_key;
mod evidence;
mod hanging;
mod hits;
mod migrating;
mod money;
mod notices;
mod outage;
mod process;
mod quirks;
mod reconciling;
mod registering;
mod reloading;
mod replicas;
mod roles;
mod rotating;
mod running;
mod rushing;
mod searching;
mod stage;
mod steering;
mod tokens;
mod vanishing;
