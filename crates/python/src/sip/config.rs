//! `SipConfig`, `Admission`, `User`, `Credentials`.

use bridgetap_sip::types;
use pyo3::prelude::*;

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct SipConfig {
    pub(crate) inner: bridgetap_sip::endpoint::SipConfig,
}

#[pymethods]
impl SipConfig {
    #[new]
    #[pyo3(signature = (
        *, listen, tls_certificate = None, tls_key = None, trusted_ca = None, client_ca = None,
        external_address = None, local_networks = None, user_agent = "Bridgetap", realm = "bridgetap",
        max_dialogs = 10_000, calls_per_second = 500, session_expires_s = 1800, min_se_s = 90,
        name_servers = Vec::new(), trace = None
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn new(
        listen: Vec<String>,
        tls_certificate: Option<String>,
        tls_key: Option<String>,
        trusted_ca: Option<String>,
        client_ca: Option<String>,
        external_address: Option<String>,
        local_networks: Option<Vec<String>>,
        user_agent: &str,
        realm: &str,
        max_dialogs: usize,
        calls_per_second: u32,
        session_expires_s: u32,
        min_se_s: u32,
        name_servers: Vec<String>,
        trace: Option<String>,
    ) -> Self {
        let defaults = bridgetap_sip::endpoint::SipConfig::default();
        Self {
            inner: bridgetap_sip::endpoint::SipConfig {
                listen,
                tls_certificate,
                tls_key,
                trusted_ca,
                client_ca,
                external_address,
                local_networks: local_networks.unwrap_or(defaults.local_networks),
                user_agent: user_agent.to_owned(),
                realm: realm.to_owned(),
                max_dialogs,
                calls_per_second,
                session_expires_s,
                min_se_s,
                name_servers,
                trace,
            },
        }
    }
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Admission {
    pub(crate) rule: types::TrunkRule,
}

#[pymethods]
impl Admission {
    #[new]
    #[pyo3(signature = (*, network, trunk))]
    fn new(network: String, trunk: String) -> Self {
        Self {
            rule: types::TrunkRule { network, trunk },
        }
    }
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct User {
    pub(crate) rule: types::UserRule,
}

#[pymethods]
impl User {
    #[new]
    #[pyo3(signature = (*, username, ha1 = None, ha1_sha256 = None))]
    fn new(username: String, ha1: Option<String>, ha1_sha256: Option<String>) -> Self {
        Self {
            rule: types::UserRule {
                username,
                ha1,
                ha1_sha256,
            },
        }
    }
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct Credentials {
    pub(crate) inner: types::Credentials,
}

#[pymethods]
impl Credentials {
    #[new]
    #[pyo3(signature = (*, username, password))]
    fn new(username: String, password: String) -> Self {
        Self {
            inner: types::Credentials { username, password },
        }
    }
}
