//! How a file looks: where it begins, how long it and its functions are, how things are called.

use crate::source::{Source, functions, paths, tokens};

const FILE: usize = 400;
const FILE_WITH_TESTS: usize = 700;
const FUNCTION: usize = 70;

/// Drawers that everything ends up in.
const DRAWERS: [&str; 7] = ["common", "core", "helper", "helpers", "types", "util", "utils"];
/// Prefixes that say nothing: name a function by what it gives or does.
const EMPTY_PREFIXES: [&str; 3] = ["get_", "handle_", "process_"];
/// Written in two halves, so that this file does not contain them.
const LEFTOVERS: [&str; 3] = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// The looks of one file.
pub(super) fn check(source: &Source, found: &mut Vec<String>) {
    let mut tell = |line: usize, what: String| found.push(format!("{}:{line}: {what}", source.path));
    beginning(source, &mut tell);
    sizes(source, &mut tell);
    names(source, &mut tell);
    leftovers(source, &mut tell);
    globs(source, &mut tell);
}

fn beginning(source: &Source, tell: &mut impl FnMut(usize, String)) {
    let text = &source.text;
    let said = text.starts_with("//!") || text.starts_with("#![doc");
    let named_by_its_tests = source.is_test() && text.starts_with("#![expect");
    if !said && !named_by_its_tests {
        tell(
            1,
            "begins without `//!`: say what the file is for, then the idea that makes it work".to_owned(),
        );
    }
}

fn sizes(source: &Source, tell: &mut impl FnMut(usize, String)) {
    let all = source.text.lines().count();
    let tests = source.code.lines().zip(source.own.lines()).filter(|(code, own)| code != own).count();
    if !source.is_test() && all - tests > FILE {
        tell(
            all,
            format!("{} lines without its tests; {FILE} at most: split it by what it is for", all - tests),
        );
    }
    if all > FILE_WITH_TESTS {
        tell(all, format!("{all} lines; {FILE_WITH_TESTS} at most: split it by what it is for"));
    }
    for function in functions(&source.own).iter().filter(|function| function.lines > FUNCTION) {
        let (name, lines) = (function.name, function.lines);
        tell(function.line, format!("`{name}` has {lines} lines; {FUNCTION} at most: name its parts"));
    }
}

fn names(source: &Source, tell: &mut impl FnMut(usize, String)) {
    let parts = source.path.trim_end_matches(".rs").split('/');
    for drawer in parts.filter(|part| DRAWERS.contains(part)) {
        tell(1, format!("`{drawer}` is a drawer: name the file by what is in it"));
    }
    let tokens = tokens(&source.code);
    for pair in tokens.windows(2) {
        let [word, name] = pair else { continue };
        if word.text == "mod" && DRAWERS.contains(&name.text) {
            tell(name.line, format!("`mod {}` is a drawer: name the module by what is in it", name.text));
        }
        if word.text == "fn" && EMPTY_PREFIXES.iter().any(|prefix| name.text.starts_with(prefix)) {
            tell(name.line, format!("`{}`: name the function by what it gives or does", name.text));
        }
    }
    for token in tokens.iter().filter(|token| token.text.contains("Manager")) {
        tell(token.line, format!("`{}`: name the type by what it is", token.text));
    }
}

fn leftovers(source: &Source, tell: &mut impl FnMut(usize, String)) {
    for (line, text) in (1..).zip(source.text.lines()) {
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        if let Some(word) = words.find(|word| LEFTOVERS.contains(word)) {
            tell(line, format!("`{word}`: do it, or say in words what is not done and why"));
        }
    }
    for three in tokens(&source.code).windows(3) {
        let [first, second, third] = three else { continue };
        match [first.text, second.text, third.text] {
            ["#", "[", "ignore"] => {
                tell(
                    first.line,
                    "an ignored test: run it, or say in the output why it was skipped".to_owned(),
                );
            }
            ["todo" | "unimplemented", "!", _] => tell(first.line, format!("`{}!`: write it", first.text)),
            _ => {}
        }
    }
}

/// In a test module `use super::*` is the module under test; everything else is imported by name.
fn globs(source: &Source, tell: &mut impl FnMut(usize, String)) {
    let own = paths(&source.own).into_iter().filter(|path| path.segments.contains(&"*"));
    let tests = paths(&source.code)
        .into_iter()
        .filter(|path| path.segments.contains(&"*") && path.segments != ["super", "*"]);
    let mut lines: Vec<usize> = own.chain(tests).map(|path| path.line).collect();
    lines.sort_unstable();
    lines.dedup();
    for line in lines {
        tell(line, "a glob: import by name (`super::*` is for test modules)".to_owned());
    }
}
