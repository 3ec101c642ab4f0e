//! SIP spoken by hand: what a scripted peer says.

use std::net::SocketAddr;

use bridgetap_sip::{Message, Request, Response};

use crate::asking::*;
use crate::world::*;

/// A request from a scripted peer, CRLF and Content-Length put in.
pub fn request(start: &str, from: SocketAddr, branch: &str, headers: &str, body: &str) -> Vec<u8> {
    let method = start.split(' ').next().unwrap();
    let mut text = format!("{start} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch}\r\n");
    for (name, value) in [
        ("Max-Forwards", "70"),
        ("From", "<sip:wire@example.com>;tag=wire"),
        ("To", "<sip:us@example.com>"),
        ("Call-ID", "wire-call"),
        ("CSeq", &format!("1 {method}")),
        ("Contact", &format!("<sip:wire@{from}>")),
    ] {
        if !headers
            .lines()
            .any(|line| line.starts_with(&format!("{name}:")))
        {
            text += &format!("{name}: {value}\r\n");
        }
    }
    for line in headers
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        text += &format!("{line}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// A response of a scripted peer to a request it heard.
pub fn response(
    request: &Message,
    status: u16,
    tag: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let Message::Request(request) = request else {
        panic!("not a request")
    };
    let mut response = Response::to(request, status, "");
    if !tag.is_empty() && !header_has_tag(request) {
        let to = format!("{};tag={tag}", request.headers.get("To").unwrap());
        response.headers.set("To", to);
    }
    headers
        .iter()
        .for_each(|(name, value)| response.headers.push(name, *value));
    response.body = body.to_vec();
    response.to_bytes()
}

fn header_has_tag(request: &Request) -> bool {
    request
        .headers
        .get("To")
        .is_some_and(|to| to.contains(";tag="))
}

impl World {
    /// A call from a wire with these headers, answered and acknowledged; returns the To it has to use.
    pub fn call_from_wire(&mut self, wire: SocketAddr, headers: &str) -> String {
        let invite = request("INVITE sip:us@h", wire, "1", headers, "sdp");
        self.inject(wire, 0, &invite);
        let dialog = self.incoming(0);
        self.command(0, answer(dialog));
        self.run_ms(20);
        let to = header(&self.heard_last(wire, "200"), "To").to_owned();
        let dialog = format!("To: {to}\nCSeq: 1 ACK");
        self.inject(wire, 0, &request("ACK sip:us@h", wire, "2", &dialog, ""));
        to
    }

    /// What a wire heard, one word a message.
    pub fn heard(&self, wire: SocketAddr) -> Vec<String> {
        self.wires[&wire].iter().map(name).collect()
    }

    /// The last message a wire heard that `what` names.
    pub fn heard_last(&self, wire: SocketAddr, what: &str) -> Message {
        let heard = self.wires[&wire].iter().rev();
        let mut named = heard.filter(|message| is(message, what));
        named
            .next()
            .unwrap_or_else(|| panic!("{wire} heard no {what}"))
            .clone()
    }

    /// The wire answers the last `what` it heard from node 0.
    pub fn wire_answers(
        &mut self,
        wire: SocketAddr,
        what: &str,
        status: u16,
        tag: &str,
        headers: &[(&str, &str)],
    ) {
        let request = self.heard_last(wire, what);
        let contact = format!("<sip:{tag}@{wire}>");
        let mut all = vec![("Contact", contact.as_str())];
        all.extend_from_slice(headers);
        let with_body = matches!(status, 183 | 200..=299) && what == "INVITE";
        let body = if with_body { SDP } else { b"" };
        if with_body {
            all.push(("Content-Type", "application/sdp"));
        }
        self.inject(wire, 0, &response(&request, status, tag, &all, body));
        self.run_ms(20);
    }
}
