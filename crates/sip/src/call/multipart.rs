//! Finding the session description in a body that carries more (SIPREC metadata, ISUP).

/// The SDP in `body`: all of it, or the first `application/sdp` part of a multipart (RFC 2046
/// §5.1); nothing where there is none.
pub(super) fn sdp_of(content_type: &str, body: &[u8]) -> Vec<u8> {
    let (kind, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    let kind = kind.trim().to_ascii_lowercase();
    if !kind.starts_with("multipart/") {
        return if matches!(kind.as_str(), "" | "application/sdp") {
            body.to_vec()
        } else {
            Vec::new()
        };
    }
    let params = crate::value::Params::parse(params);
    let boundary = params.get("boundary").unwrap_or_default().trim_matches('"');
    if boundary.is_empty() {
        return Vec::new();
    }
    let delimiter = format!("--{boundary}");
    let mut starts = memchr::memmem::find_iter(body, delimiter.as_bytes()).peekable();
    while let Some(at) = starts.next() {
        let end = starts.peek().copied().unwrap_or(body.len());
        let part = body.get(at + delimiter.len()..end).unwrap_or_default();
        if let Some(sdp) = sdp_part(part) {
            return sdp.to_vec();
        }
    }
    Vec::new()
}

fn sdp_part(part: &[u8]) -> Option<&[u8]> {
    let head_end = crate::message::head_end(part)?;
    let (head, body) = part.split_at(head_end);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_sdp = head.lines().any(|line| {
        let value = line
            .split_once(':')
            .filter(|(name, _)| matches!(name.trim(), "content-type" | "c"));
        value.is_some_and(|(_, value)| value.trim().starts_with("application/sdp"))
    });
    // The line break before the next delimiter belongs to the delimiter.
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    is_sdp.then(|| body.strip_suffix(b"\r").unwrap_or(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_found_wherever_it_stands() {
        let parts = "--xyz\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<a/>\r\n\
                     --xyz\r\nContent-Type: application/SDP\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--xyz--\r\n";
        for (content_type, body, sdp) in [
            ("application/sdp", "v=0\r\n", "v=0\r\n"),
            ("", "v=0\r\n", "v=0\r\n"),
            ("text/plain", "hello", ""),
            ("multipart/mixed;boundary=xyz", parts, "v=0\r\ns=-\r\n"),
            ("multipart/mixed; boundary=\"xyz\"", parts, "v=0\r\ns=-\r\n"),
            ("multipart/mixed; boundary=other", parts, ""),
            ("multipart/mixed", parts, ""),
            ("multipart/mixed;boundary=xyz", "--xyz", ""),
        ] {
            assert_eq!(
                String::from_utf8(sdp_of(content_type, body.as_bytes())).unwrap(),
                sdp,
                "{content_type}"
            );
        }
    }
}
