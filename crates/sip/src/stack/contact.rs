//! Our Contact: the address a peer reaches us by, with what Python says of itself.

use super::core::Core;
use crate::types::{HeaderList, Target, Transport};
use crate::value::{NameAddr, Uri};

/// What of our Contact does not depend on where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OurContact {
    user: String,
    params: String,
}

impl OurContact {
    /// With the user part of `uri`.
    pub fn of(uri: &str) -> OurContact {
        let user = Uri::parse(uri)
            .ok()
            .and_then(|uri| uri.user)
            .unwrap_or_default();
        OurContact {
            user,
            params: String::new(),
        }
    }

    /// Python cannot know our address, but may say what we are (`+sip.src`, RFC 3840): the
    /// parameters of a Contact among its headers are kept from now on.
    pub fn describe(&mut self, headers: &HeaderList) {
        let contact = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Contact"));
        if let Some(Ok(contact)) = contact.map(|(_, value)| NameAddr::parse(value)) {
            self.params = contact.params.to_string();
        }
    }
}

impl Core {
    /// Our Contact toward `target`, as a name-addr.
    pub fn contact(&self, contact: &OurContact, target: &Target, secure: bool) -> String {
        let address = self.config.addresses.advertised(target);
        let OurContact { user, params } = contact;
        let at = if user.is_empty() { "" } else { "@" };
        match target.transport {
            Transport::Tls if secure => format!("<sips:{user}{at}{address}>{params}"),
            Transport::Udp => format!("<sip:{user}{at}{address}>{params}"),
            other => format!(
                "<sip:{user}{at}{address};transport={}>{params}",
                other.name()
            ),
        }
    }
}
