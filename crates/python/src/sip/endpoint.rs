//! `Sip`: the SIP thread.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bridgetap_sip::endpoint::SipEndpoint;
use bridgetap_sip::error::SipError;
use bridgetap_sip::transport::IdentityFiles;
use bridgetap_sip::types::{
    Command, DialogId, FlowId, HeaderList, Invite, OwnRequest, Reliable, ReofferMethod, RequestId,
    TlsIdentity,
};
use pyo3::prelude::*;

use super::config::{Admission, Credentials, SipConfig, User};
use crate::events::Events;
use crate::upward::SipSink;
use crate::{error, word};

const NO_BODY: &[u8] = &[];

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Sip {
    endpoint: SipEndpoint,
}

impl Sip {
    /// After `close` there is nothing left that a command could do.
    fn command(&self, command: Command) -> PyResult<()> {
        match self.endpoint.command(command) {
            Ok(()) | Err(SipError::Closed) => Ok(()),
            Err(error) => Err(error::sip(error)),
        }
    }

    fn identity_of(&self, number: u64) -> PyResult<TlsIdentity> {
        let identity = self.endpoint.identity_of(number);
        identity.ok_or_else(|| error::refused(format!("identity: {number}: is of no TLS files")))
    }
}

#[pymethods]
impl Sip {
    #[new]
    fn new(py: Python<'_>, config: &SipConfig, events: &Events) -> PyResult<Self> {
        let (config, sink) = (config.inner.clone(), SipSink(Arc::clone(&events.queue)));
        let endpoint = py
            .detach(|| SipEndpoint::start(config, Box::new(sink)))
            .map_err(error::sip)?;
        Ok(Self { endpoint })
    }

    fn addresses(&self) -> Vec<String> {
        self.endpoint.addresses().to_vec()
    }

    #[pyo3(signature = (*, trunks, users))]
    fn set_admission(
        &self,
        trunks: Vec<PyRef<'_, Admission>>,
        users: Vec<PyRef<'_, User>>,
    ) -> PyResult<()> {
        let trunks = trunks.iter().map(|trunk| trunk.rule.clone()).collect();
        let users = users.iter().map(|user| user.rule.clone()).collect();
        self.endpoint
            .set_admission(trunks, users)
            .map_err(error::sip)
    }

    #[pyo3(signature = (
        *, target, from_, to, headers = Vec::new(), body = NO_BODY, content_type = "application/sdp",
        credentials = None, route = Vec::new(), flow = None, reliable = "supported", identity = None
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn invite(
        &self,
        target: &str,
        from_: &str,
        to: &str,
        headers: HeaderList,
        body: &[u8],
        content_type: &str,
        credentials: Option<PyRef<'_, Credentials>>,
        route: Vec<String>,
        flow: Option<u64>,
        reliable: &str,
        identity: Option<u64>,
    ) -> PyResult<u64> {
        let words = [
            ("supported", Reliable::Supported),
            ("required", Reliable::Required),
            ("off", Reliable::Off),
        ];
        let invite = Invite {
            dialog: DialogId(0), // given by the endpoint
            target: target.to_owned(),
            from: from_.to_owned(),
            to: to.to_owned(),
            headers,
            body: body.to_vec(),
            content_type: content_type.to_owned(),
            credentials: credentials.map(|c| c.inner.clone()),
            route,
            flow: flow.map(FlowId),
            reliable: word("reliable", reliable, &words)?,
            identity: identity
                .map(|number| self.identity_of(number))
                .transpose()?,
        };
        Ok(self.endpoint.invite(invite).map_err(error::sip)?.0)
    }

    #[pyo3(signature = (*, trusted_ca = None, client_certificate = None, client_key = None))]
    fn identity(
        &self,
        py: Python<'_>,
        trusted_ca: Option<PathBuf>,
        client_certificate: Option<PathBuf>,
        client_key: Option<PathBuf>,
    ) -> PyResult<u64> {
        let files = IdentityFiles {
            trusted_ca,
            client_certificate,
            client_key,
        };
        let identity = py.detach(|| self.endpoint.identity(&files));
        Ok(identity.map_err(error::sip)?.number)
    }

    #[pyo3(signature = (dialog, *, status, reason = "", headers = Vec::new(), body = NO_BODY, reliable = false))]
    fn progress(
        &self,
        dialog: u64,
        status: u16,
        reason: &str,
        headers: HeaderList,
        body: &[u8],
        reliable: bool,
    ) -> PyResult<()> {
        self.command(Command::Progress {
            dialog: DialogId(dialog),
            status,
            reason: reason.to_owned(),
            headers,
            body: body.to_vec(),
            reliable,
        })
    }

    #[pyo3(signature = (dialog, *, body, content_type = "application/sdp", headers = Vec::new()))]
    fn answer(
        &self,
        dialog: u64,
        body: &[u8],
        content_type: &str,
        headers: HeaderList,
    ) -> PyResult<()> {
        self.command(Command::Answer {
            dialog: DialogId(dialog),
            body: body.to_vec(),
            content_type: content_type.to_owned(),
            headers,
        })
    }

    #[pyo3(signature = (dialog, *, status, reason = "", headers = Vec::new()))]
    fn reject(&self, dialog: u64, status: u16, reason: &str, headers: HeaderList) -> PyResult<()> {
        self.command(Command::Reject {
            dialog: DialogId(dialog),
            status,
            reason: reason.to_owned(),
            headers,
        })
    }

    #[pyo3(signature = (dialog, *, body = NO_BODY, content_type = "application/sdp"))]
    fn ack(&self, dialog: u64, body: &[u8], content_type: &str) -> PyResult<()> {
        self.command(Command::Ack {
            dialog: DialogId(dialog),
            body: body.to_vec(),
            content_type: content_type.to_owned(),
        })
    }

    #[pyo3(signature = (dialog, *, method = "INVITE", body = NO_BODY, headers = Vec::new()))]
    fn reoffer(&self, dialog: u64, method: &str, body: &[u8], headers: HeaderList) -> PyResult<()> {
        let words = [
            ("INVITE", ReofferMethod::Invite),
            ("UPDATE", ReofferMethod::Update),
        ];
        let method = word("method", method, &words)?;
        self.command(Command::Reoffer {
            dialog: DialogId(dialog),
            method,
            body: body.to_vec(),
            headers,
        })
    }

    #[pyo3(signature = (
        *, method, dialog = None, target = "", from_ = "", to = "",
        headers = Vec::new(), body = NO_BODY, content_type = "", credentials = None, flow = None,
        call_id = "", cseq = 0
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn request(
        &self,
        method: String,
        dialog: Option<u64>,
        target: &str,
        from_: &str,
        to: &str,
        headers: HeaderList,
        body: &[u8],
        content_type: &str,
        credentials: Option<PyRef<'_, Credentials>>,
        flow: Option<u64>,
        call_id: &str,
        cseq: u32,
    ) -> PyResult<u64> {
        let request = OwnRequest {
            request: RequestId(0), // given by the endpoint
            method,
            dialog: dialog.map(DialogId),
            target: target.to_owned(),
            from: from_.to_owned(),
            to: to.to_owned(),
            headers,
            body: body.to_vec(),
            content_type: content_type.to_owned(),
            credentials: credentials.map(|c| c.inner.clone()),
            flow: flow.map(FlowId),
            call_id: call_id.to_owned(),
            cseq,
        };
        Ok(self.endpoint.request(request).map_err(error::sip)?.0)
    }

    #[pyo3(signature = (
        request, *, status, reason = "", headers = Vec::new(), body = NO_BODY,
        content_type = "application/sdp"
    ))]
    fn respond(
        &self,
        request: u64,
        status: u16,
        reason: &str,
        headers: HeaderList,
        body: &[u8],
        content_type: &str,
    ) -> PyResult<()> {
        self.command(Command::Respond {
            request: RequestId(request),
            status,
            reason: reason.to_owned(),
            headers,
            body: body.to_vec(),
            content_type: content_type.to_owned(),
        })
    }

    #[pyo3(signature = (dialog, *, headers = Vec::new()))]
    fn hang_up(&self, dialog: u64, headers: HeaderList) -> PyResult<()> {
        self.command(Command::HangUp {
            dialog: DialogId(dialog),
            headers,
        })
    }

    fn refuse_new_calls(&self) -> PyResult<()> {
        self.command(Command::RefuseNewCalls)
    }

    fn stats(&self) -> BTreeMap<&'static str, u64> {
        self.endpoint.stats().into_iter().collect()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.endpoint.close());
    }
}
