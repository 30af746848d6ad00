//! Evidence: read by those who may, verified by anybody who has a copy, witnessed outside of the database, and rid of
//! personal data when its time is over.
//!
//! What is written is decided elsewhere: no transaction ends without its event (`store::Tx`).

mod books;
mod erasure;
mod export;
mod findings;
mod head;
mod links;
mod reading;
mod recurring;
mod verify;
mod witness;

pub use erasure::Erasure;
pub use export::{Export, Wanted, verify as verify_export};
pub use findings::{Fault, Place, Report};
pub use head::{FoundHead, WentBack, WitnessedHead};
pub use reading::{Evidence, EvidenceExport, KeptPolicy, SaidValue, SeenEvent};
pub use verify::database as verify_database;
pub use witness::{Comparison, Witness, WitnessParts};

pub use crate::store::audit::Filter;

/// The action of the event that tells of an erasure; its `values` say how many commitments lost their value.
const ERASED: &str = "personal_data.erased";
