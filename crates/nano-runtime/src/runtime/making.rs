//! Putting applications into isolates, and the work that waits for idle time: spare isolates and code caches.

use super::Runtime;
use crate::app::Application;
use crate::host::InstanceHost;
use crate::instance::Instance;
use crate::spares::Spare;
use nano_isolate::{Need, NoIsolate, modules};
use std::rc::Rc;
use std::sync::Arc;

impl Runtime {
    /// Puts an application into an isolate (a spare one if there is one) and begins to load it. Requests may
    /// be given to the instance at once; they wait until it is ready.
    ///
    /// # Errors
    ///
    /// If the process's heap budget has no room, even after idle instances of this thread were closed.
    pub fn instance(&self, app: &Arc<Application>) -> Result<Rc<Instance>, NoIsolate> {
        let instance = self.create(app)?;
        self.load(&instance);
        Ok(instance)
    }

    /// The first half of [`instance`](Self::instance): the application has an isolate, in which nothing was
    /// evaluated. Whoever keeps instances by application remembers it now: while it loads, a time slice may
    /// bring the next request for it. It is not closed to make room until it has had a request, or is told
    /// that there is none ([`Instance::expects_no_request`]).
    ///
    /// # Errors
    ///
    /// As for [`instance`](Self::instance).
    pub fn create(&self, app: &Arc<Application>) -> Result<Rc<Instance>, NoIsolate> {
        self.keep_to_budget(nano_isolate::ISOLATE_ESTIMATE_BYTES);
        let Spare { realm, host } = match self.spares.take() {
            Some(spare) => spare,
            None => {
                self.find_room();
                self.make_spare(Need::Request)?
            }
        };
        if !app.limits().allow_eval {
            realm.forbid_eval();
        }
        let key = self.instances.unused_key();
        host.adopt(key, app, &realm.account);
        realm.heap.set_limit(app.limits().memory_bytes);
        realm.account.set_limit(app.limits().memory_bytes);
        realm.account.attach_to(app.account());
        self.slices.pulse().add(key, realm.handle());
        let isolate = realm.address();
        let instance = Instance::new(key, app, realm, host, self.now());
        self.instances.insert(&instance, isolate);
        app.counters().isolates_made.add(1);
        self.schedule_upkeep();
        Ok(instance)
    }

    fn make_spare(&self, need: Need) -> Result<Spare, NoIsolate> {
        let host = InstanceHost::new(
            Rc::clone(&self.event_loop),
            Rc::clone(&self.console),
            Some(self.message_sender.clone()),
            Rc::clone(&self.client),
        );
        let realm = self.isolates.make(Rc::clone(&host) as Rc<dyn nano_web::Host>, need)?;
        self.foreground.register(realm.address());
        Ok(Spare { realm, host })
    }

    /// Does one piece of work that can wait: a spare isolate, or an application's code caches. False: there
    /// is none. Takes one to two milliseconds; the driver looks for events in between.
    pub fn idle(&self) -> bool {
        if self.wants_spare() {
            if let Ok(spare) = self.make_spare(Need::Spare) {
                self.spares.add(spare);
                return true;
            }
            // It will not go better the next time.
            self.spares.set_target(0);
        }
        let next = self.cacheable.borrow_mut().pop_front();
        if let Some(instance) = next
            && let Some(realm) = instance.realm()
            && !realm.is_entered()
        {
            realm.enter(|scope, _| modules::produce_caches(scope, &instance.modules));
            return true;
        }
        false
    }

    fn wants_spare(&self) -> bool {
        self.spares.are_short() && nano_isolate::has_room_for_isolate(Need::Spare)
    }

    /// Whether [`idle`](Self::idle) has something to do.
    pub fn has_idle_work(&self) -> bool {
        self.wants_spare() || !self.cacheable.borrow().is_empty()
    }

    /// Keeps so many isolates ready from now on; those that are ready stay.
    pub fn set_spares(&self, count: usize) {
        self.spares.set_target(count);
    }

    /// Isolates that are ready for applications that were never visited.
    pub fn spares(&self) -> usize {
        self.spares.len()
    }
}
