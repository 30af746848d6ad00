//! Lines that are none: what is no request of HTTP/1.1 is refused or closed, and what follows it is nobody's request.

use super::wire::{Case, Then, play};

const HEADS: &[Case] = &[
    ("line feeds alone", "GET /v1/me HTTP/1.1\nHost: gateway\n%A%%X%\n", "200"),
    ("empty lines before it", "\r\n\r\n%ME%%X%\r\n", "200"),
    ("a carriage return in a value", "%ME%X-Any: a\rb\r\n\r\n", "400"),
    ("a NUL in a value", "%ME%X-Any: a\0b\r\n\r\n", "400"),
    ("a bell in a value", "%ME%X-Any: a\u{7}b\r\n\r\n", "400"),
    ("a delete in a value", "%ME%X-Any: a\u{7f}b\r\n\r\n", "400"),
    ("a byte that is no text in a value", "%ME%%X%X-Any: \u{fffd}\r\n\r\n", "200"),
    ("a NUL in a name", "%ME%X-\0: a\r\n\r\n", "400"),
    ("a space in a name", "%ME%X Any: a\r\n\r\n", "400"),
    ("a space before a colon", "%ME%X-Any : a\r\n\r\n", "400"),
    ("a tab before a colon", "%ME%X-Any\t: a\r\n\r\n", "400"),
    ("no name", "%ME%: a\r\n\r\n", "400"),
    ("no colon", "%ME%X-Any\r\n\r\n", "400"),
    ("a name that is not ASCII", "%ME%X-\u{e4}: a\r\n\r\n", "400"),
    ("a space before the first line", "GET /v1/me HTTP/1.1\r\n Host: gateway\r\n%A%\r\n", "400"),
    ("a line that is folded", "%ME%X-Any: a\r\n b\r\n\r\n", "400"),
    ("a line that is folded with a tab", "%ME%X-Any: a\r\n\tb\r\n\r\n", "400"),
    ("one long line", "%ME%X-Any: %40K%\r\n\r\n", "431"),
    ("one long name", "%ME%%40K%: a\r\n\r\n", "431"),
    ("many lines", "%ME%X: %10K%\r\nX: %10K%\r\nX: %10K%\r\nX: %10K%\r\n\r\n", "431"),
    ("a long target", "GET /%40K% HTTP/1.1\r\n%H%\r\n", "431"),
    ("a long method", "%40K% / HTTP/1.1\r\n%H%\r\n", "431"),
    ("a long line without an end", "GET / HTTP/1.1\r\nX-Any: %40K%", "431"),
];

const FIRST_LINES: &[Case] = &[
    ("HTTP/1.0", "GET /v1/me HTTP/1.0\r\n%H%%A%\r\n%BUY%", "200"),
    ("HTTP/1.0 without a host", "GET /v1/me HTTP/1.0\r\n%A%\r\n%BUY%", "400"),
    ("HTTP/0.9", "GET /v1/me\r\n%BUY%", "400"),
    ("HTTP/0.9 in words", "GET /v1/me HTTP/0.9\r\n%H%%A%\r\n%BUY%", "400"),
    ("HTTP/1.2", "GET /v1/me HTTP/1.2\r\n%H%%A%\r\n%BUY%", "400"),
    ("HTTP/1.10", "GET /v1/me HTTP/1.10\r\n%H%%A%\r\n%BUY%", "400"),
    ("HTTP/2.0", "GET /v1/me HTTP/2.0\r\n%H%%A%\r\n%BUY%", "400"),
    ("HTTP/9.9", "GET /v1/me HTTP/9.9\r\n%H%%A%\r\n%BUY%", "400"),
    ("http/1.1", "GET /v1/me http/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("another protocol", "GET /v1/me ICY/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("two spaces before the target", "GET  /v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("two spaces behind the target", "GET /v1/me  HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("tabs", "GET\t/v1/me\tHTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a space in the target", "GET /v1/me x HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a NUL in the target", "GET /v1/\0me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a carriage return in the target", "GET /v1/\rme HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a fragment", "GET /v1/me#x HTTP/1.1\r\n%H%%A%%X%\r\n", "200"),
    ("no target", "GET HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("no method", "/v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a method in small letters", "get /v1/me HTTP/1.1\r\n%H%%A%%X%\r\n", "405"),
    ("a method with a NUL", "G\0T /v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a method in quotes", "\"GET\" /v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("no words at all", "hello\r\n\r\n", "400"),
    ("a mail", "HELO gateway\r\nMAIL FROM:<a@b>\r\n\r\n", "400"),
    ("another protocol's first bytes", "\u{16}\u{3}\u{1}\u{0}\u{5}\u{1}\u{0}\u{1}\u{3}\u{3}\r\n\r\n", "400"),
    ("SSH", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "400"),
    ("a proxy's line", "PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n%ME%%X%\r\n", "400"),
];

const TARGETS: &[Case] = &[
    ("a whole URL", "GET http://gateway/v1/me HTTP/1.1\r\n%H%%A%%X%\r\n", "200"),
    ("a whole URL of another host", "GET http://evil.example/v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a whole URL with a user", "GET http://u:p@gateway/v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    (
        "a whole URL with a user, and a host alike",
        "GET http://u@gateway/v1/me HTTP/1.1\r\nHost: u@gateway\r\n%A%\r\n%BUY%",
        "400",
    ),
    ("a whole URL with another port", "GET http://gateway:81/v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a host and no path", "GET gateway:80 HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("CONNECT", "CONNECT gateway:443 HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    (
        "CONNECT to where the upstream key is",
        "CONNECT rest.clicksend.com:443 HTTP/1.1\r\nHost: rest.clicksend.com:443\r\n%A%\r\n%BUY%",
        "400",
    ),
    ("CONNECT with a path", "CONNECT /v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("OPTIONS of everything", "OPTIONS * HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("GET of everything", "GET * HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a path that looks like a host", "GET //evil.example/v1/me HTTP/1.1\r\n%H%%A%%X%\r\n", "404"),
    ("a path without a slash", "GET v1/me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("a backslash", "GET \\v1\\me HTTP/1.1\r\n%H%%A%\r\n%BUY%", "400"),
    ("no host", "GET /v1/me HTTP/1.1\r\n%A%\r\n%BUY%", "400"),
    ("an empty host", "GET /v1/me HTTP/1.1\r\nHost:\r\n%A%\r\n%BUY%", "400"),
    ("a host twice", "%ME%Host: gateway\r\n\r\n%BUY%", "400"),
    ("a host twice in other letters", "%ME%hOST: evil.example\r\n\r\n%BUY%", "400"),
    ("a host with a user", "GET /v1/me HTTP/1.1\r\nHost: gateway@evil.example\r\n%A%\r\n%BUY%", "400"),
    ("a host with a path", "GET /v1/me HTTP/1.1\r\nHost: gateway/../x\r\n%A%\r\n%BUY%", "400"),
    ("a host that is nonsense", "GET /v1/me HTTP/1.1\r\nHost: <script>\r\n%A%\r\n%BUY%", "400"),
    ("a host with a NUL", "GET /v1/me HTTP/1.1\r\nHost: gate\0way\r\n%A%\r\n%BUY%", "400"),
    ("a host that is no text", "GET /v1/me HTTP/1.1\r\nHost: gate\u{fffd}way\r\n%A%\r\n%BUY%", "400"),
    (
        "a host in a forwarded line",
        "%ME%%X%X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n",
        "200",
    ),
];

#[tokio::test]
async fn heads_that_are_none_are_refused_and_nothing_behind_them_is_read() {
    play(HEADS, Then::Waits).await;
}

#[tokio::test]
async fn first_lines_that_are_none_are_refused_and_nothing_behind_them_is_read() {
    play(FIRST_LINES, Then::Waits).await;
}

#[tokio::test]
async fn targets_and_hosts_name_a_path_here_or_are_refused() {
    play(TARGETS, Then::Waits).await;
}
