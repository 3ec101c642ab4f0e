//! Request methods.

use std::fmt;

/// A method; upper and lower case differ (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Prack,
    Update,
    Info,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Other(String),
}

const NAMES: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Register, "REGISTER"),
    (Method::Options, "OPTIONS"),
    (Method::Prack, "PRACK"),
    (Method::Update, "UPDATE"),
    (Method::Info, "INFO"),
    (Method::Refer, "REFER"),
    (Method::Notify, "NOTIFY"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Message, "MESSAGE"),
    (Method::Publish, "PUBLISH"),
];

impl Method {
    /// The method of that name.
    pub fn new(name: &str) -> Method {
        NAMES.iter().find(|(_, known)| *known == name).map_or_else(
            || Method::Other(name.to_owned()),
            |(method, _)| method.clone(),
        )
    }

    /// As on the wire.
    pub fn as_str(&self) -> &str {
        if let Method::Other(name) = self {
            return name;
        }
        NAMES
            .iter()
            .find(|(method, _)| method == self)
            .map_or("", |(_, name)| *name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
