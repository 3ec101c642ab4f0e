//! Stream servers that misbehave: the call does not notice, and each fork has one end that says why.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use bridgetap_media::{EndReason, ForkEnded, MediaEvent};

use super::bench::{Core, converse, local};
use crate::LegHandle;
use crate::testing::server::{TlsStream, listen, read_frame, tls, tls_config, upgrade};

/// Fork a bridged call to a server that takes the stream and then does `then`, talk meanwhile,
/// and give the fork's end. That nothing is missing on the bridge is asserted by `converse`.
fn fork_to(then: impl Fn(TlsStream) + Send + Sync + 'static) -> ForkEnded {
    let mut core = Core::new(1);
    let config = tls_config(&core.certificates.server("good", "localhost"));
    let port = listen(move |connection| {
        let mut stream = tls(&config, connection);
        if upgrade(&mut stream, b"").is_some() {
            then(stream);
        }
    })
    .port();
    talk_through(&mut core, port)
}

fn talk_through(core: &mut Core, port: u16) -> ForkEnded {
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    left.fork(local(port)).unwrap();
    converse(&mut a, &mut b, 30);
    core.fork_ended()
}

fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

fn read_some(stream: &mut TlsStream, frames: usize) {
    for _ in 0..frames {
        read_frame(stream);
    }
}

fn raw(stream: &mut TlsStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.flush();
    while let Ok(1..) = stream.read(&mut [0; 1024]) {}
}

#[test]
fn a_server_that_says_goodbye_is_answered_and_named() {
    let ended = fork_to(|mut s| {
        read_some(&mut s, 5);
        raw(&mut s, b"\x88\x08\x03\xe9ending");
    });
    assert_eq!(
        (ended.reason, ended.close_code),
        (EndReason::RemoteClosed, 1001),
        "{ended:?}"
    );
    assert!(ended.detail.contains("ending"), "{ended:?}");
}

#[test]
fn a_server_that_just_goes_is_a_broken_pipe() {
    let ends: [fn(&mut TlsStream); 3] = [
        |s| drop(s.sock.shutdown(Shutdown::Both)),
        |s| reset(&s.sock),
        |s| {
            s.conn.send_close_notify();
            let _ = s.flush();
        },
    ];
    for end in ends {
        let ended = fork_to(move |mut s| {
            read_some(&mut s, 5);
            end(&mut s);
        });
        assert_eq!((ended.code, ended.close_code), (31903, 0), "{ended:?}");
    }
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_so() {
    let wires: [&[u8]; 4] = [
        b"\x81\x85\x01\x02\x03\x04hello",            // masked
        b"\xc1\x05hello",                            // reserved bit
        b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", // huge
        b"\x80\x00",                                 // continuation of nothing
    ];
    for wire in wires {
        let ended = fork_to(move |mut s| {
            read_some(&mut s, 3);
            raw(&mut s, wire);
        });
        assert_eq!(
            (ended.reason, ended.code),
            (EndReason::Failed, 31924),
            "{ended:?}"
        );
    }
}

#[test]
fn a_server_that_talks_back_is_tolerated_and_named() {
    let mut core = Core::new(1);
    let config = tls_config(&core.certificates.server("good", "localhost"));
    let port = listen(move |c| {
        let mut s = tls(&config, c);
        upgrade(&mut s, b"\x81\x05hello");
        raw(&mut s, b"\x82\x01x\x89\x02hi");
    })
    .port();
    let (leg, mut a) = core.call();
    let (other, mut b) = core.call();
    leg.bridge(&other).unwrap();
    let fork = leg.fork(local(port)).unwrap();
    core.fork_opened();
    converse(&mut a, &mut b, 20);
    leg.stop_fork(fork);
    let ended = core.fork_ended();
    assert_eq!(
        (ended.reason, ended.code),
        (EndReason::Stopped, 0),
        "{ended:?}"
    );
    assert!(
        ended.detail.contains("1 text (31951), 1 binary (31950)"),
        "{ended:?}"
    );
}

#[test]
fn a_server_that_floods_is_cut_off() {
    let ended = fork_to(|mut s| {
        let message = [&b"\x81\x7e\x40\x00"[..], &[b' '; 16384]].concat();
        while s.write_all(&message).is_ok() {}
    });
    assert_eq!(
        (ended.reason, ended.code),
        (EndReason::Failed, 31924),
        "{ended:?}"
    );
    assert!(ended.detail.contains("flood"), "{ended:?}");
}

#[test]
fn a_server_that_stalls_costs_only_its_own_stream() {
    let held = Mutex::new(Vec::new());
    let mut core = Core::new(1);
    let config = tls_config(&core.certificates.server("good", "localhost"));
    let port = listen(move |c| {
        // A small window, so that the kernels' buffers are soon full.
        socket2::SockRef::from(&c)
            .set_recv_buffer_size(2048)
            .unwrap();
        let mut s = tls(&config, c);
        upgrade(&mut s, b"");
        held.lock().unwrap().push(s); // open, and never read again
    })
    .port();
    let (left, mut a) = core.call();
    let (right, mut b) = core.call();
    left.bridge(&right).unwrap();
    let forks: Vec<_> = (0..4).map(|_| stalled(&left, port)).collect();
    (0..4).for_each(|_| core.fork_opened());
    converse(&mut a, &mut b, 150);
    left.close();
    for _ in &forks {
        let ended = core.fork_ended();
        assert_eq!(ended.reason, EndReason::CallEnded, "{ended:?}");
        assert!(ended.ms_dropped > 0 || ended.lag_max_ms > 0, "{ended:?}");
    }
}

fn stalled(leg: &LegHandle, port: u16) -> bridgetap_media::ForkId {
    let mut target = local(port);
    target.max_lag_ms = 500;
    leg.fork(target).unwrap()
}

#[test]
fn servers_that_never_open_change_nothing_for_the_call() {
    let mut core = Core::with(1, |config| {
        config.connect_timeout = Duration::from_millis(400)
    });
    let held = Mutex::new(Vec::new());
    let silent = listen(move |c| held.lock().unwrap().push(c)).port();
    let hangs_up = listen(drop).port();
    let plain = listen(|mut c| drop(c.write_all(b"HTTP/1.1 200 OK\r\n\r\n"))).port();
    let wrong = tls_config(&core.certificates.server("wrong", "other.test"));
    let wrong = listen(move |c| drop(tls(&wrong, c).read(&mut [0; 1]))).port();
    let cases = [
        (silent, 31901),
        (hangs_up, 31910),
        (plain, 31910),
        (wrong, 31910),
    ];
    for (port, code) in cases {
        let ended = talk_through(&mut core, port);
        assert_eq!(
            (ended.reason, ended.code),
            (EndReason::Failed, code),
            "{ended:?}"
        );
        assert!(!ended.detail.is_empty());
    }
    let opened = core
        .rest()
        .iter()
        .any(|e| matches!(e, MediaEvent::ForkOpened { .. }));
    assert!(!opened);
}
