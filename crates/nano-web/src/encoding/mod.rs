//! Native functions of the Encoding standard, on `encoding_rs`, and of forgiving base64 (Infra standard, section 7).

use crate::infra::{
    Args, Error, Ret, Scope, buffer, fill_u32, latin1, ops, string, text, throw, uint8_array, utf16,
    with_bytes,
};
use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding};
use std::ffi::c_void;

ops! {
    "utf8Encode" => utf8_encode,
    "utf8EncodeInto" => utf8_encode_into,
    "utf8Decode" => utf8_decode,
    "encodingLabel" => encoding_label,
    "decoderNew" => decoder_new,
    "decoderDecode" => decoder_decode,
    "base64Encode" => base64_encode,
    "base64Decode" => base64_decode,
    "isSharedArrayBuffer" => is_shared_array_buffer,
}

fn is_shared_array_buffer(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    ret.set_bool(args.get(0).is_shared_array_buffer());
}

fn utf8_encode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<1024>();
    let bytes = text(scope, args.get(0), &mut stack).into_owned().into_bytes();
    if let Some(array) = uint8_array(scope, bytes) {
        ret.set(array.into());
    }
}

/// `utf8EncodeInto(text, view, out)`: `out` gets the code units read and the bytes written. Encoding, "encodeInto".
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
        string.write_utf8_v2(scope, target, v8::WriteFlags::kReplaceInvalidUtf8, Some(&mut read))
    };
    fill_u32(args.get(2), &[read as u32, written as u32]);
}

/// `utf8Decode(bytes, ignoreBOM, fatal)`: the text, or undefined where `fatal` meets an error.
fn utf8_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    enum Decoded {
        Ascii(Vec<u8>),
        Text(String),
        Bad,
    }
    let (ignore_bom, fatal) = (args.get(1).is_true(), args.get(2).is_true());
    let mut inline = [0u8; 64];
    // Plain ASCII in a buffer of its own needs no copy between the bytes and the string.
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) {
        let bytes = view.get_contents(&mut inline);
        if bytes.len() <= 64 && bytes.is_ascii() {
            let mut copy = [0u8; 64];
            copy[..bytes.len()].copy_from_slice(bytes);
            let length = bytes.len();
            if let Some(made) = latin1(scope, &copy[..length]) {
                ret.set(made.into());
            }
            return;
        }
    }
    let decoded = with_bytes(args.get(0), |bytes| {
        let bytes = if ignore_bom { bytes } else { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) };
        if bytes.is_ascii() {
            Decoded::Ascii(bytes.to_vec())
        } else if let Ok(valid) = simdutf8::basic::from_utf8(bytes) {
            Decoded::Text(valid.to_owned())
        } else if fatal {
            Decoded::Bad
        } else {
            Decoded::Text(String::from_utf8_lossy(bytes).into_owned())
        }
    });
    let made = match decoded {
        Decoded::Ascii(bytes) => latin1(scope, &bytes),
        Decoded::Text(text) => string(scope, &text),
        Decoded::Bad => return,
    };
    if let Some(made) = made {
        ret.set(made.into());
    }
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

/// A streaming decoder. JavaScript holds it as an ArrayBuffer that no tenant ever sees: its bytes are this struct, and
/// collecting it drops the struct.
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

/// `decoderDecode(decoder, bytes, flush)`: the text, or undefined where a fatal decoder meets an error. After a flush or an
/// error the decoder begins anew.
fn decoder_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(holder) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)) else { return };
    let Some(data) = holder.data().filter(|_| holder.byte_length() == size_of::<StreamingDecoder>()) else {
        return;
    };
    let flush = args.get(2).is_true();
    // SAFETY: only `decoder_new` makes the buffers that the platform's JavaScript passes here; `holder` keeps it alive, and
    // nothing else runs while it is borrowed.
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

/// `base64Encode(binary string)`: undefined where a character is above U+00FF.
fn base64_encode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(input) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let Some(bytes) = binary(scope, input) else { return };
    match base64_simd::STANDARD.encode_to_string(&bytes) {
        encoded if encoded.len() <= MAX_STRING => {
            if let Some(made) = latin1(scope, encoded.as_bytes()) {
                ret.set(made.into());
            }
        }
        _ => throw(scope, Error::Range("the string is too long")),
    }
}

/// The longest string that V8 makes on any build.
const MAX_STRING: usize = (1 << 29) - 24;

/// `base64Decode(string)`: the binary string, or undefined. Infra, "forgiving-base64 decode".
fn base64_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(input) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let Some(bytes) = binary(scope, input) else { return };
    if let Ok(decoded) = base64_simd::forgiving_decode_to_vec(&bytes)
        && let Some(made) = latin1(scope, &decoded)
    {
        ret.set(made.into());
    }
}

/// The characters of a string as bytes, if none is above U+00FF.
fn binary(scope: &mut Scope<'_, '_>, input: v8::Local<'_, v8::String>) -> Option<Vec<u8>> {
    if !input.contains_only_onebyte() {
        return None;
    }
    let mut bytes = vec![0u8; input.length()];
    input.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    Some(bytes)
}
