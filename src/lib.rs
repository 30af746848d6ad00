#![doc = include_str!("ARCHITECTURE.md")]

pub mod clicksend;
pub mod clock;
pub mod domain;
pub mod simulator;
pub mod store;
