//! The end of an instance: closed, or ended for a limit.

use super::Runtime;
use crate::cpu;
use crate::instance::{Instance, Phase};
use crate::weight::HEAVY;
use nano_modules::LoadError;
use nano_web::FailureCause;
use std::rc::Rc;

impl Runtime {
    /// The value of the code that the instance has evaluated, as the console prints it. `None` while it is a
    /// pending promise.
    pub(crate) fn completion(&self, instance: &Rc<Instance>) -> Option<String> {
        let value = instance.completion.borrow_mut().take()?;
        let mut text = None;
        self.enter(instance, |scope, realm| {
            let mut value = v8::Local::new(scope, value);
            if let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) {
                if promise.state() == v8::PromiseState::Pending {
                    return;
                }
                value = promise.result(scope);
            }
            text = realm.platform().entries().describe(scope, value);
        });
        text
    }

    /// Ends an instance: at once, or when its JavaScript is off the stack. Its requests fail, its timers are
    /// gone.
    pub fn close(&self, instance: &Rc<Instance>) {
        self.close_for(instance, FailureCause::NotLoaded, "the application was unloaded");
    }

    /// The same; its requests fail with this cause and reason.
    pub(crate) fn close_for(&self, instance: &Rc<Instance>, cause: FailureCause, reason: &str) {
        let Some(realm) = instance.realm() else { return };
        if realm.is_entered() {
            instance.set_closing();
            return;
        }
        self.end_instance(instance, cause, reason);
    }

    /// The instance has exceeded a limit: it ends with all its requests, and the next one gets another.
    pub(crate) fn terminate(&self, instance: &Rc<Instance>, cause: FailureCause) {
        let counters = instance.app.counters();
        let reason = match cause {
            FailureCause::Cpu => {
                counters.ended_for_cpu.add(1);
                cpu::EXCEEDED
            }
            _ => {
                counters.ended_for_memory.add(1);
                "the application has exceeded its memory limit"
            }
        };
        // Its run has held the thread up.
        counters.weight.add(HEAVY);
        self.console.print(instance.app.name(), nano_web::Level::Error, reason);
        self.end_instance(instance, cause, reason);
    }

    /// The instance's JavaScript is off the stack, and will not run again.
    fn end_instance(&self, instance: &Rc<Instance>, cause: FailureCause, reason: &str) {
        instance.set_closing();
        instance.host.clear();
        instance.queue.borrow_mut().clear();
        self.slices.pulse().remove(instance.key);
        let Some(realm) = instance.take_realm() else { return };
        self.instances.remove(instance.key, realm.address());
        self.foreground.unregister(instance.key, realm.address());
        for id in realm.platform().state().exchange_ids() {
            if let Some(exchange) = realm.platform().state().remove_exchange(id) {
                exchange.fail(cause, reason);
            }
        }
        // Handles go before the isolate that they point into.
        *instance.phase.borrow_mut() = Phase::Failed(LoadError::new(reason));
        instance.modules.clear();
        drop(realm);
    }

    /// Runs a full collection in every isolate that is not entered.
    pub fn collect_garbage(&self) {
        for instance in self.instances.filter(|_| true) {
            if let Some(realm) = instance.realm()
                && !realm.is_entered()
            {
                realm.low_memory();
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        for instance in self.instances.filter(|_| true) {
            self.end_instance(&instance, FailureCause::NotLoaded, "the runtime ends");
        }
        while let Some(spare) = self.spares.take() {
            nano_isolate::unregister_isolate(spare.realm.address());
        }
    }
}
