//! What others hold of the endpoint: commands down, figures, the end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::{Poll, Waker};

use super::driver::{Driver, WAKE};
use super::settings::{Settings, SipConfig};
use super::shared::{Bell, Figures, SharedDoor, SystemEntropy};
use crate::admission::{DigestAuthenticator, Door, Rules};
use crate::config::{Addresses, Config};
use crate::error::SipError;
use crate::gate::Gate;
use crate::ids::Ids;
use crate::resolve::Resolver;
use crate::stack::Stack;
use crate::trace::Trace;
use crate::transport::{Identities, IdentityFiles, Listen, Tls, Transports};
use crate::types::{
    Command, DialogId, Invite, OwnRequest, RequestId, SipEvent, TlsIdentity, TrunkRule, UserRule,
};

/// Where events go.
pub trait EventSink: Send {
    /// Called on the SIP thread, in order per dialog; must not wait.
    fn push(&self, event: SipEvent);
    /// How long the oldest event has waited to be taken; over 200 ms new calls get 503.
    fn oldest_ms(&self) -> u64;
}

/// `Sip` of `_engine.pyi`: a handle to the SIP thread. Every method returns at once.
pub struct SipEndpoint {
    queue: SyncSender<Command>,
    bell: Arc<Bell>,
    waker: Arc<Waker>,
    closing: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    figures: Arc<Figures>,
    door: SharedDoor,
    ids: Ids,
    identities: Identities,
    addresses: Vec<String>,
}

/// Commands that wait for the thread; one more is refused, so that a stuck thread is noticed.
pub(super) const QUEUE: usize = 16_384;

impl SipEndpoint {
    /// Bind and start. The error names the address, file or value that will not do.
    pub fn start(config: SipConfig, sink: Box<dyn EventSink + Send>) -> Result<Self, SipError> {
        let settings = Settings::parse(&config)?;
        let now = Instant::now();
        let mut entropy = SystemEntropy::new()?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let tls = Tls::load(&settings.tls)?;
        let identities = tls.identities().clone();
        let transports =
            Transports::bind(now, poll.registry().try_clone()?, &settings.listens, tls)?;
        let trace = config.trace.as_deref().map(open_trace).transpose()?;
        let listeners = transports.listeners();
        let addresses = listeners
            .iter()
            .map(|l| {
                Listen {
                    transport: l.transport,
                    address: l.bound,
                }
                .to_string()
            })
            .collect();

        let ids = Ids::default();
        let door = SharedDoor::new(Door::new(&config.realm, entropy.secret(), now));
        let stack = Stack::new(
            Config {
                user_agent: config.user_agent,
                max_dialogs: config.max_dialogs,
                session_expires_s: config.session_expires_s,
                min_se_s: config.min_se_s,
                addresses: Addresses {
                    listeners,
                    external: settings.external,
                    local_networks: settings.local_networks,
                },
                ids: ids.clone(),
            },
            Box::new(door.clone()),
            Box::new(DigestAuthenticator::new(Box::new(SystemEntropy::new()?))),
            Box::new(entropy),
        );

        let (queue, commands) = sync_channel(QUEUE);
        let (located, resolved) = sync_channel(QUEUE);
        let bell = Arc::new(Bell::default());
        let ring = (bell.clone(), waker.clone());
        let resolver = Resolver::start(
            &settings.name_servers,
            transports.means(),
            Box::new(SystemEntropy::new()?),
            move |answer| {
                // The lookups are bounded by the resolver, so this never waits for long.
                if located.send(answer).is_ok() && ring.0.ring() {
                    let _ = ring.1.wake();
                }
            },
        )?;
        let (closing, figures) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Figures::default()),
        );
        let driver = Driver::new(
            poll,
            transports,
            stack,
            door.clone(),
            Gate::new(settings.limits, now),
            resolver,
            trace,
            sink,
            super::driver::Ends {
                commands,
                resolved,
                bell: bell.clone(),
                closing: closing.clone(),
                figures: figures.clone(),
            },
        );
        let thread = thread::Builder::new()
            .name("bridgetap-sip".into())
            .spawn(move || driver.run())?;
        Ok(Self {
            queue,
            bell,
            waker,
            closing,
            thread: Mutex::new(Some(thread)),
            figures,
            door,
            ids,
            identities,
            addresses,
        })
    }

    /// What was bound, with the real ports, in the order of `listen`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Who may call from now on; a bad rule is told and changes nothing.
    pub fn set_admission(
        &self,
        trunks: Vec<TrunkRule>,
        users: Vec<UserRule>,
    ) -> Result<(), SipError> {
        let rules = Rules::parse(&trunks, &users)?;
        self.door.lock().door.replace(rules);
        Ok(())
    }

    /// Call somebody; `invite.dialog` is filled in and returned.
    pub fn invite(&self, mut invite: Invite) -> Result<DialogId, SipError> {
        invite.dialog = self.ids.dialog();
        let dialog = invite.dialog;
        self.command(Command::Invite(Box::new(invite)))
            .map(|()| dialog)
    }

    /// Read the TLS files of one peer, for [`Invite::identity`]; the error names the file. The
    /// same content is the same identity.
    pub fn identity(&self, files: &IdentityFiles) -> Result<TlsIdentity, SipError> {
        self.identities.read(files)
    }

    /// The identity of that number.
    pub fn identity_of(&self, number: u64) -> Option<TlsIdentity> {
        self.identities.of(number)
    }

    /// Send any other request; `request.request` is filled in and returned.
    pub fn request(&self, mut request: OwnRequest) -> Result<RequestId, SipError> {
        request.request = self.ids.request();
        let id = request.request;
        self.command(Command::Request(Box::new(request)))
            .map(|()| id)
    }

    /// 503 to new calls from now on; live dialogs go on.
    pub fn refuse_new_calls(&self) -> Result<(), SipError> {
        self.door.lock().draining = true;
        self.command(Command::RefuseNewCalls)
    }

    /// Any other command. What comes of it arrives as an event.
    pub fn command(&self, command: Command) -> Result<(), SipError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(SipError::Closed);
        }
        match self.queue.try_send(command) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(SipError::Behind(QUEUE)),
            Err(TrySendError::Disconnected(_)) => Err(SipError::Closed),
        }
    }

    /// Counters and sizes as they were after the thread's last turn.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        self.figures.read()
    }

    /// Carry out the commands given so far, then stop the thread and close its sockets. May be
    /// called twice.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let _ = self.waker.wake();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            log::error!("sip.thread-died");
        }
    }

    fn wake(&self) {
        if self.bell.ring()
            && let Err(error) = self.waker.wake()
        {
            log::error!("sip.cannot-wake error={error}");
        }
    }
}

impl Drop for SipEndpoint {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_trace(path: &str) -> Result<Trace, SipError> {
    Trace::create(Path::new(path)).map_err(|error| SipError::Trace {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<SipEndpoint>();
    }
}
