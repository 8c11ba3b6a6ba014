//! Content codings, decoded as a stream: gzip, deflate, br, zstd, and several of them one inside the other
//! (RFC 9110 8.4).
//!
//! nano-compression decodes; here its decoders feed each other. A decoder never makes more than it is given
//! room for: the rest waits in it, as its input does.

use crate::error::{ErrorKind, FetchError};
use nano_arena::Account;
use nano_compression::{Decompressor, Error, Format, Tolerance};

/// Output that a decoder may have ready for the decoder after it.
///
/// Limit (bytes): a few chunks, so that both make progress.
const BETWEEN_BYTES: usize = 32 << 10;

struct Stage {
    /// The coding's name, for people.
    coding: &'static str,
    decompressor: Decompressor,
    /// It had more to give than there was room.
    more: bool,
}

/// A chain of decoders.
pub(crate) struct Decoder {
    stages: Vec<Stage>,
    /// Between stages: bytes, and how many of them were used.
    between: Vec<(Vec<u8>, usize)>,
}

fn failed(coding: &str, error: Error) -> FetchError {
    let kind = match error {
        Error::NoMemory => ErrorKind::NoMemory,
        _ => ErrorKind::Decode,
    };
    let reason = match error {
        Error::Truncated => "it ends too early".to_owned(),
        Error::NoMemory => {
            return FetchError::new(kind, format!("no memory is left to decode the response's {coding}"))
                .with_source(error);
        }
        other => other.to_string(),
    };
    FetchError::new(kind, format!("the response's body is no valid {coding}: {reason}")).with_source(error)
}

fn coding(name: &[u8]) -> Option<(&'static str, Format)> {
    let format = Format::from_content_coding(std::str::from_utf8(name).ok()?)?;
    let name = match format {
        Format::Gzip => "gzip",
        Format::Deflate | Format::DeflateRaw => "deflate",
        Format::Brotli => "br",
        Format::Zstd => "zstd",
    };
    Some((name, format))
}

impl Decoder {
    /// The decoder for the codings of a Content-Encoding, in the order in which they were applied; its memory
    /// is charged to `account`. `None` if there is none, or one is unknown: then the body is passed on as it
    /// is.
    ///
    /// # Errors
    ///
    /// If there are more than `most`, or the account has no room for them.
    pub(crate) fn new<'a>(
        codings: impl Iterator<Item = &'a [u8]>,
        most: usize,
        account: Option<&Account>,
    ) -> Result<Option<Self>, FetchError> {
        let mut formats = Vec::new();
        for name in codings.filter(|name| !name.eq_ignore_ascii_case(b"identity")) {
            let Some(format) = coding(name) else { return Ok(None) };
            formats.push(format);
            if formats.len() > most {
                return Err(FetchError::new(
                    ErrorKind::Decode,
                    "the response's body has too many content codings",
                ));
            }
        }
        if formats.is_empty() {
            return Ok(None);
        }
        let mut stages = Vec::with_capacity(formats.len());
        // The coding applied last is the first to be taken off.
        for (coding, format) in formats.into_iter().rev() {
            let decompressor = Decompressor::with(format, Tolerance::Http, account.cloned())
                .map_err(|error| failed(coding, error))?;
            stages.push(Stage { coding, decompressor, more: false });
        }
        let between = (1..stages.len()).map(|_| (Vec::new(), 0)).collect();
        Ok(Some(Self { stages, between }))
    }

    /// Decodes from `input`, appending at most `room` bytes to `output`. How many bytes of the input were
    /// used: all, unless there was no room.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        room: usize,
    ) -> Result<usize, FetchError> {
        let end = output.len() + room;
        let last = self.stages.len() - 1;
        let mut used = 0;
        loop {
            let mut progress = false;
            // From the last to the first, so that what is there is passed on before more is made.
            for index in (0..=last).rev() {
                let (before, after) = self.between.split_at_mut(index);
                let source = match before.last() {
                    Some((bytes, at)) => &bytes[*at..],
                    None => &input[used..],
                };
                let (target, room) = match after.first_mut() {
                    Some((bytes, at)) => {
                        if *at == bytes.len() {
                            bytes.clear();
                            *at = 0;
                        }
                        let room = BETWEEN_BYTES.saturating_sub(bytes.len());
                        (bytes, room)
                    }
                    None => {
                        let room = end - output.len();
                        (&mut *output, room)
                    }
                };
                let stage = &mut self.stages[index];
                if room == 0 || source.is_empty() && !stage.more {
                    continue;
                }
                let made = target.len();
                let taken = stage.step(source, target, room)?;
                progress |= taken > 0 || target.len() > made;
                match before.last_mut() {
                    Some((_, at)) => *at += taken,
                    None => used += taken,
                }
            }
            if !progress {
                return Ok(used);
            }
        }
    }

    /// Whether output waits for room.
    pub(crate) fn has_more(&self) -> bool {
        self.stages.iter().any(|stage| stage.more) || self.between.iter().any(|(bytes, at)| *at < bytes.len())
    }

    /// The input is complete, and all of it was decoded.
    ///
    /// # Errors
    ///
    /// If a decoder expects more.
    pub(crate) fn finish(&self) -> Result<(), FetchError> {
        // An empty body (of a response to HEAD, say) is fine.
        for stage in self.stages.iter().filter(|stage| stage.decompressor.has_begun()) {
            stage.decompressor.finish().map_err(|error| failed(stage.coding, error))?;
        }
        Ok(())
    }
}

impl Stage {
    /// One step: bytes used of `source`; at most `room` bytes are appended to `target`.
    fn step(&mut self, source: &[u8], target: &mut Vec<u8>, room: usize) -> Result<usize, FetchError> {
        let start = target.len();
        // In pieces, so that little is filled with zeros for nothing.
        let room = room.min(BETWEEN_BYTES);
        target.resize(start + room, 0);
        let step = self.decompressor.step(source, &mut target[start..]);
        let made = step.as_ref().map_or(0, |step| step.produced);
        target.truncate(start + made);
        let step = step.map_err(|error| failed(self.coding, error))?;
        self.more = step.more && made == room;
        Ok(step.consumed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sample(bytes: usize) -> Vec<u8> {
        let mut state = 1u32;
        (0..bytes)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if index % 97 < 60 { b'a' + (index % 7) as u8 } else { (state >> 24) as u8 }
            })
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 3).unwrap()
    }

    /// "NANO " 2,000 times, by brotli's own tool.
    const BROTLI: &[u8] = &[
        0x1b, 0x0f, 0x27, 0xf8, 0xa5, 0x41, 0x82, 0x9c, 0x9e, 0xc4, 0x6b, 0x51, 0x40, 0xb1, 0x07, 0x40, 0x36,
    ];

    /// Decodes input that arrives by `size` bytes, with `room` bytes of room at a time.
    fn decode(codings: &str, input: &[u8], size: usize, room: usize) -> Result<Vec<u8>, FetchError> {
        let mut decoder =
            Decoder::new(codings.split(", ").map(str::as_bytes), 3, None)?.expect("known codings");
        let mut output = Vec::new();
        for mut piece in input.chunks(size) {
            while !piece.is_empty() || decoder.has_more() {
                let before = output.len();
                let used = decoder.decode(piece, &mut output, room)?;
                assert!(output.len() - before <= room, "no more than there is room for");
                assert!(used > 0 || output.len() > before || piece.is_empty(), "it stands still");
                piece = &piece[used..];
                if used == 0 && output.len() == before {
                    break;
                }
            }
        }
        decoder.finish()?;
        Ok(output)
    }

    #[test]
    fn every_coding_at_many_splits() {
        let bytes = sample(100_000);
        for (codings, encoded) in [
            ("gzip", gzip(&bytes)),
            ("X-GZip", gzip(&bytes)),
            ("deflate", zlib(&bytes)),
            ("deflate", deflate(&bytes)),
            ("zstd", zstd(&bytes)),
            ("zstd, gzip", gzip(&zstd(&bytes))),
            ("gzip, deflate, zstd", zstd(&zlib(&gzip(&bytes)))),
        ] {
            for (size, room) in [(1, 1 << 20), (7, 13), (1000, 1), (1 << 20, 1 << 20), (4096, 65536)] {
                assert_eq!(
                    decode(codings, &encoded, size, room).as_deref(),
                    Ok(&*bytes),
                    "{codings} {size} {room}"
                );
            }
        }
    }

    #[test]
    fn members_and_padding() {
        let mut two = gzip(b"hello ");
        two.extend(gzip(b"world"));
        assert_eq!(decode("gzip", &two, 3, 100).as_deref(), Ok(&b"hello world"[..]));
        two.extend(b"\0\0\0padding");
        assert_eq!(decode("gzip", &two, 3, 100).as_deref(), Ok(&b"hello world"[..]));
    }

    #[test]
    fn what_is_cut_off_or_corrupt_is_an_error() {
        let bytes = sample(5000);
        for (coding, encoded) in [("gzip", gzip(&bytes)), ("deflate", zlib(&bytes)), ("zstd", zstd(&bytes))] {
            for len in 1..encoded.len() {
                assert!(decode(coding, &encoded[..len], 100, 1000).is_err(), "{coding} cut to {len}");
            }
            let garbage = decode(coding, b"this is not compressed at all, is it", 100, 1000);
            assert_eq!(garbage.map_err(|error| error.kind), Err(ErrorKind::Decode), "{coding}");
        }
        assert!(decode("br", b"\xff\xff\xff\xff\xff", 100, 1000).is_err());
        // A window of 128 MiB.
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(zstd::stream::raw::CParameter::WindowLog(27)).unwrap();
        encoder.write_all(&bytes).unwrap();
        assert!(decode("zstd", &encoder.finish().unwrap(), 100, 1000).is_err());
    }

    #[test]
    fn unknown_ones_are_left_alone() {
        assert!(Decoder::new([&b"identity"[..]].into_iter(), 3, None).unwrap().is_none());
        assert!(Decoder::new([&b"gzip"[..], b"secret"].into_iter(), 3, None).unwrap().is_none());
        assert!(Decoder::new([&b"gzip"[..]; 4].into_iter(), 3, None).is_err());
        let empty = Decoder::new([&b"gzip"[..]].into_iter(), 3, None).unwrap().unwrap();
        assert!(empty.finish().is_ok());
    }

    #[test]
    fn a_bomb_waits_for_room() {
        let bomb = gzip(&vec![0; 50 << 20]);
        let mut decoder = Decoder::new([&b"gzip"[..]].into_iter(), 3, None).unwrap().unwrap();
        let mut output = Vec::new();
        let used = decoder.decode(&bomb, &mut output, 1000).unwrap();
        assert_eq!(output.len(), 1000);
        assert!(used < bomb.len() && decoder.has_more());
    }

    /// A header with the large-window extension, which says that the window has 2^30 bytes, and an empty last
    /// block.
    const BROTLI_LARGE_WINDOW: &[u8] = &[0x11, 0xde];

    #[test]
    fn brotli_with_a_large_window_is_refused() {
        let error = decode("br", BROTLI_LARGE_WINDOW, 100, 100).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Decode);
    }

    #[test]
    fn brotli() {
        let text = "NANO ".repeat(2000);
        for (size, room) in [(1, 1 << 20), (3, 7), (100, 1)] {
            match decode("br", BROTLI, size, room) {
                Ok(bytes) => assert_eq!(bytes, text.as_bytes()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
