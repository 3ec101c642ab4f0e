use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::testing::server::{listen, read_head, tls, tls_config, upgrade};
use crate::testing::{Certificates, endpoint};

fn dial(host: &str, port: u16) -> Dial {
    Dial {
        endpoint: endpoint(host, port),
        resume: None,
        user_timeout: socket::USER_TIMEOUT,
    }
}

struct Bench {
    certificates: Certificates,
    connector: Connector,
    thread: Option<JoinHandle<()>>,
    outcomes: Receiver<(ForkId, Outcome)>,
    send: std::sync::mpsc::Sender<(ForkId, Outcome)>,
}

impl Bench {
    fn new(timeout_ms: u64, per_second: u32, deny: &[&str]) -> Self {
        let certificates = Certificates::new();
        let deny: Vec<String> = deny.iter().map(|s| (*s).to_owned()).collect();
        let config = ConnectorConfig {
            tls: TlsClient::new(false, Some(&certificates.ca)).unwrap(),
            networks: Networks::parse(&[], &deny).unwrap(),
            user_agent: "Bridgetap/test".into(),
            timeout: Duration::from_millis(timeout_ms),
            handshakes_per_second: per_second,
        };
        let (connector, thread) = Connector::start(config).unwrap();
        let (send, outcomes) = channel();
        Self {
            certificates,
            connector,
            thread: Some(thread),
            outcomes,
            send,
        }
    }

    fn open(&self, fork: u64, host: &str, port: u16) {
        let (fork, send) = (ForkId(fork), self.send.clone());
        let deliver = Box::new(move |outcome| {
            let _ = send.send((fork, outcome));
        });
        self.connector.open(fork, dial(host, port), deliver);
    }

    fn outcome(&self) -> (u64, Outcome) {
        let (fork, outcome) = self.outcomes.recv().unwrap();
        (fork.0, outcome)
    }

    /// A server that answers every upgrade, then stays until the client has gone.
    fn good_server(&self) -> u16 {
        let config = tls_config(&self.certificates.server("good", "localhost"));
        let serve = move |connection| {
            let mut stream = tls(&config, connection);
            upgrade(&mut stream, b"\x89\x02hi");
            let _ = stream.read_to_end(&mut Vec::new());
        };
        listen(serve).port()
    }

    fn failure(&self) -> Failure {
        self.outcome().1.err().unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.connector.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A server that never says a word.
fn silent_server() -> u16 {
    let held: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    listen(move |connection| held.lock().unwrap().push(connection)).port()
}

#[test]
fn a_stream_opens_by_name_and_by_number_and_keeps_what_came_early() {
    let bench = Bench::new(20_000, 100, &[]);
    let port = bench.good_server();
    for (fork, host) in [(1, "localhost"), (2, "127.0.0.1")] {
        bench.open(fork, host, port);
        let (of, outcome) = bench.outcome();
        assert_eq!(of, fork);
        let opened = outcome.map_err(|f| f.detail).unwrap();
        assert!(!opened.tls.is_handshaking());
        // What came in the same record as the 101 is here, what came later is still in the socket.
        assert!(b"\x89\x02hi".starts_with(&opened.early));
    }
    assert_eq!(
        bench
            .connector
            .counters()
            .opened
            .load(std::sync::atomic::Ordering::Relaxed),
        2
    );
}

#[test]
fn each_failure_has_its_code_and_its_words() {
    let bench = Bench::new(20_000, 100, &["127.0.0.9/32"]);
    let unused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let wrong = tls_config(&bench.certificates.server("wrong", "other.test"));
    let wrong_host = listen(move |c| drop(read_head(&mut tls(&wrong, c)))).port();
    let plain = listen(|mut c| drop(c.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"))).port();
    let hangs_up = listen(drop).port();
    let ok = tls_config(&bench.certificates.server("ok", "localhost"));
    let config = ok.clone();
    let forbids = listen(move |c| {
        let mut stream = tls(&config, c);
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.flush();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let leaves = listen(move |c| drop(read_head(&mut tls(&ok, c))));
    let cases = [
        ("nowhere.invalid", 443, 31904, "cannot be resolved"),
        (
            "127.0.0.9",
            443,
            31904,
            "streams must not go to 127.0.0.9/32",
        ),
        ("127.0.0.1", unused, 31902, "refused"),
        (
            "localhost",
            wrong_host,
            31910,
            "not for localhost, but for other.test",
        ),
        ("localhost", plain, 31910, "does not speak TLS"),
        ("localhost", hangs_up, 31910, "during the TLS handshake"),
        ("localhost", forbids.port(), 31920, "403 Forbidden"),
        (
            "localhost",
            leaves.port(),
            31920,
            "instead of answering 101",
        ),
    ];
    for (host, port, code, words) in cases {
        bench.open(1, host, port);
        let failure = bench.failure();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?}");
    }
}

#[test]
fn hanging_servers_time_out_and_hold_up_nobody() {
    let bench = Bench::new(1_500, 10_000, &[]);
    let (silent, good) = (silent_server(), bench.good_server());
    for fork in 0..500 {
        bench.open(fork, "127.0.0.1", silent);
    }
    bench.open(1000, "127.0.0.1", good);
    let (first, outcome) = bench.outcome();
    assert_eq!(first, 1000, "the good server is not behind the silent ones");
    assert!(outcome.is_ok());
    for _ in 0..500 {
        let failure = bench.failure();
        assert_eq!(failure.code, 31901);
        assert!(
            failure
                .detail
                .contains("did not finish the TLS handshake within 1500 ms")
        );
    }
}

#[test]
fn handshakes_queue_behind_the_rate_and_all_come_through() {
    let bench = Bench::new(20_000, 20, &[]);
    let port = bench.good_server();
    for fork in 0..12 {
        bench.open(fork, "127.0.0.1", port);
    }
    let opened: Vec<u64> = (0..12)
        .map(|_| bench.outcome())
        .filter(|o| o.1.is_ok())
        .map(|o| o.0)
        .collect();
    assert_eq!(opened.len(), 12);
}

#[test]
fn a_cancelled_fork_hears_nothing_more() {
    let bench = Bench::new(20_000, 10_000, &[]);
    let (silent, good) = (silent_server(), bench.good_server());
    bench.open(1, "127.0.0.1", silent);
    let mut cancelled = vec![ForkId(1)];
    while !bench.connector.try_cancel(&mut cancelled) {}
    bench.open(2, "127.0.0.1", good);
    assert_eq!(bench.outcome().0, 2);
    // The only holder of fork 1's sender was its job.
    bench.connector.stop();
    assert!(bench.outcomes.try_recv().is_err());
}

#[test]
fn a_second_address_is_tried_when_the_first_refuses() {
    // `localhost` is often both ::1 and 127.0.0.1; the server listens on the latter only.
    let bench = Bench::new(20_000, 100, &[]);
    bench.open(1, "localhost", bench.good_server());
    assert!(bench.outcome().1.is_ok());
}
