//! Native functions of the Encoding standard, on `encoding_rs`, and of forgiving base64 (Infra standard,
//! section 7).

use crate::infra::part::{Part, files, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Error, Fast, Ret, Scope, buffer, fill_u32, latin1, ops, string, text, throw, uint8_array,
    uint8_array_with, utf16, with_bytes,
};
use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding};
use nano_arena::blocks;
use std::ffi::c_void;
use v8::fast_api::{CFunction, CFunctionInfo, FastApiOneByteString, Int64Representation, Type};
use v8::simdutf;

pub(crate) static STANDARD: Standard = Standard {
    name: "encoding",
    uses: &["domexception", "expose", "exposeEnumerable", "primordials", "streams", "webidl"],
    snapshot_exports: &["encoding"],
    ops: &[ops],
    snapshot_files: files!["encoding/encoding.js"],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["encoding/streams.js"],
        exports: [],
        globals: ["TextDecoderStream", "TextEncoderStream"],
        enumerable: [],
        exercise: r#"new Response("a").body.pipeThrough(new TextDecoderStream()).getReader().read();"#
    }
    {
        files: ["encoding/base64.js"],
        exports: [],
        globals: [],
        enumerable: ["atob", "btoa"],
        exercise: r#"atob(btoa("a"));"#
    }
};

ops! {
    "utf8Encode" => utf8_encode,
    "utf8EncodeInto" => utf8_encode_into,
    "asciiInto" => ascii_into | ASCII_INTO_FAST,
    "utf8Decode" => utf8_decode,
    "encodingLabel" => encoding_label,
    "decoderNew" => decoder_new,
    "decoderDecode" => decoder_decode,
    "base64Encode" => base64_encode,
    "base64Decode" => base64_decode,
    "binaryString" => binary_string,
    "isSharedArrayBuffer" => is_shared_array_buffer,
}

static ASCII_INTO_FAST: Fast = Fast([CFunction::new(
    ascii_into_fast as *const c_void,
    &CFunctionInfo::new(
        Type::Bool.as_info(),
        &[Type::V8Value.as_info(), Type::SeqOneByteString.as_info(), Type::V8Value.as_info()],
        Int64Representation::Number,
    ),
)]);

/// `asciiInto(text, bytes)`: writes a string that is all ASCII into a Uint8Array of its length, and says
/// whether it is.
fn ascii_into(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let view = v8::ValueView::new(scope, string);
    let ascii = match view.data() {
        v8::ValueViewData::OneByte(latin1) => write_ascii(latin1, args.get(1)),
        v8::ValueViewData::TwoByte(_) => false,
    };
    ret.set_bool(ascii);
}

unsafe extern "C" fn ascii_into_fast(
    _: v8::Local<'_, v8::Value>,
    text: *const FastApiOneByteString,
    bytes: v8::Local<'_, v8::Value>,
) -> bool {
    // SAFETY: V8 passes a string that does not move while this runs: nothing here allocates in its heap.
    write_ascii(unsafe { (*text).as_bytes() }, bytes)
}

fn write_ascii(latin1: &[u8], bytes: v8::Local<'_, v8::Value>) -> bool {
    let Ok(view) = v8::Local::<v8::Uint8Array>::try_from(bytes) else { return false };
    let mut inline = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let copy = inline.as_ptr();
    // No handle may be made here, as `data()` makes one of the buffer: what optimized code calls has no scope
    // that would end, and each array would live as long as the code that calls it. SAFETY: `data` points at
    // `length` bytes of the view, which is alive; nothing else runs. A copy of them is not written to.
    unsafe {
        let (data, length) = view.get_contents_raw_parts(&mut inline);
        if data.cast_const() == copy || length != latin1.len() || !latin1.is_ascii() {
            return false;
        }
        std::ptr::copy_nonoverlapping(latin1.as_ptr(), data, length);
    }
    true
}

fn is_shared_array_buffer(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    ret.set_bool(args.get(0).is_shared_array_buffer());
}

/// `utf8Encode(text)`: a Uint8Array. Lone surrogates become U+FFFD.
fn utf8_encode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    // No text of this length is longer in UTF-8 than a block is at least.
    if string.length() * 3 >= blocks::BLOCK_BYTES_MIN {
        let length = utf8_length(&v8::ValueView::new(scope, string).data());
        if length >= blocks::BLOCK_BYTES_MIN {
            let mut complete = true;
            // SAFETY: the array is as long as the text in UTF-8, and is only written to.
            let array = unsafe {
                uint8_array_with(scope, length, |scope, room| {
                    complete = write_utf8(&v8::ValueView::new(scope, string).data(), room) == Some(length);
                    complete
                })
            };
            if complete {
                // Without an array there is an exception.
                if let Some(array) = array {
                    ret.set(array.into());
                }
                return;
            }
        }
    }
    let bytes = match to_utf8(scope, string) {
        Some(bytes) => bytes,
        None => text(scope, args.get(0), &mut buffer::<1024>()).into_owned().into_bytes(),
    };
    if let Some(array) = uint8_array(scope, bytes) {
        ret.set(array.into());
    }
}

/// How long a string is in UTF-8; of one with lone surrogates, at least as long as what is before the first.
fn utf8_length(data: &v8::ValueViewData<'_>) -> usize {
    match data {
        v8::ValueViewData::OneByte(latin1) => simdutf::utf8_length_from_latin1(latin1),
        v8::ValueViewData::TwoByte(units) => simdutf::utf8_length_from_utf16le(units),
    }
}

/// Writes a string in UTF-8 into `room`; how many bytes those are. `None`: it has lone surrogates.
///
/// # Safety
///
/// `room` is [`utf8_length`] long. It is not read.
unsafe fn write_utf8(data: &v8::ValueViewData<'_>, room: &mut [u8]) -> Option<usize> {
    match data {
        v8::ValueViewData::OneByte(latin1) if latin1.len() == room.len() => {
            room.copy_from_slice(latin1);
            Some(latin1.len())
        }
        // SAFETY: the caller's word.
        v8::ValueViewData::OneByte(latin1) => Some(unsafe { simdutf::convert_latin1_to_utf8(latin1, room) }),
        v8::ValueViewData::TwoByte(units) => {
            // SAFETY: the caller's word; nothing is written beyond a lone surrogate.
            let result = unsafe { simdutf::convert_utf16le_to_utf8_with_errors(units, room) };
            result.is_ok().then_some(result.count)
        }
    }
}

/// A vector of at most `length` bytes that `write` writes; `None` where it gives up.
///
/// # Safety
///
/// `write` does not read what it is given, which holds nothing yet, and returns how many bytes at its
/// beginning it has written.
unsafe fn written(length: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<Vec<u8>> {
    let mut bytes = Vec::<u8>::with_capacity(length);
    // SAFETY: so much room is there, and the caller's word is that it is not read.
    let room = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr(), length) };
    let count = write(room)?;
    debug_assert!(count <= length);
    // SAFETY: they were written, by the caller's word.
    unsafe { bytes.set_len(count) };
    Some(bytes)
}

/// A string in UTF-8, in a vector of just that size. `None`: it has lone surrogates.
fn to_utf8(scope: &mut Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Option<Vec<u8>> {
    let view = v8::ValueView::new(scope, string);
    let data = view.data();
    // SAFETY: the room is as large as the text is long, and is only written to.
    unsafe { written(utf8_length(&data), |room| write_utf8(&data, room)) }
}

/// `utf8EncodeInto(text, view, out)`: `out` gets the code units read and the bytes written. Encoding,
/// "encodeInto".
fn utf8_encode_into(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let Ok(view) = v8::Local::<v8::Uint8Array>::try_from(args.get(1)) else { return };
    let capacity = view.byte_length();
    let mut read = 0;
    let written = if capacity == 0 {
        0
    } else {
        // SAFETY: `data` points at `byte_length` bytes of the view, which is alive; nothing else runs.
        let target = unsafe { std::slice::from_raw_parts_mut(view.data().cast::<u8>(), capacity) };
        match encode_latin1_into(scope, string, target) {
            Some((units, bytes)) => {
                read = units;
                bytes
            }
            None => string.write_utf8_v2(scope, target, v8::WriteFlags::kReplaceInvalidUtf8, Some(&mut read)),
        }
    };
    fill_u32(args.get(2), &[read as u32, written as u32]);
}

/// The end of a text of so many characters is counted before it is converted, rather than halved again and
/// again.
const COUNTED_MAX: usize = 4096;

/// As much as fits of a string whose characters all fit into a byte: the code units read and the bytes
/// written. `None`: it is none.
fn encode_latin1_into(
    scope: &mut Scope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    target: &mut [u8],
) -> Option<(usize, usize)> {
    let view = v8::ValueView::new(scope, string);
    let v8::ValueViewData::OneByte(latin1) = view.data() else { return None };
    let (mut read, mut written) = (0, 0);
    loop {
        let (rest, room) = (&latin1[read..], &mut target[written..]);
        let count = if rest.len() <= COUNTED_MAX && simdutf::utf8_length_from_latin1(rest) <= room.len() {
            rest.len()
        } else {
            // No character takes more than two bytes: half of what is left is always room enough.
            rest.len().min(room.len() / 2)
        };
        if count == 0 {
            break;
        }
        // SAFETY: there is room for twice as many bytes, or for as many as were counted.
        written += unsafe { simdutf::convert_latin1_to_utf8(&rest[..count], room) };
        read += count;
    }
    // One more of one byte may fit.
    if let (Some(&character), Some(room)) = (latin1.get(read), target.get_mut(written))
        && character.is_ascii()
    {
        *room = character;
        (read, written) = (read + 1, written + 1);
    }
    Some((read, written))
}

/// `utf8Decode(bytes, ignoreBOM, fatal)`: the text, or undefined where `fatal` meets an error.
fn utf8_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let (ignore_bom, fatal) = (args.get(1).is_true(), args.get(2).is_true());
    let mut inline = [0u8; 64];
    let made = match v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) {
        Ok(view) if !is_shared(scope, view) => {
            // The bytes are in `inline`, or in memory that the view's buffer keeps where it is: `args` keep
            // the view alive, and making a string runs no script that could detach the buffer.
            decode(scope, view.get_contents(&mut inline), ignore_bom, fatal)
        }
        _ => {
            let copy = with_bytes(args.get(0), <[u8]>::to_vec);
            decode(scope, &copy, ignore_bom, fatal)
        }
    };
    if let Some(made) = made {
        ret.set(made.into());
    }
}

/// Whether other threads may write into a view's memory.
fn is_shared(scope: &mut Scope<'_, '_>, view: v8::Local<'_, v8::ArrayBufferView>) -> bool {
    // A view on the heap has no buffer yet, and is nobody else's.
    view.has_buffer() && view.buffer(scope).is_some_and(|buffer| buffer.is_shared_array_buffer())
}

/// UTF-8 decode. `None`: it is malformed and that is fatal, or an exception is pending.
fn decode<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: &[u8],
    ignore_bom: bool,
    fatal: bool,
) -> Option<v8::Local<'s, v8::String>> {
    let bytes = if ignore_bom { bytes } else { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) };
    if bytes.is_ascii() {
        return latin1(scope, bytes);
    }
    // Texts whose characters all fit into a byte are half as large in V8. The first that does not ends this
    // attempt.
    let mut narrow = Vec::<u8>::with_capacity(bytes.len());
    // SAFETY: no conversion gives more bytes than it takes; what it does not write is not read.
    let room = unsafe { std::slice::from_raw_parts_mut(narrow.as_mut_ptr(), bytes.len()) };
    // SAFETY: the room is as large as the input.
    let result = unsafe { simdutf::convert_utf8_to_latin1_with_errors(bytes, room) };
    if result.is_ok() {
        // SAFETY: so many were written.
        unsafe { narrow.set_len(result.count) };
        return latin1(scope, &narrow);
    }
    drop(narrow);
    let mut units = Vec::<u16>::with_capacity(bytes.len());
    // SAFETY: no conversion gives more units than it takes bytes; what it does not write is not read.
    let room = unsafe { std::slice::from_raw_parts_mut(units.as_mut_ptr(), bytes.len()) };
    // SAFETY: the room is as large as the input.
    let result = unsafe { simdutf::convert_utf8_to_utf16le_with_errors(bytes, room) };
    if result.is_ok() {
        // SAFETY: so many were written.
        unsafe { units.set_len(result.count) };
        return utf16(scope, &units);
    }
    drop(units);
    if fatal { None } else { string(scope, &String::from_utf8_lossy(bytes)) }
}

/// `encodingLabel(label)`: the encoding's name in lower case, or undefined. Encoding, "get an encoding".
fn encoding_label(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<64>();
    let label = text(scope, args.get(0), &mut stack);
    let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) else { return };
    if let Some(made) = string(scope, &encoding.name().to_ascii_lowercase()) {
        ret.set(made.into());
    }
}

/// A streaming decoder. JavaScript holds it as an ArrayBuffer that no tenant ever sees: its bytes are this
/// struct, and collecting it drops the struct.
struct StreamingDecoder {
    encoding: &'static Encoding,
    ignore_bom: bool,
    fatal: bool,
    decoder: Decoder,
}

fn fresh(encoding: &'static Encoding, ignore_bom: bool) -> Decoder {
    if ignore_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    }
}

unsafe extern "C" fn drop_decoder(data: *mut c_void, _: usize, _: *mut c_void) {
    // SAFETY: `data` came from `Box::into_raw` in `decoder_new`; V8 calls this once.
    drop(unsafe { Box::from_raw(data.cast::<StreamingDecoder>()) });
}

/// `decoderNew(name, fatal, ignoreBOM)`.
fn decoder_new(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<64>();
    let label = text(scope, args.get(0), &mut stack);
    let Some(encoding) = Encoding::for_label(label.as_bytes()) else { return };
    let (fatal, ignore_bom) = (args.get(1).is_true(), args.get(2).is_true());
    let decoder =
        Box::new(StreamingDecoder { encoding, ignore_bom, fatal, decoder: fresh(encoding, ignore_bom) });
    // SAFETY: the pointer is valid for the struct's size until `drop_decoder` frees it.
    let store = unsafe {
        v8::ArrayBuffer::new_backing_store_from_ptr(
            Box::into_raw(decoder).cast::<c_void>(),
            size_of::<StreamingDecoder>(),
            drop_decoder,
            std::ptr::null_mut(),
        )
    };
    ret.set(v8::ArrayBuffer::with_backing_store(scope, &store.make_shared()).into());
}

/// `decoderDecode(decoder, bytes, flush)`: the text, or undefined where a fatal decoder meets an error. After
/// a flush or an error the decoder begins anew.
fn decoder_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(holder) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)) else { return };
    let Some(data) = holder.data().filter(|_| holder.byte_length() == size_of::<StreamingDecoder>()) else {
        return;
    };
    let flush = args.get(2).is_true();
    // SAFETY: only `decoder_new` makes the buffers that the platform's JavaScript passes here; `holder` keeps
    // it alive, and nothing else runs while it is borrowed.
    let this = unsafe { &mut *data.as_ptr().cast::<StreamingDecoder>() };
    let units = with_bytes(args.get(1), |bytes| {
        let room = this.decoder.max_utf16_buffer_length(bytes.len()).unwrap_or(bytes.len() + 4);
        let mut units = vec![0u16; room];
        let mut written = 0;
        let mut read = 0;
        loop {
            if this.fatal {
                let (result, r, w) = this.decoder.decode_to_utf16_without_replacement(
                    &bytes[read..],
                    &mut units[written..],
                    flush,
                );
                (read, written) = (read + r, written + w);
                match result {
                    DecoderResult::InputEmpty => break,
                    DecoderResult::OutputFull => units.resize(units.len() * 2, 0),
                    DecoderResult::Malformed(..) => return None,
                }
            } else {
                let (result, r, w, _) =
                    this.decoder.decode_to_utf16(&bytes[read..], &mut units[written..], flush);
                (read, written) = (read + r, written + w);
                match result {
                    CoderResult::InputEmpty => break,
                    CoderResult::OutputFull => units.resize(units.len() * 2, 0),
                }
            }
        }
        units.truncate(written);
        Some(units)
    });
    if flush || units.is_none() {
        this.decoder = fresh(this.encoding, this.ignore_bom);
    }
    if let Some(units) = units
        && let Some(made) = utf16(scope, &units)
    {
        ret.set(made.into());
    }
}

/// `base64Encode(binary string | bytes)`: undefined where a character is above U+00FF.
fn base64_encode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let encode = |bytes: &[u8]| base64_simd::STANDARD.encode_type::<Vec<u8>>(bytes);
    let encoded = match v8::Local::<v8::String>::try_from(args.get(0)) {
        Ok(input) => with_binary(scope, input, encode),
        Err(_) => Some(with_bytes(args.get(0), encode)),
    };
    let Some(encoded) = encoded else { return };
    if encoded.len() > MAX_STRING {
        return throw(scope, Error::Range("the string is too long"));
    }
    if let Some(made) = latin1(scope, &encoded) {
        ret.set(made.into());
    }
}

/// Longest string.
///
/// Limit (characters): V8 makes no longer ones on any build.
const MAX_STRING: usize = (1 << 29) - 24;

/// `base64Decode(string)`: the binary string, or undefined. Infra, "forgiving-base64 decode".
fn base64_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(input) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let decoded = with_binary(scope, input, |bytes| base64_simd::forgiving_decode_to_vec(bytes).ok());
    if let Some(made) = decoded.flatten().and_then(|decoded| latin1(scope, &decoded)) {
        ret.set(made.into());
    }
}

/// `binaryString(bytes)`: a string with a character for each byte.
fn binary_string(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    if bytes.len() > MAX_STRING {
        return throw(scope, Error::Range("the string is too long"));
    }
    if let Some(made) = latin1(scope, &bytes) {
        ret.set(made.into());
    }
}

/// Calls `with` with the characters of a string as bytes, if none is above U+00FF.
fn with_binary<R>(
    scope: &mut Scope<'_, '_>,
    input: v8::Local<'_, v8::String>,
    with: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let view = v8::ValueView::new(scope, input);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) => Some(with(bytes)),
        v8::ValueViewData::TwoByte(units) => {
            let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
            bytes.map(|bytes| with(&bytes))
        }
    }
}
