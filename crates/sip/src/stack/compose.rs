//! How our messages are put together: what we say of ourselves, and what Python may not overrule.

use super::server::Reply;
use crate::headers::Headers;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::value::CSeq;

/// Methods we take, inside dialogs and out.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE, REGISTER";
/// Extensions we know; any other in Require is answered 420.
/// Those of SIPREC (RFC 7866) mean nothing to the stack, but something to Python.
pub(crate) const EXTENSIONS: [&str; 4] = ["100rel", "timer", "siprec", "record-aware"];

/// Headers of which there is one: Python's takes the place of ours.
const OVERRULED: [&str; 4] = ["Max-Forwards", "User-Agent", "Server", "Allow"];

/// Headers that hold the protocol together: the stack's alone.
const RESERVED: [&str; 15] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Route",
    "Record-Route",
    "Content-Length",
    "Content-Type",
    "RSeq",
    "RAck",
    "Session-Expires",
    "Min-SE",
    "Authorization",
    "Proxy-Authorization",
];

/// Add Python's headers, the reserved ones left out. A Contact is taken where we have none; a
/// Require or Supported stands beside ours.
pub(crate) fn add_custom(headers: &mut Headers, custom: &[(String, String)]) {
    let has_contact = headers.contains("Contact");
    for (name, value) in custom {
        let reserved = RESERVED.iter().any(|r| name.eq_ignore_ascii_case(r));
        if OVERRULED.iter().any(|o| name.eq_ignore_ascii_case(o)) {
            headers.set(name, value);
        } else if !(reserved || has_contact && name.eq_ignore_ascii_case("Contact")) {
            headers.push(name, value);
        }
    }
}

/// The Content-Type: Python's own header wins (multipart), then the argument, then SDP.
pub(crate) fn add_body(
    headers: &mut Headers,
    custom: &[(String, String)],
    content_type: &str,
    body: &[u8],
) {
    if body.is_empty() {
        return;
    }
    let own = custom
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
    let content_type = match own {
        Some((_, value)) => value,
        None if content_type.is_empty() => "application/sdp",
        None => content_type,
    };
    headers.push("Content-Type", content_type);
}

/// A response of what it copies and what it says itself.
pub(crate) fn response(copied: Headers, reply: Reply, user_agent: &str) -> Response {
    let mut headers = copied;
    reply
        .own
        .iter()
        .for_each(|(name, value)| headers.push(name, value));
    if reply.status > 100 {
        headers.push("Server", user_agent);
    }
    add_custom(&mut headers, &reply.headers);
    add_body(
        &mut headers,
        &reply.headers,
        &reply.content_type,
        &reply.body,
    );
    let reason = match reply.reason.as_str() {
        "" => crate::status::reason(reply.status).to_owned(),
        _ => reply.reason,
    };
    Response {
        status: reply.status,
        reason,
        headers,
        body: reply.body,
    }
}

/// 420 for a request that requires what we do not know (RFC 3261 §8.2.2.3).
pub(crate) fn unknown_extensions(request: &Request) -> Option<Reply> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return None;
    }
    let required = request.headers.values("Require");
    let unknown: Vec<&str> = required
        .filter(|tag| {
            !EXTENSIONS
                .iter()
                .any(|known| tag.eq_ignore_ascii_case(known))
        })
        .collect();
    (!unknown.is_empty()).then(|| Reply::status(420).with("Unsupported", unknown.join(", ")))
}

/// The answer to OPTIONS (§11.2).
pub(crate) fn capabilities() -> Reply {
    Reply::status(200)
        .with("Accept", "application/sdp, multipart/mixed")
        .with("Accept-Encoding", "identity")
        .with("Allow", ALLOW)
        .with("Supported", "100rel, timer")
}

/// CANCEL for an INVITE, or ACK for its refusal (RFC 3261 §9.1, §17.1.1.3): same hop, same branch,
/// same route; the ACK's To is the response's.
pub(crate) fn same_hop(invite: &Request, method: Method, to: Option<&str>) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let from = &invite.headers;
    request
        .headers
        .push("Via", from.get("Via").unwrap_or_default());
    request.headers.push("Max-Forwards", "70");
    from.all("Route")
        .for_each(|route| request.headers.push("Route", route));
    request
        .headers
        .push("From", from.get("From").unwrap_or_default());
    request
        .headers
        .push("To", to.or(from.get("To")).unwrap_or_default());
    request
        .headers
        .push("Call-ID", from.get("Call-ID").unwrap_or_default());
    let number = from
        .get("CSeq")
        .and_then(|text| CSeq::parse(text).ok())
        .map_or(0, |c| c.number);
    request
        .headers
        .push("CSeq", CSeq { number, method }.to_string());
    request
}
