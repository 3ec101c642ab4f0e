//! Names to addresses. The system's resolver blocks, so a few threads ask it; each name is asked
//! once for all who wait for it, and kept for a moment.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bridgetap_media::ForkId;

/// What a name stands for, or why it stands for nothing.
pub(super) type Lookup = Result<Vec<IpAddr>, String>;

/// Hands an answer to the connector.
pub(super) type Answer = Arc<dyn Fn(String, Lookup) + Send + Sync>;

/// Threads that may hang in the system's resolver at a time.
const THREADS: usize = 4;
/// Long enough for a wave of calls to one host, short enough for a changed record.
const KEEP: Duration = Duration::from_secs(5);
const MAX_KEPT: usize = 1024;

/// Names asked for and names known.
pub(super) struct Resolver {
    ask: Option<Sender<String>>,
    answer: Answer,
    asked: HashMap<String, Vec<ForkId>>,
    known: HashMap<String, (Vec<IpAddr>, Instant)>,
}

impl Resolver {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            ask: None,
            answer,
            asked: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// The addresses when they are known; otherwise [`answered`](Self::answered) will name `fork`.
    pub(super) fn look_up(
        &mut self,
        host: &str,
        fork: ForkId,
        now: Instant,
    ) -> Option<Vec<IpAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Some(vec![address]);
        }
        if let Some((addresses, until)) = self.known.get(host)
            && now < *until
        {
            return Some(addresses.clone());
        }
        let waiting = self.asked.entry(host.to_owned()).or_default();
        waiting.push(fork);
        if waiting.len() == 1 {
            let ask = self.ask.get_or_insert_with(|| start(&self.answer));
            // The receivers live as long as this sender.
            let _ = ask.send(host.to_owned());
        }
        None
    }

    /// An answer came: keep it, and say who waited for it.
    pub(super) fn answered(&mut self, host: &str, lookup: &Lookup, now: Instant) -> Vec<ForkId> {
        if let Ok(addresses) = lookup {
            if self.known.len() >= MAX_KEPT {
                self.known.retain(|_, (_, until)| *until > now);
            }
            if self.known.len() < MAX_KEPT {
                self.known
                    .insert(host.to_owned(), (addresses.clone(), now + KEEP));
            }
        }
        self.asked.remove(host).unwrap_or_default()
    }
}

/// The threads end when the sender is gone; one that hangs in the resolver ends after that.
fn start(answer: &Answer) -> Sender<String> {
    let (ask, questions) = channel::<String>();
    let questions = Arc::new(Mutex::new(questions));
    for _ in 0..THREADS {
        let (questions, answer) = (questions.clone(), answer.clone());
        let started = thread::Builder::new()
            .name("bt-resolver".to_owned())
            .spawn(move || serve(&questions, &answer));
        if let Err(error) = started {
            log::error!("cannot start a resolver thread: {error}");
        }
    }
    ask
}

fn serve(questions: &Mutex<Receiver<String>>, answer: &Answer) {
    loop {
        let question = questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(host) = question else {
            return;
        };
        let lookup = match (host.as_str(), 0).to_socket_addrs() {
            Ok(found) => {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found.map(|a| a.ip()) {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                Ok(addresses)
            }
            Err(error) => Err(error.to_string()),
        };
        answer(host, lookup);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> (Resolver, Receiver<(String, Lookup)>) {
        let (send, receive) = channel();
        let send = Mutex::new(send);
        let answer: Answer = Arc::new(move |host, lookup| {
            let _ = send.lock().unwrap().send((host, lookup));
        });
        (Resolver::new(answer), receive)
    }

    #[test]
    fn numbers_need_no_lookup() {
        let (mut resolver, _) = resolver();
        for (host, expected) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("::1", "::1")] {
            let found = resolver.look_up(host, ForkId(1), Instant::now()).unwrap();
            assert_eq!(found, [expected.parse::<IpAddr>().unwrap()]);
        }
    }

    #[test]
    fn a_name_is_asked_once_for_all_and_kept_for_a_moment() {
        let (mut resolver, answers) = resolver();
        let now = Instant::now();
        assert_eq!(resolver.look_up("localhost", ForkId(1), now), None);
        assert_eq!(resolver.look_up("localhost", ForkId(2), now), None);
        let (host, lookup) = answers.recv().unwrap();
        assert_eq!(
            resolver.answered(&host, &lookup, now),
            [ForkId(1), ForkId(2)]
        );
        assert!(answers.try_recv().is_err());
        let kept = resolver
            .look_up("localhost", ForkId(3), now + KEEP / 2)
            .unwrap();
        assert!(kept.iter().all(IpAddr::is_loopback));
        assert_eq!(resolver.look_up("localhost", ForkId(3), now + KEEP), None);
    }

    #[test]
    fn an_unknown_name_has_an_error_and_is_asked_again() {
        let (mut resolver, answers) = resolver();
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(resolver.look_up("nowhere.invalid", ForkId(1), now), None);
            let (host, lookup) = answers.recv().unwrap();
            assert!(lookup.is_err());
            assert_eq!(resolver.answered(&host, &lookup, now), [ForkId(1)]);
        }
    }
}
