#!/usr/bin/env bash
# the store and the gateway on PostgreSQL, by the same tests as on SQLite; replicas that share a database
source tests/lib/suite.sh
source tests/lib/fetch.sh
source tests/lib/postgres.sh

# What is about SQLite's files, or changes a copy of one to see it found: the rest of the evidence's tests runs on both.
about_files=(
    audit::erasing audit::exporting audit::tampering audit::triggers money::verifying
    audit::witness::an_old_database audit::witness::another_database audit::witness::the_head_is_written
    notices::trouble::a_notice_whose_process_was_killed chaos:: disk:: hanging::a_database_that_stands_still crash::a_second_serving_process
)

need "PostgreSQL 15 is here" postgres_is_here
need "everything builds" build_gateway
need "a PostgreSQL of our own runs" start_postgres
step "the store's tests hold on PostgreSQL" cargo test --locked --lib -- store:: service::
skip "tests about SQLite's files: ${about_files[*]}"
step "the gateway's tests hold on PostgreSQL, and replicas act as one" \
    cargo test --locked --test it -- "${about_files[@]/#/--skip=}"
