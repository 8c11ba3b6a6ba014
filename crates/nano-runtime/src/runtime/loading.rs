//! Loading an application: its modules are compiled, linked and evaluated, and its handler is handed over.

use super::Runtime;
use crate::app::Kind;
use crate::errors::{exception_error, pending_error};
use crate::instance::{Instance, Phase};
use crate::platform::Realm;
use nano_isolate::modules::{self, Failure};
use nano_modules::{Content, LoadError};
use nano_web::{FailureCause, entry};
use std::rc::Rc;

impl Runtime {
    /// The second half of [`instance`](Self::instance): compiles, links and evaluates the application's
    /// modules.
    pub fn load(&self, instance: &Rc<Instance>) {
        self.enter(instance, |scope, realm| {
            // SAFETY: the map is the instance's, which is alive while its realm is: closing drops the realm
            // first.
            unsafe { instance.modules.attach(scope) };
            let phase = match Self::evaluate(scope, realm, instance) {
                Ok(phase) => phase,
                Err(error) => Phase::Failed(error),
            };
            *instance.phase.borrow_mut() = phase;
        });
        self.fail_waiting(instance);
    }

    fn evaluate(
        scope: &mut v8::PinScope<'_, '_>,
        realm: &Realm,
        instance: &Instance,
    ) -> Result<Phase, LoadError> {
        let sources = instance.app.sources();
        let entry = sources.entry()?;
        v8::tc_scope!(let scope, scope);
        match instance.app.kind() {
            Kind::Handler => {}
            Kind::Code => {
                expose_arguments(scope, &[]);
                let source = sources.module(entry);
                let Content::Code(text) = &source.content else { return Ok(Phase::Ready) };
                let Some(value) = modules::evaluate_code(scope, text) else {
                    return Err(pending_error(scope, realm));
                };
                *instance.completion.borrow_mut() = Some(v8::Global::new(scope, value));
                return Ok(Phase::Ready);
            }
            Kind::Script(arguments) => {
                expose_arguments(scope, arguments);
                if sources.is_classic() {
                    return match modules::run_classic(scope, &sources.module(entry)) {
                        Some(_) => Ok(Phase::Ready),
                        None => Err(pending_error(scope, realm)),
                    };
                }
            }
        }
        let module = match modules::compile_graph(scope, &instance.modules, entry) {
            Ok(module) => module,
            Err(Failure::Load(error)) => return Err(error),
            Err(Failure::Exception) => return Err(pending_error(scope, realm)),
        };
        let Some(promise) = modules::link_and_evaluate(scope, module) else {
            return Err(pending_error(scope, realm));
        };
        scope.perform_microtask_checkpoint();
        if promise.state() == v8::PromiseState::Pending {
            return Ok(Phase::Loading(v8::Global::new(scope, promise), v8::Global::new(scope, module)));
        }
        start(scope, realm, instance, promise, module).map(|()| Phase::Ready)
    }

    /// An application whose top level awaited: goes on when the promise of that is fulfilled or rejected.
    pub(super) fn continue_loading(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        realm: &Realm,
        instance: &Instance,
    ) {
        let (promise, module) = {
            let phase = instance.phase.borrow();
            let Phase::Loading(promise, module) = &*phase else { return };
            let promise = v8::Local::new(scope, promise);
            if promise.state() == v8::PromiseState::Pending {
                return;
            }
            (promise, v8::Local::new(scope, module))
        };
        v8::tc_scope!(let scope, scope);
        let phase = match start(scope, realm, instance, promise, module) {
            Ok(()) => Phase::Ready,
            Err(error) => Phase::Failed(error),
        };
        *instance.phase.borrow_mut() = phase;
    }

    /// Requests that waited for an application that cannot be loaded fail.
    pub(super) fn fail_waiting(&self, instance: &Instance) {
        let Some(error) = instance.failure() else { return };
        let Some(realm) = instance.realm() else { return };
        let reason = error.to_string();
        for id in realm.platform().state().exchange_ids() {
            if let Some(exchange) = realm.platform().state().remove_exchange(id) {
                exchange.fail(FailureCause::NotLoaded, &reason);
            }
        }
    }
}

/// The application's modules are evaluated, or have failed: hands its handler over.
fn start(
    scope: &mut v8::PinScope<'_, '_>,
    realm: &Realm,
    instance: &Instance,
    promise: v8::Local<'_, v8::Promise>,
    module: v8::Local<'_, v8::Module>,
) -> Result<(), LoadError> {
    v8::tc_scope!(let scope, scope);
    if promise.state() == v8::PromiseState::Rejected {
        entry::handle_rejection(scope, promise);
        let reason = promise.result(scope);
        return Err(exception_error(scope, realm, reason, None));
    }
    if !matches!(instance.app.kind(), Kind::Handler) {
        return Ok(());
    }
    let namespace = v8::Local::<v8::Object>::try_from(module.get_module_namespace()).ok();
    let default = v8::String::new(scope, "default").map(Into::into);
    let export = match (namespace, default) {
        (Some(namespace), Some(default)) => namespace.get(scope, default),
        _ => None,
    };
    let export = export.unwrap_or_else(|| v8::undefined(scope).into());
    let variables = instance.app.variables().and_then(|variables| v8::String::new(scope, variables));
    let services = instance.app.service_names().and_then(|names| v8::String::new(scope, &names));
    match realm.platform().entries().start(scope, export, variables, services) {
        Some(()) => Ok(()),
        None => Err(pending_error(scope, realm)),
    }
}

/// Scripts find their arguments in the global `scriptArgs`.
fn expose_arguments(scope: &mut v8::PinScope<'_, '_>, arguments: &[String]) {
    let mut values: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some(value) = v8::String::new(scope, argument) else { return };
        values.push(value.into());
    }
    let array = v8::Array::new_with_elements(scope, &values);
    let global = scope.get_current_context().global(scope);
    if let Some(key) = v8::String::new(scope, "scriptArgs") {
        global.set(scope, key.into(), array.into());
    }
}
