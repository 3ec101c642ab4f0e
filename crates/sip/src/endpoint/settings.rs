//! The settings of an endpoint, as text from outside and as values inside.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::error::SipError;
use crate::gate::Limits;
use crate::transport::{Listen, TlsFiles};

/// `SipConfig` of `_engine.pyi`, field for field.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// `"udp://127.0.0.1:5060"`, `tcp`, `tls`; port 0 takes a free one.
    pub listen: Vec<String>,
    /// PEM file of our certificate chain.
    pub tls_certificate: Option<String>,
    /// PEM file of its key.
    pub tls_key: Option<String>,
    /// PEM file of CAs to trust besides the system's.
    pub trusted_ca: Option<String>,
    /// PEM file of CAs: whoever connects to us over TLS must show a certificate of theirs.
    pub client_ca: Option<String>,
    /// Written into Via and Contact toward peers outside `local_networks`.
    pub external_address: Option<String>,
    /// Networks (CIDR) that reach us by our own address.
    pub local_networks: Vec<String>,
    /// Written as User-Agent and Server.
    pub user_agent: String,
    /// The digest realm.
    pub realm: String,
    /// Calls at once.
    pub max_dialogs: usize,
    /// New calls a second.
    pub calls_per_second: u32,
    /// The session interval we ask for (RFC 4028).
    pub session_expires_s: u32,
    /// The smallest we accept.
    pub min_se_s: u32,
    /// `ip` or `ip:port`, instead of the system's.
    pub name_servers: Vec<String>,
    /// A pcap file for every message.
    pub trace: Option<String>,
}

impl Default for SipConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            trusted_ca: None,
            client_ca: None,
            external_address: None,
            local_networks: LOCAL_NETWORKS.iter().map(|net| (*net).to_owned()).collect(),
            user_agent: "Bridgetap".to_owned(),
            realm: "bridgetap".to_owned(),
            max_dialogs: 10_000,
            calls_per_second: 500,
            session_expires_s: 1_800,
            min_se_s: 90,
            name_servers: Vec::new(),
            trace: None,
        }
    }
}

/// Private and link-local networks, and the shared one of carriers (RFC 1918, 3927, 4193, 6598).
const LOCAL_NETWORKS: [&str; 7] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
];

/// The same, parsed: what exists here is valid.
#[derive(Debug)]
pub(super) struct Settings {
    pub listens: Vec<Listen>,
    pub tls: TlsFiles,
    pub external: Option<IpAddr>,
    pub local_networks: Vec<IpNet>,
    pub name_servers: Vec<SocketAddr>,
    pub limits: Limits,
}

impl Settings {
    pub(super) fn parse(config: &SipConfig) -> Result<Self, SipError> {
        if config.listen.is_empty() {
            return Err(SipError::Listen("nothing to listen on".to_owned()));
        }
        let listens = config
            .listen
            .iter()
            .map(|text| Listen::parse(text).map_err(SipError::Listen));
        let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
        if config.min_se_s < 90 {
            return Err(wrong(
                "min_se_s",
                config.min_se_s.to_string(),
                "at least 90 (RFC 4028)",
            ));
        }
        if config.session_expires_s < config.min_se_s {
            return Err(wrong(
                "session_expires_s",
                config.session_expires_s.to_string(),
                "at least min_se_s",
            ));
        }
        if config.realm.is_empty() || config.realm.contains(|c: char| c.is_control()) {
            return Err(wrong(
                "realm",
                config.realm.clone(),
                "not empty, no control characters",
            ));
        }
        if config.user_agent.contains(|c: char| c.is_control()) {
            return Err(wrong(
                "user_agent",
                config.user_agent.clone(),
                "no control characters",
            ));
        }
        Ok(Self {
            listens: listens.collect::<Result<_, _>>()?,
            tls: TlsFiles {
                certificate: path(&config.tls_certificate),
                key: path(&config.tls_key),
                trusted_ca: path(&config.trusted_ca),
                client_ca: path(&config.client_ca),
            },
            external: one(
                config.external_address.as_ref(),
                "external_address",
                "an IP address",
                |t| t.parse().ok(),
            )?,
            local_networks: all(
                &config.local_networks,
                "local_networks",
                "CIDR, e.g. 10.0.0.0/8",
                |t| t.parse().ok(),
            )?,
            name_servers: all(
                &config.name_servers,
                "name_servers",
                "ip or ip:port",
                name_server,
            )?,
            limits: Limits {
                calls_per_second: config.calls_per_second,
                max_dialogs: config.max_dialogs,
            },
        })
    }
}

fn name_server(text: &str) -> Option<SocketAddr> {
    text.parse()
        .ok()
        .or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

fn all<T>(
    texts: &[String],
    setting: &'static str,
    rule: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, SipError> {
    texts
        .iter()
        .map(|text| parse(text).ok_or_else(|| wrong(setting, text.clone(), rule)))
        .collect()
}

fn one<T>(
    text: Option<&String>,
    setting: &'static str,
    rule: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SipError> {
    text.map(|text| parse(text).ok_or_else(|| wrong(setting, text.clone(), rule)))
        .transpose()
}

fn wrong(setting: &'static str, value: String, rule: &'static str) -> SipError {
    SipError::Setting {
        setting,
        value,
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(change: impl Fn(&mut SipConfig)) -> Result<Settings, String> {
        let mut config = SipConfig {
            listen: vec!["udp://127.0.0.1:0".into()],
            ..SipConfig::default()
        };
        change(&mut config);
        Settings::parse(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_valid_and_name_servers_may_leave_out_the_port() {
        let settings = parse(|config| {
            config.name_servers = vec!["192.0.2.1".into(), "[::1]:5353".into(), "::1".into()]
        })
        .unwrap();
        assert_eq!(settings.local_networks.len(), 7);
        let servers: Vec<_> = settings
            .name_servers
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(servers, ["192.0.2.1:53", "[::1]:5353", "[::1]:53"]);
    }

    #[test]
    fn a_bad_value_is_told_with_its_place_and_rule() {
        type Change = fn(&mut SipConfig);
        let cases: [(Change, &str); 8] = [
            (|c| c.listen.clear(), "sip.listen: nothing to listen on"),
            (
                |c| c.listen[0] = "x".into(),
                "sip.listen: \"x\": no scheme (want e.g. \"udp://127.0.0.1:5060\", \"tls://[::]:5061\")",
            ),
            (
                |c| c.external_address = Some("host".into()),
                "sip.external_address: \"host\": an IP address",
            ),
            (
                |c| c.local_networks = vec!["10.0.0.0".into()],
                "sip.local_networks: \"10.0.0.0\": CIDR, e.g. 10.0.0.0/8",
            ),
            (
                |c| c.name_servers = vec!["dns".into()],
                "sip.name_servers: \"dns\": ip or ip:port",
            ),
            (
                |c| c.min_se_s = 30,
                "sip.min_se_s: \"30\": at least 90 (RFC 4028)",
            ),
            (
                |c| c.session_expires_s = 80,
                "sip.session_expires_s: \"80\": at least min_se_s",
            ),
            (
                |c| c.realm = "a\r\nb".into(),
                "sip.realm: \"a\\r\\nb\": not empty, no control characters",
            ),
        ];
        for (change, text) in cases {
            assert_eq!(parse(change).unwrap_err(), text);
        }
    }
}
