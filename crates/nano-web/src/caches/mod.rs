//! Native functions of the Cache API, on the embedder's `nano-cache`.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Error, NO_ROOM, Ret, Scope, buffer, native, ops, state, string, text, throw, uint8_array,
    with_bytes,
};
use nano_cache::{Body, Lookup, Now, Request, Response, Tenant};

pub(crate) static STANDARD: Standard = Standard {
    name: "caches",
    uses: &[
        "abort",
        "body",
        "domexception",
        "expose",
        "fetch",
        "fetchClient",
        "primordials",
        "streams",
        "webidl",
    ],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["caches/caches.js"],
        exports: [],
        globals: ["Cache", "CacheStorage", "caches"],
        enumerable: [],
        exercise: r#"caches.default.match("http://localhost/").catch(() => {}); caches.default.put("http://localhost/", new Response("a")).catch(() => {});"#
    }
};

ops! {
    "cacheMatch" => cache_match,
    "cacheRead" => cache_read,
    "cachePut" => cache_put,
    "cacheDelete" => cache_delete,
    "cacheStored" => cache_stored,
    "cacheNames" => cache_names,
    "cacheDeleteAll" => cache_delete_all,
}

/// A body up to this size is given whole; a larger one in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// The application's view of the store, or an exception.
fn tenant(scope: &mut Scope<'_, '_>) -> Option<Tenant> {
    let tenant = state(scope).and_then(|state| state.host().caches());
    if tenant.is_none() {
        throw(scope, Error::Type("there is no cache here"));
    }
    tenant
}

/// A flat array `[name, value, …]` as pairs.
fn pairs(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Vec<(String, String)> {
    let Ok(flat) = v8::Local::<v8::Array>::try_from(value) else { return Vec::new() };
    let mut stack = buffer::<256>();
    let mut found = Vec::with_capacity(flat.length() as usize / 2);
    for index in (0..flat.length() / 2).map(|pair| pair * 2) {
        let (Some(name), Some(value)) = (flat.get_index(scope, index), flat.get_index(scope, index + 1))
        else {
            break;
        };
        let name = text(scope, name, &mut stack).into_owned();
        let value = text(scope, value, &mut stack).into_owned();
        found.push((name, value));
    }
    found
}

fn argument(scope: &mut Scope<'_, '_>, args: &Args<'_>, index: i32) -> String {
    let mut stack = buffer::<256>();
    text(scope, args.get(index), &mut stack).into_owned()
}

/// `cacheMatch(cache, url, headers)`: undefined, or [status, status text, headers, body, whether that is a
/// native object]; the body is null, bytes, or an object for `cacheRead`.
fn cache_match(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let (cache, url) = (argument(scope, &args, 0), argument(scope, &args, 1));
    let headers = pairs(scope, args.get(2));
    let Lookup::Hit(hit) = tenant.look_up(&cache, &Request { url: &url, headers: &headers }, Now::read())
    else {
        return;
    };
    let Some(status_text) = string(scope, &hit.response.status_text) else { return };
    let mut flat: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(hit.response.headers.len() * 2);
    for (name, value) in &hit.response.headers {
        let (Some(name), Some(value)) = (string(scope, name), string(scope, value)) else { return };
        flat.push(name.into());
        flat.push(value.into());
    }
    let flat = v8::Array::new_with_elements(scope, &flat);
    let null_body = matches!(hit.response.status, 204 | 205 | 304);
    let whole = hit.body.len() <= PIECE_BYTES as u64;
    let body: v8::Local<'_, v8::Value> = if null_body {
        v8::null(scope).into()
    } else if whole {
        let Some(bytes) = read(scope, &hit.body, 0) else { return };
        let Some(bytes) = uint8_array(scope, bytes) else { return };
        bytes.into()
    } else {
        let Some(body) = native::new(scope, hit.body, 0) else {
            return throw(scope, Error::Range(NO_ROOM));
        };
        body.into()
    };
    let status = v8::Integer::new(scope, i32::from(hit.response.status)).into();
    let is_native = v8::Boolean::new(scope, !null_body && !whole).into();
    let found = [status, status_text.into(), flat.into(), body, is_native];
    ret.set(v8::Array::new_with_elements(scope, &found).into());
}

/// A piece of a body, or an exception.
fn read(scope: &mut Scope<'_, '_>, body: &Body, offset: u64) -> Option<Vec<u8>> {
    let left = body.len().saturating_sub(offset).min(PIECE_BYTES as u64) as usize;
    let mut bytes = vec![0; left];
    match body.read(offset, &mut bytes) {
        Ok(count) => {
            bytes.truncate(count);
            Some(bytes)
        }
        Err(error) => {
            throw(scope, Error::Type(&format!("the stored body cannot be read: {error}")));
            None
        }
    }
}

/// `cacheRead(body, offset)`: the next piece, or null at the end.
fn cache_read(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    // The clone is the function's own.
    let Some(body) = native::with(scope, args.get(0), |body: &mut Body| body.clone()) else { return };
    let offset = args.get(1).integer_value(scope).unwrap_or(0).max(0) as u64;
    let Some(bytes) = read(scope, &body, offset) else { return };
    if bytes.is_empty() {
        ret.set_null();
    } else if let Some(array) = uint8_array(scope, bytes) {
        ret.set(array.into());
    }
}

/// `cachePut(cache, url, request headers, status, status text, headers, bytes | null)`: whether it was
/// stored.
fn cache_put(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let (cache, url) = (argument(scope, &args, 0), argument(scope, &args, 1));
    let request = pairs(scope, args.get(2));
    let status = args.get(3).uint32_value(scope).unwrap_or(0) as u16;
    let status_text = argument(scope, &args, 4);
    let headers = pairs(scope, args.get(5));
    let body = with_bytes(args.get(6), |bytes| bytes.into());
    let response = Response { status, status_text, headers };
    let stored = tenant.put(&cache, &Request { url: &url, headers: &request }, response, body, Now::read());
    ret.set_bool(stored.is_ok());
}

/// `cacheDelete(cache, url, headers)`: whether there was something.
fn cache_delete(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let (cache, url) = (argument(scope, &args, 0), argument(scope, &args, 1));
    let headers = pairs(scope, args.get(2));
    ret.set_bool(tenant.delete(&cache, &Request { url: &url, headers: &headers }));
}

/// `cacheStored(cache, url | undefined, headers | undefined)`: `[url, headers]` of each request whose
/// response is stored, of the headers those that its Vary names, flat. With a URL or headers, only those that
/// are stored for these.
fn cache_stored(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let cache = argument(scope, &args, 0);
    let url = (!args.get(1).is_undefined()).then(|| argument(scope, &args, 1));
    let mut stored = tenant.stored(&cache, url.as_deref(), Now::read());
    if !args.get(2).is_undefined() {
        let headers = pairs(scope, args.get(2));
        stored.retain(|entry| entry.is_for(&headers));
    }
    let mut list: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(stored.len());
    for entry in &stored {
        let mut flat: Vec<v8::Local<'_, v8::Value>> = Vec::new();
        for (name, value) in &entry.variant {
            let Some(value) = value else { continue };
            let (Some(name), Some(value)) = (string(scope, name), string(scope, value)) else { return };
            flat.extend([v8::Local::<v8::Value>::from(name), value.into()]);
        }
        let Some(url) = string(scope, &entry.url) else { return };
        let flat = v8::Array::new_with_elements(scope, &flat);
        list.push(v8::Array::new_with_elements(scope, &[url.into(), flat.into()]).into());
    }
    ret.set(v8::Array::new_with_elements(scope, &list).into());
}

/// `cacheNames()`: the names of the caches that hold something.
fn cache_names(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let mut list: Vec<v8::Local<'_, v8::Value>> = Vec::new();
    for name in tenant.caches(Now::read()) {
        let Some(name) = string(scope, &name) else { return };
        list.push(name.into());
    }
    ret.set(v8::Array::new_with_elements(scope, &list).into());
}

/// `cacheDeleteAll(cache)`: whether it held something.
fn cache_delete_all(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(tenant) = tenant(scope) else { return };
    let cache = argument(scope, &args, 0);
    ret.set_bool(tenant.delete_cache(&cache));
}
