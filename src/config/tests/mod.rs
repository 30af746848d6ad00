//! What people do to a configuration, and what they are told.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

mod cross_faults;
mod defaults;
mod faults;
mod layers;
mod notifications;
mod secrets;

use crate::config::{Loaded, Sources, load};

/// Loads a text as the file `t.toml`, without an environment.
fn loaded(text: &str) -> Loaded {
    load(&Sources::from_text("t.toml", text)).unwrap()
}

/// The faults of a text, one a line.
fn faults(text: &str) -> String {
    faults_with(text, &[])
}

/// The faults of a text below an environment, one a line.
fn faults_with(text: &str, environment: &[(&str, &str)]) -> String {
    match load(&with_environment(text, environment)) {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

fn with_environment(text: &str, environment: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::from_text("t.toml", text);
    sources.environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    sources
}

/// An issuer that is right, to be followed by lines that are not.
const ISSUER: &str = r#"
[[auth.issuers]]
name = "sso"
issuer = "https://login.example.com"
audience = "numbers-gateway"
"#;
