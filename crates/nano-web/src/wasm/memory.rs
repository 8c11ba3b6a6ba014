//! Memories of WebAssembly, counted against their isolate: V8 counts them neither as heap nor as buffers.
//!
//! A memory that a script can see is looked at: when it is made, after each run of the isolate, and now and
//! then within a long one ([`Memories::count`]). One that an instance hides cannot be; its module is given a
//! maximum that is counted whole. Knows nothing of what becomes of an isolate that has too much.

use crate::infra::{Args, Error, Ret, Scope, ops, state, throw};
use crate::state::State;
use nano_arena::{Account, Charge};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use wasmparser::{ExternalKind, MemoryType, Parser, Payload, TypeRef};

/// A page of a memory, unless its type says otherwise.
const PAGE_BYTES: u64 = 1 << 16;

/// WebAssembly memory that no script can see, or its initial size if that is more.
///
/// Limit (bytes): it cannot be measured, so it is counted whole.
pub const MAX_HIDDEN_BYTES: u64 = 16 << 20;

/// WebAssembly memories of one isolate.
///
/// Limit (memories): V8 reserves addresses for each, of which a process has enough for some thousands.
pub const MAX_MEMORIES: usize = 256;

ops! {
    "wasmNamespace" => namespace,
    "wasmIsModule" => is_module,
    "wasmBound" => bound,
    "wasmHidden" => hidden,
    "wasmTrack" => track,
    "wasmTrackHidden" => track_hidden,
    "wasmReserve" => reserve,
}

/// A memory, or an instance for what it hides.
struct Tracked {
    object: v8::Weak<v8::Object>,
    /// The memory's buffers that scripts may have: any of them keeps its bytes alive when the memory itself
    /// is gone.
    buffers: Vec<v8::Weak<v8::Object>>,
    charge: Charge,
}

/// The memories of one isolate.
#[derive(Default)]
pub(crate) struct Memories {
    /// By identity hash, which two objects may share.
    tracked: RefCell<HashMap<i32, Vec<Tracked>>>,
    /// What the module hides that was bounded last.
    hidden: Cell<usize>,
}

impl State {
    /// Whether the isolate has memories of WebAssembly, which [`count_wasm`](Self::count_wasm) is to look at
    /// after each run.
    pub fn has_wasm(&self) -> bool {
        !self.get::<Memories>().tracked.borrow().is_empty()
    }

    /// Counts the isolate's memories of WebAssembly, which grow without asking. False: they have grown beyond
    /// what the isolate's [`Account`] allows.
    pub fn count_wasm(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        self.get::<Memories>().count(scope)
    }
}

impl Memories {
    /// Charges each memory's size as it is now. False: they have grown beyond what their account allows.
    fn count(&self, scope: &mut Scope<'_, '_>) -> bool {
        v8::scope!(let scope, scope);
        let mut within = true;
        self.tracked.borrow_mut().retain(|_, list| {
            list.retain_mut(|tracked| {
                if let Some(object) = tracked.object.to_local(scope) {
                    within &= tracked.follow(scope, object);
                    return true;
                }
                tracked.buffers.retain(|buffer| buffer.to_local(scope).is_some());
                !tracked.buffers.is_empty()
            });
            !list.is_empty()
        });
        within
    }

    /// Counts a memory as it is now, or `hidden` bytes of an instance. False: there is no room for it.
    fn add(
        &self,
        scope: &mut Scope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        hidden: usize,
        account: &Account,
    ) -> bool {
        let hash = object.get_identity_hash().get();
        if let Some(list) = self.tracked.borrow_mut().get_mut(&hash)
            && let Some(known) = list.iter_mut().find(|tracked| tracked.object == object)
        {
            return known.follow(scope, object);
        }
        let mut tracked = Tracked {
            object: v8::Weak::new(scope, object),
            buffers: Vec::new(),
            charge: account.adopt_bytes(0),
        };
        let mut fits = |scope: &mut Scope<'_, '_>| {
            let number = self.tracked.borrow().values().map(Vec::len).sum::<usize>();
            number < MAX_MEMORIES && tracked.charge(hidden) && tracked.follow(scope, object)
        };
        if !fits(scope) {
            // What is dead counts until V8 has found out.
            scope.low_memory_notification();
            self.count(scope);
            if !fits(scope) {
                return false;
            }
        }
        self.tracked.borrow_mut().entry(hash).or_default().push(tracked);
        true
    }
}

impl Tracked {
    /// Charges `bytes` if that is more than what is charged. False: there is no room.
    fn charge(&mut self, bytes: usize) -> bool {
        bytes <= self.charge.bytes() || self.charge.resize(bytes).is_ok()
    }

    /// Charges a memory's size as it is now. False: there is no room for it.
    fn follow(&mut self, scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
        let value: v8::Local<'_, v8::Value> = object.into();
        let Ok(memory) = v8::Local::<v8::WasmMemoryObject>::try_from(value) else { return true };
        let buffer: v8::Local<'_, v8::Value> = memory.buffer().into();
        let bytes = match v8::Local::<v8::SharedArrayBuffer>::try_from(buffer) {
            Ok(shared) => shared.byte_length(),
            Err(_) => memory.buffer().byte_length(),
        };
        if let Ok(buffer) = v8::Local::<v8::Object>::try_from(buffer)
            && self.buffers.last().is_none_or(|known| *known != buffer)
        {
            self.buffers.retain(|buffer| buffer.to_local(scope).is_some());
            self.buffers.push(v8::Weak::new(scope, buffer));
        }
        self.charge(bytes)
    }
}

/// V8's own `WebAssembly`, as [`parts::prepare`](crate::infra::parts::prepare) found it.
fn namespace(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    if let Some(namespace) = crate::infra::parts::original_webassembly(scope) {
        ret.set(namespace);
    }
}

fn is_module(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    ret.set_bool(args.get(0).is_wasm_module_object());
}

/// `wasmBound(module)`: the module to make an instance of, in which every hidden memory has a maximum; what
/// is no module comes back as it is. How much is hidden: `wasmHidden()`.
fn bound(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    ret.set(args.get(0));
    let Some(state) = state(scope) else { return };
    state.get::<Memories>().hidden.set(0);
    let Ok(module) = v8::Local::<v8::WasmModuleObject>::try_from(args.get(0)) else { return };
    let compiled = module.get_compiled_module();
    let Some(found) = Hidden::find(compiled.get_wire_bytes_ref()) else { return };
    state.get::<Memories>().hidden.set(usize::try_from(found.bytes).unwrap_or(usize::MAX));
    if let Some(rewritten) = found.rewritten
        && let Some(module) = v8::WasmModuleObject::compile(scope, &rewritten)
    {
        ret.set(module.into());
    }
}

fn hidden(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(state(scope).map_or(0, |state| state.get::<Memories>().hidden.get()) as f64);
}

/// `wasmTrack(memory)`: counts it as it is, and from now on; anything else is ignored.
fn track(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if args.get(0).is_wasm_memory_object() {
        add(scope, args.get(0), 0);
    }
}

/// `wasmTrackHidden(instance, bytes)`: counts them for as long as the instance is there.
fn track_hidden(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let bytes = args.get(1).number_value(scope).unwrap_or(0.0) as usize;
    add(scope, args.get(0), bytes);
}

fn add(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>, hidden: usize) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else { return };
    let Some((memories, account)) = memories(scope) else { return };
    if !memories.add(scope, object, hidden, account) {
        throw(
            scope,
            Error::Range("WebAssembly.Memory: the application's memory limit leaves no room for this memory"),
        );
    }
}

/// `wasmReserve(memory, pages)`: throws a RangeError if there is no room for it to grow by so many pages.
fn reserve(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let bytes = args.get(1).number_value(scope).unwrap_or(0.0) as u64 * PAGE_BYTES;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let Some((memories, account)) = memories(scope) else { return };
    let fits = |scope: &mut Scope<'_, '_>| {
        // Only a test: the growth itself is charged when it has happened.
        memories.count(scope) && account.charge(bytes).is_ok()
    };
    if !fits(scope) {
        scope.low_memory_notification();
        if !fits(scope) {
            throw(
                scope,
                Error::Range(
                    "WebAssembly.Memory.grow(): the application's memory limit leaves no room for it",
                ),
            );
        }
    }
}

fn memories<'a>(scope: &mut Scope<'_, '_>) -> Option<(&'a Memories, &'a Account)> {
    let state = std::ptr::from_ref(state(scope)?);
    // SAFETY: the state outlives all JavaScript of its isolate (`State::attach`), and so this native
    // function.
    let state = unsafe { &*state };
    Some((state.get::<Memories>(), state.account()))
}

/// The memories that a module defines and does not export.
struct Hidden {
    /// What they may grow to, together.
    bytes: u64,
    /// The module with that as their maxima, where it declares more.
    rewritten: Option<Vec<u8>>,
}

impl Hidden {
    /// `wire`: a module that V8 has compiled. `None`: it hides nothing.
    fn find(wire: &[u8]) -> Option<Self> {
        let mut imported = 0u32;
        let mut memories = Vec::new();
        let mut exported = Vec::new();
        let mut section = None;
        let mut end = 0;
        for payload in Parser::new(0).parse_all(wire) {
            // V8 has read it: whatever fails here is of a proposal that the parser does not know.
            let payload = payload.ok()?;
            match &payload {
                Payload::ImportSection(reader) => {
                    for import in reader.clone().into_imports() {
                        imported += u32::from(matches!(import.ok()?.ty, TypeRef::Memory(_)));
                    }
                }
                Payload::MemorySection(reader) => {
                    section = Some((end, reader.range().end));
                    memories = reader.clone().into_iter().collect::<Result<_, _>>().ok()?;
                }
                Payload::ExportSection(reader) => {
                    for export in reader.clone() {
                        let export = export.ok()?;
                        if export.kind == ExternalKind::Memory {
                            exported.push(export.index);
                        }
                    }
                }
                // Nothing of interest comes after.
                Payload::CodeSectionStart { .. } | Payload::DataSection(_) => break,
                _ => {}
            }
            end = match &payload {
                Payload::Version { range, .. } => range.end,
                other => other.as_section().map_or(end, |(_, range)| range.end),
            };
        }
        let (begin, end) = section?;
        let mut bytes = 0u64;
        let mut changed = false;
        for (index, memory) in memories.iter_mut().enumerate() {
            if exported.contains(&(imported + index as u32)) {
                continue;
            }
            let page = memory.page_size_log2.map_or(PAGE_BYTES, |log2| 1 << log2.min(16));
            let most = memory.initial.max(MAX_HIDDEN_BYTES / page);
            if memory.maximum.is_none_or(|maximum| maximum > most) {
                memory.maximum = Some(most);
                changed = true;
            }
            bytes = bytes.saturating_add(memory.maximum.unwrap_or(most).saturating_mul(page));
        }
        let rewritten = changed.then(|| [&wire[..begin], &memory_section(&memories), &wire[end..]].concat());
        (bytes > 0).then_some(Self { bytes, rewritten })
    }
}

/// WebAssembly Core, sections 5.5.8 and 5.3.8: a memory section.
fn memory_section(memories: &[MemoryType]) -> Vec<u8> {
    let mut content = Vec::new();
    leb128(&mut content, memories.len() as u64);
    for memory in memories {
        content.push(
            u8::from(memory.maximum.is_some())
                | u8::from(memory.shared) << 1
                | u8::from(memory.memory64) << 2
                | u8::from(memory.page_size_log2.is_some()) << 3,
        );
        leb128(&mut content, memory.initial);
        if let Some(maximum) = memory.maximum {
            leb128(&mut content, maximum);
        }
        if let Some(log2) = memory.page_size_log2 {
            leb128(&mut content, u64::from(log2));
        }
    }
    let mut section = vec![5];
    leb128(&mut section, content.len() as u64);
    section.extend(content);
    section
}

fn leb128(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with these sections.
    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat()
    }

    #[test]
    fn an_exported_memory_is_not_hidden() {
        let wire = module(&[&[5, 3, 1, 0, 1], &[7, 5, 1, 1, b'm', 2, 0]]);
        assert!(Hidden::find(&wire).is_none());
        assert!(Hidden::find(&module(&[])).is_none());
    }

    #[test]
    fn a_hidden_memory_gets_a_maximum_and_nothing_else_changes() {
        let custom: &[u8] = &[0, 3, 1, b'x', 9];
        let wire = module(&[custom, &[5, 3, 1, 0, 1], custom]);
        let found = Hidden::find(&wire).expect("it hides one");
        assert_eq!(found.bytes, MAX_HIDDEN_BYTES);
        // 256 pages are two bytes of LEB128.
        assert_eq!(found.rewritten, Some(module(&[custom, &[5, 5, 1, 1, 1, 0x80, 2], custom])));
    }

    #[test]
    fn a_small_maximum_and_a_large_beginning_stay() {
        let small = module(&[&[5, 4, 1, 1, 1, 2]]);
        let found = Hidden::find(&small).expect("it hides one");
        assert_eq!((found.bytes, found.rewritten), (2 * PAGE_BYTES, None));
        // 1024 pages to begin with, and no maximum.
        let large = module(&[&[5, 4, 1, 0, 0x80, 8]]);
        let found = Hidden::find(&large).expect("it hides one");
        assert_eq!(found.bytes, 1024 * PAGE_BYTES);
        assert_eq!(found.rewritten, Some(module(&[&[5, 6, 1, 1, 0x80, 8, 0x80, 8]])));
    }
}
