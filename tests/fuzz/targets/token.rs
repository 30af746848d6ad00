//! libFuzzer's door to the token reader; see `auth::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| numbers_gateway::auth::fuzzing::token(data));
