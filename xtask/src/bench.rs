//! Being written.

pub mod client;
pub mod peers;
pub mod process;
pub mod workerd;

pub fn main(_args: &[String]) -> Result<(), String> {
    Err("not written yet".into())
}
