//! A body on its way in, either side's: what frames it (RFC 9112, section 6) is told apart from what it
//! consists of. It holds no bytes: the caller keeps the input, and consumes it as the steps say.

use crate::Refusal;
use crate::chunked::chunk_line;
use crate::framing::{Framing, Strictness};
use crate::scan::{Scanner, SectionLimits};

/// What a body and its framing may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The body without its framing, in bytes.
    pub body_bytes: u64,
    /// A chunk-size line with its line end, in bytes.
    pub line_bytes: usize,
    /// All chunk extensions of a body, in bytes.
    pub extension_bytes: usize,
    /// The trailer section, in bytes.
    pub trailer_bytes: usize,
    /// Trailer fields.
    pub trailer_fields: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ended,
    /// Bytes to come.
    Length(u64),
    UntilClose,
    ChunkLine,
    /// Bytes to come of this chunk.
    ChunkData(u64),
    ChunkEnd,
    Trailers(Scanner),
    /// Trailers that are skipped.
    SkippedTrailers(TrailerLine),
    Failed(Refusal),
}

/// What has come of the current line of a trailer section that is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrailerLine {
    Empty,
    Begun,
}

/// What [`BodyDecoder::step`] found. `skip` bytes of framing before it are to be consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyStep {
    /// `len` bytes of the body follow. [`BodyDecoder::took`] says how many were used.
    Data { skip: usize, len: usize },
    /// All was framing; more input is needed.
    NeedMore { skip: usize },
    /// The body is complete. A trailer section of `trailers` bytes follows, with its empty line; without
    /// trailers 0.
    End { skip: usize, trailers: usize },
}

/// The state of one body.
#[derive(Clone, Debug)]
pub(crate) struct BodyDecoder {
    state: State,
    strictness: Strictness,
    /// Body bytes that the chunks so far have announced.
    chunked_bytes: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl BodyDecoder {
    pub(crate) fn new(framing: Framing, strictness: Strictness) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Ended,
            Framing::Length(bytes) => State::Length(bytes),
            Framing::Chunked => State::ChunkLine,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, strictness, chunked_bytes: 0, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// No body.
    pub(crate) const fn ended() -> Self {
        Self {
            state: State::Ended,
            strictness: Strictness::Strict,
            chunked_bytes: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
        }
    }

    /// Nothing of the body is looked at any more: every step gives `refusal`.
    pub(crate) fn fail(&mut self, refusal: Refusal) {
        self.state = State::Failed(refusal);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// Whether body bytes are next, and not framing.
    pub(crate) fn is_in_data(&self) -> bool {
        matches!(self.state, State::Length(_) | State::ChunkData(_) | State::UntilClose)
    }

    /// Whether nothing of the body was looked at.
    pub(crate) fn is_fresh(&self) -> bool {
        match self.state {
            State::Length(_) => true,
            State::ChunkLine => self.chunked_bytes == 0,
            _ => false,
        }
    }

    /// Bytes of the body that are still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Ended => Some(0),
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Bytes that a body with Content-Length still has to send.
    pub(crate) fn length_left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            _ => None,
        }
    }

    /// Body bytes that the chunks so far have announced.
    pub(crate) fn chunked_bytes(&self) -> u64 {
        self.chunked_bytes
    }

    /// How many of `available` bytes of input, which follow all framing, are of the body.
    pub(crate) fn available(&self, available: usize) -> usize {
        match self.state {
            State::Length(left) | State::ChunkData(left) => {
                available.min(usize::try_from(left).unwrap_or(usize::MAX))
            }
            State::UntilClose => available,
            _ => 0,
        }
    }

    /// Finds what is next at the start of `input`.
    ///
    /// # Errors
    ///
    /// The body cannot be read. Further steps give the same.
    pub(crate) fn step(&mut self, input: &[u8], limits: &BodyLimits) -> Result<BodyStep, Refusal> {
        let step = self.advance(input, limits);
        step.inspect_err(|refusal| self.fail(*refusal))
    }

    fn advance(&mut self, input: &[u8], limits: &BodyLimits) -> Result<BodyStep, Refusal> {
        let mut skip = 0;
        loop {
            let rest = &input[skip..];
            match &mut self.state {
                State::Ended => return Ok(BodyStep::End { skip, trailers: 0 }),
                State::Failed(refusal) => return Err(*refusal),
                _ if rest.is_empty() => return Ok(BodyStep::NeedMore { skip }),
                State::Length(_) | State::ChunkData(_) | State::UntilClose => {
                    return Ok(BodyStep::Data { skip, len: self.available(rest.len()) });
                }
                State::ChunkLine => {
                    let Some(line) = chunk_line(rest, limits.line_bytes, self.strictness)? else {
                        return Ok(BodyStep::NeedMore { skip });
                    };
                    self.extension_bytes = self.extension_bytes.saturating_add(line.extensions);
                    if self.extension_bytes > limits.extension_bytes {
                        return Err(Refusal::ChunkLineTooLong);
                    }
                    skip += line.len;
                    self.state = match (line.size, self.strictness) {
                        (0, Strictness::Strict) => State::Trailers(Scanner::trailers()),
                        (0, Strictness::Tolerant) => State::SkippedTrailers(TrailerLine::Empty),
                        (size, _) => {
                            let bytes = self.chunked_bytes.checked_add(size).ok_or(Refusal::BodyTooLarge)?;
                            if bytes > limits.body_bytes {
                                return Err(Refusal::BodyTooLarge);
                            }
                            self.chunked_bytes = bytes;
                            State::ChunkData(size)
                        }
                    };
                }
                State::ChunkEnd => {
                    skip += match (rest, self.strictness) {
                        ([b'\r'], _) => return Ok(BodyStep::NeedMore { skip }),
                        ([b'\r', b'\n', ..], _) => 2,
                        ([b'\n', ..], Strictness::Tolerant) => 1,
                        _ => return Err(Refusal::ChunkEnd),
                    };
                    self.state = State::ChunkLine;
                }
                State::Trailers(scanner) => {
                    let section = SectionLimits {
                        bytes: limits.trailer_bytes,
                        fields: limits.trailer_fields,
                        too_large: Refusal::TrailersTooLarge,
                    };
                    let Some(trailers) = scanner.run(rest, &section)? else {
                        return Ok(BodyStep::NeedMore { skip });
                    };
                    self.state = State::Ended;
                    return Ok(BodyStep::End { skip, trailers });
                }
                State::SkippedTrailers(line) => {
                    let ended = skip_trailer_bytes(rest, line, &mut self.trailer_bytes, limits)?;
                    skip += ended.unwrap_or(rest.len());
                    if ended.is_some() {
                        self.state = State::Ended;
                    }
                }
            }
        }
    }

    /// `count` bytes of [`BodyStep::Data`] were used.
    pub(crate) fn took(&mut self, count: usize) {
        let count = count as u64;
        self.state = match self.state {
            State::Length(left) if left > count => State::Length(left - count),
            State::Length(_) => State::Ended,
            State::ChunkData(left) if left > count => State::ChunkData(left - count),
            State::ChunkData(_) => State::ChunkEnd,
            other => other,
        };
    }

    /// The input has ended. Returns whether the body is complete with that.
    pub(crate) fn end(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Ended;
        }
        self.is_ended()
    }
}

/// Skips trailer fields up to and with the empty line. Returns how many bytes that were; `None` if all of
/// `bytes` is of them.
fn skip_trailer_bytes(
    bytes: &[u8],
    line: &mut TrailerLine,
    total: &mut usize,
    limits: &BodyLimits,
) -> Result<Option<usize>, Refusal> {
    for (at, byte) in bytes.iter().enumerate() {
        *total += 1;
        if *total > limits.trailer_bytes {
            return Err(Refusal::TrailersTooLarge);
        }
        *line = match (byte, *line) {
            (b'\n', TrailerLine::Empty) => return Ok(Some(at + 1)),
            (b'\n', TrailerLine::Begun) => TrailerLine::Empty,
            // Of an empty line, or before the LF of another.
            (b'\r', line) => line,
            (0, _) => return Err(Refusal::ControlCharacter),
            _ => TrailerLine::Begun,
        };
    }
    Ok(None)
}
