//! The JSON API's account of applications: names and numbers. Rates are for the client to make, from two
//! answers and their times.

use crate::control::Shared;
use crate::metrics::{BOUNDS_US, CLASSES, Totals};
use crate::thread::{Measured, MeasuredApp};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// One application's isolates on all threads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Isolates {
    pub(super) count: usize,
    pub(super) heap_bytes: usize,
    pub(super) external_bytes: usize,
    pub(super) in_flight: usize,
}

/// By application, what its isolates on all threads are together.
pub(super) fn isolates(measured: &[Measured]) -> HashMap<&str, Isolates> {
    let mut all: HashMap<&str, Isolates> = HashMap::new();
    for MeasuredApp { name, heap_bytes, external_bytes, in_flight } in
        measured.iter().flat_map(|worker| &worker.apps)
    {
        let sum = all.entry(name).or_default();
        sum.count += 1;
        sum.heap_bytes += heap_bytes;
        sum.external_bytes += external_bytes;
        sum.in_flight += in_flight;
    }
    all
}

/// The answer to `GET /admin/apps`.
pub(super) fn list(shared: &Shared, measured: &[Measured]) -> Value {
    let site = shared.site();
    let isolates = isolates(measured);
    let apps = site.apps.iter().map(|app| {
        let name = &*app.config.name;
        let isolates = isolates.get(name).copied().unwrap_or_default();
        let counters = app.app.counters();
        let hosts: Vec<String> = app.config.hosts.iter().map(ToString::to_string).collect();
        json!({
            "name": name,
            "version": app.version,
            "hosts": hosts,
            "path": app.config.path.display().to_string(),
            "requests": requests(&shared.metrics.app(name)),
            "in_flight": isolates.in_flight,
            "queued_now": counters.queued_now.get(),
            "queued": counters.queued.get(),
            "rejected": counters.rejected.get(),
            "backed_off": counters.backed_off.get(),
            "timed_out": counters.timed_out.get(),
            "subrequests": counters.subrequests.get(),
            "cpu_us": counters.cpu_us.get(),
            "heavy": counters.weight.is_heavy(),
            "log_lines_dropped": counters.log_lines_dropped.get(),
            "memory": { "heap_bytes": isolates.heap_bytes, "external_bytes": isolates.external_bytes },
            "isolates": {
                "now": isolates.count,
                "made": counters.isolates_made.get(),
                "evicted": counters.isolates_evicted.get(),
                "retired": counters.isolates_retired.get(),
                "ended_for_cpu": counters.ended_for_cpu.get(),
                "ended_for_memory": counters.ended_for_memory.get(),
            },
        })
    });
    let apps: Vec<Value> = apps.collect();
    json!({
        "time_ms": shared.metrics.started.elapsed().as_millis() as u64,
        "stage": format!("{:?}", shared.metrics.stage()).to_lowercase(),
        "version": env!("CARGO_PKG_VERSION"),
        "threads": measured.iter().filter(|worker| !worker.companion).count(),
        "companions": measured.iter().filter(|worker| worker.companion).count(),
        "connections": measured.iter().map(|worker| worker.connections).sum::<usize>(),
        "isolates": measured.iter().map(|worker| worker.isolates).sum::<usize>(),
        "heap_bytes": nano_runtime::process_used(),
        "unrouted": requests(&shared.metrics.unrouted()),
        "apps": apps,
    })
}

fn requests(totals: &Totals) -> Value {
    let classes: Map<String, Value> = CLASSES
        .iter()
        .zip(totals.classes)
        .map(|(class, count)| ((*class).to_owned(), count.into()))
        .collect();
    json!({
        "total": totals.requests(),
        "by_class": classes,
        "duration_us": totals.duration_us,
        "bounds_us": BOUNDS_US,
        "buckets": totals.buckets,
    })
}
