//! A JSON reader for what strangers send: no key twice in any object, no deep nesting, no big text.
//!
//! Readers disagree about which of two equal keys counts (serde keeps the last), and that disagreement is an
//! attack: what one program checked is not what the next one obeys. So a repeated key is an error here, at every
//! level and after unescaping (`"\u0061"` repeats `"a"`).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How big a text may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Levels of arrays and objects; a lone number has none. More than 127 act as 127, `serde_json`'s own bound.
    pub depth: usize,
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrictJsonError {
    /// More bytes than allowed.
    #[error("more than {limit} bytes")]
    TooLong {
        /// The bytes allowed.
        limit: usize,
    },
    /// More levels than allowed.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The levels allowed.
        limit: usize,
    },
    /// A key stands twice in one object.
    #[error("the key {key:?} stands twice in one object")]
    DuplicateKey {
        /// The key, unescaped.
        key: String,
    },
    /// Not a JSON text (RFC 8259), or something follows it.
    #[error("not JSON at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes; 0 where a line has just begun.
        column: usize,
    },
}

/// Reads one JSON text.
///
/// # Errors
/// The first of [`StrictJsonError`] that applies.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, StrictJsonError> {
    if bytes.len() > limits.bytes {
        return Err(StrictJsonError::TooLong { limit: limits.bytes });
    }
    let fault = Cell::new(None);
    let reader = Reader { limit: limits.depth, left: limits.depth, fault: &fault };
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let read = reader.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    read.map_err(|error| {
        let syntax = StrictJsonError::Syntax { line: error.line(), column: error.column() };
        fault.take().unwrap_or(syntax)
    })
}

/// Reads one value that may have `left` more levels. `fault` carries our own errors past serde, which knows
/// only texts.
#[derive(Clone, Copy)]
struct Reader<'a> {
    limit: usize,
    left: usize,
    fault: &'a Cell<Option<StrictJsonError>>,
}

impl Reader<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(self.stop(StrictJsonError::TooDeep { limit: self.limit })),
        }
    }

    fn stop<E: serde::de::Error>(self, fault: StrictJsonError) -> E {
        let error = E::custom(&fault);
        self.fault.set(Some(fault));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = source.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(key) = source.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(self.stop(StrictJsonError::DuplicateKey { key }));
            }
            let value = source.next_value_seed(inside)?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use proptest::prelude::{any, prop_assert_eq, proptest};
    use serde_json::json;

    use super::{Limits, StrictJsonError, parse};

    const LIMITS: Limits = Limits { bytes: 1_000, depth: 4 };

    fn refusal(text: &str) -> StrictJsonError {
        parse(text.as_bytes(), LIMITS).unwrap_err()
    }

    #[test]
    fn a_plain_text_is_read_as_serde_reads_it() {
        let text = r#" {"a":[1,-2,3.5,1e3,"ü\n\ud83d\ude00",true,null],"b":{"c":{"d":{}}},"":0} "#;
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes(), LIMITS).unwrap(), expected);
        assert_eq!(parse(b"7", Limits { depth: 0, ..LIMITS }).unwrap(), json!(7));
    }

    #[test]
    fn a_key_never_stands_twice() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":{"a":1,"c":2,"a":3}}"#,
            r#"[[{"a":1,"a":2}]]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":[0,{"a":{},"a":[]}]}"#,
        ] {
            assert_eq!(refusal(text), StrictJsonError::DuplicateKey { key: "a".to_owned() }, "{text}");
        }
        assert!(
            parse(br#"{"a":{"a":{"a":1}},"b":{"a":2}}"#, LIMITS).is_ok(),
            "equal keys of different objects"
        );
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        assert!(parse(b"[[[[1]]]]", LIMITS).is_ok());
        for text in ["[[[[[1]]]]]", r#"{"a":[{"b":[[]]}]}"#] {
            assert_eq!(refusal(text), StrictJsonError::TooDeep { limit: 4 }, "{text}");
        }
        let open_only = "[".repeat(1_000);
        assert_eq!(refusal(&open_only), StrictJsonError::TooDeep { limit: 4 });
    }

    #[test]
    fn a_long_text_is_not_looked_at() {
        let text = format!("[{}", " ".repeat(1_000));
        assert_eq!(refusal(&text), StrictJsonError::TooLong { limit: 1_000 });
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        assert_eq!(refusal("{\n\"a\":1,}"), StrictJsonError::Syntax { line: 2, column: 7 });
        for text in [
            "",
            " ",
            "{",
            "{} {}",
            "{}x",
            "[1,]",
            "{'a':1}",
            "{a:1}",
            "NaN",
            "1e999",
            "01",
            "\u{feff}{}",
            r#""\ud800""#,
            "\"\u{1}\"",
            "// a\n1",
        ] {
            assert!(matches!(refusal(text), StrictJsonError::Syntax { .. }), "{text}");
        }
        assert!(parse(b"\"\xff\"", LIMITS).is_err(), "not UTF-8");
    }

    proptest! {
        #[test]
        fn it_accepts_nothing_that_serde_refuses(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let ours = parse(&bytes, Limits { bytes: 100, depth: 100 });
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            if let Ok(value) = ours {
                prop_assert_eq!(value, theirs.unwrap());
            }
        }
    }
}
