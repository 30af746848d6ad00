//! What lies around: the visible top of the tree, and what no text in it may name.

use std::fs;
use std::path::Path;

/// What people see first. Tool files are dotfiles; `target` and `data` are nobody's to read.
const TOP: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "config",
    "data",
    "deploy",
    "src",
    "target",
    "tests",
];

/// Written by programs, not by people.
const SKIPPED: [&str; 6] = [".cache", ".git", "__pycache__", "data", "node_modules", "target"];

/// Hosts and paths of the machine it was made on, in two halves so that this file does not contain them.
const PLACES: [(&str, &str); 11] = [
    (concat!("crates", ".io"), REGISTRY),
    (concat!("npmjs", ".org"), REGISTRY),
    (concat!("npmjs", ".com"), REGISTRY),
    (concat!("pypi", ".org"), REGISTRY),
    (concat!("pythonhosted", ".org"), REGISTRY),
    (concat!("proxy.golang", ".org"), REGISTRY),
    (concat!("rubygems", ".org"), REGISTRY),
    (concat!("packagist", ".org"), REGISTRY),
    (concat!("/", "work/"), MACHINE),
    (concat!("/", "root/"), MACHINE),
    (concat!("/", "home/"), MACHINE),
];
const REGISTRY: &str = "names a registry's host: which one is used is the reader's configuration";
const MACHINE: &str = "a path of one machine: write it from the project's root";

/// The product's own, and that of the crate that fuzzers are built from.
const LOCKS: [&str; 2] = ["Cargo.lock", "tests/fuzz/Cargo.lock"];

/// The one source that a locked crate may come from.
const LOCKED: &str = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

/// The whole tree.
pub(super) fn check(root: &Path, found: &mut Vec<String>) {
    for name in names(root).iter().filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())) {
        found.push(format!("{name}: not at the top of the tree; that is {}", TOP.join(" ")));
    }
    read_folder(root, "", found);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn read_folder(folder: &Path, above: &str, found: &mut Vec<String>) {
    for name in names(folder).iter().filter(|name| !SKIPPED.contains(&name.as_str())) {
        let path = folder.join(name);
        let shown = format!("{above}{name}");
        if path.is_dir() {
            read_folder(&path, &format!("{shown}/"), found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            read_text(&shown, &text, found);
        }
    }
}

fn read_text(path: &str, text: &str, found: &mut Vec<String>) {
    for (at, line) in (1..).zip(text.lines()).filter(|(_, line)| !LOCKS.contains(&path) || *line != LOCKED) {
        let places = PLACES.iter().filter(|(place, _)| line.contains(place));
        found.extend(places.map(|(place, why)| format!("{path}:{at}: `{place}`: {why}")));
    }
}
