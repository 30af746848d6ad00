//! Kill −9 at every named step of the protocol and at random moments, and a power cut, on databases that live on; the
//! invariants hold after each.

pub mod shim;
