//! nano-clone in real isolates: what is cloned and what is refused, between isolates, to storage, for Node, and under hostile bytes.

mod battery;
mod hostile;
mod isolates;
mod node;
mod property;
mod world;
