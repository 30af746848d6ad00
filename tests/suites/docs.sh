#!/usr/bin/env bash
# the Rust documentation builds without a warning
source tests/lib/suite.sh

# Private items too: the people who read it are those who change the code.
RUSTDOCFLAGS="-D warnings" step "the documentation builds" cargo doc --locked --no-deps --document-private-items
