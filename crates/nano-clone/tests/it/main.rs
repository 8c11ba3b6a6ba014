//! nano-clone in real isolates: within one, between two, to storage, for Node, and with hostile bytes.

mod battery;
mod hostile;
mod isolates;
mod node;
mod property;
mod world;
