//! libFuzzer's door to what reads upstream's answers; see `clicksend::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| numbers_gateway::clicksend::fuzzing::answer(data));
