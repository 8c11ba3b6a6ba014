//! A decompressor's memory is charged to its account, released with it, and refused beyond the account's
//! limit.

use crate::compress;
use nano_arena::Account;
use nano_compression::{Decompressor, Error, Format, Tolerance};

fn decode(format: Format, tolerance: Tolerance, account: &Account, input: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decompressor = Decompressor::with(format, tolerance, Some(account.clone()))?;
    let (mut out, mut at, mut buffer) = (Vec::new(), 0, vec![0; 1 << 16]);
    loop {
        let step = decompressor.step(&input[at..], &mut buffer)?;
        out.extend_from_slice(&buffer[..step.produced]);
        at += step.consumed;
        if !step.more && at == input.len() {
            decompressor.finish()?;
            return Ok(out);
        }
    }
}

/// The header of a stream with the large-window extension: 0x11, then a window of 2^30 bytes; then an empty
/// last block.
const LARGE_WINDOW: &[u8] = &[0x11, 0xde];

#[test]
fn brotli_large_windows_are_refused() {
    for tolerance in [Tolerance::Strict, Tolerance::Http] {
        let account = Account::new(usize::MAX);
        assert_eq!(decode(Format::Brotli, tolerance, &account, LARGE_WINDOW), Err(Error::Invalid));
        assert!(account.peak() < 1 << 20);
    }
}

#[test]
fn memory_is_charged_and_released() {
    let data: Vec<u8> = (0..3_000_000u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect();
    for format in Format::ALL {
        let account = Account::new(64 << 20);
        let encoded = compress(format, &[&data], 1 << 16);
        assert!(decode(format, Tolerance::Strict, &account, &encoded).unwrap() == data, "{format:?}");
        let peak = account.peak();
        // Brotli's encoder here has a window of 1 MiB, Zstandard's one of 2 MiB.
        let least = if matches!(format, Format::Brotli | Format::Zstd) { 1 << 20 } else { 32 << 10 };
        assert!((least..6 << 20).contains(&peak), "{format:?}: {peak}");
        assert_eq!(account.used(), 0, "{format:?}");
    }
}

#[test]
fn memory_beyond_the_limit_is_refused() {
    let data: Vec<u8> = (0..3_000_000u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect();
    for format in Format::ALL {
        let encoded = compress(format, &[&data], 1 << 16);
        // Every limit that is too small, at the creation or later.
        for limit in [0, 10_000, 40_000, 100_000, 500_000] {
            let account = Account::new(limit);
            match decode(format, Tolerance::Http, &account, &encoded) {
                Ok(_) => assert!(limit >= 48 << 10 && !matches!(format, Format::Brotli | Format::Zstd)),
                Err(error) => assert_eq!(error, Error::NoMemory, "{format:?} {limit}"),
            }
            assert_eq!(account.used(), 0, "{format:?}");
        }
    }
}

#[test]
fn http_tolerances() {
    let http = |format, input: &[u8]| decode(format, Tolerance::Http, &Account::new(64 << 20), input);
    let mut members = compress(Format::Gzip, &[b"hello "], 100);
    members.extend(compress(Format::Gzip, &[b"world"], 100));
    assert_eq!(http(Format::Gzip, &members).unwrap(), b"hello world");
    for format in [Format::Gzip, Format::Deflate, Format::Brotli] {
        let padded = [compress(format, &[b"hello"], 100), b"\0\0padding".to_vec()].concat();
        assert_eq!(http(format, &padded).unwrap(), b"hello", "{format:?}");
        assert_eq!(decode(format, Tolerance::Strict, &Account::new(64 << 20), &padded), Err(Error::Trailing));
    }
    let bare = compress(Format::DeflateRaw, &[b"hello"], 100);
    assert_eq!(http(Format::Deflate, &bare).unwrap(), b"hello");
    // The second member is cut off.
    assert_eq!(http(Format::Gzip, &members[..members.len() - 1]), Err(Error::Truncated));
}
