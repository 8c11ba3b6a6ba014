//! Random bytes: the system's generator, without a generator of our own in between.

use crate::error::{Error, Result};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use zeroize::Zeroizing;

/// The system's generator, with the trait that other crates use.
pub(crate) type System = UnwrapErr<SysRng>;

/// The system's generator. It panics if the system fails: call [`check`] first.
pub(crate) fn rng() -> System {
    UnwrapErr(SysRng)
}

/// Checks that the system's generator works. A generator that has worked once does not stop.
pub(crate) fn check() -> Result<()> {
    fill(&mut [0; 1])
}

/// Fills `bytes` with random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| Error::random())
}

/// Makes `length` random bytes that are secret.
pub(crate) fn secret(length: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    fill(&mut bytes)?;
    Ok(bytes)
}
