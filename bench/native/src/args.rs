//! `--name value` arguments: enough for tools that only `make bench` calls.

use std::str::FromStr;

/// The value after `--name`, or `default`. Ends the program when it cannot be read.
pub fn arg<T: FromStr>(name: &str, default: T) -> T {
    let flag = format!("--{name}");
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == flag {
            let value = args.next().unwrap_or_default();
            return value.parse().unwrap_or_else(|_| {
                eprintln!("--{name}: cannot read {value:?}");
                std::process::exit(2)
            });
        }
    }
    default
}
