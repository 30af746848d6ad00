#![doc = include_str!("ARCHITECTURE.md")]

pub mod clicksend;
pub mod auth;
pub mod clock;
pub mod config;
pub mod domain;
pub mod simulator;
pub mod store;
