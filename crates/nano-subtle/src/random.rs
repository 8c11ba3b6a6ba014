//! Randomness: the system's generator, and nothing of our own between it and who asks.

use crate::error::{Error, Result};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use zeroize::Zeroizing;

/// The system's generator as other crates want it.
pub(crate) type System = UnwrapErr<SysRng>;

/// It panics if the system gives nothing: [`check`] first.
pub(crate) fn rng() -> System {
    UnwrapErr(SysRng)
}

/// Whether the system's generator works; once it does, it does not stop.
pub(crate) fn check() -> Result<()> {
    fill(&mut [0; 1])
}

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| Error::random())
}

/// So many secret bytes.
pub(crate) fn secret(length: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    fill(&mut bytes)?;
    Ok(bytes)
}
