//! What goes in comes out, however it is split; what is broken is told; a bomb never gives more than there is
//! room for.

mod memory;

use nano_compression::{Compressor, Decompressor, Error, Format};
use proptest::prelude::*;

fn compress(format: Format, pieces: &[&[u8]], room: usize) -> Vec<u8> {
    let mut compressor = Compressor::new(format).unwrap();
    let mut out = Vec::new();
    let mut buffer = vec![0; room];
    for (index, piece) in pieces.iter().chain([&&b""[..]]).enumerate() {
        let finish = index == pieces.len();
        let mut at = 0;
        for round in 0.. {
            assert!(round < 10_000_000, "it never ends");
            let step = compressor.step(&piece[at..], finish, &mut buffer).unwrap();
            out.extend_from_slice(&buffer[..step.produced]);
            at += step.consumed;
            if !step.more {
                break;
            }
        }
        assert_eq!(at, piece.len());
    }
    out
}

fn decompress(format: Format, pieces: &[&[u8]], room: usize) -> Result<Vec<u8>, Error> {
    let mut decompressor = Decompressor::new(format)?;
    let mut out = Vec::new();
    let mut buffer = vec![0; room];
    for piece in pieces {
        let mut at = 0;
        for round in 0.. {
            assert!(round < 10_000_000, "it never ends");
            let step = decompressor.step(&piece[at..], &mut buffer)?;
            out.extend_from_slice(&buffer[..step.produced]);
            at += step.consumed;
            if !step.more {
                break;
            }
        }
        assert_eq!(at, piece.len());
    }
    decompressor.finish()?;
    Ok(out)
}

#[test]
fn nothing_and_much() {
    for format in Format::ALL {
        assert_eq!(decompress(format, &[&compress(format, &[], 100)], 100).unwrap(), b"", "{format:?}");
        let much: Vec<u8> = (0..3_000_000u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect();
        let compressed = compress(format, &[&much], 1 << 16);
        assert!(decompress(format, &[&compressed], 1 << 16).unwrap() == much, "{format:?}");
    }
}

#[test]
fn what_is_broken_is_told() {
    for format in Format::ALL {
        let good = compress(format, &[&b"hello ".repeat(1000)], 1 << 16);
        assert_eq!(decompress(format, &[], 10), Err(Error::Truncated), "{format:?}");
        assert_eq!(
            decompress(format, &[&good[..good.len() - 1]], 1 << 16),
            Err(Error::Truncated),
            "{format:?}"
        );
        let more = [&good[..], b"x"].concat();
        assert!(decompress(format, &[&more], 1 << 16).is_err(), "{format:?}");
        assert!(decompress(format, &[&good, b"xxxxxxxxx"], 1 << 16).is_err(), "{format:?}");
        if format != Format::DeflateRaw {
            assert!(
                decompress(format, &[b"\xff\xfe\xfdthis is nothing of the kind"], 1 << 16).is_err(),
                "{format:?}"
            );
        }
    }
    // The checksum.
    let mut gzip = compress(Format::Gzip, &[b"hello"], 100);
    let at = gzip.len() - 6;
    gzip[at] ^= 1;
    assert_eq!(decompress(Format::Gzip, &[&gzip], 100), Err(Error::Invalid));
}

#[test]
fn a_bomb_gives_what_there_is_room_for() {
    for format in Format::ALL {
        let bomb = compress(format, &[&vec![0; 64 << 20]], 1 << 16);
        assert!(bomb.len() < 128 << 10, "{format:?}: {}", bomb.len());
        let mut decompressor = Decompressor::new(format).unwrap();
        let mut buffer = vec![1; 1000];
        let step = decompressor.step(&bomb, &mut buffer).unwrap();
        assert!(step.produced <= 1000 && step.more, "{format:?} {step:?}");
    }
}

#[test]
fn zstandard_frames_follow_each_other_and_windows_are_bounded() {
    let two = [compress(Format::Zstd, &[b"one "], 100), compress(Format::Zstd, &[b"two"], 100)].concat();
    assert_eq!(decompress(Format::Zstd, &[&two], 100).unwrap(), b"one two");
    // A frame of no blocks yet that wants a window of 16 MiB: descriptor 0, window exponent 14.
    assert_eq!(
        decompress(Format::Zstd, &[b"\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00"], 100),
        Err(Error::Invalid)
    );
    assert_eq!(decompress(Format::Zstd, &[b"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00"], 100).unwrap(), b"");
}

#[test]
fn names() {
    for format in Format::ALL {
        let name = match format {
            Format::Gzip => "gzip",
            Format::Deflate => "deflate",
            Format::DeflateRaw => "deflate-raw",
            Format::Brotli => "brotli",
            Format::Zstd => "zstd",
        };
        assert_eq!(Format::from_name(name), Some(format));
    }
    assert_eq!(Format::from_name("GZIP"), None);
    assert_eq!(Format::from_content_coding("GZip"), Some(Format::Gzip));
    assert_eq!(Format::from_content_coding("br"), Some(Format::Brotli));
    assert_eq!(Format::from_content_coding("identity"), None);
}

proptest! {
    #[test]
    fn however_it_is_split(data: Vec<Vec<u8>>, index in 0..5usize, room in 1..50usize, cut in 1..40usize) {
        let format = Format::ALL[index];
        let pieces: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let compressed = compress(format, &pieces, room);
        let pieces: Vec<&[u8]> = compressed.chunks(cut).collect();
        prop_assert_eq!(decompress(format, &pieces, room).unwrap(), data.concat());
    }

    #[test]
    fn noise_is_refused_or_read(noise: Vec<u8>, index in 0..5usize) {
        let _ = decompress(Format::ALL[index], &[&noise], 64);
    }
}
