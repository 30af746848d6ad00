#!/usr/bin/env bash
# format, lints and all Rust tests: no network, no root
source tests/lib/suite.sh

step "the code is formatted" cargo fmt --check
step "the code has no warnings" cargo clippy --locked --all-targets -- -D warnings
need "everything builds" build_gateway
step "the Rust tests pass" cargo test --locked
