//! The ceiling of our stack: the gateway's own listener (axum-server, both HTTPs, `TCP_NODELAY`, one worker) and router,
//! answering the same head and the same bytes with nothing in between.

use std::net::TcpListener;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use axum::routing::get;
use axum_server::accept::NoDelayAcceptor;

pub(super) fn serve(address: &str, head: &str, body: &str) {
    let head: HeaderMap = std::fs::read_to_string(head)
        .unwrap()
        .lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    let body = Bytes::from(std::fs::read(body).unwrap());
    let answer = async move |Path(_country): Path<String>| {
        let mut answer = Response::new(Body::from(body.clone()));
        *answer.headers_mut() = head.clone();
        answer
    };
    let routes = Router::new().route("/v3/numbers/search/{country}", get(answer));
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = axum_server::from_tcp(listener).unwrap().acceptor(NoDelayAcceptor::new());
        server.http_builder().http1().title_case_headers(true);
        server.serve(routes.into_make_service()).await.unwrap();
    });
}
