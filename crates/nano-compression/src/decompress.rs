//! Decompressing untrusted bytes: the output is never larger than the caller's buffer, and a window never
//! larger than the format may have on the web.

use crate::memory::{Charge, ChargedAllocator, Measured};
use crate::{Error, Format, MAX_WINDOW_LOG, Step};
use brotli_decompressor::{
    BrotliDecoderErrorCode, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};
use flate2::{Decompress, FlushDecompress, Status};
use nano_arena::Account;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// An inflater's window of 32 KiB, its tables and its state, in bytes.
const INFLATE_BYTES: usize = 48 << 10;

/// Brotli's state without its window and its tables, in bytes.
const BROTLI_STATE_BYTES: usize = 16 << 10;

/// The small tables of 32-bit numbers (3 KiB at most) are part of [`BROTLI_STATE_BYTES`]: the decoder does
/// not expect that they fail.
type Brotli = BrotliState<ChargedAllocator, StandardAlloc, ChargedAllocator>;

/// How much that is not in the format's definition is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tolerance {
    /// Nothing, as the Compression Standard says: bytes after the end are [`Error::Trailing`].
    #[default]
    Strict,
    /// What HTTP clients accept in a response: several gzip members one after the other, deflate without its
    /// zlib header, and bytes after the end of gzip, deflate and Brotli, which are ignored.
    Http,
}

/// One stream of data that is being decompressed.
pub struct Decompressor {
    decoder: Inner,
    progress: Progress,
    tolerance: Tolerance,
    /// Dropped after the decoder, whose memory it pays for.
    charge: Charge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// No byte was taken.
    Fresh,
    /// More belongs to what was begun.
    Inside,
    /// The stream is complete. A Zstandard frame, or with [`Tolerance::Http`] a gzip member, may follow.
    Complete,
}

enum Inner {
    /// Deflate in HTTP: with a zlib header or without, which the first byte tells.
    DeflateOfHttp,
    Deflate(Decompress),
    Gzip(Decompress),
    Brotli(Box<Brotli>),
    Zstd(DCtx<'static>, Measured),
}

/// What one call of a decoder did.
struct Ran {
    consumed: usize,
    produced: usize,
    is_complete: bool,
    /// Brotli says so itself; the others have more if the output is full.
    has_more: bool,
}

impl Decompressor {
    /// A strict decompressor with nothing given to it, whose memory nobody pays for.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub fn new(format: Format) -> Result<Self, Error> {
        Self::with(format, Tolerance::Strict, None)
    }

    /// A decompressor with nothing given to it. All memory that it takes is charged to `account`: before it
    /// is taken, but for Zstandard, whose decoder measures itself after each step and is at most its window
    /// (8 MiB) ahead.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub fn with(format: Format, tolerance: Tolerance, account: Option<Account>) -> Result<Self, Error> {
        let charge = Charge::new(account);
        let decoder = match (format, tolerance) {
            (Format::Gzip, _) => {
                charge.add(INFLATE_BYTES)?;
                Inner::Gzip(Decompress::new_gzip(15))
            }
            (Format::Deflate, Tolerance::Http) => Inner::DeflateOfHttp,
            (Format::Deflate | Format::DeflateRaw, _) => {
                charge.add(INFLATE_BYTES)?;
                Inner::Deflate(Decompress::new(format == Format::Deflate))
            }
            (Format::Brotli, _) => {
                charge.add(BROTLI_STATE_BYTES)?;
                let allocator = || ChargedAllocator::new(&charge);
                // Strict: without the large-window extension, whose windows are up to 1 GiB.
                let state = BrotliState::new_strict(allocator(), StandardAlloc::default(), allocator());
                Inner::Brotli(Box::new(state))
            }
            (Format::Zstd, _) => {
                let mut context = DCtx::try_create().ok_or(Error::NoMemory)?;
                context
                    .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
                    .map_err(|_| Error::NoMemory)?;
                let mut measured = Measured::new(charge.clone());
                measured.raise_to(context.sizeof())?;
                Inner::Zstd(context, measured)
            }
        };
        Ok(Self { decoder, progress: Progress::Fresh, tolerance, charge })
    }

    /// About how much memory a decompressor of this format takes while it works, in bytes, with the windows
    /// that are common. The largest that Brotli allows takes 16 MiB, of Zstandard 8 MiB.
    pub fn memory_bytes(format: Format) -> usize {
        match format {
            Format::Gzip | Format::Deflate | Format::DeflateRaw => INFLATE_BYTES,
            Format::Brotli => 4 << 20,
            Format::Zstd => 4 << 20,
        }
    }

    /// Takes input and gives output. `output` must not be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]; [`Error::Trailing`] if input is left after the end; [`Error::NoMemory`] if the
    /// account refuses what it takes.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Error> {
        if self.progress == Progress::Complete
            && let Some(step) = self.step_after_end(input)?
        {
            return Ok(step);
        }
        if let Inner::DeflateOfHttp = self.decoder {
            let Some(first) = input.first() else { return Ok(Step::default()) };
            // RFC 1950 2.2: method 8 and a window of at most 32 KiB. A bare stream (RFC 1951) that begins so
            // would have to begin with a stored block of odd padding.
            let has_header = first & 0x0f == 8 && first >> 4 <= 7;
            self.charge.add(INFLATE_BYTES)?;
            self.decoder = Inner::Deflate(Decompress::new(has_header));
        }
        let ran = match &mut self.decoder {
            // Replaced above.
            Inner::DeflateOfHttp => return Ok(Step::default()),
            Inner::Deflate(decompress) | Inner::Gzip(decompress) => inflate(decompress, input, output)?,
            Inner::Brotli(state) => decode_brotli(state, input, output)?,
            Inner::Zstd(context, measured) => decode_zstd(context, measured, input, output)?,
        };
        let Ran { consumed, produced, is_complete, has_more } = ran;
        if is_complete {
            self.progress = Progress::Complete;
        } else if consumed > 0 {
            self.progress = Progress::Inside;
        }
        let more = consumed < input.len() || has_more && !is_complete;
        Ok(Step { consumed, produced, more })
    }

    /// What a step does after the end; `None` if what follows is decoded like what came before.
    fn step_after_end(&mut self, input: &[u8]) -> Result<Option<Step>, Error> {
        if input.is_empty() {
            return Ok(Some(Step::default()));
        }
        match (&mut self.decoder, self.tolerance) {
            (Inner::Zstd(..), _) => Ok(None),
            (_, Tolerance::Strict) => Err(Error::Trailing),
            // RFC 1952 2.2: members follow each other. Anything else is padding.
            (Inner::Gzip(decompress), Tolerance::Http) if input[0] == 0x1f => {
                *decompress = Decompress::new_gzip(15);
                Ok(None)
            }
            (_, Tolerance::Http) => Ok(Some(Step { consumed: input.len(), produced: 0, more: false })),
        }
    }

    /// Whether all was seen that belongs together.
    pub fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }

    /// Whether any input was taken.
    pub fn has_begun(&self) -> bool {
        self.progress != Progress::Fresh
    }

    /// There is no more input.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if more was to come.
    pub fn finish(&self) -> Result<(), Error> {
        if self.is_complete() { Ok(()) } else { Err(Error::Truncated) }
    }
}

fn inflate(decompress: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Ran, Error> {
    let (read, written) = (decompress.total_in(), decompress.total_out());
    let status = decompress.decompress(input, output, FlushDecompress::None).map_err(|_| Error::Invalid)?;
    let consumed = (decompress.total_in() - read) as usize;
    let produced = (decompress.total_out() - written) as usize;
    if status == Status::BufError && consumed == 0 && produced == 0 && !input.is_empty() {
        return Err(Error::Invalid);
    }
    Ok(Ran {
        consumed,
        produced,
        is_complete: status == Status::StreamEnd,
        has_more: produced == output.len(),
    })
}

fn decode_brotli(state: &mut Brotli, input: &[u8], output: &mut [u8]) -> Result<Ran, Error> {
    use BrotliDecoderErrorCode as Code;
    let (mut left, mut consumed) = (input.len(), 0);
    let (mut room, mut produced, mut total) = (output.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut left,
        &mut consumed,
        input,
        &mut room,
        &mut produced,
        output,
        &mut total,
        state,
    );
    let (is_complete, has_more) = match result {
        BrotliResult::ResultFailure => {
            return Err(match state.error_code {
                Code::BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES
                | Code::BROTLI_DECODER_ERROR_ALLOC_TREE_GROUPS
                | Code::BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MAP
                | Code::BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_1
                | Code::BROTLI_DECODER_ERROR_ALLOC_RING_BUFFER_2
                | Code::BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES => Error::NoMemory,
                _ => Error::Invalid,
            });
        }
        BrotliResult::ResultSuccess => (true, false),
        BrotliResult::NeedsMoreInput => (false, false),
        BrotliResult::NeedsMoreOutput => (false, true),
    };
    Ok(Ran { consumed, produced, is_complete, has_more })
}

fn decode_zstd(
    context: &mut DCtx<'static>,
    measured: &mut Measured,
    input: &[u8],
    output: &mut [u8],
) -> Result<Ran, Error> {
    let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(&mut *output));
    let remaining = context.decompress_stream(&mut to, &mut from).map_err(|_| Error::Invalid)?;
    let (consumed, produced) = (from.pos(), to.pos());
    measured.raise_to(context.sizeof())?;
    Ok(Ran { consumed, produced, is_complete: remaining == 0, has_more: produced == output.len() })
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").field("progress", &self.progress).finish_non_exhaustive()
    }
}
