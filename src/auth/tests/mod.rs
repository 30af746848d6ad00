//! Whole tokens through the whole verifier, with keys made on the spot.

mod accepted;
mod explained;
mod forge;
mod hostile;
mod key_files;
mod providers;
mod remote_sets;
mod server;
mod signed;
mod vectors;
