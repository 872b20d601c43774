//! The shortest program that sends requests with reqwest: the cost that no client on top of reqwest can go below. The
//! features of reqwest are those of offerit-sync, and so is the runtime.
//!
//!     bare_reqwest URL BODY REQUESTS CONNECTIONS [CA.pem]
//!
//! Each connection sends one request after the other and reads each reply.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it is for people, and may end at any fault")]

use reqwest::{Certificate, Client};
use std::cell::Cell;
use std::rc::Rc;

async fn send(client: Client, url: String, body: String, left: Rc<Cell<u64>>) {
    while let Some(rest) = left.get().checked_sub(1) {
        left.set(rest);
        let request = client.patch(&url).header("api-username", "bench").header("api-key", "bench");
        let form = request.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
        let reply = form.send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.bytes().await.unwrap(), "true");
    }
}

fn client(authority: Option<&String>) -> Client {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let pem = authority.map(|path| std::fs::read(path).unwrap()).unwrap_or_default();
    let authorities = Certificate::from_pem_bundle(&pem).unwrap();
    Client::builder().http1_only().no_proxy().tls_certs_only(authorities).build().unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [url, body, requests, connections, authority @ ..] = &arguments[..] else {
        return println!("bare_reqwest URL BODY REQUESTS CONNECTIONS [CA.pem]");
    };
    let client = client(authority.first());
    let left = Rc::new(Cell::new(requests.parse().unwrap()));
    let connections: u64 = connections.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    for _ in 0..connections {
        local.spawn_local(send(client.clone(), url.clone(), body.clone(), Rc::clone(&left)));
    }
    runtime.block_on(local);
}
