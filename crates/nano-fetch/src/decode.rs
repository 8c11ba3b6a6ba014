//! Content codings, decoded as a stream: gzip, deflate, br, zstd, and several of them one inside the other (RFC 9110 8.4).
//!
//! A decoder never makes more than it is given room for: what a small body unpacks to waits in it, as its input does.

use crate::error::{ErrorKind, FetchError};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

/// The largest window of zstd that is decoded, as a power of two: 8 MiB, what RFC 9659 has servers stay within.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What a decoder that feeds another may have ready for it.
const BETWEEN_BYTES: usize = 32 << 10;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

enum Coder {
    /// The flag: a member has ended, and another may follow.
    Gzip(Box<Decompress>, bool),
    /// zlib's format, or, from some servers, the bare one: told apart by the first byte.
    DeflateUnknown,
    Deflate(Box<Decompress>, bool),
    Brotli(Box<Brotli>, bool),
    Zstd(Box<ZstdDecoder<'static>>, bool),
}

struct Stage {
    coder: Coder,
    /// It had more to give than there was room.
    more: bool,
    /// It has had some input.
    begun: bool,
}

/// A chain of decoders.
pub(crate) struct Decoder {
    stages: Vec<Stage>,
    /// Between stages: bytes, and how many of them were used.
    between: Vec<(Vec<u8>, usize)>,
}

fn failed(coding: &str, reason: impl std::fmt::Display) -> FetchError {
    FetchError::new(ErrorKind::Decode, format!("the response's body is no valid {coding}: {reason}"))
}

impl Decoder {
    /// The decoder for the codings of a Content-Encoding, in the order in which they were applied. `None` if there is none, or
    /// one is unknown: then the body is passed on as it is.
    ///
    /// # Errors
    ///
    /// If there are more than `most`.
    pub(crate) fn new<'a>(
        codings: impl Iterator<Item = &'a [u8]>,
        most: usize,
    ) -> Result<Option<Self>, FetchError> {
        let mut stages = Vec::new();
        for coding in codings {
            let coder = match coding.to_ascii_lowercase().as_slice() {
                b"identity" => continue,
                b"gzip" | b"x-gzip" => Coder::Gzip(Box::new(Decompress::new_gzip(15)), false),
                b"deflate" => Coder::DeflateUnknown,
                b"br" => Coder::Brotli(Box::new(new_brotli()), false),
                b"zstd" => Coder::Zstd(Box::new(new_zstd()?), false),
                _ => return Ok(None),
            };
            stages.push(Stage { coder, more: false, begun: false });
            if stages.len() > most {
                return Err(FetchError::new(
                    ErrorKind::Decode,
                    "the response's body has too many content codings",
                ));
            }
        }
        if stages.is_empty() {
            return Ok(None);
        }
        // The coding applied last is the first to be taken off.
        stages.reverse();
        let between = (1..stages.len()).map(|_| (Vec::new(), 0)).collect();
        Ok(Some(Self { stages, between }))
    }

    /// Decodes from `input`, appending at most `room` bytes to `output`. How many bytes of the input were used: all, unless there
    /// was no room.
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
        for stage in &self.stages {
            let (coding, done) = match &stage.coder {
                Coder::Gzip(_, done) => ("gzip", *done),
                Coder::DeflateUnknown => ("deflate", false),
                Coder::Deflate(_, done) => ("deflate", *done),
                Coder::Brotli(_, done) => ("br", *done),
                Coder::Zstd(_, done) => ("zstd", *done),
            };
            // An empty body (of a response to HEAD, say) is fine.
            if stage.begun && !done {
                return Err(failed(coding, "it ends too early"));
            }
        }
        Ok(())
    }
}

fn new_brotli() -> Brotli {
    BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default())
}

fn new_zstd() -> Result<ZstdDecoder<'static>, FetchError> {
    let mut decoder = ZstdDecoder::new().map_err(|error| failed("zstd", error))?;
    decoder
        .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
        .map_err(|error| failed("zstd", error))?;
    Ok(decoder)
}

impl Stage {
    /// One step: bytes used of `source`; at most `room` bytes are appended to `target`.
    fn step(&mut self, source: &[u8], target: &mut Vec<u8>, room: usize) -> Result<usize, FetchError> {
        let start = target.len();
        // In pieces, so that little is filled with zeros for nothing.
        let room = room.min(BETWEEN_BYTES);
        target.resize(start + room, 0);
        let result = self.run(source, &mut target[start..]);
        let (used, made) = result.inspect_err(|_| target.truncate(start))?;
        target.truncate(start + made);
        self.begun |= used > 0;
        self.more = made == room;
        Ok(used)
    }

    fn run(&mut self, source: &[u8], target: &mut [u8]) -> Result<(usize, usize), FetchError> {
        match &mut self.coder {
            Coder::DeflateUnknown => {
                let Some(first) = source.first() else { return Ok((0, 0)) };
                // RFC 1950 2.2: method 8 and a window of at most 32 KiB; a bare stream (RFC 1951) that begins so would have to
                // begin with a stored block of odd padding.
                let zlib = first & 0x0f == 8 && first >> 4 <= 7;
                self.coder = Coder::Deflate(Box::new(Decompress::new(zlib)), false);
                self.run(source, target)
            }
            Coder::Gzip(inflate, done) => {
                if *done {
                    // RFC 1952 2.2: members follow each other. What is none is padding, which all others ignore too.
                    if source.first() != Some(&0x1f) {
                        return Ok((source.len(), 0));
                    }
                    **inflate = Decompress::new_gzip(15);
                    *done = false;
                }
                inflate_step("gzip", inflate, done, source, target)
            }
            Coder::Deflate(_, true) => Ok((source.len(), 0)),
            Coder::Deflate(inflate, done) => inflate_step("deflate", inflate, done, source, target),
            Coder::Brotli(_, true) => Ok((source.len(), 0)),
            Coder::Brotli(state, done) => {
                let (mut available, mut at) = (source.len(), 0);
                let (mut room, mut made, mut total) = (target.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut available,
                    &mut at,
                    source,
                    &mut room,
                    &mut made,
                    target,
                    &mut total,
                    state,
                );
                match result {
                    BrotliResult::ResultFailure => return Err(failed("br", "its data is corrupt")),
                    BrotliResult::ResultSuccess => *done = true,
                    BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                }
                Ok((at, made))
            }
            Coder::Zstd(decoder, done) => {
                if source.is_empty() && *done {
                    return Ok((0, 0));
                }
                let status = decoder.run_on_buffers(source, target).map_err(|error| failed("zstd", error))?;
                *done = status.remaining == 0;
                Ok((status.bytes_read, status.bytes_written))
            }
        }
    }
}

fn inflate_step(
    coding: &str,
    inflate: &mut Decompress,
    done: &mut bool,
    source: &[u8],
    target: &mut [u8],
) -> Result<(usize, usize), FetchError> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status =
        inflate.decompress(source, target, FlushDecompress::None).map_err(|error| failed(coding, error))?;
    *done = status == Status::StreamEnd;
    Ok(((inflate.total_in() - read) as usize, (inflate.total_out() - written) as usize))
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
        let mut decoder = Decoder::new(codings.split(", ").map(str::as_bytes), 3)?.expect("known codings");
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
        assert!(Decoder::new([&b"identity"[..]].into_iter(), 3).unwrap().is_none());
        assert!(Decoder::new([&b"gzip"[..], b"secret"].into_iter(), 3).unwrap().is_none());
        assert!(Decoder::new([&b"gzip"[..]; 4].into_iter(), 3).is_err());
        let empty = Decoder::new([&b"gzip"[..]].into_iter(), 3).unwrap().unwrap();
        assert!(empty.finish().is_ok());
    }

    #[test]
    fn a_bomb_waits_for_room() {
        let bomb = gzip(&vec![0; 50 << 20]);
        let mut decoder = Decoder::new([&b"gzip"[..]].into_iter(), 3).unwrap().unwrap();
        let mut output = Vec::new();
        let used = decoder.decode(&bomb, &mut output, 1000).unwrap();
        assert_eq!(output.len(), 1000);
        assert!(used < bomb.len() && decoder.has_more());
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
