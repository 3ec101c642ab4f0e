//! The core's few log lines (warnings, faults of ours) as text on standard error: its threads may
//! not wait for Python's logging.

use std::io::Write;

use log::{Level, LevelFilter, Log, Metadata, Record};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("bridgetap")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            let _ = writeln!(std::io::stderr().lock(), "[{level}] core {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Once a process; a second time does nothing.
pub(crate) fn install() {
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
