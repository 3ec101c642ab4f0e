//! Session timers (RFC 4028): who refreshes, how often, and when the session is dead.

use std::time::{Duration, Instant};

use crate::headers::Headers;
use crate::value::{SessionExpires, number};

/// RFC 4028 §4: no smaller interval may be asked for.
const FLOOR_S: u32 = 90;

/// What was agreed for one dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub interval_s: u32,
    /// We refresh.
    pub ours: bool,
    refresh_at: Option<Instant>,
    expires_at: Instant,
}

/// What a session timer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call4028 {
    Refresh,
    Expired,
}

impl Session {
    pub fn new(now: Instant, interval_s: u32, ours: bool) -> Session {
        let interval = Duration::from_secs(interval_s.into());
        // §10: BYE shortly before the end: by a third of the interval, 32 s at most.
        let early = (interval / 3).min(Duration::from_secs(32));
        let refresh_at = ours.then(|| now + interval / 2);
        Session {
            interval_s,
            ours,
            refresh_at,
            expires_at: now + interval - early,
        }
    }

    pub fn next_timeout(&self) -> Instant {
        self.refresh_at
            .map_or(self.expires_at, |at| at.min(self.expires_at))
    }

    pub fn due(&mut self, now: Instant) -> Option<Call4028> {
        if self.expires_at <= now {
            return Some(Call4028::Expired);
        }
        self.refresh_at
            .take_if(|at| *at <= now)
            .map(|_| Call4028::Refresh)
    }

    /// A refresh was refused, but the session lives: once more before its end.
    pub fn try_again(&mut self, now: Instant) {
        let left = self.expires_at.saturating_duration_since(now);
        self.refresh_at = (left > Duration::from_secs(10)).then(|| now + left / 2);
    }
}

/// What we want and what we take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub expires_s: u32,
    pub min_se_s: u32,
}

impl Terms {
    pub fn new(expires_s: u32, min_se_s: u32) -> Terms {
        let min_se_s = min_se_s.max(FLOOR_S);
        Terms {
            expires_s: expires_s.max(min_se_s),
            min_se_s,
        }
    }

    /// The headers of our request. `session` keeps the roles of a running one.
    pub fn ask(&self, headers: &mut Headers, session: Option<&Session>) {
        let refresher_is_uac = session.map(|session| session.ours);
        let seconds = session
            .map_or(self.expires_s, |s| s.interval_s)
            .max(self.min_se_s);
        headers.push(
            "Session-Expires",
            SessionExpires {
                seconds,
                refresher_is_uac,
            }
            .to_string(),
        );
        headers.push("Min-SE", self.min_se_s.to_string());
    }

    /// After a 422: ask for what they take, if that is more than we asked for.
    pub fn raised_by(&self, refusal: &Headers) -> Option<Terms> {
        let min = min_se(refusal).filter(|min| *min > self.min_se_s)?;
        Some(Terms {
            expires_s: self.expires_s.max(min),
            min_se_s: min,
        })
    }

    /// Their request asks for less than we take: `Err` with our Min-SE. Otherwise what our 2xx
    /// says, `None` without a session timer (they do not know RFC 4028 and nobody asked for one).
    pub fn judge(
        &self,
        request: &Headers,
        session: Option<&Session>,
    ) -> Result<Option<SessionExpires>, u32> {
        let knows =
            request.has_token("Supported", "timer") || request.has_token("Require", "timer");
        let asked = request
            .get("Session-Expires")
            .and_then(|text| SessionExpires::parse(text).ok());
        if asked.is_some_and(|asked| knows && asked.seconds < self.min_se_s) {
            return Err(self.min_se_s);
        }
        if !knows && asked.is_none() {
            return Ok(None);
        }
        let floor = min_se(request).unwrap_or(0).max(self.min_se_s);
        let seconds = asked
            .map_or(self.expires_s, |a| a.seconds.min(self.expires_s))
            .max(floor);
        // RFC 4028 §9, table 2: theirs to say; one that does not know timers cannot refresh; in
        // silence, who refreshes already, else they do.
        let refresher_is_uac = match asked.and_then(|asked| asked.refresher_is_uac) {
            Some(uac) => uac && knows,
            None => knows && session.is_none_or(|session| !session.ours),
        };
        Ok(Some(SessionExpires {
            seconds,
            refresher_is_uac: Some(refresher_is_uac),
        }))
    }
}

/// What their 2xx to our request agrees to.
pub(crate) fn agreed(now: Instant, response: &Headers) -> Option<Session> {
    let agreed = SessionExpires::parse(response.get("Session-Expires")?).ok()?;
    // A peer may not undercut the floor; a timer of seconds would be a refresh storm.
    let interval_s = agreed.seconds.max(FLOOR_S);
    Some(Session::new(
        now,
        interval_s,
        agreed.refresher_is_uac.unwrap_or(true),
    ))
}

/// What our 2xx to their request agrees to.
pub(crate) fn granted(now: Instant, granted: SessionExpires) -> Session {
    Session::new(
        now,
        granted.seconds,
        granted.refresher_is_uac == Some(false),
    )
}

fn min_se(headers: &Headers) -> Option<u32> {
    let (digits, _) = headers
        .get("Min-SE")
        .map(|text| text.split_once(';').unwrap_or((text, "")))?;
    number(digits.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn the_answer_follows_the_table_of_rfc_4028() {
        let terms = Terms::new(1800, 120);
        let timer = ("Supported", "100rel, timer");
        for (request, expected) in [
            (vec![], Ok(None)),
            (vec![timer], Ok(Some("1800;refresher=uac"))),
            (
                vec![timer, ("Session-Expires", "3600")],
                Ok(Some("1800;refresher=uac")),
            ),
            (
                vec![timer, ("Session-Expires", "600;refresher=uas")],
                Ok(Some("600;refresher=uas")),
            ),
            (
                vec![timer, ("Session-Expires", "600;refresher=uac")],
                Ok(Some("600;refresher=uac")),
            ),
            (
                vec![timer, ("Session-Expires", "600"), ("Min-SE", "900")],
                Ok(Some("900;refresher=uac")),
            ),
            (vec![timer, ("Session-Expires", "90")], Err(120)),
            // A proxy asks on behalf of a peer that knows nothing: no 422 then, and we refresh.
            (
                vec![("Session-Expires", "90;refresher=uac")],
                Ok(Some("120;refresher=uas")),
            ),
        ] {
            let judged = terms.judge(&headers(&request), None);
            let text = judged.map(|agreed| agreed.map(|agreed| agreed.to_string()));
            assert_eq!(text, expected.map(|e| e.map(str::to_owned)), "{request:?}");
        }
    }

    #[test]
    fn roles_stay_in_a_refresh() {
        let now = Instant::now();
        let session = Session::new(now, 600, true);
        let mut asked = Headers::new();
        Terms::new(1800, 90).ask(&mut asked, Some(&session));
        assert_eq!(asked.get("Session-Expires"), Some("600;refresher=uac"));
        let theirs = headers(&[("Supported", "timer"), ("Session-Expires", "600")]);
        let judged = Terms::new(1800, 90).judge(&theirs, Some(&session)).unwrap();
        assert_eq!(judged.map(|a| a.refresher_is_uac), Some(Some(false)));
    }

    #[test]
    fn half_way_a_refresh_and_bye_before_the_end() {
        let now = Instant::now();
        let at = |s: u64| now + Duration::from_secs(s);
        let mut session = Session::new(now, 180, true);
        assert_eq!(session.next_timeout(), at(90));
        assert_eq!(session.due(at(89)), None);
        assert_eq!(session.due(at(90)), Some(Call4028::Refresh));
        assert_eq!(session.next_timeout(), at(148));
        session.try_again(at(90));
        assert_eq!(session.due(at(120)), Some(Call4028::Refresh));
        assert_eq!(session.due(at(148)), Some(Call4028::Expired));
        assert_eq!(Session::new(now, 90, false).next_timeout(), at(60));
    }

    #[test]
    fn a_422_raises_the_terms_once() {
        let terms = Terms::new(100, 90);
        let raised = terms.raised_by(&headers(&[("Min-SE", "200")])).unwrap();
        assert_eq!((raised.expires_s, raised.min_se_s), (200, 200));
        assert!(raised.raised_by(&headers(&[("Min-SE", "200")])).is_none());
        assert!(terms.raised_by(&headers(&[])).is_none());
    }
}
