//! Prints the events of the feature `tracing` to standard error.

use crate::failure::Failure;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Selects the events to print, such as `nano_loop=trace,nano_fetch=debug`. Without it nothing is printed.
const VARIABLE: &str = "NANO_TRACE";

/// Starts printing the events that NANO_TRACE selects.
pub fn start() -> Result<(), Failure> {
    let Ok(selection) = std::env::var(VARIABLE) else { return Ok(()) };
    let targets: Targets = selection.parse().map_err(|error| {
        Failure::Usage(format!("{VARIABLE} is not a list such as nano_loop=trace,nano_fetch=debug: {error}"))
    })?;
    let printed = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(printed.with_filter(targets)).init();
    Ok(())
}
