#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffer;
mod chunked;
mod connection;
mod grammar;
mod head;
mod limits;
mod refusal;
mod response;
mod scan;

pub use buffer::BufferPool;
pub use connection::{Awaiting, Closing, Connection, Input, Next};
pub use grammar::{InvalidField, is_framing_field, push_field};
pub use head::{Head, HeaderRange, Span, Version};
pub use limits::Limits;
pub use refusal::{Misuse, Refusal};
pub use response::{BodyLength, ResponseHead, reason_phrase};
