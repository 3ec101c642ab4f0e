//! A stream server for tests: a real TCP listener, rustls, and just enough WebSocket to read what
//! a fork sends. Each connection gets a thread that does what its script says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha1::{Digest, Sha1};

use super::Certificate;

/// The server's end of one TLS connection.
pub(crate) type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// Accept connections for ever; `serve` runs on a thread of its own for each.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let serve = serve.clone();
            let connection = connection.unwrap();
            thread::spawn(move || serve(connection));
        }
    });
    address
}

/// The settings of a TLS server with that certificate.
pub(crate) fn tls_config(certificate: &Certificate) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(&certificate.chain).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&certificate.key).unwrap(),
        );
    Arc::new(config.unwrap())
}

/// TLS over a connection; the handshake happens with the first read.
pub(crate) fn tls(config: &Arc<ServerConfig>, connection: TcpStream) -> TlsStream {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), connection)
}

/// Read the upgrade request and answer 101 with `extra` behind it; the request's head.
pub(crate) fn upgrade(stream: &mut TlsStream, extra: &[u8]) -> Option<String> {
    let head = read_head(stream)?;
    let key = head
        .lines()
        .find_map(|l| l.strip_prefix("Sec-WebSocket-Key: "))?;
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(guid).finalize());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream
        .write_all(&[answer.as_bytes(), extra].concat())
        .ok()?;
    stream.flush().ok()?;
    Some(head)
}

/// One HTTP head; absent when the client went away.
pub(crate) fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// One frame from the client, unmasked: opcode and payload. `None`: the connection ended.
pub(crate) fn read_frame(stream: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut two = [0; 2];
    stream.read_exact(&mut two).ok()?;
    assert_eq!(two[0] & 0xf0, 0x80, "whole frames without reserved bits");
    assert_eq!(two[1] & 0x80, 0x80, "a client masks");
    let len = match two[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len).ok()?;
            u64::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            stream.read_exact(&mut len).ok()?;
            u64::from_be_bytes(len)
        }
        short => u64::from(short),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key).ok()?;
    let mut payload = vec![0; len as usize];
    stream.read_exact(&mut payload).ok()?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Some((two[0] & 0x0f, payload))
}
