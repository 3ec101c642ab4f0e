//! Answers that leave nothing behind (RFC 3261 §8.2.7).

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::policy::Refusal;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::types::{SendTo, Source, Target};
use crate::value::{NameAddr, Via};

/// Makes stateless answers. Its To tags depend on the request alone, so that a repeated request
/// gets the very same answer; nobody outside can foretell them.
#[derive(Debug, Default)]
pub struct Stateless {
    key: RandomState,
}

impl Stateless {
    /// What tells one INVITE transaction from another (RFC 3261 §17.2.3), and from the same
    /// words of another source.
    pub fn transaction(&self, request: &Request, source: &Source) -> u64 {
        let mut hasher = self.key.build_hasher();
        source.remote.ip().hash(&mut hasher);
        for name in ["Via", "Call-ID", "CSeq", "From"] {
            request.headers.get(name).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// 503 with Retry-After. `None` where the request has no Via to answer by.
    pub fn refuse(
        &self,
        request: &Request,
        source: &Source,
        refusal: Refusal,
    ) -> Option<(SendTo, Vec<u8>)> {
        let mut via = Via::parse(request.headers.values("Via").next()?).ok()?;
        let mut response = Response::to(request, 503, "");
        let remote = via.reply_to(source.remote, source.transport);
        via.stamp(source.remote);
        let rest: Vec<&str> = request.headers.values("Via").skip(1).collect();
        let vias = std::iter::once(via.to_string()).chain(rest.into_iter().map(str::to_owned));
        response
            .headers
            .set("Via", vias.collect::<Vec<_>>().join(", "));
        if let Some(to) = request
            .headers
            .get("To")
            .and_then(|to| NameAddr::parse(to).ok())
        {
            let tag = format!("{:016x}", self.transaction(request, source));
            response.headers.set("To", to.with_tag(&tag).to_string());
        }
        response
            .headers
            .push("Retry-After", refusal.retry_after_s().to_string());
        let target = Target {
            flow: Some(source.flow),
            transport: source.transport,
            remote,
            local: source.local,
            tls_name: None,
            identity: None,
        };
        Some((SendTo::Response(target), response.to_bytes()))
    }
}

/// An INVITE outside any dialog: To without a tag.
pub fn is_new_call(request: &Request) -> bool {
    request.method == Method::Invite
        && request
            .headers
            .get("To")
            .and_then(|to| NameAddr::parse(to).ok())
            .is_some_and(|to| to.tag().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::types::{FlowId, Transport};

    fn parse(text: &str) -> Message {
        Message::parse(text.replace('\n', "\r\n").as_bytes()).unwrap()
    }

    fn invite(to: &str) -> Request {
        let text = format!(
            "INVITE sip:b@h SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1;rport, SIP/2.0/TCP p;branch=z9hG4bK2\n\
             Via: SIP/2.0/UDP q\nf: <sip:a@h>;tag=1\nTo: {to}\ni: c1\nCSeq: 7 INVITE\nContact: <sip:a@h>\nl: 0\n\n"
        );
        match parse(&text) {
            Message::Request(request) => request,
            Message::Response(_) => panic!(),
        }
    }

    fn source() -> Source {
        Source {
            flow: FlowId(3),
            transport: Transport::Udp,
            remote: "192.0.2.1:40000".parse().unwrap(),
            local: "192.0.2.9:5060".parse().unwrap(),
        }
    }

    #[test]
    fn a_refusal_is_a_whole_response_and_the_same_each_time() {
        let stateless = Stateless::default();
        let request = invite("<sip:b@h>");
        let (to, bytes) = stateless
            .refuse(&request, &source(), Refusal::Draining)
            .unwrap();
        assert_eq!(
            stateless
                .refuse(&request, &source(), Refusal::Draining)
                .unwrap(),
            (to.clone(), bytes.clone())
        );
        assert_eq!(to.target().remote, "192.0.2.1:40000".parse().unwrap());
        assert_eq!(to.target().flow, Some(FlowId(3)));
        let Ok(Message::Response(response)) = Message::parse(&bytes) else {
            panic!()
        };
        assert_eq!(response.status, 503);
        let vias: Vec<_> = response.headers.values("Via").collect();
        assert_eq!(vias.len(), 3);
        assert!(
            vias[0].contains("rport=40000") && vias[0].contains("received=192.0.2.1"),
            "{vias:?}"
        );
        assert_eq!(vias[1], "SIP/2.0/TCP p;branch=z9hG4bK2");
        assert!(response.headers.get("To").unwrap().contains(";tag="));
        for (name, value) in [
            ("Retry-After", "30"),
            ("Call-ID", "c1"),
            ("CSeq", "7 INVITE"),
            ("From", "<sip:a@h>;tag=1"),
        ] {
            assert_eq!(response.headers.get(name), Some(value));
        }
        assert_eq!(response.headers.get("Contact"), None);
    }

    #[test]
    fn only_an_invite_without_a_to_tag_is_a_new_call() {
        assert!(is_new_call(&invite("<sip:b@h>")));
        assert!(!is_new_call(&invite("<sip:b@h>;tag=x")));
        let mut bye = invite("<sip:b@h>");
        bye.method = Method::Bye;
        assert!(!is_new_call(&bye));
    }

    #[test]
    fn transactions_differ_by_branch_and_by_source() {
        let stateless = Stateless::default();
        let (request, here) = (invite("<sip:b@h>"), source());
        let mut other = request.clone();
        other
            .headers
            .set_first("Via", "SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKx".into());
        let there = Source {
            remote: "192.0.2.2:40000".parse().unwrap(),
            ..here.clone()
        };
        let same = stateless.transaction(&request, &here);
        assert_eq!(stateless.transaction(&request, &here), same);
        assert_ne!(stateless.transaction(&other, &here), same);
        assert_ne!(stateless.transaction(&request, &there), same);
    }

    #[test]
    fn a_request_without_via_is_not_answered() {
        let mut request = invite("<sip:b@h>");
        request.headers.remove("Via");
        assert_eq!(
            Stateless::default().refuse(&request, &source(), Refusal::Rate),
            None
        );
    }
}
