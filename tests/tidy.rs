//! The rules of the house as a test: who may import whom, where each outside crate lives, how big and how named
//! things are.
//!
//! The tables below are what people edit. The rules read the tree under a root that they are given, so that each
//! is tried on a small tree that breaks it, and tell everything they find at once, with file, line and what would
//! be right.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read stops the test")]

use std::path::Path;

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/seeded.rs"]
mod seeded;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

/// A room at the top of `src/`, and the rooms it may import. Every other import is a finding.
struct Door {
    room: &'static str,
    opens: Opens,
}

enum Opens {
    Everything,
    Only(&'static [&'static str]),
}

/// One direction: main → cli → app → http → service → { store, clicksend } → domain.
const DOORS: &[Door] = &[
    // Declares the rooms and does nothing else.
    door("lib", &[]),
    door("main", &["auth", "cli"]),
    // Asks upstream itself for `check-config --live`, beside whatever serves.
    door(
        "cli",
        &[
            "app",
            "auth",
            "clicksend",
            "clock",
            "config",
            "demo",
            "domain",
            "http",
            "local_key",
            "simulator",
            "telemetry",
        ],
    ),
    // Reads its own books at a second start, to tell the simulator what it has sold.
    door("demo", &["app", "auth", "clock", "config", "domain", "local_key", "simulator", "store"]),
    door("local_key", &["auth", "config"]),
    // The one place that wires.
    Door { room: "app", opens: Opens::Everything },
    door("telemetry", &["clock", "config", "request_id"]),
    // Handlers know neither SQL nor upstream: what they need of either, `service` hands on.
    door("http", &["alike", "auth", "clock", "domain", "metrics", "request_id", "service", "telemetry"]),
    door("service", &["alike", "clicksend", "clock", "domain", "metrics", "notify", "request_id", "store"]),
    // Adapters do not know each other.
    door("auth", &["alike", "clock", "domain"]),
    door("clicksend", &["clock", "domain"]),
    door("config", &["domain"]),
    door("metrics", &["domain"]),
    door("notify", &["domain"]),
    door("store", &["clock", "domain", "request_id"]),
    // Shares nothing with the gateway, or a test against it would prove nothing.
    door("simulator", &[]),
    door("alike", &[]),
    door("clock", &[]),
    door("request_id", &[]),
    door("domain", &[]),
];

const fn door(room: &'static str, opens: &'static [&'static str]) -> Door {
    Door { room, opens: Opens::Only(opens) }
}

/// An outside crate and the rooms that may use it. Tests may use what they need.
struct Home {
    name: &'static str,
    rooms: &'static [&'static str],
    why: &'static str,
}

const HOMES: &[Home] = &[
    home(
        "axum",
        &["app", "http", "simulator"],
        "nothing behind the handlers knows HTTP; app serves the routes",
    ),
    home("axum_server", &["app"], "listeners are bound and drained in one place"),
    home(
        "tower",
        &["app", "http", "simulator"],
        "layers stand in the route table; a listener hands requests on",
    ),
    home("tower_http", &["http"], "layers stand in the route table"),
    home("utoipa", &["http"], "the document describes routes, so it stands beside them"),
    home("utoipa_axum", &["http"], "the document describes routes, so it stands beside them"),
    home("askama", &["http"], "pages are made where they are served, and escape what they show"),
    home("rust_embed", &["http"], "the console's files travel in the program"),
    home("http_body_util", &["http"], "bodies are bounded where they are read"),
    home(
        "pin_project_lite",
        &["app"],
        "answers and their bodies pass a connection without a box around them",
    ),
    home(
        "hyper",
        &["app", "simulator"],
        "what a listener hands on; and the simulator breaks connections on purpose",
    ),
    home("hyper_util", &["simulator"], "only the simulator breaks connections on purpose"),
    home(
        "rustls",
        &["main", "store"],
        "one choice of cryptography for the whole process; whom the store's TLS believes",
    ),
    home("rustls_platform_verifier", &["store"], "as above"),
    home("tokio_postgres", &["store"], "no SQL outside the store"),
    home("tokio_postgres_rustls", &["store"], "as above"),
    home("governor", &["service"], "limits are charged at the edge, or where a request turns out dear"),
    home(
        "ipnet",
        &["app", "config", "http", "notify"],
        "trusted peers and inner networks are configured, and asked about where somebody connects",
    ),
    home(
        "reqwest",
        &["auth", "cli", "clicksend", "demo", "notify"],
        "a client has deadlines and no redirects; those who build one know why",
    ),
    home(
        "quick_cache",
        &["auth", "http", "service"],
        "a cache stands beside what it saves; a look must cost next to nothing, and what is kept is small",
    ),
    home("mimalloc", &["main"], "one allocator for the program, and none for those who use its library"),
    home("smallvec", &["http"], "a finished answer lies in one place, so that a hit looks at few"),
    home("memchr", &["http"], "a finished answer is taken apart at its numbers, twenty kilobytes at a time"),
    home("jsonwebtoken", &["auth"], "tokens are read by the strict reader alone"),
    home(
        "aws_lc_rs",
        &["auth", "domain", "notify"],
        "keys, the digest of the evidence, signatures of notices",
    ),
    home(
        "secrecy",
        &["app", "auth", "cli", "clicksend", "config", "local_key", "notify"],
        "who reads a secret, who hands it on, who sends it; services and handlers see none",
    ),
    home("rusqlite", &["store"], "no SQL outside the store"),
    home(
        "rustix",
        &["cli", "clock", "store"],
        "open files, the boot clock and the disk: the system calls that std lacks",
    ),
    home("prometheus", &["metrics"], "every metric of the gateway stands in one struct"),
    home("opentelemetry", &["telemetry"], "spans come from tracing; only their export knows the protocol"),
    home("opentelemetry_sdk", &["telemetry"], "as above"),
    home("opentelemetry_otlp", &["telemetry"], "as above"),
    home("tracing_opentelemetry", &["telemetry"], "as above"),
    home("tracing_subscriber", &["telemetry"], "one subscriber, installed once"),
    home("clap", &["cli", "main"], "the command line is read in one place"),
    home(
        "toml",
        &["cli", "config", "demo", "local_key"],
        "configuration is read in one place; some write lines of it",
    ),
    home("serde_json_canonicalizer", &["domain"], "one canonical form for digests and evidence"),
    home(
        "serde_path_to_error",
        &["config", "http", "simulator"],
        "where people's input is read, and its faults are named",
    ),
    home(
        "tokio",
        &[
            "app",
            "auth",
            "cli",
            "clicksend",
            "demo",
            "http",
            "notify",
            "request_id",
            "service",
            "simulator",
            "store",
            "telemetry",
        ],
        "domain, configuration and metrics never wait",
    ),
    home("tokio_util", &["app", "auth", "cli", "demo", "http", "service", "simulator"], "as above"),
    home("futures_util", &["app", "auth", "demo", "http", "service", "simulator"], "as above"),
];

const fn home(name: &'static str, rooms: &'static [&'static str], why: &'static str) -> Home {
    Home { name, rooms, why }
}

/// Values and words that are at home everywhere. A crate of `[dependencies]` stands here or in [`HOMES`].
const AT_HOME_EVERYWHERE: &[&str] =
    &["arc_swap", "base64", "http", "jiff", "serde", "serde_json", "thiserror", "tracing", "uuid"];

/// Functions that one room alone may call, or none.
struct Guarded {
    path: [&'static str; 2],
    room: Option<&'static str>,
    why: &'static str,
}

const GUARDED: &[Guarded] = &[
    guarded(["env", "var"], Some("config"), "the environment is read in config"),
    guarded(["env", "var_os"], Some("config"), "the environment is read in config"),
    guarded(["env", "vars"], Some("config"), "the environment is read in config"),
    guarded(["env", "vars_os"], Some("config"), "the environment is read in config"),
    guarded(["tokio", "spawn"], None, "tasks belong to a TaskTracker that the drain waits for"),
    guarded(["task", "spawn"], None, "tasks belong to a TaskTracker that the drain waits for"),
];

const fn guarded(path: [&'static str; 2], room: Option<&'static str>, why: &'static str) -> Guarded {
    Guarded { path, room, why }
}

/// Every rule over the tree under `root`.
fn findings(root: &Path) -> Vec<String> {
    let sources = source::read_all(root);
    let mut found = Vec::new();
    for source in &sources {
        imports::check(source, &mut found);
        shape::check(source, &mut found);
    }
    imports::check_tables(root, &sources, &mut found);
    tree::check(root, &mut found);
    found
}

#[test]
fn the_tree_keeps_the_rules_of_the_house() {
    let found = findings(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(found.is_empty(), "{} findings:\n{}\n", found.len(), found.join("\n"));
}
