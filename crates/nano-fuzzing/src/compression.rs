//! The oracle of nano-compression's decompressors: for any bytes, however they are cut, the output is never
//! more than its room, each step makes progress, and the cuts change nothing.

use nano_compression::{Decompressor, Error, Format};

/// Bombs end here.
const OUTPUT_BYTES: usize = 1 << 20;

/// Room for what comes out of input that is not cut.
const WHOLE_BYTES: usize = 64 << 10;

/// Steps that neither take nor give anything, one after the other; more is a loop without an end.
const IDLE_STEPS: usize = 4;

/// The first byte chooses the format, the second how the rest is cut and how much room there is for what
/// comes out.
pub fn check(data: &[u8]) {
    let [format, cut, input @ ..] = data else { return };
    let format = Format::ALL[usize::from(*format) % Format::ALL.len()];
    let piece = 1 + usize::from(*cut & 0x0f) * 17;
    let room = 1 + usize::from(*cut >> 4) * 97;
    let (cut, cut_end) = decompress(format, input, piece, room);
    let (whole, whole_end) = decompress(format, input, input.len().max(1), WHOLE_BYTES);
    // Where bytes are wrong, how much came out before that is seen depends on the cuts.
    let common = cut.len().min(whole.len());
    assert!(cut[..common] == whole[..common], "{format:?}: the cuts change what comes out");
    if common + 2 * WHOLE_BYTES > OUTPUT_BYTES {
        // One of them may have stopped at the limit, before what is wrong.
        return;
    }
    assert_eq!(cut_end.is_ok(), whole_end.is_ok(), "{format:?}: {cut_end:?} or {whole_end:?}");
    if cut_end.is_ok() {
        assert_eq!(cut.len(), whole.len(), "{format:?}: the cuts change how much comes out");
    }
}

/// What comes out, up to [`OUTPUT_BYTES`], and how it ends.
fn decompress(format: Format, input: &[u8], piece: usize, room: usize) -> (Vec<u8>, Result<(), Error>) {
    let mut decompressor = Decompressor::new(format).expect("there is memory");
    let mut output = Vec::new();
    let mut buffer = vec![0; room];
    let (mut at, mut end, mut idle) = (0, piece.min(input.len()), 0);
    loop {
        let step = match decompressor.step(&input[at..end], &mut buffer) {
            Ok(step) => step,
            Err(error) => return (output, Err(error)),
        };
        assert!(step.consumed <= end - at && step.produced <= room, "{format:?}: {step:?}");
        at += step.consumed;
        output.extend_from_slice(&buffer[..step.produced]);
        if output.len() >= OUTPUT_BYTES {
            output.truncate(OUTPUT_BYTES);
            return (output, Ok(()));
        }
        idle = if step.consumed == 0 && step.produced == 0 { idle + 1 } else { 0 };
        assert!(idle <= IDLE_STEPS, "{format:?}: it makes no progress");
        if step.more {
            continue;
        }
        if end == input.len() {
            return (output, decompressor.finish());
        }
        end = (at + piece).min(input.len());
    }
}
