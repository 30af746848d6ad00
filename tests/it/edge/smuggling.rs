//! Where a request ends: two readings of one stream of bytes are how somebody's request hides in another one.
//!
//! Every case hides a purchase where a careless reader would find one. No answer may be given twice, and upstream must
//! hear nothing.

use super::wire::{Case, HIDDEN, Then, exchange, play};
use crate::stage::Stage;

/// More than one length, more than one coding, both, or neither as it should be.
const LENGTHS: &[Case] = &[
    ("one length", "%POST%Content-Length: 2\r\n%X%\r\n{}", "400"),
    ("one length and another request behind it", "%POST%Content-Length: 2\r\n\r\n{}%ME%%X%\r\n", "400 200"),
    (
        "a length with a coding",
        "%POST%Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "a coding with a length",
        "%POST%Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "a coding with a length of nothing",
        "%POST%Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("the same length twice", "%POST%Content-Length: 2\r\nContent-Length: 2\r\n%X%\r\n{}", "400"),
    ("two lengths", "%POST%Content-Length: 2\r\nContent-Length: 0\r\n\r\n%BUY%", "400"),
    ("two lengths, the shorter first", "%POST%Content-Length: 0\r\nContent-Length: 200\r\n\r\n%BUY%", "400"),
    ("the same length in a list", "%POST%Content-Length: 2, 2\r\n\r\n{}%BUY%", "400"),
    ("two lengths in a list", "%POST%Content-Length: 0, 2\r\n\r\n{}%BUY%", "400"),
    ("a length with a plus", "%POST%Content-Length: +2\r\n\r\n{}%BUY%", "400"),
    ("a length below nothing", "%POST%Content-Length: -2\r\n\r\n{}%BUY%", "400"),
    ("a length in hexadecimal", "%POST%Content-Length: 0x2\r\n\r\n{}%BUY%", "400"),
    ("a length with a space in it", "%POST%Content-Length: 2 0\r\n\r\n{}%BUY%", "400"),
    ("a length with a point", "%POST%Content-Length: 2.0\r\n\r\n{}%BUY%", "400"),
    ("an empty length", "%POST%Content-Length:\r\n\r\n%BUY%", "400"),
    ("a length in words", "%POST%Content-Length: two\r\n\r\n{}%BUY%", "400"),
    ("a length in quotes", "%POST%Content-Length: \"2\"\r\n\r\n{}%BUY%", "400"),
    ("a length with zeros before it", "%POST%Content-Length: 0002\r\n%X%\r\n{}", "400"),
    ("a length that wraps around to 2", "%POST%Content-Length: 18446744073709551618\r\n\r\n{}%BUY%", "400"),
    ("the largest length there is", "%POST%Content-Length: 18446744073709551615\r\n\r\n{}%BUY%", "431"),
    ("a length that never comes", "%POST%Content-Length: 9223372036854775807\r\n\r\n{}%BUY%", "400"),
    ("a space before the colon of a length", "%POST%Content-Length : 2\r\n\r\n{}%BUY%", "400"),
    (
        "a length with a body behind a refusal",
        "POST /v1/purchases HTTP/1.1\r\n%H%Content-Length: %LENGTH%\r\n\r\n%BUY%%ME%%X%\r\n",
        "401 200",
    ),
    ("a GET with a body", "%ME%Content-Length: %LENGTH%\r\n\r\n%BUY%%ME%%X%\r\n", "200 200"),
    ("a length on a line that is folded", "%POST%Content-Length:\r\n 2\r\n\r\n{}%BUY%", "400"),
    ("a length with an underscore", "%POST%Content_Length: 300\r\n\r\n%ME%%X%\r\n", "400 200"),
];

const CODINGS: &[Case] = &[
    ("chunks", "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n%ME%%X%\r\n", "400 200"),
    (
        "chunks in capitals",
        "%POST%Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n%ME%%X%\r\n",
        "400 200",
    ),
    ("chunks with a tab", "%POST%Transfer-Encoding:\tchunked\t\r\n\r\n0\r\n\r\n%ME%%X%\r\n", "400 200"),
    ("chunks twice on a line", "%POST%Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    (
        "chunks twice",
        "%POST%Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "chunks and identity",
        "%POST%Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "identity and chunks",
        "%POST%Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("chunks, then identity", "%POST%Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("gzip in chunks", "%POST%Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    (
        "gzip, then chunks",
        "%POST%Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("identity", "%POST%Transfer-Encoding: identity\r\n\r\n%BUY%", "400"),
    (
        "identity with a length",
        "%POST%Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}%BUY%",
        "400",
    ),
    ("an empty coding", "%POST%Transfer-Encoding:\r\n\r\n%BUY%", "400"),
    ("a comma and chunks", "%POST%Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("chunks with a parameter", "%POST%Transfer-Encoding: chunked;x=1\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("chunks in quotes", "%POST%Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("something like chunks", "%POST%Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("chunks behind a vertical tab", "%POST%Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    (
        "chunks behind a byte that is no text",
        "%POST%Transfer-Encoding: \u{fffd}chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("a space before the colon of chunks", "%POST%Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    ("chunks on a line that is folded", "%POST%Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n%BUY%", "400"),
    (
        "chunks folded into another line",
        "%POST%X-Any: x\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("chunks with an underscore", "%POST%Transfer_Encoding: chunked\r\n\r\n%ME%%X%\r\n", "400 200"),
    (
        "chunks in HTTP/1.0",
        "POST /v1/purchases HTTP/1.0\r\n%H%%A%Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "chunks behind a carriage return",
        "%POST%X-Any: x\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%BUY%",
        "400",
    ),
];

const CHUNKS: &[Case] = &[
    (
        "an extension",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0;c\r\n\r\n%ME%%X%\r\n",
        "400 200",
    ),
    (
        "an endless extension",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2;%40K%\r\n{}\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "an extension with a line end in it",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "a size that wraps around",
        "%POST%Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    (
        "the largest size there is",
        "%POST%Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n%BUY%",
        "400",
    ),
    ("a size below nothing", "%POST%Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("a size with a plus", "%POST%Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("a size with 0x", "%POST%Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("no size", "%POST%Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("a size that is none", "%POST%Transfer-Encoding: chunked\r\n\r\ng\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("a space before a size", "%POST%Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    ("line feeds alone", "%POST%Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n%BUY%", "400"),
    ("no line end behind the data", "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n%BUY%", "400"),
    ("more data than the size", "%POST%Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n%BUY%", "400"),
    (
        "fields behind the last chunk",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Any: x\r\n\r\n%ME%%X%\r\n",
        "400 200",
    ),
    (
        "a length behind the last chunk",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 400\r\n\r\n%ME%%X%\r\n",
        "400 200",
    ),
    (
        "a token behind the last chunk",
        "POST /v1/purchases HTTP/1.1\r\n%H%Transfer-Encoding: chunked\r\n%X%\r\n2\r\n{}\r\n0\r\n%A%\r\n",
        "401",
    ),
    (
        "endless fields behind the last chunk",
        "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Any: %40K%\r\n\r\n%BUY%",
        "400",
    ),
    ("a chunk that does not end", "%POST%Transfer-Encoding: chunked\r\n\r\n400\r\n%BUY%", "400"),
    ("chunks that do not end", "%POST%Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "400"),
];

#[tokio::test]
async fn lengths_are_read_in_one_way_or_not_at_all() {
    play(LENGTHS, Then::Waits).await;
}

#[tokio::test]
async fn codings_are_read_in_one_way_or_not_at_all() {
    play(CODINGS, Then::Waits).await;
}

#[tokio::test]
async fn chunks_are_read_in_one_way_or_not_at_all() {
    play(CHUNKS, Then::Waits).await;
}

/// What the cases hide is a request: read by itself it buys.
#[tokio::test]
async fn what_is_hidden_would_buy_if_it_were_read() {
    let stage = Stage::new().await;
    let answers = exchange(&stage, "%BUY%", Then::Waits).await;
    assert_eq!(answers[0].status, "200");
    let sales = stage.ledger("").await["sales"].clone();
    assert_eq!(sales[0]["number"], HIDDEN, "{sales}");
    stage.finish().await;
}
