//! SIP transactions: four tables, one machine that runs them, and the keys that find them.

mod key;
mod machine;
mod table;
mod timer;

pub use key::{ClientKey, MergeKey, ServerKey};
pub use machine::Machine;
pub use table::{Action, Event, Kind, State};
pub use timer::{PATIENCE, T1, T2};

#[cfg(test)]
mod tests;
