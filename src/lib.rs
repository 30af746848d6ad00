#![doc = include_str!("ARCHITECTURE.md")]

pub mod app;
pub mod auth;
pub mod cli;
pub mod clicksend;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod local_key;
pub mod metrics;
pub mod notify;
pub mod service;
pub mod simulator;
pub mod store;
pub mod telemetry;
