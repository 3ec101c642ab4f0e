//! SIP events as frozen Python objects.

use bridgetap_sip::types::{HeaderList, Identity, ReofferMethod, SipEvent};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes::bytes;

/// A frozen class whose attributes are its fields.
macro_rules! event {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[pyclass(frozen, get_all, module = "bridgetap._engine")]
        pub(crate) struct $name { $($field: $type),+ }
    };
}

event!(IncomingCall {
    dialog: u64,
    trunk: Option<String>,
    user: Option<String>,
    request_uri: String,
    from_: String,
    to: String,
    contact: String,
    call_id: String,
    headers: HeaderList,
    content_type: String,
    body: Py<PyBytes>,
    transport: &'static str,
    source: String,
    local: String,
    flow: u64,
});
event!(CallProgress {
    dialog: u64,
    status: u16,
    reason: String,
    headers: HeaderList,
    content_type: String,
    body: Py<PyBytes>,
    reliable: bool,
    early: String,
});
event!(CallAnswered {
    dialog: u64,
    headers: HeaderList,
    content_type: String,
    body: Py<PyBytes>,
    needs_ack: bool,
    contact: String,
    source: String,
});
event!(CallAcked { dialog: u64, body: Py<PyBytes> });
event!(CallEnded {
    dialog: u64,
    cause: &'static str,
    status: u16,
    reason: String,
    headers: HeaderList,
    trouble: String,
    tls_failed: bool,
});
event!(ReofferReceived { dialog: u64, request: u64, method: &'static str, headers: HeaderList, body: Py<PyBytes> });
event!(ReofferAnswered { dialog: u64, status: u16, reason: String, body: Py<PyBytes> });
event!(ReofferOvertaken { dialog: u64 });
event!(RegisterReceived {
    request: u64,
    user: String,
    to: String,
    contacts: Vec<String>,
    expires: Option<u32>,
    call_id: String,
    cseq: u32,
    headers: HeaderList,
    transport: &'static str,
    source: String,
    flow: u64,
});
event!(RequestReceived {
    dialog: u64,
    request: u64,
    method: String,
    headers: HeaderList,
    content_type: String,
    body: Py<PyBytes>,
});
event!(Response {
    request: u64,
    status: u16,
    reason: String,
    headers: HeaderList,
    body: Py<PyBytes>,
    flow: u64,
    local: String,
    source: String,
});
event!(FlowClosed { flow: u64 });
event!(SipNotice { kind: &'static str, source: String, detail: String, count: u32 });

/// One event as the object of its class.
pub(crate) fn convert(py: Python<'_>, event: SipEvent) -> PyResult<Bound<'_, PyAny>> {
    Ok(match event {
        SipEvent::IncomingCall(call) => {
            let (trunk, user) = match call.identity {
                Identity::Trunk(name) => (Some(name), None),
                Identity::User(name) => (None, Some(name)),
            };
            let call = IncomingCall {
                dialog: call.dialog.0,
                trunk,
                user,
                request_uri: call.request_uri,
                from_: call.from,
                to: call.to,
                contact: call.contact,
                call_id: call.call_id,
                headers: call.headers,
                content_type: call.content_type,
                body: bytes(py, &call.body),
                transport: call.source.transport.name(),
                source: call.source.remote.to_string(),
                local: call.source.local.to_string(),
                flow: call.source.flow.0,
            };
            Bound::new(py, call)?.into_any()
        }
        SipEvent::CallProgress {
            dialog,
            status,
            reason,
            headers,
            content_type,
            body,
            reliable,
            early,
        } => {
            let body = bytes(py, &body);
            let progress = CallProgress {
                dialog: dialog.0,
                status,
                reason,
                headers,
                content_type,
                body,
                reliable,
                early,
            };
            Bound::new(py, progress)?.into_any()
        }
        SipEvent::CallAnswered {
            dialog,
            headers,
            content_type,
            body,
            needs_ack,
            contact,
            source,
        } => {
            let (body, source) = (bytes(py, &body), source.to_string());
            let answered = CallAnswered {
                dialog: dialog.0,
                headers,
                content_type,
                body,
                needs_ack,
                contact,
                source,
            };
            Bound::new(py, answered)?.into_any()
        }
        SipEvent::CallAcked { dialog, body } => Bound::new(
            py,
            CallAcked {
                dialog: dialog.0,
                body: bytes(py, &body),
            },
        )?
        .into_any(),
        SipEvent::CallEnded {
            dialog,
            cause,
            status,
            reason,
            headers,
            trouble,
        } => Bound::new(
            py,
            CallEnded {
                tls_failed: trouble.as_ref().is_some_and(|why| why.tls),
                trouble: trouble.map_or_else(String::new, |why| why.detail),
                dialog: dialog.0,
                cause: cause.name(),
                status,
                reason,
                headers,
            },
        )?
        .into_any(),
        SipEvent::ReofferReceived {
            dialog,
            request,
            method,
            headers,
            body,
        } => {
            let method = match method {
                ReofferMethod::Invite => "INVITE",
                ReofferMethod::Update => "UPDATE",
            };
            let body = bytes(py, &body);
            Bound::new(
                py,
                ReofferReceived {
                    dialog: dialog.0,
                    request: request.0,
                    method,
                    headers,
                    body,
                },
            )?
            .into_any()
        }
        SipEvent::ReofferAnswered {
            dialog,
            status,
            reason,
            body,
        } => Bound::new(
            py,
            ReofferAnswered {
                dialog: dialog.0,
                status,
                reason,
                body: bytes(py, &body),
            },
        )?
        .into_any(),
        SipEvent::ReofferOvertaken { dialog } => {
            Bound::new(py, ReofferOvertaken { dialog: dialog.0 })?.into_any()
        }
        SipEvent::RegisterReceived(register) => {
            let register = RegisterReceived {
                request: register.request.0,
                user: register.user,
                to: register.to,
                contacts: register.contacts,
                expires: register.expires,
                call_id: register.call_id,
                cseq: register.cseq,
                headers: register.headers,
                transport: register.source.transport.name(),
                source: register.source.remote.to_string(),
                flow: register.source.flow.0,
            };
            Bound::new(py, register)?.into_any()
        }
        SipEvent::RequestReceived {
            dialog,
            request,
            method,
            headers,
            content_type,
            body,
        } => {
            let body = bytes(py, &body);
            let received = RequestReceived {
                dialog: dialog.0,
                request: request.0,
                method,
                headers,
                content_type,
                body,
            };
            Bound::new(py, received)?.into_any()
        }
        SipEvent::Response {
            request,
            status,
            reason,
            headers,
            body,
            source,
        } => {
            let response = Response {
                request: request.0,
                status,
                reason,
                headers,
                body: bytes(py, &body),
                flow: source.as_ref().map_or(0, |source| source.flow.0),
                local: source
                    .as_ref()
                    .map_or_else(String::new, |source| source.local.to_string()),
                source: source
                    .as_ref()
                    .map_or_else(String::new, |source| source.remote.to_string()),
            };
            Bound::new(py, response)?.into_any()
        }
        SipEvent::FlowClosed { flow } => Bound::new(py, FlowClosed { flow: flow.0 })?.into_any(),
        SipEvent::SipNotice {
            kind,
            source,
            detail,
            count,
        } => Bound::new(
            py,
            SipNotice {
                kind: kind.name(),
                source: source.to_string(),
                detail,
                count,
            },
        )?
        .into_any(),
    })
}
