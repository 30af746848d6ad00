//! What the gateway does, told without HTTP and without SQL.
//!
//! Every method that somebody calls takes the [`Principal`](crate::domain::principal::Principal) first, then
//! authorises, then scopes. Every refusal is a [`Refusal`] with a stable [`Code`].

pub mod background;
pub mod budgets;
pub mod buying;
mod certainty;
pub mod crowd;
pub mod driving;
pub mod evaluation;
pub mod evidence;
pub mod figures;
pub mod following;
pub mod freezes;
pub mod ground;
pub mod judging;
pub mod lasting;
pub mod limits;
pub mod live;
pub mod notices;
pub mod owned;
pub mod passage;
pub mod purchasing;
pub mod reconciling;
pub mod refusal;
pub mod registrations;
pub mod search;
pub mod single_flight;
pub mod spend;
pub mod teams;
mod voices;

pub use refusal::{Code, Refusal, Subject};
