use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::testing::server::{listen, read_frame, tls, tls_config};
use crate::testing::{Certificates, endpoint};
use crate::tls::TlsClient;

/// What the server reports when the connection has ended.
const GONE: (u8, Vec<u8>) = (0xff, Vec::new());

/// A connection whose server reports the frames it reads.
fn connection(now: Instant) -> (Conn, Scratch, Receiver<(u8, Vec<u8>)>) {
    let made = Certificates::new();
    let config = tls_config(&made.server("good", "localhost"));
    let (send, frames) = channel();
    let send = std::sync::Mutex::new(send);
    let address = listen(move |connection| {
        let mut stream = tls(&config, connection);
        while let Some(frame) = read_frame(&mut stream) {
            let _ = send.lock().unwrap().send(frame);
        }
        let _ = send.lock().unwrap().send(GONE);
    });
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    let mut tls = client
        .connection(&endpoint("localhost", address.port()))
        .unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).unwrap();
    }
    socket.set_nonblocking(true).unwrap();
    let opened = Opened {
        socket,
        tls: Box::new(tls),
        early: Vec::new(),
        kept: None,
    };
    (
        Conn::new(ForkId(1), false, opened, now).0,
        Scratch::new(),
        frames,
    )
}

#[test]
fn a_silent_peer_is_pinged_and_a_talking_one_is_not() {
    let start = Instant::now();
    let (mut conn, mut scratch, frames) = connection(start);
    let second = Duration::from_secs(1);
    conn.ping_if_idle(start + 19 * second, &mut scratch)
        .unwrap();
    conn.ping_if_idle(start + 20 * second, &mut scratch)
        .unwrap();
    conn.ping_if_idle(start + 21 * second, &mut scratch)
        .unwrap();
    conn.hear(start + 30 * second, b"\x8a\x00", &mut Vec::new())
        .unwrap();
    conn.ping_if_idle(start + 45 * second, &mut scratch)
        .unwrap();
    conn.begin_closing(start, Some(1000), &mut scratch);
    let opcodes: Vec<u8> = (0..2).map(|_| frames.recv().unwrap().0).collect();
    assert_eq!(opcodes, [9, 8], "one ping, then the close frame");
}

#[test]
fn only_the_latest_ping_is_answered_and_with_its_own_payload() {
    let start = Instant::now();
    let (mut conn, mut scratch, frames) = connection(start);
    conn.owe_pong(b"first".to_vec());
    conn.owe_pong(b"second".to_vec());
    conn.flush(&mut scratch).unwrap();
    assert_eq!(frames.recv().unwrap(), (10, b"second".to_vec()));
}

#[test]
fn a_close_frame_goes_out_once() {
    let start = Instant::now();
    let (mut conn, mut scratch, frames) = connection(start);
    conn.begin_closing(start, Some(1002), &mut scratch);
    conn.begin_closing(start, Some(1000), &mut scratch);
    conn.end_our_side(&mut scratch);
    assert_eq!(frames.recv().unwrap(), (8, vec![0x03, 0xea]));
    assert_eq!(frames.recv().unwrap(), GONE);
}

#[test]
fn what_the_socket_does_not_take_is_kept_and_nothing_more_is_pulled() {
    let start = Instant::now();
    let (mut conn, mut scratch, frames) = connection(start);
    let mut sent = 0;
    while conn.takes_more() {
        scratch.frames.clear();
        let key = scratch.key().unwrap();
        let at = crate::ws::begin_frame(&mut scratch.frames);
        scratch.frames.extend([b'x'; 60_000]);
        crate::ws::finish_frame(&mut scratch.frames, at, Opcode::Text, key);
        conn.send_frames(&mut scratch).unwrap();
        sent += 1;
        assert!(
            sent < 10_000,
            "the server reads faster than we write for ever"
        );
    }
    assert_eq!(conn.interest(), Interest::Both);
    assert!(conn.unsent().unwrap() > 0);
    while !conn.takes_more() {
        conn.flush(&mut scratch).unwrap();
    }
    assert!((0..sent).all(|_| frames.recv().unwrap().1.len() == 60_000));
}
