//! A Rust file as the rules see it: a stream of tokens without comments, literals and tests.
//!
//! A scanner and no parser: it knows as much of the language as formatted code that compiles can show, and keeps
//! every line where it was.

use std::fs;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// One file under `src/` or `tests/`.
pub(super) struct Source {
    /// From the root, with `/`.
    pub(super) path: String,
    /// As it is written.
    pub(super) text: String,
    /// With comments and literals blanked out.
    pub(super) code: String,
    /// The same, with test modules blanked out too; empty in a file of tests.
    pub(super) own: String,
}

/// A word, `::`, or one other character.
#[derive(Clone, Copy)]
pub(super) struct Token<'s> {
    pub(super) text: &'s str,
    pub(super) line: usize,
}

/// A path of at least one `::`, or one that is imported.
pub(super) struct Named<'s> {
    pub(super) segments: Vec<&'s str>,
    pub(super) line: usize,
}

/// A function with a body.
pub(super) struct Function<'s> {
    pub(super) name: &'s str,
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// Every Rust file under `src/` and `tests/`, by path.
pub(super) fn read_all(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root.join(folder), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| Source::read(root, path)).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with(".cache") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(file).unwrap();
        let code = without_comments_and_literals(&text);
        let is_test = path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
        let own = if is_test { String::new() } else { without_test_items(&code) };
        Self { path, text, code, own }
    }

    /// Whether the whole file is tests.
    pub(super) fn is_test(&self) -> bool {
        self.own.is_empty()
    }

    /// Where it stands in the crate: `src/service/search.rs` is `[service, search]`, `src/store/mod.rs` is `[store]`.
    pub(super) fn module(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.trim_end_matches("/mod").split('/').collect()
    }

    /// The directory or file at the top of `src/` that it belongs to; nothing for a file of `tests/`.
    pub(super) fn room(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split('/').next().map(|first| first.trim_end_matches(".rs"))
    }
}

/// Whatever is no code becomes spaces; lines stay where they are.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let hidden = hidden_length(left);
        let (part, rest) = left.split_at(hidden.unwrap_or(first.len_utf8()));
        match hidden {
            Some(_) => code.extend(part.chars().map(blank)),
            None => code.push_str(part),
        }
        left = rest;
    }
    code
}

fn blank(letter: char) -> char {
    if letter == '\n' { '\n' } else { ' ' }
}

/// How much of the beginning is a comment or a literal.
fn hidden_length(text: &str) -> Option<usize> {
    let to = |end: Option<usize>| Some(end.unwrap_or(text.len()));
    if text.starts_with("//") {
        return to(text.find('\n'));
    }
    if text.starts_with("/*") {
        return to(block_comment_end(text));
    }
    if text.starts_with('"') {
        return to(quoted_end(text, '"'));
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let opened = raw.trim_start_matches('#').strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        return to(opened.find(&close).map(|at| 2 + hashes + at + close.len()));
    }
    // What begins with a quote and is no character is a lifetime.
    let mut letters = text.strip_prefix('\'')?.chars();
    let is_escape = letters.next()? == '\\';
    (is_escape || letters.next() == Some('\'')).then(|| quoted_end(text, '\'').unwrap_or(text.len()))
}

fn block_comment_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let left = text.get(at..)?;
        if left.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if left.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += left.chars().next()?.len_utf8();
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn quoted_end(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(at + quote.len_utf8());
        }
    }
    None
}

/// Blanks out each item under `#[cfg(test)]`.
fn without_test_items(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut own = String::with_capacity(code.len());
    let mut left = code;
    while let Some(at) = left.find(MARK) {
        let (before, marked) = left.split_at(at);
        let end = MARK.len() + item_end(marked.trim_start_matches(MARK));
        let (item, after) = marked.split_at(end);
        own.push_str(before);
        own.extend(item.chars().map(blank));
        left = after;
    }
    own + left
}

/// The end of the first item: its `;`, or the brace that closes its body.
fn item_end(code: &str) -> usize {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces == 1 => return at + 1,
            '}' => braces = braces.saturating_sub(1),
            ';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The words and signs of some code.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    for (line, mut left) in (1..).zip(code.lines()) {
        while let Some(first) = left.chars().next() {
            let length = match first {
                _ if is_word(first) => left.find(|letter| !is_word(letter)).unwrap_or(left.len()),
                ':' if left.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (text, rest) = left.split_at(length);
            if !first.is_whitespace() {
                found.push(Token { text, line });
            }
            left = rest;
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Every path that some code imports or spells out.
pub(super) fn paths(code: &str) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    let mut tokens = tokens(code).into_iter().peekable();
    let mut before = "";
    while let Some(token) = tokens.next() {
        let is_first = is_name(token.text) && !matches!(before, "::" | ".");
        // `use<'a>` captures lifetimes and imports nothing.
        if token.text == "use" && tokens.peek().is_some_and(|next| next.text != "<") {
            read_use(&mut tokens, &[], &mut found);
        } else if is_first && tokens.peek().is_some_and(|next| next.text == "::") {
            found.push(read_path(token, &mut tokens));
            // A generic argument may follow, with paths of its own.
            before = "";
            continue;
        }
        before = token.text;
    }
    found
}

fn read_path<'s>(first: Token<'s>, tokens: &mut Peekable<impl Iterator<Item = Token<'s>>>) -> Named<'s> {
    let mut segments = vec![first.text];
    while tokens.next_if(|next| next.text == "::").is_some() {
        let Some(next) = tokens.next_if(|next| is_name(next.text)) else { break };
        segments.push(next.text);
    }
    Named { segments, line: first.line }
}

/// One branch of a `use`, and the branches below it.
fn read_use<'s, T>(tokens: &mut Peekable<T>, prefix: &[&'s str], found: &mut Vec<Named<'s>>)
where
    T: Iterator<Item = Token<'s>>,
{
    let mut segments = prefix.to_vec();
    let Some(line) = tokens.peek().map(|first| first.line) else { return };
    while let Some(token) = tokens.next_if(|next| !matches!(next.text, "," | "}" | ";")) {
        match token.text {
            "::" => {}
            "as" => {
                tokens.next();
            }
            "{" => {
                read_use(tokens, &segments, found);
                while tokens.next().is_some_and(|end| end.text == ",") {
                    read_use(tokens, &segments, found);
                }
                return;
            }
            name => segments.push(name),
        }
    }
    if segments.len() > prefix.len() {
        found.push(Named { segments, line });
    }
}

/// Every function that has a body.
pub(super) fn functions(code: &str) -> Vec<Function<'_>> {
    let tokens = tokens(code);
    let starts = tokens.windows(2).enumerate().filter_map(|(at, pair)| match pair {
        [word, name] if word.text == "fn" && is_name(name.text) => Some((at, word.line, name.text)),
        _ => None,
    });
    starts
        .filter_map(|(at, line, name)| {
            let last = body_end(tokens.get(at..)?)?;
            Some(Function { name, line, lines: last - line + 1 })
        })
        .collect()
}

/// The line of the brace that closes the body of the function that begins here.
fn body_end(tokens: &[Token<'_>]) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for token in tokens {
        match token.text {
            "(" | "[" => others += 1,
            ")" | "]" => others = others.saturating_sub(1),
            "{" => braces += 1,
            "}" if braces == 1 => return Some(token.line),
            "}" => braces = braces.saturating_sub(1),
            ";" if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}
