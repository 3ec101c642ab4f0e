//! What the packets of a round will need, fetched for all of them together.

use bridgetap_media::prefetch;

use super::{MediaThread, Token};
use crate::poller::Ready;

impl MediaThread {
    /// So many descriptors can be served. Waits for memory of several packets overlap, those of one do not.
    pub(super) fn look_ahead(&mut self, count: usize) {
        if count < 2 {
            return;
        }
        let (io, ahead) = (&self.io, &mut self.ahead);
        let keys = (0..count).filter_map(|index| rtp_key(self.poller.ready(index)?));
        ahead.clear();
        ahead.extend(keys.filter_map(|key| Some(io.legs.get(key)?.id)));
        let receiving = ahead.len();
        self.shard.look_ahead(ahead);
        for leg in ahead.iter().skip(receiving) {
            if let Some(entry) = io.leg_keys.get(leg).and_then(|key| io.legs.get(*key)) {
                prefetch(&entry.sockets);
            }
        }
    }
}

/// The key of the leg whose RTP has come.
fn rtp_key(ready: Ready) -> Option<usize> {
    match Token::unpack(ready.token) {
        Token::Rtp(key) => Some(key),
        Token::Rtcp(_) | Token::Stream(_) => None,
    }
}
