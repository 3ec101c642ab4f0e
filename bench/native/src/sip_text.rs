//! As much SIP as two programs on one loopback need: look a header up, build what is answered.

/// One received message, borrowed.
pub struct Message<'a> {
    /// The request or status line.
    pub start: &'a str,
    head: &'a str,
    /// What follows the empty line.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Split a datagram; `None` when it is not SIP text.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (start, head) = head.split_once("\r\n")?;
        Some(Self { start, head, body })
    }

    /// The status code of a response, 0 of a request.
    pub fn status(&self) -> u16 {
        self.start
            .strip_prefix("SIP/2.0 ")
            .and_then(|s| s.get(..3)?.parse().ok())
            .unwrap_or(0)
    }

    /// The method of a request, or of a response's CSeq.
    pub fn method(&self) -> &'a str {
        if self.status() == 0 {
            self.start.split(' ').next().unwrap_or("")
        } else {
            self.header("CSeq").rsplit(' ').next().unwrap_or("")
        }
    }

    /// The first header of that name (long form or its compact letter), or "".
    pub fn header(&self, name: &str) -> &'a str {
        self.headers(name).next().unwrap_or("")
    }

    /// All headers of that name, in order.
    pub fn headers<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let compact = match name {
            "Via" => "v",
            "From" => "f",
            "To" => "t",
            "Call-ID" => "i",
            "Contact" => "m",
            "Content-Length" => "l",
            _ => name,
        };
        self.head.split("\r\n").filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            let key = key.trim();
            (key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(compact))
                .then_some(value.trim())
        })
    }

    /// A response to this request. `to_tag` is added unless To has one.
    pub fn reply(&self, status: &str, to_tag: &str, contact: &str, sdp: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for via in self.headers("Via") {
            out += &format!("Via: {via}\r\n");
        }
        for route in self.headers("Record-Route") {
            out += &format!("Record-Route: {route}\r\n");
        }
        let to = self.header("To");
        let tag = if to.contains(";tag=") {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        out += &format!(
            "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{contact}>\r\n",
            self.header("From"),
            self.header("Call-ID"),
            self.header("CSeq")
        );
        if !sdp.is_empty() {
            out += "Content-Type: application/sdp\r\n";
        }
        out + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
    }

    /// The URI inside Contact's angle brackets.
    pub fn contact_uri(&self) -> &'a str {
        let contact = self.header("Contact");
        contact
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .map_or(contact, |(uri, _)| uri)
    }
}

/// An SDP of one audio line: PCMU and telephone-event.
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// A recorder's answer to what a recording client offers: all lines to one port, in PCMU, with a key where it has keys.
/// `body` may have other parts around the SDP.
pub fn recorder_sdp(body: &str, port: u16) -> String {
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    let offered = body
        .lines()
        .filter_map(|line| line.strip_prefix("m=audio "));
    let lines = offered.map(|line| {
        let profile = line.split(' ').nth(1).unwrap_or("RTP/AVP");
        let key = if profile.contains("SAVP") {
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:YmVuY2ggYmVuY2ggYmVuY2ggYmVuY2ggYmVuY2gh\r\n"
        } else {
            ""
        };
        format!("m=audio {port} {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n{key}a=recvonly\r\n")
    });
    head.to_owned() + &lines.collect::<String>()
}

/// The port of the first `m=audio` line.
pub fn sdp_port(body: &str) -> Option<u16> {
    body.lines().find_map(|line| {
        line.strip_prefix("m=audio ")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    })
}
