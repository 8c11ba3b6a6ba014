//! Entering an isolate: for a request, for a task, and for whatever waited meanwhile.

use super::Runtime;
use super::charging::{At, owner_of};
use super::upkeep::Ending;
use crate::channels::Content;
use crate::cpu::Owner;
use crate::errors::PinTryCatch;
use crate::instance::Instance;
use crate::platform::{self, Realm};
use crate::task::Task;
use crate::timers::Due;
use nano_web::{Exchange, ExchangeId, FailureCause, Relayed, entry};
use std::rc::Rc;

/// An isolate's heap is counted after each of its first runs, in which it grows to what it needs.
const COUNTED_RUNS: u32 = 4;

/// Later it is counted after one run in so many, and after each that was long. Counting takes about two
/// microseconds.
const COUNT_EVERY: u32 = 64;

impl Runtime {
    /// Gives a request to an application: at once if it can be entered, else when it can. The id names the
    /// request towards the other methods, until the exchange is over; `None` if the isolate has too many
    /// requests under way.
    ///
    /// `head` is the request's head, in Latin-1: see `fetch/incoming.js` in nano-web.
    pub fn request(
        &self,
        instance: &Rc<Instance>,
        exchange: Rc<dyn Exchange>,
        head: &[u8],
    ) -> Option<ExchangeId> {
        let realm = instance.realm()?;
        instance.usage.expects_request.set(false);
        let id = realm.platform().state().add_exchange(exchange)?;
        instance.usage.last_used.set(self.event_loop.now());
        if realm.is_entered() || !instance.is_ready() {
            if instance.failure().is_some() {
                self.fail_waiting(instance);
            } else {
                instance.queue.borrow_mut().push_back(Task::Request(id, head.into()));
            }
            return Some(id);
        }
        instance.cpu.owner.set(Owner::Request(id));
        self.enter(instance, |scope, realm| handle_request(scope, realm, id, head));
        Some(id)
    }

    /// Bytes of a request's body, its end or its failure have arrived.
    pub fn body_ready(&self, instance: &Rc<Instance>, id: ExchangeId) {
        if instance
            .realm()
            .is_some_and(|realm| realm.platform().state().pass_request_body(id) == Relayed::Done)
        {
            return;
        }
        self.post(instance, Task::BodyReady(id));
    }

    /// There is room for more of a response.
    pub fn writable(&self, instance: &Rc<Instance>, id: ExchangeId) {
        if instance.realm().is_some_and(|realm| realm.platform().state().pass_writable(id) == Relayed::Done) {
            return;
        }
        self.post(instance, Task::Writable(id));
    }

    /// The client has closed its sending side; it may still read. The request's signal is aborted.
    pub fn client_closed_sending(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::ClientClosedSending(id));
    }

    /// The server ends: the client of a request that was answered with 101 is notified.
    pub fn server_closing(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::ServerClosing(id));
    }

    /// The client has disconnected: the request's signal is aborted, waiting reads and writes end, and the
    /// request is forgotten unless `waitUntil` keeps it.
    pub fn client_disconnected(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::ClientDisconnected(id));
    }

    /// The response's head was not there in time, or what `waitUntil` was given has not come to an end: the
    /// request's signal is aborted, and the request is forgotten.
    pub fn deadline_exceeded(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::DeadlineExceeded(id));
    }

    /// Runs a task now, or when the isolate can be entered.
    pub(super) fn post(&self, instance: &Rc<Instance>, task: Task) {
        let Some(realm) = instance.realm() else { return };
        if realm.is_entered() {
            instance.queue.borrow_mut().push_back(task);
        } else {
            self.enter(instance, |scope, realm| perform(scope, realm, instance, task));
        }
    }

    /// Enters the isolate for `work`, drains microtasks, reports what nobody caught, and does what waited
    /// meanwhile.
    pub(super) fn enter(
        &self,
        instance: &Rc<Instance>,
        work: impl FnOnce(&mut PinTryCatch<'_, '_, '_, '_>, &Realm),
    ) -> bool {
        let Some(realm) = instance.realm() else { return false };
        let before = self.slices.pulse().begin(instance.key);
        let was_ready = instance.is_ready();
        realm.enter(|scope, realm| {
            self.within(scope, realm, instance, work);
            // Tasks that came while JavaScript was on the stack.
            loop {
                realm.heap.settle(scope);
                platform::count_wasm(realm, scope);
                if realm.heap.is_terminated() || instance.ended().is_some() {
                    break;
                }
                let next = if instance.is_ready() {
                    instance.queue.borrow_mut().pop_front()
                } else {
                    self.continue_loading(scope, realm, instance);
                    pop_ready(instance)
                };
                let Some(task) = next else { break };
                self.within(scope, realm, instance, |scope, realm| perform(scope, realm, instance, task));
            }
        });
        let observed = self.slices.pulse().take_observation();
        if !observed.is_none() {
            self.charge(instance, &realm, observed, At::End, was_ready);
        }
        self.slices.pulse().end(before);
        if !was_ready && instance.is_ready() {
            self.cacheable.borrow_mut().push_back(Rc::clone(instance));
        } else if instance.has_failed() && instance.ended().is_none() {
            self.fail_waiting(instance);
        }
        self.count_heap(instance, &realm, observed.is_long());
        if realm.heap.is_terminated() {
            instance.end(FailureCause::Memory);
        }
        if let Some(cause) = instance.ended() {
            self.terminate(instance, cause);
        } else if instance.is_closing() {
            self.close(instance);
        }
        true
    }

    /// Counts what the isolate holds after it has run, where it may have grown unseen: V8 tells of
    /// collections only. In most runs nothing is counted. Beyond the process's limit, those of this thread
    /// end that fill the heap: idle ones first, then this one, then others. Small ones stay, since their end
    /// would hardly help, and their next requests would need isolates again.
    fn count_heap(&self, instance: &Rc<Instance>, realm: &Realm, long: bool) {
        let runs = instance.usage.runs.get().wrapping_add(1);
        instance.usage.runs.set(runs);
        if !long && runs > COUNTED_RUNS && !runs.is_multiple_of(COUNT_EVERY) {
            return;
        }
        if !realm.is_entered() {
            realm.enter(|scope, realm| realm.heap.count(scope));
        }
        realm.heap.charge_buffers(realm.account.used());
        self.keep_to_budget(0);
        while nano_isolate::is_over_limit() {
            // Its own memory is free when this run is over.
            let own = || realm.heap.is_large() && (self.evict(instance) || realm.heap.give_up());
            if !self.evict_large(instance) && (own() || self.end_largest() != Ending::Over) {
                return;
            }
        }
    }

    fn within(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        realm: &Realm,
        instance: &Instance,
        work: impl FnOnce(&mut PinTryCatch<'_, '_, '_, '_>, &Realm),
    ) {
        v8::tc_scope!(let scope, scope);
        work(scope, realm);
        if instance.ended().is_some() {
            return;
        }
        if let Some(exception) = scope.exception().filter(|_| !scope.has_terminated()) {
            // Whatever came out of an entry function is nobody's: HTML, "report an exception".
            scope.reset();
            realm.platform().entries().report(scope, exception);
        }
        scope.perform_microtask_checkpoint();
        nano_web::entry::collect_ahead(scope);
        realm.platform().entries().notify_about_rejections(scope);
        if instance.is_loading() {
            self.continue_loading(scope, realm, instance);
        }
    }
}

/// The next task that does not need the application's handler.
fn pop_ready(instance: &Instance) -> Option<Task> {
    let mut queue = instance.queue.borrow_mut();
    if instance.is_ready() {
        return queue.pop_front();
    }
    let index = queue.iter().position(|task| !matches!(task, Task::Request(..)))?;
    queue.remove(index)
}

fn perform(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm, instance: &Instance, task: Task) {
    instance.cpu.owner.set(owner_of(&task, realm, instance));
    match task {
        Task::Request(id, head) => handle_request(scope, realm, id, &head),
        Task::Timer(timer) => {
            let due = instance.host.timers.fire(instance.key, timer);
            if due == Due::Cancelled {
                return;
            }
            realm.platform().entries().fire_timer(scope, timer);
            if due == Due::Last {
                realm.platform().entries().forget_timer(scope, timer);
            }
        }
        Task::BodyReady(id) => entry::body_ready(scope, id),
        Task::Writable(id) => entry::writable(scope, id, false),
        Task::ServerClosing(id) => entry::go_away(scope, id),
        Task::ClientClosedSending(id) => realm.platform().entries().abort(scope, id, false),
        Task::DeadlineExceeded(id) => {
            realm.platform().entries().abort(scope, id, true);
            realm.platform().state().remove_exchange(id);
        }
        Task::ClientDisconnected(id) => {
            realm.platform().entries().abort(scope, id, false);
            entry::writable(scope, id, true);
            entry::body_ready(scope, id);
            if realm.platform().state().exchange(id).is_some_and(|exchange| exchange.is_over()) {
                realm.platform().state().remove_exchange(id);
            }
        }
        Task::Work(id, result) => entry::work_done(scope, id, result),
        Task::Network(id, event) => entry::network_event(scope, id, event),
        Task::Platform(task) => task.run(),
        Task::Message(Content::Task) => realm.platform().entries().run_task(scope),
        // For the thread: see `Runtime::deliver`.
        Task::Message(Content::MakeRoom) => {}
        Task::Message(Content::Broadcast(name, message)) => {
            realm.platform().entries().receive_broadcast(scope, &name, message);
        }
    }
}

/// Calls the handler; what it throws fails the request.
fn handle_request(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm, id: ExchangeId, head: &[u8]) {
    let entries = realm.platform().entries();
    let Some(head) = v8::String::new_from_one_byte(scope, head, v8::NewStringType::Normal) else { return };
    if entries.dispatch(scope, head, id).is_none()
        && let Some(exception) = scope.exception().filter(|_| !scope.has_terminated())
    {
        scope.reset();
        entries.fail(scope, id, exception);
    }
}
