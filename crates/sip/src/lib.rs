//! The SIP engine.
