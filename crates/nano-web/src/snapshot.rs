//! The startup snapshot: an isolate's heap with the whole platform in it, made once at build time.
//!
//! Making it runs the snapshot files of all standards; reading it runs none. Native functions are found by
//! their place in the list of external references, which must be the same when it is made and when it is
//! read: [`external_references`].

use crate::entry::Entries;
use crate::infra::part::File;
use crate::infra::parts::describe;
use crate::infra::standard::LAST_SNAPSHOT_FILES;
use crate::infra::{parts, table};
use crate::standards;
use std::borrow::Cow;
use std::ffi::c_void;

/// V8's flags; whoever makes a snapshot and whoever reads it sets the same, before V8 is initialized.
///
/// `--single-threaded-gc` is not among them: concurrent marking keeps one tenant's collection from delaying
/// its neighbours.
///
/// Loops are not unrolled: with that, V8 15.2 also removes the stack check of a loop around another that has
/// none of its own (`for (;;) list.push(new Array(1000).fill(0))`), and such a loop can be neither
/// interrupted for a time slice nor terminated.
pub const V8_FLAGS: &str = "--no-expose-gc --no-turboshaft-loop-unrolling";

/// Where in the context's data the array of entry functions is.
const ENTRY_DATA: usize = 0;

/// What a snapshot refers to: the native functions, and the texts of the platform's JavaScript. V8 gets the
/// same list when a snapshot is made and when it is read.
pub fn external_references() -> Cow<'static, [v8::ExternalReference]> {
    let platform = standards::register();
    let functions = platform.ops.iter().map(|op| v8::ExternalReference { function: op.callback });
    let fast = platform.ops.iter().filter_map(|op| op.fast).flat_map(|fast| &fast.0).flat_map(|fast| {
        [
            v8::ExternalReference { pointer: std::ptr::from_ref(fast).cast_mut().cast::<c_void>() },
            v8::ExternalReference { pointer: fast.address().cast_mut() },
            v8::ExternalReference { type_info: fast.type_info() },
        ]
    });
    let texts = snapshot_files().map(|(_, text)| v8::ExternalReference {
        pointer: std::ptr::from_ref(text).cast_mut().cast::<c_void>(),
    });
    functions
        .chain(fast)
        .chain(texts)
        .chain([parts::external_reference(), table::external_reference()])
        .collect::<Vec<_>>()
        .into()
}

/// The files that are evaluated when the snapshot is made, in their order.
fn snapshot_files() -> impl Iterator<Item = &'static File> {
    standards::register().snapshot_files.iter().copied().chain(LAST_SNAPSHOT_FILES)
}

/// What [`create`] makes.
#[derive(Debug)]
pub struct Snapshot {
    /// For V8, as the isolate's snapshot blob.
    pub blob: Vec<u8>,
    /// For [`CodeCaches::new`](crate::CodeCaches::new).
    pub caches: Vec<u8>,
}

/// Makes the startup snapshot. V8 must be initialized.
///
/// # Errors
///
/// The text of the exception, with file and line, that the platform's JavaScript threw; or which file uses
/// what its folder does not declare.
pub fn create() -> Result<Snapshot, String> {
    standards::check()?;
    let mut isolate = v8::Isolate::snapshot_creator(Some(external_references()), None);
    let made = {
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, Default::default());
        let made = {
            let scope = &mut v8::ContextScope::new(scope, context);
            install(scope).map(|entry| {
                let index = scope.add_context_data(context, entry);
                assert_eq!(index, ENTRY_DATA, "the entry functions are the context's only data");
            })
        };
        scope.set_default_context(context);
        made
    };
    // Bytecode stays in: an application's first request must not compile the platform.
    let blob = isolate.create_blob(v8::FunctionCodeHandling::Keep);
    made?;
    let blob = blob.ok_or("V8 made no snapshot")?.to_vec();
    let params = v8::CreateParams::default()
        .snapshot_blob(v8::StartupData::from(blob.clone()))
        .external_references(external_references());
    let caches = parts::compile(&mut v8::Isolate::new(params))?;
    Ok(Snapshot { blob, caches })
}

/// Evaluates the platform's JavaScript in the current context; the array of entry functions.
fn install<'s>(scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Array>, String> {
    v8::tc_scope!(let scope, scope);
    let run = run(scope);
    match run {
        Some(entry) => Ok(entry),
        None => Err(describe(scope)),
    }
}

fn run<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Array>> {
    let internal = v8::Object::new(scope);
    let ops = v8::Object::new(scope);
    let null = v8::null(scope).into();
    internal.set_prototype(scope, null)?;
    ops.set_prototype(scope, null)?;
    table::install(scope, ops)?;
    let arguments = [internal.into(), ops.into()];
    for file in snapshot_files() {
        parts::evaluate(scope, file, None, &arguments)?;
    }
    let key = v8::String::new(scope, "loadPart")?;
    let load = internal.get(scope, key.into())?;
    parts::install(scope, load)?;
    let key = v8::String::new(scope, "entry")?;
    v8::Local::try_from(internal.get(scope, key.into())?).ok()
}

/// Makes a context that came out of the snapshot ready, and gives its entry functions; once for each context.
///
/// # Errors
///
/// If the context did not come out of a snapshot of this version.
pub fn entries(scope: &mut v8::PinScope<'_, '_>) -> Result<Entries, String> {
    parts::prepare(scope).ok_or("the global object cannot be made ready")?;
    let array = scope
        .get_context_data_from_snapshot_once::<v8::Array>(ENTRY_DATA)
        .map_err(|error| format!("the startup snapshot has no entry functions: {error}"))?;
    Entries::from_array(scope, array).ok_or_else(|| "the startup snapshot is of another version".to_owned())
}
