#![doc = include_str!("../README.md")]
//!
//! # Features
//!
//! - `tracing`: records refusals with the target `nano_http` through the crate
//!   [tracing](https://docs.rs/tracing). Off by default; without it the events expand to nothing.
#![forbid(unsafe_code)]

mod body;
mod buffer;
mod chunked;
mod client;
mod connection;
mod fields;
mod framing;
mod grammar;
mod head;
mod headers;
mod limits;
mod refusal;
mod response;
mod scan;
mod text;
mod trace_event;
mod transfer;

pub use buffer::BufferPool;
pub use chunked::{LAST_CHUNK, push_chunk_line};
pub use client::{ReceivedHead, ResponseError, ResponseLimits, ResponseReader, ResponseStep};
pub use connection::{Awaiting, Closing, Connection, Input, Next};
pub use fields::{FieldClasses, writers_fields};
pub use grammar::{InvalidField, is_token, push_field};
pub use head::{Head, HeaderRange, Span, Version};
pub use headers::{Headers, Iter as HeadersIter};
pub use limits::Limits;
pub use refusal::{Misuse, Refusal};
pub use response::{ResponseHead, reason_phrase};
pub use text::{ResponseText, push_request_text};
pub use transfer::{BodyLength, BodyRead, Written};
