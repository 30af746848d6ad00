//! The parts of `measure.py` that must cost next to nothing: the bare server, callers, and tokens for them.
//!
//! ```text
//! fastpath bare ADDRESS HEAD BODY                 answers every search with the lines and the bytes of two files
//! fastpath tokens KEY ISSUER FIRST COUNT          prints tokens of as many subjects, signed with a key file
//! fastpath load NAME=VALUE...                     asks, and prints what it saw as JSON: see load.rs
//! ```
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]
#![expect(clippy::indexing_slicing, reason = "a benchmark that cannot run stops")]
#![expect(clippy::print_stdout, reason = "the figures")]

mod bare;
mod load;

use std::path::Path;
use std::time::Duration;

use numbers_gateway::auth::{NewToken, Signer};
use numbers_gateway::clock::Clock;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bare", address, head, body] => bare::serve(address, head, body),
        ["tokens", key, issuer, first, count] => {
            tokens(key, issuer, first.parse().unwrap(), count.parse().unwrap());
        }
        ["load", settings @ ..] => println!("{}", load::Settings::of(settings).run()),
        // As `cargo test` of everything calls it.
        _ => {}
    }
}

fn tokens(key: &str, issuer: &str, first: u32, count: u32) {
    let signer = Signer::from_pem_or_secret_file(Path::new(key)).unwrap();
    let now = Clock::system().now();
    for number in first..first + count {
        let token = NewToken {
            issuer: issuer.into(),
            audience: "numbers-gateway".into(),
            subject: format!("program-{number:06}"),
            teams: vec!["growth".parse().unwrap()],
            roles: std::iter::once("viewer".parse().unwrap()).collect(),
            ttl: Duration::from_hours(12),
            name: None,
            email: None,
            kid: None,
            act: None,
        };
        println!("{}", signer.sign(&token, now).unwrap());
    }
}
