#!/usr/bin/env bash
# a cached search beside HAProxy, nginx and the bare server of our own stack, and the instructions of a hit; only with --full
source tests/lib/suite.sh
source tests/lib/fetch.sh

if [[ -z $TEST_FULL ]]; then
    skip "the fast path's figures need the release build and a quiet machine: tests/run fastpath --full"
    exit 0
fi
if (($(nproc) < 2)); then
    skip "servers and load need a core each"
    exit 0
fi

RELEASE="${CARGO_TARGET_DIR:-target}/release"
bench() { PYTHONDONTWRITEBYTECODE=1 python3 "tests/bench/fastpath/$1.py" "$RELEASE/numbers-gateway" "$RELEASE/examples/fastpath" "${@:2}"; }
servers_are_here() { debian_tool haproxy haproxy && debian_tool nginx nginx-light && debian_tool openssl openssl; }
build_release() { cargo build --locked --release --bin numbers-gateway --example fastpath; }

need "HAProxy and nginx are here" servers_are_here
need "valgrind is here" debian_tool valgrind valgrind
need "the release builds" build_release
step "a hit takes no more instructions than it did" bench instructions
step "the servers do the same work and can be measured" bench measure --smoke
step "hits, misses, memory: beside HAProxy, nginx and the bare server" bench measure
