//! One request with its response (an *exchange*): what is known of it, how far both are, and the calls that
//! JavaScript makes for it.
//!
//! Uses the transport, the log and the metrics. Must not know the connection that drives the transport, nor
//! the worker: calls of JavaScript ([`nano_runtime::Exchange`]) move bytes into and out of the transport's
//! buffers and wake the connection. They enter no isolate, so that nothing of a request is on the stack below
//! JavaScript but these calls.
//!
//! Reading order: [`tenant`] and [`context`] (what requests share), [`exchange`], [`body`] and [`calls`] (the
//! trait), [`head`].

mod body;
mod calls;
mod context;
mod exchange;
pub(crate) mod head;
mod tenant;

pub(crate) use context::{Context, ContextOptions};
pub(crate) use exchange::{HttpExchange, Response};
pub(crate) use tenant::Tenant;
