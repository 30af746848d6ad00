//! The inputs that fuzzers kept, for the tests that read them again.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

use std::path::Path;

/// Every kept input of a target, through the same door as in `tests/fuzz`.
pub(crate) fn replay(target: &str, door: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 20, "only {} inputs for {target}", inputs.len());
    for input in inputs {
        door(&std::fs::read(input).unwrap());
    }
}
