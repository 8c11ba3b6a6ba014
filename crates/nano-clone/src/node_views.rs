//! Views as Node writes them, as host objects: a number for the type, a length, the bytes.

use crate::bridge::{RawDeserializer, RawSerializer, Scope};

/// Node's number for the type of a view. 10 is Node's own Buffer; 13 is Float16Array, which older releases do
/// not have.
fn number(view: v8::Local<'_, v8::ArrayBufferView>) -> Option<u32> {
    Some(match () {
        () if view.is_int8_array() => 0,
        () if view.is_uint8_array() => 1,
        () if view.is_uint8_clamped_array() => 2,
        () if view.is_int16_array() => 3,
        () if view.is_uint16_array() => 4,
        () if view.is_int32_array() => 5,
        () if view.is_uint32_array() => 6,
        () if view.is_float32_array() => 7,
        () if view.is_float64_array() => 8,
        () if view.is_data_view() => 9,
        () if view.is_big_int64_array() => 11,
        () if view.is_big_uint64_array() => 12,
        () => return None,
    })
}

/// Writes a view; false if Node has no number for its type.
pub(crate) fn write_view(view: v8::Local<'_, v8::ArrayBufferView>, out: &RawSerializer<'_>) -> bool {
    let Some(number) = number(view) else { return false };
    let mut inline = [0u8; 64];
    let bytes = view.get_contents(&mut inline);
    out.write_u32(number);
    out.write_u32(bytes.len() as u32);
    out.write_raw(bytes);
    true
}

/// Reads a view; `None` if the bytes are not one.
pub(crate) fn read_view<'s>(
    scope: &mut Scope<'s, '_>,
    input: &RawDeserializer<'_>,
) -> Option<v8::Local<'s, v8::Object>> {
    let number = input.read_u32()?;
    let length = input.read_u32()? as usize;
    let bytes = input.read_raw(length)?;
    let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes.to_vec()).make_shared();
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
    /// A view on the whole buffer, whose length must be a number of elements.
    macro_rules! view {
        ($($type:ident)::+, $size:literal) => {
            if length.is_multiple_of($size) {
                $($type)::+::new(scope, buffer, 0, length / $size)?.into()
            } else {
                return None;
            }
        };
    }
    Some(match number {
        0 => view!(v8::Int8Array, 1),
        1 | 10 => view!(v8::Uint8Array, 1),
        2 => view!(v8::Uint8ClampedArray, 1),
        3 => view!(v8::Int16Array, 2),
        4 => view!(v8::Uint16Array, 2),
        5 => view!(v8::Int32Array, 4),
        6 => view!(v8::Uint32Array, 4),
        7 => view!(v8::Float32Array, 4),
        8 => view!(v8::Float64Array, 8),
        9 => v8::DataView::new(scope, buffer, 0, length).into(),
        11 => view!(v8::BigInt64Array, 8),
        12 => view!(v8::BigUint64Array, 8),
        _ => return None,
    })
}
