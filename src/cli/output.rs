//! The only place that writes to standard output and, for messages, to standard error.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use super::Failure;

/// A result, ended by a newline if it has none. A reader that has read enough (`| head`) is not a failure.
pub(super) fn result(text: impl fmt::Display) -> Result<(), Failure> {
    match write(io::stdout().lock(), &text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format_args!("standard output: {error}")))
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

/// A piece of a long result, as it is.
pub(super) fn piece(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// A message for whoever watches.
pub fn tell(message: impl fmt::Display) {
    // Who closed standard error does not want to know.
    let _ = write(io::stderr().lock(), &message);
}

fn write(mut to: impl io::Write, text: &impl fmt::Display) -> io::Result<()> {
    let text = text.to_string();
    to.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
