//! A DNS server on loopback with the records it is given.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};

/// Answers until the process ends; its thread waits on a socket nobody else knows.
pub struct Dns {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Dns {
    pub fn serve(records: Vec<Record>) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = asked.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
                let Ok(query) = Message::from_vec(&buffer[..len]) else {
                    continue;
                };
                counter.fetch_add(1, Ordering::SeqCst);
                let reply = answer(&query, &records);
                let _ = socket.send_to(&reply.to_vec().unwrap(), peer);
            }
        });
        Dns { address, asked }
    }

    /// Questions so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(query: &Message, records: &[Record]) -> Message {
    let mut reply = query.clone();
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_available = true;
    for question in &query.queries {
        let found = records
            .iter()
            .filter(|r| r.name == question.name && r.record_type() == question.query_type);
        reply.answers.extend(found.cloned());
    }
    if reply.answers.is_empty() {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply
}

fn record(name: &str, data: RData) -> Record {
    Record::from_rdata(self::name(name), 60, data)
}

fn name(text: &str) -> Name {
    let mut name = Name::from_utf8(text).unwrap();
    name.set_fqdn(true);
    name
}

pub fn a(owner: &str, ip: &str) -> Record {
    record(owner, RData::A(A(ip.parse().unwrap())))
}

pub fn aaaa(owner: &str, ip: &str) -> Record {
    record(owner, RData::AAAA(AAAA(ip.parse().unwrap())))
}

pub fn srv(owner: &str, priority: u16, port: u16, target: &str) -> Record {
    record(owner, RData::SRV(SRV::new(priority, 1, port, name(target))))
}

pub fn naptr(owner: &str, order: u16, service: &str, replacement: &str) -> Record {
    let bytes = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    record(
        owner,
        RData::NAPTR(NAPTR::new(
            order,
            0,
            bytes("S"),
            bytes(service),
            bytes(""),
            name(replacement),
        )),
    )
}
