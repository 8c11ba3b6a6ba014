//! Native functions of the Compression Standard, on `nano-compression`.
//!
//! A coder's memory counts against its isolate from its first chunk to its end, and V8 sees it as the size of
//! a buffer, so that forgotten streams are collected in time.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Error, Ret, Scope, buffer, charge, fill_u32, native, ops, text, throw, uint8_array, with_bytes,
};
use nano_arena::Charge;
use nano_compression::{Compressor, Decompressor, Format};
use std::cell::RefCell;

pub(crate) static STANDARD: Standard = Standard {
    name: "compression",
    uses: &["expose", "primordials", "streams", "webidl"],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["compression/compression.js"],
        exports: [],
        globals: ["CompressionStream", "DecompressionStream"],
        enumerable: [],
        exercise: r#"new Response("a").body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")).getReader().read();"#
    }
};

ops! {
    "compressionNew" => compression_new,
    "compressionStep" => compression_step,
    "compressionFree" => compression_free,
}

/// What one step gives at most: one chunk of the readable side.
const OUTPUT_BYTES: usize = 64 << 10;

enum Codec {
    Compress(Compressor),
    Decompress(Decompressor),
    /// It has ended, or failed.
    Over,
}

/// A coder of JavaScript's, a native object.
struct Coder {
    codec: Codec,
    /// `None` once the codec is over.
    charge: Option<Charge>,
}

impl Coder {
    fn end(&mut self) {
        self.codec = Codec::Over;
        self.charge = None;
    }
}

/// `compressionNew(format, decompress)`.
fn compression_new(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<32>();
    let name = text(scope, args.get(0), &mut stack);
    let Some(format) = Format::from_name(&name) else { return };
    let decompress = args.get(1).is_true();
    let cost = if decompress { Decompressor::memory_bytes(format) } else { Compressor::memory_bytes(format) };
    let no_room =
        Error::Range("the application's memory limit leaves no room for another compression stream");
    let Ok(charge) = charge(scope, cost) else { return throw(scope, no_room) };
    let codec = if decompress {
        Decompressor::new(format).map(Codec::Decompress)
    } else {
        Compressor::new(format).map(Codec::Compress)
    };
    let Ok(codec) = codec else { return throw(scope, no_room) };
    let coder = Coder { codec, charge };
    match native::new(scope, coder, cost) {
        Some(object) => ret.set(object.into()),
        None => throw(scope, no_room),
    }
}

/// `compressionStep(coder, chunk, offset, finish, said)`: some of what the chunk gives from `offset` on, or
/// undefined; `said` gets the bytes consumed, and 1 if there is more.
fn compression_step(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    thread_local! {
        static OUTPUT: RefCell<Vec<u8>> = RefCell::new(vec![0; OUTPUT_BYTES]);
    }
    let offset = args.get(2).integer_value(scope).unwrap_or(0) as usize;
    let finish = args.get(3).is_true();
    let step = native::with(scope, args.get(0), |coder: &mut Coder| {
        let step = with_bytes(args.get(1), |bytes| {
            let input = bytes.get(offset..).unwrap_or(&[]);
            OUTPUT.with_borrow_mut(|output| {
                let step = match &mut coder.codec {
                    Codec::Compress(compressor) => compressor.step(input, finish, output),
                    Codec::Decompress(decompressor) => match decompressor.step(input, output) {
                        Ok(step) if finish && !step.more => decompressor.finish().map(|()| step),
                        step => step,
                    },
                    Codec::Over => Err(nano_compression::Error::Trailing),
                }?;
                Ok::<_, nano_compression::Error>((step, output[..step.produced].to_vec()))
            })
        });
        if step.as_ref().map_or(true, |(step, _)| finish && !step.more) {
            coder.end();
        }
        step
    });
    match step {
        None => {}
        Some(Ok((step, output))) => {
            fill_u32(args.get(4), &[step.consumed as u32, u32::from(step.more)]);
            if step.produced > 0
                && let Some(array) = uint8_array(scope, output)
            {
                ret.set(array.into());
            }
        }
        Some(Err(error)) => throw(scope, Error::Type(&error.to_string())),
    }
}

/// `compressionFree(coder)`: nobody will read what it gives.
fn compression_free(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    native::with(scope, args.get(0), Coder::end);
}
