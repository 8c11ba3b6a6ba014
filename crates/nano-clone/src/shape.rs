//! The two forms of serialized bytes.

/// The form of serialized bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The form for readers of this crate.
    Own,
    /// The form of Node's `v8.serialize`.
    Node,
}
