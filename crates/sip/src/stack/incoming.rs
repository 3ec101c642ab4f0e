//! A request with its bones laid bare: what every request must have, parsed once.

use crate::message::Request;
use crate::method::Method;
use crate::transaction::{MergeKey, ServerKey};
use crate::types::{Source, Target, Transport};
use crate::value::{CSeq, NameAddr, Via};

#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The topmost Via is stamped with where it came from.
    pub request: Request,
    pub source: Source,
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: String,
    pub cseq: CSeq,
    pub key: ServerKey,
}

/// Why it is none; the request is given back to be answered 400.
#[derive(Debug)]
pub(crate) struct Broken {
    pub request: Box<Request>,
    pub reason: String,
}

impl Incoming {
    pub fn parse(mut request: Request, source: &Source) -> Result<Incoming, Broken> {
        let parts = parts(&request);
        let (mut via, from, to, call_id, cseq) = match parts {
            Ok(parts) => parts,
            Err(reason) => {
                return Err(Broken {
                    request: Box::new(request),
                    reason,
                });
            }
        };
        let key = ServerKey::of(&request, &via, &from, &call_id, &cseq);
        via.stamp(source.remote);
        stamp(&mut request, &via);
        Ok(Incoming {
            request,
            source: source.clone(),
            via,
            from,
            to,
            call_id,
            cseq,
            key,
        })
    }

    /// Where a response goes.
    pub fn reply_target(&self) -> Target {
        reply_target(&self.via, &self.source)
    }

    pub fn merge_key(&self) -> MergeKey {
        MergeKey::of(&self.from, &self.call_id, &self.cseq)
    }
}

type Parts = (Via, NameAddr, NameAddr, String, CSeq);

fn parts(request: &Request) -> Result<Parts, String> {
    let headers = &request.headers;
    let one = |name: &'static str| {
        headers
            .get(name)
            .ok_or_else(|| format!("{name} is missing"))
    };
    let top = headers.values("Via").next().ok_or("Via is missing")?;
    let via = Via::parse(top).map_err(|e| e.to_string())?;
    for name in ["From", "To", "Call-ID", "CSeq", "Max-Forwards"] {
        if headers.all(name).count() > 1 {
            return Err(format!("{name} stands there twice"));
        }
    }
    let address = |name| NameAddr::parse(one(name)?).map_err(|e| format!("{name}: {e}"));
    let (from, to) = (address("From")?, address("To")?);
    let call_id = one("Call-ID")?;
    if call_id.is_empty() || call_id.contains(|c: char| c.is_ascii_whitespace()) {
        return Err("Call-ID is empty or holds a space".to_owned());
    }
    let cseq = CSeq::parse(one("CSeq")?).map_err(|e| e.to_string())?;
    if cseq.method != request.method {
        return Err("CSeq names another method".to_owned());
    }
    if let Some(hops) = headers.get("Max-Forwards") {
        // Absent is tolerated (RFC 2543 had none), nonsense is not.
        let hops = crate::value::number(hops.trim()).filter(|hops| *hops <= 255);
        hops.ok_or("Max-Forwards is not 0 to 255")?;
    }
    if request.method == Method::Invite && !headers.contains("Contact") {
        return Err("Contact is missing".to_owned());
    }
    Ok((via, from, to, call_id.to_owned(), cseq))
}

/// Write the stamped Via back, leaving what else may stand on its line.
pub(crate) fn stamp(request: &mut Request, via: &Via) {
    let Some(line) = request.headers.get("Via") else {
        return;
    };
    let rest: Vec<&str> = crate::headers::split_commas(line).skip(1).collect();
    let line = rest
        .iter()
        .fold(via.to_string(), |line, more| format!("{line}, {more}"));
    request.headers.set_first("Via", line);
}

/// RFC 3261 §18.2.2: a stream answers on itself; a datagram goes where Via and rport say.
pub(crate) fn reply_target(via: &Via, source: &Source) -> Target {
    let stream = source.transport != Transport::Udp;
    Target {
        flow: stream.then_some(source.flow),
        transport: source.transport,
        remote: via.reply_to(source.remote, source.transport),
        local: source.local,
        tls_name: (source.transport == Transport::Tls).then(|| via.host.clone()),
        identity: None,
    }
}
