//! Native functions of the URL standard, on the `url` crate: parsing, setters, origins, and
//! application/x-www-form-urlencoded.

mod file;
pub(crate) mod plain;
mod quirk;

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, buffer, fill_u32, latin1, ops, string, text};

pub(crate) static STANDARD: Standard = Standard {
    name: "url",
    uses: &["expose", "hooks", "primordials", "webidl"],
    hooks: &["blobUrls"],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["url/searchparams.js"],
        exports: ["searchParams"],
        globals: ["URLSearchParams"],
        enumerable: [],
        exercise: r#"const p = new URLSearchParams("a=b&c=d"); p.get("a"); p.has("b"); p.set("a", "c"); p.append("d", "e"); [...p]; p.toString();"#
    }
    {
        files: ["url/url.js"],
        exports: ["url"],
        globals: ["URL"],
        enumerable: [],
        exercise: r#"const u = new URL("/b?c=d#e", "http://localhost/"); u.pathname; u.search; u.hostname; u.searchParams.get("c"); u.href;"#
    }
};

ops! {
    "urlParse" => parse,
    "urlSet" => set,
    "urlOrigin" => origin,
    "formDecode" => form_decode,
    "formEncode" => form_encode,
}

/// Stands for an absent port, query or fragment in the offsets.
const NONE: u32 = u32::MAX;

/// `urlParse(input, base | undefined, out)`: the href, or null; see `url.js` for the offsets in `out`.
fn parse(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut room = plain::room();
    if let Some(plain) = parse_plain(scope, &args, &mut room) {
        return give_plain(scope, &plain, &args, &mut ret);
    }
    let (mut input_stack, mut base_stack) = (buffer::<512>(), buffer::<512>());
    let input = text(scope, args.get(0), &mut input_stack);
    let base = args.get(1).is_string().then(|| text(scope, args.get(1), &mut base_stack));
    match quirk::parse(&input, base.as_deref()) {
        Some(parsed) => give(scope, &parsed, args.get(2), &mut ret),
        None => ret.set_null(),
    }
}

/// The fast way, straight from V8's strings.
fn parse_plain<'a>(
    scope: &mut Scope<'_, '_>,
    args: &Args<'_>,
    room: &'a mut plain::Room,
) -> Option<plain::Plain<'a>> {
    let input = v8::Local::<v8::String>::try_from(args.get(0)).ok()?;
    if args.get(1).is_undefined() {
        let input = v8::ValueView::new(scope, input);
        let v8::ValueViewData::OneByte(input) = input.data() else { return None };
        return plain::parse(input, None, room);
    }
    let base = v8::Local::<v8::String>::try_from(args.get(1)).ok()?;
    // One view at a time: looking at a string may make it flat, which moves things.
    let mut copy = [0; 512];
    let copied = {
        let base = v8::ValueView::new(scope, base);
        let v8::ValueViewData::OneByte(base) = base.data() else { return None };
        copy.get_mut(..base.len())?.copy_from_slice(base);
        base.len()
    };
    let input = v8::ValueView::new(scope, input);
    let v8::ValueViewData::OneByte(input) = input.data() else { return None };
    plain::parse(input, Some(&copy[..copied]), room)
}

fn give_plain(scope: &mut Scope<'_, '_>, plain: &plain::Plain<'_>, args: &Args<'_>, ret: &mut Ret<'_>) {
    let absent = |offset: Option<u32>| offset.unwrap_or(NONE);
    fill_u32(
        args.get(2),
        &[
            plain.scheme_end,
            plain.username_end,
            plain.host_start,
            plain.host_end,
            absent(plain.port.map(u32::from)),
            plain.path_start,
            absent(plain.query_start),
            absent(plain.fragment_start),
            1,
        ],
    );
    if plain.is_input {
        ret.set(args.get(0));
    } else if let Some(href) = latin1(scope, plain.href()) {
        ret.set(href.into());
    }
}

/// `urlSet(href, which, value, out)`: the new href, or null where the setter leaves the URL as it is.
fn set(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let (mut href_stack, mut value_stack) = (buffer::<512>(), buffer::<512>());
    let href = text(scope, args.get(0), &mut href_stack);
    let which = args.get(1).uint32_value(scope).unwrap_or(0);
    let value = text(scope, args.get(2), &mut value_stack);
    match quirk::set(&href, which, &value) {
        Some(parsed) => give(scope, &parsed, args.get(3), &mut ret),
        None => ret.set_null(),
    }
}

fn give(scope: &mut Scope<'_, '_>, parsed: &quirk::Parsed, out: v8::Local<'_, v8::Value>, ret: &mut Ret<'_>) {
    let (href, offsets, authority) = parsed.parts();
    let mut values = [u32::from(authority); 9];
    for (value, offset) in values.iter_mut().zip(offsets) {
        *value = offset.unwrap_or(NONE);
    }
    fill_u32(out, &values);
    if let Some(href) = string(scope, &href) {
        ret.set(href.into());
    }
}

fn origin(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<512>();
    let href = text(scope, args.get(0), &mut stack);
    if let Some(origin) = string(scope, &quirk::origin(&href)) {
        ret.set(origin.into());
    }
}

/// `formDecode(text)`: a flat array `[name, value, …]`. URL, section 5.1 "application/x-www-form-urlencoded
/// parsing".
fn form_decode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<512>();
    let input = text(scope, args.get(0), &mut stack);
    let mut flat: Vec<v8::Local<'_, v8::Value>> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(input.as_bytes()) {
        let (Some(name), Some(value)) = (string(scope, &name), string(scope, &value)) else { return };
        flat.push(name.into());
        flat.push(value.into());
    }
    ret.set(v8::Array::new_with_elements(scope, &flat).into());
}

/// `formEncode([name, value, …])`: the serialization. URL, section 5.2.
fn form_encode(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(flat) = v8::Local::<v8::Array>::try_from(args.get(0)) else { return };
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    let (mut name_stack, mut value_stack) = (buffer::<256>(), buffer::<256>());
    for index in (0..flat.length() / 2).map(|pair| pair * 2) {
        let (Some(name), Some(value)) = (flat.get_index(scope, index), flat.get_index(scope, index + 1))
        else {
            return;
        };
        let name = text(scope, name, &mut name_stack);
        let value = text(scope, value, &mut value_stack);
        serializer.append_pair(&name, &value);
    }
    if let Some(encoded) = string(scope, &serializer.finish()) {
        ret.set(encoded.into());
    }
}
