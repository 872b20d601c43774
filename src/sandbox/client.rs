//! A bare HTTP client for the tests of this folder: it writes bytes and reads replies.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::routes::CALL;

/// A valid body.
pub(super) const BODY: &str = "customer_id=191&firstname=Test&zip=66666&email=test@testmail.com&country=US";

/// A connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

/// A reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.stream.get_ref().set_read_timeout(Some(timeout)).unwrap();
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads a reply. Its length must be announced.
    pub(super) fn read(&mut self) -> io::Result<Reply> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no reply: {status_line:?}")))?;
        let mut reply = Reply { status, headers: Vec::new(), body: String::new() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        reply.body = String::from_utf8(body).unwrap();
        Ok(reply)
    }

    pub(super) fn get(&mut self, path: &str) -> Reply {
        self.write(format!("GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n").as_bytes()).unwrap();
        self.read().unwrap()
    }

    /// Sends the API's call with these headers and the length.
    pub(super) fn call(&mut self, headers: &str, body: &[u8]) -> io::Result<Reply> {
        self.write(&request(headers, body))?;
        self.read()
    }

    /// Sends a valid call of the API.
    pub(super) fn patch(&mut self, body: &str) -> io::Result<Reply> {
        self.call(GOOD, body.as_bytes())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

/// Valid headers.
pub(super) const GOOD: &str =
    "api-key: k\r\nApi-Username: u\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// The bytes of the API's call.
pub(super) fn request(headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("PATCH {CALL} HTTP/1.1\r\nHost: sandbox\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
