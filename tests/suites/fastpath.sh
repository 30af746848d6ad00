#!/usr/bin/env bash
# the instructions of a hit; with --full a cached search beside HAProxy, nginx and the bare server of our own stack
source tests/lib/suite.sh
source tests/lib/fetch.sh

if (($(nproc) < 2)); then
    skip "servers and load need a core each"
    exit 0
fi

BUILT="${CARGO_TARGET_DIR:-target}"
bench() { PYTHONDONTWRITEBYTECODE=1 python3 "tests/bench/fastpath/$1.py" "${@:2}"; }
servers_are_here() { debian_tool nginx nginx-light && debian_tool openssl openssl && debian_tool valgrind valgrind; }
build_counted() { cargo build --locked --profile counted --bin numbers-gateway; }

need "nginx and valgrind are here" servers_are_here
need "the callers build" build_gateway
need "what is counted builds" build_counted
step "a hit takes no more instructions than it did" \
    bench instructions "$BUILT/counted/numbers-gateway" "$BUILT/debug/examples/fastpath"
if [[ -z $TEST_FULL ]]; then
    skip "the fast path's times need the release build and a quiet machine: tests/run fastpath --full"
    exit 0
fi

RELEASED=("$BUILT/release/numbers-gateway" "$BUILT/release/examples/fastpath")
build_release() { cargo build --locked --release --bin numbers-gateway --example fastpath; }

need "HAProxy is here" debian_tool haproxy haproxy
need "the release builds" build_release
step "the servers do the same work and can be measured" bench measure "${RELEASED[@]}" --smoke
step "hits, misses, memory: beside HAProxy, nginx and the bare server" bench measure "${RELEASED[@]}"
