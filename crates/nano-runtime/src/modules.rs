//! ES modules in an isolate: compiling an application's graph, linking and evaluating it, `import()`, `import.meta`.
//!
//! Sources, resolutions and code caches are the [`Application`](crate::Application)'s and shared by all threads; here are one
//! isolate's module records. HTML, section 8.1.3 "JavaScript module scripts".

use crate::app::{Application, Content, Import, LoadError, Source, Text};
use crate::resolve::{MAX_SPECIFIER_BYTES, ResolveError};
use crate::traces;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

/// The isolate's data slot that holds a `*const ModuleMap`. `nano-web` has the one below it.
const MODULES_SLOT: u32 = nano_web::STATE_SLOT + 1;

/// The modules of one isolate. HTML, "module map".
///
/// It is closed: where it has a module, it has all modules that this one imports statically. So V8 finds each import of each module that it
/// links. Modules of a graph that is not whole are never added.
pub(crate) struct ModuleMap {
    app: Arc<Application>,
    /// By index into the application's modules.
    records: RefCell<HashMap<usize, v8::Global<v8::Module>>>,
    /// The other way round; several modules may share a hash.
    by_hash: RefCell<HashMap<i32, Vec<usize>>>,
}

impl ModuleMap {
    pub(crate) fn new(app: Arc<Application>) -> Box<Self> {
        Box::new(Self { app, records: RefCell::default(), by_hash: RefCell::default() })
    }

    /// Makes the map known to the isolate's callbacks.
    ///
    /// # Safety
    ///
    /// `self` must stay where it is and alive for as long as JavaScript runs in the isolate.
    pub(crate) unsafe fn attach(&self, isolate: &mut v8::Isolate) {
        isolate.set_data(MODULES_SLOT, std::ptr::from_ref(self).cast_mut().cast::<c_void>());
    }

    /// Drops all module records; the isolate's JavaScript will not run again.
    pub(crate) fn clear(&self) {
        self.records.borrow_mut().clear();
        self.by_hash.borrow_mut().clear();
    }

    /// The application whose modules they are.
    pub(crate) fn application(&self) -> &Arc<Application> {
        &self.app
    }

    /// The modules of the isolate that runs.
    pub(crate) fn of(isolate: &v8::Isolate) -> Option<&Self> {
        // SAFETY: written by `attach` alone, whose caller keeps the map alive while JavaScript runs in the isolate.
        unsafe { isolate.get_data(MODULES_SLOT).cast::<Self>().cast_const().as_ref() }
    }

    fn record<'s>(&self, scope: &mut Scope<'s, '_>, index: usize) -> Option<v8::Local<'s, v8::Module>> {
        self.records.borrow().get(&index).map(|record| v8::Local::new(scope, record))
    }

    fn has(&self, index: usize) -> bool {
        self.records.borrow().contains_key(&index)
    }

    fn add(&self, scope: &mut Scope<'_, '_>, index: usize, module: v8::Local<'_, v8::Module>) {
        self.by_hash.borrow_mut().entry(module.get_identity_hash().get()).or_default().push(index);
        let record = v8::Global::new(scope, module);
        self.records.borrow_mut().insert(index, record);
    }

    fn index_of(&self, scope: &mut Scope<'_, '_>, module: v8::Local<'_, v8::Module>) -> Option<usize> {
        let by_hash = self.by_hash.borrow();
        let candidates = by_hash.get(&module.get_identity_hash().get())?;
        candidates.iter().copied().find(|index| self.record(scope, *index) == Some(module))
    }
}

/// Smaller sources are compiled faster than a cache of theirs is read, and need no memory for it.
const CACHED_SOURCE_BYTES: usize = 4096;

/// Sets the isolate's callbacks that concern modules.
pub(crate) fn install(isolate: &mut v8::Isolate) {
    isolate.set_host_initialize_import_meta_object_callback(import_meta);
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
}

/// Why a module or its graph could not be made.
pub(crate) enum Failure {
    /// It could not be found, read or prepared.
    Load(LoadError),
    /// JavaScript threw, and the exception is pending in the scope.
    Exception,
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

/// Compiles a module and all that it imports statically, and adds them to the map if the graph is whole. Nothing is evaluated. Breadth does not
/// cost stack.
///
/// A module that cannot be had leaves no trace: the next import of the graph tries again, and fails the same way or succeeds.
pub(crate) fn compile_graph<'s>(
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
        let source = map.app.module(index);
        let module = compile(scope, &source)?;
        compiled.insert(index, module);
        if source.imports.get().is_none() {
            let imports = resolve_imports(scope, &map.app, &source, module)?;
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

/// A module that should be in the map is not.
fn missing_record() -> LoadError {
    LoadError { message: "a fault of the runtime: a module is missing".into(), file: None, position: None }
}

/// Links a compiled graph and evaluates it. The promise of its evaluation; `None`: an exception is pending.
pub(crate) fn link_and_evaluate<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_callback)?;
    }
    module.evaluate(scope)?.try_into().ok()
}

fn compile<'s>(
    scope: &mut Scope<'s, '_>,
    source: &Arc<Source>,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    match &source.content {
        Content::Code(text) => {
            // V8 gives neither string nor exception for what is longer than its strings may be; the application refuses to load it.
            debug_assert!(text.len() <= v8::String::MAX_LENGTH);
            compile_code(scope, source, text).ok_or(Failure::Exception)
        }
        _ => {
            let name = v8::String::new(scope, &source.name).unwrap_or_else(|| v8::String::empty(scope));
            let export = default_key(scope);
            Ok(v8::Module::create_synthetic_module(scope, name, &[export], evaluate_synthetic))
        }
    }
}

/// The string `default`.
fn default_key<'s>(scope: &mut Scope<'s, '_>) -> v8::Local<'s, v8::String> {
    v8::String::new(scope, "default").unwrap_or_else(|| v8::String::empty(scope))
}

fn origin<'s>(scope: &mut Scope<'s, '_>, name: &str, module: bool) -> Option<v8::ScriptOrigin<'s>> {
    let name = v8::String::new(scope, name)?;
    Some(v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, 0, None, false, false, module, None))
}

fn compile_code<'s>(
    scope: &mut Scope<'s, '_>,
    source: &Source,
    text: &Text,
) -> Option<v8::Local<'s, v8::Module>> {
    use v8::script_compiler::{CachedData, CompileOptions, NoCacheReason, Source as Code, compile_module2};
    if source.mapped {
        traces::install(scope);
    }
    let origin = origin(scope, &source.name, true)?;
    let string = shared_string(scope, text)?;
    let (mut code, options) = match source.cache.get() {
        Some(cache) => (
            Code::new_with_cached_data(string, Some(&origin), CachedData::new(cache)),
            CompileOptions::ConsumeCodeCache,
        ),
        None => (Code::new(string, Some(&origin)), CompileOptions::NoCompileOptions),
    };
    compile_module2(scope, &mut code, options, NoCacheReason::NoReason)
}

/// Runs a classic script. `None`: an exception is pending.
pub(crate) fn run_classic<'s>(
    scope: &mut Scope<'s, '_>,
    source: &Source,
) -> Option<v8::Local<'s, v8::Value>> {
    let Content::Code(text) = &source.content else { return None };
    if source.mapped {
        traces::install(scope);
    }
    let code = shared_string(scope, text)?;
    let origin = origin(scope, &source.name, false)?;
    v8::Script::compile(scope, code, Some(&origin))?.run(scope)
}

/// Evaluates code as a person types it: a script, or with `await` the body of an async function. Its value, or the promise
/// of it. `None`: an exception is pending.
pub(crate) fn evaluate_code<'s>(scope: &mut Scope<'s, '_>, text: &Text) -> Option<v8::Local<'s, v8::Value>> {
    let code = shared_string(scope, text)?.to_rust_string_lossy(scope);
    // An object literal is an expression here, as in a browser's console.
    let expression = format!("({code}\n)");
    let awaiting = [format!("(async () => ({code}\n))()"), format!("(async () => {{ {code}\n }})()")];
    let mut attempts = vec![code.clone()];
    if code.trim_start().starts_with('{') {
        attempts.insert(0, expression);
    }
    if code.contains("await") {
        attempts.extend(awaiting);
    }
    // What the code itself does wrong is what the first attempt at it as it stands says.
    let mut script = None;
    for attempt in &attempts {
        v8::tc_scope!(let scope, scope);
        let source = v8::String::new(scope, attempt)?;
        let origin = origin(scope, "[eval]", false)?;
        if let Some(compiled) = v8::Script::compile(scope, source, Some(&origin)) {
            script = Some(v8::Global::new(scope, compiled));
            break;
        }
    }
    let Some(script) = script else {
        let source = v8::String::new(scope, &code)?;
        let origin = origin(scope, "[eval]", false)?;
        v8::Script::compile(scope, source, Some(&origin));
        return None;
    };
    v8::Local::new(scope, script).run(scope)
}

/// Makes an error of an exception and, where there is one, V8's message about it.
pub(crate) type Describe<'f> = dyn FnMut(&mut Scope<'_, '_>, v8::Local<'_, v8::Value>, Option<v8::Local<'_, v8::Message>>) -> LoadError
    + 'f;

/// Compiles a module and all that it imports, and links them, without evaluating anything; every problem that is found on
/// the way. The map is for this alone: it is not closed afterwards if there are problems.
pub(crate) fn check_graph(
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
        let source = map.app.module(index);
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
            Content::Wasm(bytes, _) => v8::WasmModuleObject::compile(scope, bytes).is_some(),
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
            match resolve_import(&map.app, &source, &specifier, attribute.as_deref(), at) {
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
        // What every isolate of the application links by must not lack an import.
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

/// A string whose characters stay where they are, shared by all isolates. `None`, without an exception: it is longer than V8's strings may be.
pub(crate) fn shared_string<'s>(scope: &mut Scope<'s, '_>, text: &Text) -> Option<v8::Local<'s, v8::String>> {
    unsafe extern "C" fn free_latin1(data: *mut std::ffi::c_char, length: usize) {
        // SAFETY: the pointer and the length of the `Arc` that was forgotten for this string.
        drop(unsafe { Arc::from_raw(std::ptr::slice_from_raw_parts(data.cast::<u8>(), length)) });
    }
    unsafe extern "C" fn free_wide(data: *mut u16, length: usize) {
        // SAFETY: as above.
        drop(unsafe { Arc::from_raw(std::ptr::slice_from_raw_parts(data, length)) });
    }
    match text {
        // Not only slower: V8 would not take over the reference that `into_raw` gives it.
        _ if text.len() > v8::String::MAX_LENGTH => None,
        Text::Latin1(bytes) if bytes.is_empty() => Some(v8::String::empty(scope)),
        Text::Latin1(bytes) => {
            let length = bytes.len();
            let data = Arc::into_raw(Arc::clone(bytes)).cast::<std::ffi::c_char>().cast_mut();
            // SAFETY: the forgotten `Arc` keeps the bytes, which never change, until the destructor runs.
            unsafe { v8::String::new_external_onebyte_raw(scope, data, length, free_latin1) }
        }
        Text::Wide(units) => {
            let length = units.len();
            let data = Arc::into_raw(Arc::clone(units)).cast::<u16>().cast_mut();
            // SAFETY: likewise.
            unsafe { v8::String::new_external_twobyte_raw(scope, data, length, free_wide) }
        }
    }
}

/// What a module's imports mean. An import that means nothing is an error at its place in the source.
fn resolve_imports(
    scope: &mut Scope<'_, '_>,
    app: &Application,
    source: &Source,
    module: v8::Local<'_, v8::Module>,
) -> Result<Vec<Import>, LoadError> {
    requests(scope, module)
        .into_iter()
        .map(|(specifier, attribute, at)| {
            let target = resolve_import(app, source, &specifier, attribute.as_deref(), at)?;
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
    app: &Application,
    source: &Source,
    specifier: &str,
    attribute: Option<&str>,
    at: Position,
) -> Result<usize, LoadError> {
    app.resolve(specifier, attribute, source).map_err(|mut error| {
        if error.file.is_none() {
            error.file = Some(source.name.clone());
            error.position = Some(at);
        }
        error
    })
}

/// Type of a module that error messages quote. Limit (characters): no type has a longer name.
const MAX_TYPE_CHARACTERS: usize = 64;

/// The `type` of `with { type: … }`; `…` stands for one of more than [`MAX_TYPE_CHARACTERS`]. Attributes come as (key, value, …) groups of
/// `stride`. Throws nothing.
fn type_attribute(
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

/// HTML, "HostLoadImportedModule" for a graph whose modules are all compiled. V8 ends the process if this returns `None` with no exception pending.
fn resolve_callback<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let found = find_import(scope, specifier, attributes, referrer);
    if found.is_none() {
        // Nothing in `find_import` throws, and the map is closed: it has each import of a module that is linked.
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
    // SAFETY: the map outlives the isolate's JavaScript (`ModuleMap::attach`); only the borrow of `scope` is given up.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let from = map.index_of(scope, referrer)?;
    let source = map.app.module(from);
    let specifier = specifier.to_rust_string_lossy(scope);
    let attribute = type_attribute(scope, attributes, 3);
    let import = source
        .imports
        .get()?
        .iter()
        .find(|import| import.specifier == specifier && import.attribute == attribute)?;
    map.record(scope, import.target)
}

/// Throws a TypeError that says what could not be loaded.
fn throw(scope: &mut Scope<'_, '_>, error: &LoadError) {
    let exception = load_exception(scope, error);
    scope.throw_exception(exception);
}

/// The TypeError that says what could not be loaded.
fn load_exception<'s>(scope: &mut Scope<'s, '_>, error: &LoadError) -> v8::Local<'s, v8::Value> {
    let message = v8::String::new(scope, &error.to_string()).unwrap_or_else(|| v8::String::empty(scope));
    v8::Exception::type_error(scope, message)
}

/// Gives a module that is not JavaScript its default export. V8 ends the process if this returns `None` with no exception pending.
fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let evaluated = {
        v8::tc_scope!(let scope, scope);
        let evaluated = export_content(scope, module);
        if evaluated.is_none() && scope.has_caught() {
            scope.rethrow();
            return None;
        }
        evaluated
    };
    if evaluated.is_none() {
        throw(scope, &missing_record());
    }
    evaluated
}

/// Makes the default export of a module that is not JavaScript. The promise of its evaluation; `None`: usually an exception is pending.
fn export_content<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    let map = ModuleMap::of(scope)?;
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let index = map.index_of(scope, module)?;
    let source = map.app.module(index);
    let value: v8::Local<'_, v8::Value> = match &source.content {
        Content::Code(_) => return None,
        Content::Json(text) => {
            let string = shared_string(scope, text)?;
            v8::json::parse(scope, string)?
        }
        Content::Text(text) => shared_string(scope, text)?.into(),
        Content::Bytes(bytes) => {
            let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes.clone()).make_shared();
            v8::ArrayBuffer::with_backing_store(scope, &store).into()
        }
        Content::Wasm(bytes, compiled) => {
            let module = match compiled.get() {
                Some(compiled) => v8::WasmModuleObject::from_compiled_module(scope, compiled)?,
                None => {
                    let module = v8::WasmModuleObject::compile(scope, bytes)?;
                    let _ = compiled.set(module.get_compiled_module());
                    module
                }
            };
            module.into()
        }
    };
    let export = default_key(scope);
    module.set_synthetic_module_export(scope, export, value)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

/// HTML, "HostGetImportMetaProperties": `url` is relative to the application's root, which tenants need not know.
extern "C" fn import_meta(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: v8::Local<'_, v8::Object>,
) {
    v8::callback_scope!(unsafe scope, context);
    let Some(map) = ModuleMap::of(scope) else { return };
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let Some(index) = map.index_of(scope, module) else { return };
    let url = format!("file:///{}", map.app.module(index).name.trim_start_matches('/'));
    let main = map.app.entry().is_ok_and(|entry| entry == index);
    if let (Some(key), Some(url)) = (v8::String::new(scope, "url"), v8::String::new(scope, &url)) {
        meta.create_data_property(scope, key.into(), url.into());
    }
    if let Some(key) = v8::String::new(scope, "main") {
        let main = v8::Boolean::new(scope, main).into();
        meta.create_data_property(scope, key.into(), main);
    }
}

/// `import(specifier, { with })`. ECMAScript, "EvaluateImportCall", and "ContinueDynamicImport" from where the graph is loaded.
///
/// `None` only with an exception pending: of V8's own, or the termination of this JavaScript.
fn import_dynamically<'s, 'i>(
    scope: &mut Scope<'s, 'i>,
    _: v8::Local<'s, v8::Data>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let loaded = {
        v8::tc_scope!(let scope, scope);
        // Resolving reads what tenants wrote, and V8's frames are above: no panic may unwind through them.
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            load_import(scope, referrer, specifier, attributes)
        }));
        let loaded = loaded.unwrap_or_else(|_| {
            let message = "a fault of the runtime, in import()".into();
            Err(Failure::Load(LoadError { message, file: None, position: None }))
        });
        if scope.has_terminated() {
            // The scope's end throws the termination again, since JavaScript is on the stack.
            return None;
        }
        let exception = scope.exception();
        scope.reset();
        match (loaded, exception) {
            (Ok(index), _) => Ok(index),
            (Err(Failure::Load(error)), _) => Err(load_exception(scope, &error)),
            (Err(Failure::Exception), Some(exception)) => Err(exception),
            (Err(Failure::Exception), None) => Err(load_exception(scope, &missing_record())),
        }
    };
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    match loaded {
        Ok(index) => {
            // Linking and evaluation are a job of their own: the importing module may be in the middle of its evaluation, and be part of the
            // graph. V8 ends the process where a module is evaluated that is being evaluated.
            let index = v8::Number::new(scope, index as f64).into();
            resolver.resolve(scope, index)?;
            let job = v8::Function::new(scope, link_and_evaluate_import)?;
            promise.then(scope, job)
        }
        Err(reason) => {
            resolver.reject(scope, reason)?;
            Some(promise)
        }
    }
}

/// Finds and compiles what an `import()` imports. The index of its first module, whose graph is whole.
fn load_import<'s>(
    scope: &mut Scope<'s, '_>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Result<usize, Failure> {
    let none = || LoadError { message: "this code cannot import modules".into(), file: None, position: None };
    let map = ModuleMap::of(scope).ok_or_else(none)?;
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let from = referrer.to_rust_string_lossy(scope);
    let source = map.app.modules().into_iter().find(|source| source.name == from).ok_or_else(none)?;
    if specifier.length() > MAX_SPECIFIER_BYTES {
        // Before it is copied: a tenant makes half a gigabyte of it for nothing.
        return Err(Failure::Load(ResolveError::too_long().into()));
    }
    let specifier = specifier.to_rust_string_lossy(scope);
    let attribute = type_attribute(scope, attributes, 2);
    let target = map.app.resolve(&specifier, attribute.as_deref(), &source)?;
    compile_graph(scope, map, target)?;
    Ok(target)
}

/// The job that links and evaluates the graph of an `import()`, of which it is given the first module's index. Returns the promise of the module's
/// namespace, which is fulfilled when the graph (which may await at its top level) is evaluated. Throws what linking throws.
fn link_and_evaluate_import(
    scope: &mut Scope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut ret: v8::ReturnValue<'_>,
) {
    let Some(index) = args.get(0).number_value(scope) else { return };
    let Some(map) = ModuleMap::of(scope) else { return };
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let Some(module) = map.record(scope, index as usize) else {
        return throw(scope, &missing_record());
    };
    // No job runs while a module is being evaluated. Should one, its import fails, and not the process.
    if matches!(module.get_status(), v8::ModuleStatus::Instantiating | v8::ModuleStatus::Evaluating) {
        debug_assert!(false, "a job runs within the evaluation of a module");
        return throw(scope, &missing_record());
    }
    let Some(evaluation) = link_and_evaluate(scope, module) else { return };
    let namespace = module.get_module_namespace();
    let fulfilled = v8::Function::builder(
        |_: &mut Scope<'_, '_>, args: v8::FunctionCallbackArguments<'_>, mut ret: v8::ReturnValue<'_>| {
            ret.set(args.data());
        },
    )
    .data(namespace)
    .build(scope);
    if let Some(imported) = fulfilled.and_then(|fulfilled| evaluation.then(scope, fulfilled)) {
        ret.set(imported.into());
    }
}

/// Makes V8's code caches of an application's modules, with all functions that were compiled so far. For other isolates: on
/// this thread and others, now and later.
pub(crate) fn produce_caches(scope: &mut Scope<'_, '_>, map: &ModuleMap) {
    let records: Vec<usize> = map.records.borrow().keys().copied().collect();
    for index in records {
        let source = map.app.module(index);
        let Content::Code(text) = &source.content else { continue };
        if source.cache.get().is_some() || text.len() < CACHED_SOURCE_BYTES {
            continue;
        }
        let Some(module) = map.record(scope, index) else { continue };
        if let Some(cache) = module.get_unbound_module_script(scope).create_code_cache() {
            let _ = source.cache.set(cache.to_vec());
        }
    }
}
