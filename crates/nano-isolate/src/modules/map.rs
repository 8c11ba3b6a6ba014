//! The module records of one isolate, and the errors that stand for what is not among them.

use super::Scope;
use nano_modules::{LoadError, Sources};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

/// The isolate's data slot that holds a `*const ModuleMap`. An embedder's platform uses the slots below it.
pub const MODULES_SLOT: u32 = 1;

/// The modules of one isolate. HTML, "module map".
///
/// It is closed: where it has a module, it has all modules that this one imports statically. So V8 finds each
/// import of each module that it links. Modules of a graph that is not whole are never added.
pub struct ModuleMap {
    sources: Arc<Sources>,
    /// By index into the sources.
    records: RefCell<HashMap<usize, v8::Global<v8::Module>>>,
    /// The other way round; several modules may share a hash.
    by_hash: RefCell<HashMap<i32, Vec<usize>>>,
}

impl ModuleMap {
    /// No modules yet, of these sources.
    pub fn new(sources: Arc<Sources>) -> Box<Self> {
        Box::new(Self { sources, records: RefCell::default(), by_hash: RefCell::default() })
    }

    /// Makes the map known to the isolate's callbacks.
    ///
    /// # Safety
    ///
    /// `self` must stay where it is and alive for as long as JavaScript runs in the isolate.
    pub unsafe fn attach(&self, isolate: &mut v8::Isolate) {
        isolate.set_data(MODULES_SLOT, std::ptr::from_ref(self).cast_mut().cast::<c_void>());
    }

    /// Drops all module records; the isolate's JavaScript will not run again.
    pub fn clear(&self) {
        self.records.borrow_mut().clear();
        self.by_hash.borrow_mut().clear();
    }

    /// Their sources.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The modules of the isolate that runs.
    pub fn of(isolate: &v8::Isolate) -> Option<&Self> {
        // SAFETY: written by `attach` alone, whose caller keeps the map alive while JavaScript runs in the
        // isolate.
        unsafe { isolate.get_data(MODULES_SLOT).cast::<Self>().cast_const().as_ref() }
    }

    pub(super) fn record<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        index: usize,
    ) -> Option<v8::Local<'s, v8::Module>> {
        self.records.borrow().get(&index).map(|record| v8::Local::new(scope, record))
    }

    pub(super) fn indices(&self) -> Vec<usize> {
        self.records.borrow().keys().copied().collect()
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.records.borrow().contains_key(&index)
    }

    pub(super) fn add(&self, scope: &mut Scope<'_, '_>, index: usize, module: v8::Local<'_, v8::Module>) {
        self.by_hash.borrow_mut().entry(module.get_identity_hash().get()).or_default().push(index);
        let record = v8::Global::new(scope, module);
        self.records.borrow_mut().insert(index, record);
    }

    pub(super) fn index_of(
        &self,
        scope: &mut Scope<'_, '_>,
        module: v8::Local<'_, v8::Module>,
    ) -> Option<usize> {
        let by_hash = self.by_hash.borrow();
        let candidates = by_hash.get(&module.get_identity_hash().get())?;
        candidates.iter().copied().find(|index| self.record(scope, *index) == Some(module))
    }
}

/// Why a module or its graph could not be made.
pub enum Failure {
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

/// A module that should be in the map is not.
pub(super) fn missing_record() -> LoadError {
    LoadError::new("a fault of the runtime: a module is missing")
}

/// Throws a TypeError that says what could not be loaded.
pub(super) fn throw(scope: &mut Scope<'_, '_>, error: &LoadError) {
    let exception = load_exception(scope, error);
    scope.throw_exception(exception);
}

/// The TypeError that says what could not be loaded.
pub(super) fn load_exception<'s>(scope: &mut Scope<'s, '_>, error: &LoadError) -> v8::Local<'s, v8::Value> {
    let message = v8::String::new(scope, &error.to_string()).unwrap_or_else(|| v8::String::empty(scope));
    v8::Exception::type_error(scope, message)
}
