//! What the gateway is about, without any machinery: values, rules and the purchase state machine.
//!
//! Nothing here knows HTTP, SQL or upstream's JSON, and nothing here waits.

pub mod approval;
pub mod audit;
pub mod billing;
pub mod canonical;
pub mod chain;
#[cfg(test)]
pub(crate) mod corpus;
pub mod country;
pub mod freeze;
pub mod inner_address;
pub mod money;
pub mod notice;
pub mod number;
pub mod order;
pub mod owned;
pub mod policy;
pub mod principal;
pub mod purchase;
pub mod quote;
pub mod registration;
pub mod search;
pub mod strict_json;
