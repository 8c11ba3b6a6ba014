//! The applications of a thread: a site, and the state of each of its applications.

use super::admission::Admission;
use crate::heavy::{self, Role};
use crate::metrics::Metrics;
use crate::request::Tenant;
use crate::site::{Deployed, Site};
use nano_loop::Moment;
use nano_runtime::{Counters, Instance, Runtime, Weight};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Isolates that each thread keeps ready for applications that were never visited.
///
/// Limit (isolates): while one is taken, the other is there for the next, and making one takes less than the
/// time between two first visits.
const SPARE_ISOLATES: usize = 2;

/// An application in one version on this thread.
pub(super) struct App {
    pub(super) tenant: Rc<Tenant>,
    pub(super) admission: Admission,
    instance: RefCell<Option<Rc<Instance>>>,
}

impl App {
    fn new(deployed: &Arc<Deployed>, metrics: &Metrics, thread: usize) -> Rc<Self> {
        let block = metrics.block(&deployed.config.name, thread);
        let admission = Admission::new(&deployed.config.limits);
        let tenant = Rc::new(Tenant::new(Arc::clone(deployed), block));
        Rc::new(Self { tenant, admission, instance: RefCell::new(None) })
    }

    /// Its instance, if it has one that lives.
    pub(super) fn live(&self) -> Option<Rc<Instance>> {
        self.instance.borrow().clone().filter(|instance| !instance.is_closed())
    }

    /// The same; an end for a limit that the instance has exceeded is noted.
    pub(super) fn current(&self, now: Moment) -> Option<Rc<Instance>> {
        let instance = self.instance.borrow().clone()?;
        if !instance.is_closed() {
            return Some(instance);
        }
        *self.instance.borrow_mut() = None;
        if instance.ended().is_some() {
            self.admission.failed(now);
        }
        None
    }

    pub(super) fn set_instance(&self, instance: Rc<Instance>) {
        *self.instance.borrow_mut() = Some(instance);
    }

    pub(super) fn deployed(&self) -> &Arc<Deployed> {
        &self.tenant.deployed
    }

    pub(super) fn counters(&self) -> &Counters {
        self.tenant.counters()
    }

    /// Whether the application computes for long, on any thread.
    #[inline]
    pub(super) fn weight(&self) -> &Weight {
        &self.counters().weight
    }

    /// How long a request may take to its response's head.
    pub(super) fn wall_timeout(&self) -> Duration {
        self.deployed().config.limits.wall_timeout
    }
}

/// A site, and the state of each of its applications, in the same order.
struct Table {
    site: Arc<Site>,
    apps: Vec<Rc<App>>,
}

impl Table {
    /// The application of this name.
    fn find(&self, name: &str) -> Option<Rc<App>> {
        self.apps.iter().find(|app| app.tenant.name() == name).cloned()
    }
}

/// How long isolates live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// How long requests of a version that was replaced may take to finish.
    pub(crate) drain_timeout: Duration,
    /// Isolates without a request for so long are closed.
    pub(crate) isolate_idle: Option<Duration>,
}

/// The state for the applications of a new site.
pub(super) struct Prepared {
    pub(super) apps: Vec<Rc<App>>,
    /// Those whose version before has an isolate on this thread: they are loaded before requests go to them.
    pub(super) warm: Vec<Rc<App>>,
}

/// The applications of a thread.
pub(super) struct Apps {
    table: RefCell<Table>,
    /// Those for which requests wait.
    pub(super) waited_for: RefCell<VecDeque<Rc<App>>>,
    metrics: Arc<Metrics>,
    /// The thread's place in the metrics.
    thread: usize,
    lifetimes: Lifetimes,
}

impl Apps {
    pub(super) fn new(site: Arc<Site>, metrics: Arc<Metrics>, thread: usize, lifetimes: Lifetimes) -> Self {
        let apps = site.apps.iter().map(|app| App::new(app, &metrics, thread)).collect();
        let table = RefCell::new(Table { site, apps });
        Self { table, waited_for: RefCell::default(), metrics, thread, lifetimes }
    }

    /// The thread's place in the metrics.
    pub(super) fn thread(&self) -> usize {
        self.thread
    }

    /// The application for a host.
    pub(super) fn route(&self, host: &[u8]) -> Option<Rc<App>> {
        let table = self.table.borrow();
        table.site.routes.get(host).map(|index| Rc::clone(&table.apps[*index]))
    }

    /// Whether one application is served alone.
    pub(super) fn is_single(&self) -> bool {
        self.table.borrow().apps.len() == 1
    }

    /// The application that is served alone.
    pub(super) fn single(&self) -> Option<Rc<App>> {
        match &*self.table.borrow().apps {
            [app] => Some(Rc::clone(app)),
            _ => None,
        }
    }

    /// How long requests of a version that was replaced may take to finish.
    pub(super) fn drain_timeout(&self) -> Duration {
        self.lifetimes.drain_timeout
    }

    /// Calls `each` with every application.
    pub(super) fn for_each(&self, each: impl FnMut(&Rc<App>)) {
        self.table.borrow().apps.iter().for_each(each);
    }

    /// One application alone is loaded before its first request, and stays; among many, there are spare
    /// isolates for those that were never visited, and those without requests lose theirs.
    pub(super) fn set_isolate_lifetimes(&self, runtime: &Runtime, role: Role) {
        let idle = self.lifetimes.isolate_idle;
        if role == Role::Companion {
            // Making an isolate is little of what its request takes.
            return runtime.set_idle_limit(idle.map(|time| time.min(heavy::IDLE)));
        }
        let alone = self.is_single();
        runtime.set_spares(if alone { 0 } else { SPARE_ISOLATES });
        runtime.set_idle_limit(if alone { None } else { idle });
    }

    /// The state for each application of a site that is newer than this one: an application in the same
    /// version keeps its state.
    pub(super) fn prepare(&self, site: &Site) -> Option<Prepared> {
        let table = self.table.borrow();
        if site.number <= table.site.number {
            return None;
        }
        let old: HashMap<_, _> = table.apps.iter().map(|app| (app.tenant.name(), app)).collect();
        let mut warm = Vec::new();
        let app = |deployed: &Arc<Deployed>| match old.get(&*deployed.config.name) {
            Some(old) if Arc::ptr_eq(old.deployed(), deployed) => Rc::clone(old),
            old => {
                let new = App::new(deployed, &self.metrics, self.thread);
                if old.is_some_and(|old| old.live().is_some()) {
                    warm.push(Rc::clone(&new));
                }
                new
            }
        };
        let apps = site.apps.iter().map(app).collect();
        Some(Prepared { apps, warm })
    }

    /// Serves the new table. Returns the applications that are not served any more, each with its new
    /// version.
    pub(super) fn replace(&self, site: Arc<Site>, apps: Vec<Rc<App>>) -> Vec<(Rc<App>, Option<Rc<App>>)> {
        let mut table = self.table.borrow_mut();
        let next = Table { site, apps };
        // A slice of what was loaded meanwhile may have brought a newer one.
        let replaced =
            if next.site.number > table.site.number { std::mem::replace(&mut *table, next) } else { next };
        let serving: HashSet<_> = table.apps.iter().map(Rc::as_ptr).collect();
        let retired = replaced.apps.iter().filter(|app| !serving.contains(&Rc::as_ptr(app)));
        retired.map(|old| (Rc::clone(old), table.find(old.tenant.name()))).collect()
    }
}
