//! Where streams may connect to.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::MediaError;

/// Networks that are always allowed, and networks that are not; all others are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

impl Networks {
    pub(crate) fn parse(allow: &[String], deny: &[String]) -> Result<Self, MediaError> {
        Ok(Self {
            allow: parse("allow_networks", allow)?,
            deny: parse("deny_networks", deny)?,
        })
    }

    /// The network that forbids `address`, if one does.
    pub(crate) fn forbidden(&self, address: IpAddr) -> Option<IpNet> {
        // ::ffff:10.0.0.1 is 10.0.0.1 to the kernel, so it must be to us.
        let address = address.to_canonical();
        if self.allow.iter().any(|net| net.contains(&address)) {
            return None;
        }
        self.deny.iter().find(|net| net.contains(&address)).copied()
    }
}

/// A network, or one address.
fn parse(setting: &'static str, values: &[String]) -> Result<Vec<IpNet>, MediaError> {
    values
        .iter()
        .map(|value| {
            let net = value.parse::<IpNet>().ok();
            let one = || value.parse::<IpAddr>().ok().map(IpNet::from);
            net.or_else(one).ok_or_else(|| MediaError::Setting {
                setting,
                value: value.clone(),
                rule: "must be a network like 10.0.0.0/8 or fc00::/7".to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(allow: &[&str], deny: &[&str]) -> Networks {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        Networks::parse(&owned(allow), &owned(deny)).unwrap()
    }

    #[test]
    fn an_allowed_address_is_allowed_whatever_is_denied() {
        let all = ["0.0.0.0/0", "::/0"];
        let cases: [(&[&str], &[&str], &str, bool); 8] = [
            (&[], &[], "10.0.0.1", true),
            (&[], &["10.0.0.0/8"], "10.0.0.1", false),
            (&[], &["10.0.0.0/8"], "11.0.0.1", true),
            (&["10.1.0.0/16"], &["10.0.0.0/8"], "10.1.0.1", true),
            (&["10.1.0.0/16"], &["10.0.0.0/8"], "10.2.0.1", false),
            (&["127.0.0.1"], &all, "127.0.0.1", true),
            (&["127.0.0.1"], &all, "::1", false),
            (&[], &["10.0.0.0/8"], "::ffff:10.0.0.1", false),
        ];
        for (allow, deny, address, may) in cases {
            let forbidden = networks(allow, deny).forbidden(address.parse().unwrap());
            assert_eq!(forbidden.is_none(), may, "{address} {allow:?} {deny:?}");
        }
    }

    #[test]
    fn a_bad_network_is_named() {
        let error = Networks::parse(&[], &["10.0.0.0/33".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "media: deny_networks \"10.0.0.0/33\": must be a network like 10.0.0.0/8 or fc00::/7"
        );
    }
}
