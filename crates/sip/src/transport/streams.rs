//! All connections: by token, by peer, by source address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};

use super::Inbox;
use super::end::End;
use super::flows::Flows;
use super::listen::tune_stream;
use super::peer_key::PeerKey;
use super::stream::Stream;
use crate::types::{FlowId, Source};

/// The table of connections. Bounded in all and per source; further ones are closed at once.
#[derive(Debug)]
pub struct Streams {
    slab: Slab<Stream>,
    by_key: HashMap<PeerKey, usize>,
    per_source: HashMap<IpAddr, usize>,
    max: usize,
    max_per_source: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            slab: Slab::new(),
            by_key: HashMap::new(),
            per_source: HashMap::new(),
            max: MAX_STREAMS,
            max_per_source: MAX_PER_SOURCE,
        }
    }
}

/// Tokens below this are not streams.
pub const FIRST_TOKEN: usize = 1 << 16;
const MAX_STREAMS: usize = 8_192;
const MAX_PER_SOURCE: usize = 1_024;

impl Streams {
    /// Other limits than the usual.
    pub fn limit(&mut self, max: usize, max_per_source: usize) {
        (self.max, self.max_per_source) = (max, max_per_source);
    }

    /// Whether one more may come from `remote`.
    pub fn has_room(&self, remote: SocketAddr) -> bool {
        let from_there = self.per_source.get(&remote.ip()).copied().unwrap_or(0);
        self.slab.len() < self.max && from_there < self.max_per_source
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// The number the next one will have.
    pub fn next_token(&self) -> Token {
        Token(FIRST_TOKEN + self.slab.vacant_key())
    }

    /// Take in a new one, made for [`Self::next_token`].
    pub fn add(&mut self, registry: &Registry, mut stream: Stream) -> io::Result<Token> {
        let entry = self.slab.vacant_entry();
        let token = Token(FIRST_TOKEN + entry.key());
        tune_stream(stream.socket());
        registry.register(
            stream.socket(),
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        *self
            .per_source
            .entry(stream.source().remote.ip())
            .or_default() += 1;
        if let Some(key) = stream.key() {
            self.by_key.insert(key.clone(), entry.key());
        }
        entry.insert(stream);
        Ok(token)
    }

    /// That of a token.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut Stream> {
        self.slab.get_mut(token.0.checked_sub(FIRST_TOKEN)?)
    }

    /// Where a connection of ours comes from.
    pub fn source(&self, token: Token) -> Option<&Source> {
        self.slab
            .get(token.0.checked_sub(FIRST_TOKEN)?)
            .map(Stream::source)
    }

    /// The one to that peer which still takes messages.
    pub fn to_peer(&self, key: &PeerKey) -> Option<Token> {
        let index = *self.by_key.get(key)?;
        self.slab
            .get(index)
            .filter(|stream| stream.is_usable())
            .map(|_| Token(FIRST_TOKEN + index))
    }

    /// Every token there is now.
    pub fn tokens(&self) -> Vec<Token> {
        self.slab
            .iter()
            .map(|(index, _)| Token(FIRST_TOKEN + index))
            .collect()
    }

    /// Take one out and tell what its end means.
    pub fn end(
        &mut self,
        registry: &Registry,
        flows: &mut Flows,
        token: Token,
        end: End,
        inbox: &mut dyn Inbox,
    ) {
        let Some(mut stream) = token
            .0
            .checked_sub(FIRST_TOKEN)
            .and_then(|index| self.slab.try_remove(index))
        else {
            return;
        };
        let _ = registry.deregister(stream.socket());
        let (flow, remote) = (stream.source().flow, stream.source().remote);
        flows.remove_stream(flow);
        if let Some(count) = self.per_source.get_mut(&remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&remote.ip());
            }
        }
        if let Some(key) = stream.key()
            && self.by_key.get(key) == Some(&(token.0 - FIRST_TOKEN))
        {
            self.by_key.remove(key);
        }
        if let Some((kind, detail)) = &end.notice {
            inbox.notice(*kind, remote, detail);
        }
        let why = end.trouble();
        for send in stream.unsent() {
            inbox.send_failed(send, why.clone());
        }
        inbox.flow_closed(flow, stream.had_message());
    }
}

/// Begin to connect, from `source` where that matters.
pub fn connect(remote: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(remote),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&remote.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// The source of a connection as it stands at its beginning.
pub fn source_of(flow: FlowId, key: &PeerKey, local: SocketAddr) -> Source {
    Source {
        flow,
        transport: key.transport,
        remote: key.remote,
        local,
    }
}

/// Run `act` on a stream and end it where that fails.
pub fn with_stream<T>(
    streams: &mut Streams,
    registry: &Registry,
    flows: &mut Flows,
    token: Token,
    inbox: &mut dyn Inbox,
    act: impl FnOnce(&mut Stream, &mut dyn Inbox) -> Result<T, End>,
) -> Option<T> {
    match act(streams.get_mut(token)?, inbox) {
        Ok(value) => Some(value),
        Err(end) => {
            streams.end(registry, flows, token, end, inbox);
            None
        }
    }
}

/// For the sweep of all streams.
pub fn tick(
    streams: &mut Streams,
    registry: &Registry,
    flows: &mut Flows,
    now: Instant,
    inbox: &mut dyn Inbox,
) {
    for token in streams.tokens() {
        with_stream(streams, registry, flows, token, inbox, |stream, _| {
            stream.tick(now)
        });
    }
}
