//! Events for the crate `tracing` at refusals. Without the feature `tracing` they expand to
//! nothing, so that their fields are not evaluated either.

/// Records an event with the target `nano_http`: `trace_event!(DEBUG, field = value, "message")`.
#[cfg(feature = "tracing")]
macro_rules! trace_event {
    ($level:ident, $($event:tt)+) => {
        ::tracing::event!(target: "nano_http", ::tracing::Level::$level, $($event)+)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! trace_event {
    ($($event:tt)+) => {};
}

pub(crate) use trace_event;
