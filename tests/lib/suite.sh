# What a suite is made of: steps that are counted and timed, servers that are awaited and stopped.
# Sourced by tests/suites/*.sh, which tests/run starts in the project root with RUN_DIR set.
# shellcheck shell=bash
set -uo pipefail
: "${RUN_DIR:?a suite is started by tests/run NAME}"

SUITE=$(basename "$0" .sh)
SUITE_DIR="$RUN_DIR/$SUITE"
CACHE="$PWD/tests/.cache"
GATEWAY="${CARGO_TARGET_DIR:-target}/debug/numbers-gateway"
# Tests wait for sockets and clocks more than they compute.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(nproc)))}"
SERVERS=()
LEFTOVERS=()
STEP=0
FAILED=0
mkdir -p "$SUITE_DIR" "$CACHE"

# step SENTENCE COMMAND...: runs the command, shows its output, counts the tests it tells of.
step() {
    local name=$1 began=$SECONDS status log
    log="$SUITE_DIR/step-$((++STEP)).log"
    shift
    printf -- '-- %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    record "$name" "$(awk -v status="$status" -f tests/lib/tally.awk "$log")" "$((SECONDS - began))"
    ((status == 0)) || complain "$name" "$status"
    ((status == 0)) || repeat "$name" "$log"
    return "$status"
}

# need SENTENCE COMMAND...: what the rest of the suite cannot do without. No test, so it counts only when it fails.
# It runs in this shell, so that it may set what the steps use.
need() {
    local name=$1 began=$SECONDS status=0
    shift
    printf -- '-- %s\n' "$name"
    "$@" || status=$?
    ((status)) || return 0
    record "$name" $'0\t1' "$((SECONDS - began))"
    complain "$name" "$status"
    exit 1
}

record() { printf '%s\t%s\t%s\t%s\n' "$SUITE" "$@" >>"$RUN_DIR/$SUITE.steps"; }

# What a step that failed said of it, once more beside the sums: what came between is long.
repeat() {
    {
        printf '\n-- %s: %s\n' "$SUITE" "$1"
        grep -m 5 -A 25 -E '^(FAIL|not ok)|panicked at|\.\.\. FAILED|AssertionError|^error' "$2" | head -n 60
    } >>"$RUN_DIR/said"
}

complain() {
    FAILED=1
    printf -- '-- FAILED (status %s): %s\n' "$2" "$1"
}

# skip SENTENCE: says what was not done; never silent, never a pass.
skip() { printf -- '-- skipped: %s\n' "$1"; }

# start NAME COMMAND...: starts a server that says it is ready by one line on its standard output, and leaves that
# line in READY. A server that ends before is seen at once (end of file); one that hangs, after a minute.
start() {
    local name=$1 out
    shift
    exec {out}< <(exec "$@" 2>"$SUITE_DIR/$name.log")
    SERVERS+=("$!")
    if ! read -r -t 60 -u "$out" READY; then
        printf '%s did not get ready; its last words:\n' "$name"
        tail -n 20 "$SUITE_DIR/$name.log"
        return 1
    fi
}

# start_demo: the gateway with a simulator and a fresh database behind it, on free ports; sets what leads to them.
start_demo() {
    start demo "$GATEWAY" demo --json --data-dir "$SUITE_DIR/data" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 &&
        it_is_ready
}

# start_served: the same with the database that the suite chose (tests/lib/engine.py), in processes of their own.
start_served() {
    export GATEWAY SUITE_DIR PYTHONPATH="$PWD/tests/lib" PYTHONDONTWRITEBYTECODE=1
    start served python3 tests/lib/served.py && it_is_ready &&
        SIMULATOR_USERNAME=$(of username) && SIMULATOR_API_KEY=$(of api_key) &&
        export SIMULATOR_USERNAME SIMULATOR_API_KEY
}

it_is_ready() {
    GATEWAY_URL=$(of api) && GATEWAY_OPS_URL=$(of ops) && GATEWAY_TOKENS=$(of tokens) &&
        SIMULATOR_URL=$(of simulator) && export GATEWAY_URL GATEWAY_OPS_URL GATEWAY_TOKENS SIMULATOR_URL
}

# of KEY: that value of the line in READY, as text or as JSON.
of() {
    python3 -c 'import json, sys; v = json.loads(sys.argv[1])[sys.argv[2]]; print(v if isinstance(v, str) else json.dumps(v))' \
        "$READY" "$1"
}

stop_servers() {
    local pid
    for pid in "${SERVERS[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "${SERVERS[@]}"; do
        # tail ends when the process does; a server that ignores TERM for 20 s is not worth waiting for.
        timeout 20 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null
    done
    SERVERS=()
}

# Built once for all suites, with the tests' features, so that cargo test does not build the dependencies again.
build_gateway() { cargo build --locked --all-targets; }

end() {
    local status=$?
    stop_servers
    rm -rf "${LEFTOVERS[@]}"
    ((status == 0)) || exit "$status"
    exit "$FAILED"
}
trap end EXIT
trap 'exit 143' TERM
