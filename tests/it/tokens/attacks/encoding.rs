//! Good tokens, written differently.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Attack, GOOD_HEADER, Keys, PEOPLE};

pub(super) fn attacks(keys: &Keys) -> Vec<Attack> {
    let rows = around(keys).into_iter().chain(parts(keys));
    rows.map(|(name, rule, token)| Attack { name: format!("token: {name}"), rule, token }).collect()
}

type Row = (&'static str, &'static str, String);

/// Something before, after or in between.
fn around(keys: &Keys) -> Vec<Row> {
    let good = keys.good();
    let none = r#"{"alg":"none"}"#;
    let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(none), good.split('.').nth(1).unwrap());
    let longer = format!("{good}{}", "A".repeat(16 * 1024));
    let form = [
        ("empty", String::new()),
        ("three dots", "...".to_owned()),
        ("a space before", format!(" {good}")),
        ("a space after", format!("{good} ")),
        ("a line break after", format!("{good}\n")),
        ("a tab in it", good.replace('.', "\t.")),
        ("a NUL after", format!("{good}\0")),
        ("a byte order mark before", format!("\u{feff}{good}")),
        ("a dot after", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("four parts", format!("{good}.e30")),
        ("five parts, as encrypted ones have", format!("{good}.e30.e30")),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("double dots", good.replace('.', "..")),
        ("full-width dots", good.replace('.', "\u{ff0e}")),
        ("escaped dots", good.replace('.', "%2E")),
        ("quoted", format!("\"{good}\"")),
        ("twice with a comma", format!("{good},{good}")),
        ("Bearer before it", format!("Bearer {good}")),
        ("none, without a signature", unsigned),
        ("without its signature", format!("{}.", good.rsplit_once('.').unwrap().0)),
    ];
    let mut rows: Vec<Row> = form.into_iter().map(|(name, token)| (name, "form", token)).collect();
    rows.push(("longer than 16 KiB", "too_long", longer));
    rows
}

/// The parts in another encoding.
fn parts(keys: &Keys) -> Vec<Row> {
    let good = keys.good();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let raw = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    // Claims whose encoding needs `-` or `_`, and padding.
    let text = unaligned(&json!({"x": "ÿ?~ÿ>", "iss": PEOPLE}).to_string());
    let unaligned_header = unaligned(GOOD_HEADER);
    assert!(URL_SAFE.encode(&text).contains(['-', '_']));
    let signed = |header: &str, claims: &str| {
        let signed = format!("{header}.{claims}");
        format!("{signed}.{}", keys.rsa.signature(&signed))
    };
    let flattened = json!({"protected": header, "payload": claims, "signature": signature}).to_string();
    let mut hexadecimal = String::new();
    for byte in GOOD_HEADER.bytes() {
        write!(hexadecimal, "{byte:02x}").unwrap();
    }
    vec![
        ("padding after the signature", "form", format!("{header}.{claims}.{signature}==")),
        ("claims with padding, signed so", "form", signed(header, &URL_SAFE.encode(&text))),
        ("claims in base64 with + and /, signed so", "form", signed(header, &STANDARD.encode(&text))),
        ("header with padding, signed so", "form", signed(&URL_SAFE.encode(&unaligned_header), claims)),
        ("header in the clear, signed so", "form", signed(GOOD_HEADER, claims)),
        ("header in hexadecimal, signed so", "form", signed(&hexadecimal, claims)),
        (
            "bits after the header's end",
            "form",
            signed(&with_stray_bits(unaligned_header.as_bytes()), claims),
        ),
        ("bits after the claims' end", "form", signed(header, &with_stray_bits(text.as_bytes()))),
        ("bits after the signature's end", "signature", {
            format!("{header}.{claims}.{}", with_stray_bits(&raw(signature)))
        }),
        ("header and claims exchanged, signed so", "header", signed(claims, header)),
        ("as flattened JSON", "form", flattened),
    ]
}

/// The same document in a length that base64 has to pad.
fn unaligned(text: &str) -> String {
    if text.len().is_multiple_of(3) { format!("{text} ") } else { text.to_owned() }
}

/// The same bytes, with ones where the last character's unused bits must be zero.
fn with_stray_bits(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(bytes.len() % 3, 0, "no unused bits");
    let mut encoded = URL_SAFE_NO_PAD.encode(bytes).into_bytes();
    let last = encoded.pop().unwrap();
    let place = ALPHABET.iter().position(|letter| *letter == last).unwrap();
    encoded.push(ALPHABET[place + 1]);
    String::from_utf8(encoded).unwrap()
}
