//! Events for the crate `tracing` at the state changes of fetches. Without the feature `tracing` they expand
//! to nothing, so that their fields are not evaluated either.

/// Records an event with the target `nano_fetch`: `trace_event!(DEBUG, field = value, "message")`.
#[cfg(feature = "tracing")]
macro_rules! trace_event {
    ($level:ident, $($event:tt)+) => {
        ::tracing::event!(target: "nano_fetch", ::tracing::Level::$level, $($event)+)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! trace_event {
    ($($event:tt)+) => {};
}

pub(crate) use trace_event;
