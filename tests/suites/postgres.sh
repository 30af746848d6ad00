#!/usr/bin/env bash
# the store and the gateway on PostgreSQL, by the same tests as on SQLite; replicas that share a database
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh
source tests/sdk/steps.sh

# What is about SQLite's files and words; what a server does instead, store::tests::server and replicas::away try. Chaos is a
# suite of its own.
about_files=(audit::triggers backup:: disk:: chaos:: notices::trouble::a_notice_whose_process_was_killed_between)
# What asks no database anything.
without=(rushing::)
# What takes long under load is the ops suite's.
elsewhere=(replicas::rolling:: reloading::a_file_that_changes_every_second_under_load)

need "PostgreSQL 15 is here" postgres_is_here
need "PgBouncer is here" pgbouncer_is_here
need "the SDKs are here" sdks_are_here
need "Python's packages are here" python_env "$CACHE/python-notices" tests/notices/requirements.txt
need "everything builds" build_gateway
need "a PostgreSQL of our own runs" start_postgres
step "the store's tests hold on PostgreSQL" cargo test --locked --lib -- store:: service::
skip "tests about SQLite's files: ${about_files[*]}; without a database: ${without[*]}; what tests/run ops does: ${elsewhere[*]}"
step "the gateway's tests hold on PostgreSQL, and replicas act as one" \
    cargo test --locked --test it -- "${about_files[@]/#/--skip=}" "${without[@]/#/--skip=}" "${elsewhere[@]/#/--skip=}"

export GATEWAY SUITE_DIR PYTHONDONTWRITEBYTECODE=1
step "from the SDK's call to the webhook, the terminal and back, on PostgreSQL" \
    env PYTHONPATH="$PWD/tests/lib:$PWD/tests/notices" "$CACHE/python-notices/bin/python" tests/notices/story.py
need "simulator and gateway start" start_served
sdk_steps
