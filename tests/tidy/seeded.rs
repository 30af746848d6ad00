//! Each rule on a tree that breaks it once, beside the same thing done right: a rule that cannot go red is none.

use std::fs;
use std::path::Path;

use crate::findings;

/// A tree of files, and all that is found in it.
fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    findings(root.path())
}

/// One file, its code below a beginning that is as it should be: what is found, from line 2 on.
fn found_by(path: &str, code: &str) -> Vec<String> {
    found_in(&[(path, &format!("//! For a test.\n{code}\n"))])
}

#[track_caller]
fn assert_only(found: &[String], beginning: &str) {
    assert!(matches!(found, [only] if only.starts_with(beginning)), "{beginning}: {found:#?}");
}

#[test]
fn rooms_are_entered_by_their_doors_however_the_import_is_written() {
    for code in [
        "use crate::store::Store;",
        "use crate::{domain::Money, store::{self, Tx}};",
        "pub(crate) use crate::store as kept;",
        "fn f() -> crate::store::Store { x }",
        "fn f() { let x: Vec<crate::store::Store> = call::<crate::domain::Money>(); }",
        "use super::super::store::Store;",
        "#[cfg(test)] mod tests; fn f() { crate::store::open() }",
        "#[cfg(test)] use a::{b}; use crate::store::Store;",
    ] {
        assert_only(
            &found_by("src/http/mod.rs", &code.replace("super::super", "super")),
            "src/http/mod.rs:2: http imports store",
        );
        assert_only(&found_by("src/http/v1.rs", code), "src/http/v1.rs:2: http imports store");
    }
    for code in [
        "use crate::service::Refusal;",
        "use crate::http::v1;",
        "use super::store;",
        "// use crate::store::Store;",
        "const TEXT: &str = \"crate::store::Store\";",
        "const TEXT: &str = r#\"\"crate::store::Store\"#;",
        "/* /* */ use crate::store::Store; */ const QUOTE: char = '\"';",
        "#[cfg(test)]\nmod tests {\n    use crate::store::Store;\n}",
        "fn longer<'a>(text: &'a str) -> impl Iterator + use<'a> { text }",
    ] {
        assert_eq!(found_by("src/http/v1.rs", code), [""; 0], "{code}");
    }
    assert_eq!(found_by("src/http/tests/all.rs", "use crate::store::Store;"), [""; 0]);
    assert_eq!(found_by("src/app.rs", "use crate::store::Store;"), [""; 0]);
    assert_only(&found_by("src/main.rs", "use numbers_gateway::app;"), "src/main.rs:2: main imports app");
    assert_only(
        &found_by("src/domain/money.rs", "use crate::clock::Clock;"),
        "src/domain/money.rs:2: domain imports clock; it may import none",
    );
}

#[test]
fn a_room_without_a_door_is_told() {
    assert_only(&found_by("src/cupboard/mod.rs", ""), "src/cupboard: a room without a door");
}

#[test]
fn outside_crates_stay_at_home() {
    for code in ["use rusqlite::Connection;", "fn f(row: &rusqlite::Row<'_>) {}", "use {rusqlite as sql};"] {
        assert_only(
            &found_by("src/service/search.rs", code),
            "src/service/search.rs:2: service uses rusqlite",
        );
        assert_eq!(found_by("src/store/mod.rs", code), [""; 0]);
    }
    assert_eq!(found_by("src/service/search.rs", "use crate::service::rusqlite;"), [""; 0]);
}

#[test]
fn a_dependency_without_a_home_is_told() {
    let manifest = "[dependencies]\nserde = \"1\"\n# rocket = \"1\"\nleft-pad = \"1\"\n\n[dev-dependencies]\ninsta = \"1\"\n";
    assert_only(&found_in(&[("Cargo.toml", manifest)]), "Cargo.toml:4: left_pad has no home");
}

#[test]
fn the_environment_and_the_spawning_are_guarded() {
    assert_only(
        &found_by("src/cli/mod.rs", "fn f() { std::env::var(\"X\") }"),
        "src/cli/mod.rs:2: env::var ",
    );
    assert_only(
        &found_by("src/cli/mod.rs", "use std::env;\nfn f() { env::vars_os() }"),
        "src/cli/mod.rs:3: env::vars_os ",
    );
    assert_eq!(found_by("src/cli/mod.rs", "fn f() { std::env::args() }"), [""; 0]);
    assert_eq!(found_by("src/config/mod.rs", "fn f() { std::env::var(\"X\") }"), [""; 0]);
    assert_only(&found_by("src/app.rs", "fn f() { tokio::spawn(g()) }"), "src/app.rs:2: tokio::spawn ");
    assert_only(&found_by("src/app.rs", "use tokio::task::spawn;"), "src/app.rs:2: task::spawn ");
}

#[test]
fn files_say_what_they_are_for() {
    assert_only(&found_in(&[("src/clock.rs", "use std::fmt;\n")]), "src/clock.rs:1: begins without");
    assert_only(&found_in(&[("src/clock.rs", "#![expect(x)]\n")]), "src/clock.rs:1: begins without");
    assert_eq!(found_in(&[("src/clock/tests.rs", "#![expect(x)]\n")]), [""; 0]);
    assert_eq!(found_in(&[("src/lib.rs", "#![doc = x]\n")]), [""; 0]);
}

#[test]
fn files_and_functions_stay_short() {
    let lines = |count: usize| "const A: u8 = 0;\n".repeat(count - 1);
    assert_eq!(found_by("src/clock.rs", lines(399).trim_end()), [""; 0]);
    assert_only(
        &found_by("src/clock.rs", lines(401).trim_end()),
        "src/clock.rs:401: 401 lines without its tests",
    );
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}", lines(300), lines(300));
    assert_eq!(found_by("src/clock.rs", &tested), [""; 0]);
    assert_only(&found_by("tests/it/buy.rs", lines(701).trim_end()), "tests/it/buy.rs:701: 701 lines");

    let function =
        |body: usize| format!("fn f(a: [u8; 2])\nwhere\n    A: B,\n{{\n{}}}", "    g();\n".repeat(body));
    assert_eq!(found_by("src/clock.rs", &function(65)), [""; 0]);
    assert_only(&found_by("src/clock.rs", &function(66)), "src/clock.rs:2: `f` has 71 lines");
    assert_eq!(
        found_by("src/clock.rs", &format!("#[cfg(test)]\nmod tests {{\n{}\n}}", function(66))),
        [""; 0]
    );
}

#[test]
fn names_say_something() {
    assert_only(
        &found_in(&[("src/http/utils.rs", "//! Odds.\n")]),
        "src/http/utils.rs:1: `utils` is a drawer",
    );
    assert_only(
        &found_in(&[("src/http/core/v1.rs", "//! Odds.\n")]),
        "src/http/core/v1.rs:1: `core` is a drawer",
    );
    assert_only(&found_by("src/http/mod.rs", "mod types {}"), "src/http/mod.rs:2: `mod types` is a drawer");
    assert_only(&found_by("src/http/mod.rs", "fn get_it() {}"), "src/http/mod.rs:2: `get_it`");
    assert_only(&found_by("src/http/mod.rs", "async fn handle_it();"), "src/http/mod.rs:2: `handle_it`");
    assert_only(&found_by("src/http/mod.rs", "struct KeyManager;"), "src/http/mod.rs:2: `KeyManager`");
    assert_eq!(found_by("src/http/mod.rs", "fn f() { map.get_mut(get_it); }"), [""; 0]);
}

#[test]
fn nothing_is_left_undone() {
    for left in [concat!("// FIX", "ME: later"), concat!("// TO", "DO(ann)"), concat!("/// XX", "X")] {
        assert_only(&found_by("src/clock.rs", left), "src/clock.rs:2: `");
    }
    assert_only(&found_by("src/clock.rs", "fn f() { todo!() }"), "src/clock.rs:2: `todo!`");
    assert_only(
        &found_by("tests/it/buy.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"),
        "tests/it/buy.rs:3: an ignored test",
    );
    assert_eq!(found_by("src/clock.rs", "const COUNTRY: &str = \"XX\"; // #[ignore]"), [""; 0]);
}

#[test]
fn imports_are_by_name() {
    assert_only(&found_by("src/clock.rs", "use std::fmt::*;"), "src/clock.rs:2: a glob");
    assert_only(&found_by("src/clock.rs", "use super::*;"), "src/clock.rs:2: a glob");
    assert_only(
        &found_by("src/clock.rs", "#[cfg(test)]\nmod tests {\n    use std::fmt::{self, *};\n}"),
        "src/clock.rs:4: a glob",
    );
    assert_eq!(found_by("src/clock.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n}"), [""; 0]);
}

#[test]
fn the_top_of_the_tree_is_what_people_expect() {
    assert_only(
        &found_in(&[("notes.md", ""), (".editorconfig", ""), ("README.md", "")]),
        "notes.md: not at the top",
    );
}

#[test]
fn no_text_names_a_registry_or_the_machine_it_was_written_on() {
    let host = concat!("see https://crates", ".io/x");
    assert_only(&found_in(&[("deploy/a.md", host)]), "deploy/a.md:1: `crates");
    assert_only(&found_in(&[(".ci/run", concat!("#!/bin/sh\ncd /", "work/main"))]), ".ci/run:2: `/");
    let locked = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");
    assert_eq!(found_in(&[("Cargo.lock", locked)]), [""; 0]);
    assert_only(
        &found_in(&[("Cargo.lock", concat!("source = \"registry+https://mirror.crates", ".io\""))]),
        "Cargo.lock:1: `crates",
    );
    assert_eq!(found_in(&[("target/x", host), ("data/x", host)]), [""; 0]);
}
