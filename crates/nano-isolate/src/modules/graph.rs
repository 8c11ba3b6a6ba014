//! Graphs of modules: compiling, checking and linking a module with all that it imports statically.

use super::Scope;
use super::content::{compile, shared_string};
use super::map::{Failure, ModuleMap, missing_record, throw};
use nano_modules::{Content, Import, LoadError, Source, Sources};
use std::collections::HashMap;

/// Compiles a module and all that it imports statically, and adds them to the map if the graph is whole.
/// Nothing is evaluated. Breadth does not cost stack.
///
/// A module that cannot be had leaves no trace: the next import of the graph tries again, and fails the same
/// way or succeeds.
pub fn compile_graph<'s>(
    scope: &mut Scope<'s, '_>,
    map: &ModuleMap,
    root: usize,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    let mut compiled = HashMap::new();
    let mut waiting = vec![root];
    while let Some(index) = waiting.pop() {
        if map.has(index) || compiled.contains_key(&index) {
            continue;
        }
        let source = map.sources().module(index);
        let module = compile(scope, &source)?;
        compiled.insert(index, module);
        if source.imports.get().is_none() {
            let imports = resolve_imports(scope, map.sources(), &source, module)?;
            // Another thread may have been first; the result is the same.
            let _ = source.imports.set(imports);
        }
        waiting.extend(source.imports.get().into_iter().flatten().map(|import| import.target));
    }
    for (index, module) in compiled {
        map.add(scope, index, module);
    }
    map.record(scope, root).ok_or_else(|| missing_record().into())
}

/// Links a compiled graph and evaluates it. The promise of its evaluation; `None`: an exception is pending.
pub fn link_and_evaluate<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_callback)?;
    }
    module.evaluate(scope)?.try_into().ok()
}

/// Makes an error of an exception and, where there is one, V8's message about it.
pub type Describe<'f> = dyn FnMut(&mut Scope<'_, '_>, v8::Local<'_, v8::Value>, Option<v8::Local<'_, v8::Message>>) -> LoadError
    + 'f;

/// Compiles a module and all that it imports, and links them, without evaluating anything; every problem that
/// is found on the way. The map is for this alone: it is not closed afterwards if there are problems.
pub fn check_graph(
    scope: &mut Scope<'_, '_>,
    map: &ModuleMap,
    root: usize,
    describe: &mut Describe<'_>,
) -> Vec<LoadError> {
    let mut problems = Vec::new();
    let mut waiting = vec![root];
    v8::tc_scope!(let scope, scope);
    while let Some(index) = waiting.pop() {
        if map.has(index) {
            continue;
        }
        let source = map.sources().module(index);
        let module = match compile(scope, &source) {
            Ok(module) => module,
            Err(Failure::Load(error)) => {
                problems.push(error);
                continue;
            }
            Err(Failure::Exception) => {
                let (exception, message) = (scope.exception(), scope.message());
                scope.reset();
                if let Some(exception) = exception {
                    problems.push(describe(scope, exception, message));
                }
                continue;
            }
        };
        // Data is read when a module is evaluated, which nothing is here.
        let valid = match &source.content {
            Content::Json(text) => {
                shared_string(scope, text).is_some_and(|text| v8::json::parse(scope, text).is_some())
            }
            Content::Wasm(bytes) => v8::WasmModuleObject::compile(scope, bytes).is_some(),
            _ => true,
        };
        if !valid {
            let (exception, message) = (scope.exception(), scope.message());
            scope.reset();
            if let Some(exception) = exception {
                let problem = describe(scope, exception, message);
                problems.push(LoadError { file: Some(source.name.clone()), ..problem });
            }
        }
        map.add(scope, index, module);
        let mut imports = Vec::new();
        let mut is_whole = true;
        for (specifier, attribute, at) in requests(scope, module) {
            match resolve_import(map.sources(), &source, &specifier, attribute.as_deref(), at) {
                Ok(target) => {
                    waiting.push(target);
                    imports.push(Import { specifier, attribute, target });
                }
                Err(error) => {
                    is_whole = false;
                    problems.push(error);
                }
            }
        }
        // All isolates of the application link by this list, so it must not lack an import.
        if is_whole {
            let _ = source.imports.set(imports);
        }
    }
    if problems.is_empty()
        && let Some(module) = map.record(scope, root)
        && module.instantiate_module(scope, resolve_callback).is_none()
    {
        let (exception, message) = (scope.exception(), scope.message());
        scope.reset();
        if let Some(exception) = exception {
            problems.push(describe(scope, exception, message));
        }
    }
    problems
}

/// Resolves a module's imports. One that cannot be resolved is an error at its place in the source.
fn resolve_imports(
    scope: &mut Scope<'_, '_>,
    sources: &Sources,
    source: &Source,
    module: v8::Local<'_, v8::Module>,
) -> Result<Vec<Import>, LoadError> {
    requests(scope, module)
        .into_iter()
        .map(|(specifier, attribute, at)| {
            let target = resolve_import(sources, source, &specifier, attribute.as_deref(), at)?;
            Ok(Import { specifier, attribute, target })
        })
        .collect()
}

/// Line and column, from 1.
type Position = (u32, u32);

/// A module's static imports: specifier, `type` attribute, place.
fn requests(
    scope: &mut Scope<'_, '_>,
    module: v8::Local<'_, v8::Module>,
) -> Vec<(String, Option<String>, Position)> {
    if !module.is_source_text_module() {
        return Vec::new();
    }
    let requests = module.get_module_requests();
    let mut found = Vec::with_capacity(requests.length());
    for index in 0..requests.length() {
        let Some(Ok(request)) = requests.get(scope, index).map(v8::Local::<v8::ModuleRequest>::try_from)
        else {
            continue;
        };
        let specifier = request.get_specifier().to_rust_string_lossy(scope);
        let attribute = type_attribute(scope, request.get_import_attributes(), 3);
        let at = module.source_offset_to_location(request.get_source_offset());
        found.push((
            specifier,
            attribute,
            (at.get_line_number() as u32 + 1, at.get_column_number() as u32 + 1),
        ));
    }
    found
}

fn resolve_import(
    sources: &Sources,
    source: &Source,
    specifier: &str,
    attribute: Option<&str>,
    at: Position,
) -> Result<usize, LoadError> {
    sources.resolve(specifier, attribute, source).map_err(|mut error| {
        if error.file.is_none() {
            error.file = Some(source.name.clone());
            error.position = Some(at);
        }
        error
    })
}

/// Type of a module that error messages quote. Limit (characters): no type has a longer name.
const MAX_TYPE_CHARACTERS: usize = 64;

/// The `type` of `with { type: … }`; `…` stands for one of more than [`MAX_TYPE_CHARACTERS`]. Attributes come
/// as (key, value, …) groups of `stride`. Throws nothing.
pub(super) fn type_attribute(
    scope: &mut Scope<'_, '_>,
    attributes: v8::Local<'_, v8::FixedArray>,
    stride: usize,
) -> Option<String> {
    for index in (0..attributes.length()).step_by(stride) {
        let key = v8::Local::<v8::String>::try_from(attributes.get(scope, index)?).ok()?;
        if key.to_rust_string_lossy(scope) == "type" {
            let value = v8::Local::<v8::String>::try_from(attributes.get(scope, index + 1)?).ok()?;
            let is_short = value.length() <= MAX_TYPE_CHARACTERS;
            return Some(if is_short { value.to_rust_string_lossy(scope) } else { "…".to_owned() });
        }
    }
    None
}

/// HTML, "HostLoadImportedModule" for a graph whose modules are all compiled. V8 ends the process if this
/// returns `None` with no exception pending.
fn resolve_callback<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let found = find_import(scope, specifier, attributes, referrer);
    if found.is_none() {
        // Nothing in `find_import` throws, and the map is closed: it has each import of a module that is
        // linked.
        debug_assert!(false, "a graph is linked that is not whole");
        throw(scope, &missing_record());
    }
    found
}

/// The module that a static import of `referrer` means. Throws nothing.
fn find_import<'s>(
    scope: &mut Scope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    let map = ModuleMap::of(scope)?;
    // SAFETY: the map outlives the isolate's JavaScript (`ModuleMap::attach`); only the borrow of `scope` is
    // given up.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let from = map.index_of(scope, referrer)?;
    let source = map.sources().module(from);
    let specifier = specifier.to_rust_string_lossy(scope);
    let attribute = type_attribute(scope, attributes, 3);
    let import = source
        .imports
        .get()?
        .iter()
        .find(|import| import.specifier == specifier && import.attribute == attribute)?;
    map.record(scope, import.target)
}
