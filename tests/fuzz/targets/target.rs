//! libFuzzer's door to what reads targets and headers; see `http::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| numbers_gateway::http::fuzzing::target(data));
