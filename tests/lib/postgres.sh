# A PostgreSQL of a suite's own: a cluster in memory where there is room, on a free port of the loopback, gone with the suite.
# shellcheck shell=bash

# postgres_is_here: Debian's PostgreSQL 15, without its service; sets PG_BIN, and tells the tests that start their own.
postgres_is_here() {
    PG_BIN=/usr/lib/postgresql/15/bin
    # First what brings the service, so that it is disabled.
    [[ -x $PG_BIN/initdb ]] || { debian_package postgresql-common && debian_package postgresql-15; } || return 1
    export GATEWAY_TEST_POSTGRES_BIN=$PG_BIN
    [[ -x $PG_BIN/initdb ]]
}

pgbouncer_is_here() { [[ -x /usr/sbin/pgbouncer ]] || debian_package pgbouncer; }

# start_postgres [FOLDER]: a fresh cluster, in memory or in FOLDER; sets GATEWAY_TEST_POSTGRES, and where its log is.
# PostgreSQL refuses to run as root.
start_postgres() {
    local base=${1:-/dev/shm}
    [[ -n ${1:-} ]] || [[ -w $base && $(df --output=avail -m "$base" | tail -1) -gt 2000 ]] || base=${TMPDIR:-/tmp}
    PG_HOME=$(mktemp -d "$base/gateway-postgres.XXXXXX") || return 1
    as_postgres=()
    if ((EUID == 0)); then
        chown postgres "$PG_HOME"
        as_postgres=(runuser -u postgres --)
    fi
    "${as_postgres[@]}" "$PG_BIN/initdb" -D "$PG_HOME/data" -A trust -U postgres -E UTF8 --locale=C >/dev/null || return 1
    PG_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >>"$PG_HOME/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = ''
max_connections = 400
log_line_prefix = '%p '
shared_buffers = 64MB
max_wal_size = 256MB
autovacuum_naptime = 10min
CONF
    # In this process group, so that it ends with the suite.
    (cd / && exec "${as_postgres[@]}" "$PG_BIN/postgres" -D "$PG_HOME/data" >"$SUITE_DIR/postgres.log" 2>&1) &
    SERVERS+=("$!")
    LEFTOVERS+=("$PG_HOME")
    local try
    for try in $(seq 100); do
        "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT" && break
        ((try < 100)) || { tail -n 20 "$SUITE_DIR/postgres.log"; return 1; }
        sleep 0.1
    done
    export GATEWAY_TEST_POSTGRES_LOG="$SUITE_DIR/postgres.log"
    export GATEWAY_TEST_POSTGRES="postgres://postgres@127.0.0.1:$PG_PORT"
}
