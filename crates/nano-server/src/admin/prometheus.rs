//! The metrics in Prometheus' text format (0.0.4). Names end in the unit, counters in `_total`, as its
//! conventions have it.

use super::api::{Isolates, isolates};
use crate::control::Shared;
use crate::metrics::{BOUNDS_US, CLASSES, Stage, Totals};
use crate::thread::Measured;
use nano_runtime::Counters;
use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

/// The figures of one application.
struct Row<'a> {
    name: &'a str,
    version: u64,
    totals: Totals,
    counters: &'a Counters,
    isolates: Isolates,
}

/// A family of one number for each application: name, type, help, and the number.
type Family = (&'static str, &'static str, &'static str, fn(&Row<'_>) -> u64);

const FAMILIES: [Family; 14] = [
    ("nano_app_version", "gauge", "The version that is served.", |row| row.version),
    ("nano_requests_in_flight", "gauge", "Requests under way, waitUntil included.", |row| {
        row.isolates.in_flight as u64
    }),
    ("nano_requests_waiting", "gauge", "Requests that wait for their turn.", |row| {
        row.counters.queued_now.get()
    }),
    ("nano_requests_queued_total", "counter", "Requests that have waited for their turn.", |row| {
        row.counters.queued.get()
    }),
    ("nano_requests_timed_out_total", "counter", "Requests over wall_timeout_ms.", |row| {
        row.counters.timed_out.get()
    }),
    ("nano_subrequests_total", "counter", "Requests that fetch has begun.", |row| {
        row.counters.subrequests.get()
    }),
    ("nano_isolates", "gauge", "Isolates of the version that is served.", |row| row.isolates.count as u64),
    ("nano_isolates_made_total", "counter", "Isolates the application was put into.", |row| {
        row.counters.isolates_made.get()
    }),
    ("nano_isolates_evicted_total", "counter", "Isolates closed to make room, or idle for long.", |row| {
        row.counters.isolates_evicted.get()
    }),
    ("nano_isolates_retired_total", "counter", "Isolates of versions that were replaced.", |row| {
        row.counters.isolates_retired.get()
    }),
    ("nano_heap_bytes", "gauge", "JavaScript heap as of each isolate's latest collection.", |row| {
        row.isolates.heap_bytes as u64
    }),
    ("nano_external_memory_bytes", "gauge", "Memory outside of the heap: buffers.", |row| {
        row.isolates.external_bytes as u64
    }),
    (
        "nano_heavy",
        "gauge",
        "1 while the application is taken for one that computes for long, and is served beside the others.",
        |row| u64::from(row.counters.weight.is_heavy()),
    ),
    ("nano_log_lines_dropped_total", "counter", "Log lines beyond the application's limits.", |row| {
        row.counters.log_lines_dropped.get()
    }),
];

/// All metrics.
pub(super) fn write(shared: &Shared, measured: &[Measured]) -> String {
    let site = shared.site();
    let isolates = isolates(measured);
    let rows: Vec<Row<'_>> = site
        .apps
        .iter()
        .map(|app| {
            let name = &*app.config.name;
            Row {
                name,
                version: app.version,
                totals: shared.metrics.app(name),
                counters: app.app.counters(),
                isolates: isolates.get(name).copied().unwrap_or_default(),
            }
        })
        .collect();
    // About what an application takes.
    let mut out = String::with_capacity(4096 + rows.len() * 3072);
    process(&mut out, shared, measured);
    head(&mut out, "nano_requests_total", "counter", "Requests that are over, by the class of their status.");
    for row in &rows {
        for (class, count) in CLASSES.iter().zip(row.totals.classes) {
            sample(&mut out, "nano_requests_total", &[("app", row.name), ("code", class)], count);
        }
    }
    let name = "nano_request_duration_seconds";
    head(
        &mut out,
        name,
        "histogram",
        "From a request's head to the end of its response in the server's buffer.",
    );
    for row in &rows {
        histogram(&mut out, name, row);
    }
    head(
        &mut out,
        "nano_requests_refused_total",
        "counter",
        "Requests answered with 503 before they reached the application.",
    );
    for row in &rows {
        let (full, failing) = (row.counters.rejected.get(), row.counters.backed_off.get());
        for (reason, count) in [("queue", full), ("back-off", failing)] {
            sample(&mut out, "nano_requests_refused_total", &[("app", row.name), ("reason", reason)], count);
        }
    }
    head(&mut out, "nano_isolates_terminated_total", "counter", "Isolates ended for exceeding a limit.");
    for row in &rows {
        let (cpu, memory) = (row.counters.ended_for_cpu.get(), row.counters.ended_for_memory.get());
        for (cause, count) in [("cpu", cpu), ("memory", memory)] {
            sample(&mut out, "nano_isolates_terminated_total", &[("app", row.name), ("cause", cause)], count);
        }
    }
    head(&mut out, "nano_cpu_seconds_total", "counter", "CPU time used, by whole microseconds.");
    for row in &rows {
        let seconds = row.counters.cpu_us.get() as f64 / 1e6;
        sample(&mut out, "nano_cpu_seconds_total", &[("app", row.name)], seconds);
    }
    for (name, kind, help, value) in FAMILIES {
        head(&mut out, name, kind, help);
        for row in &rows {
            sample(&mut out, name, &[("app", row.name)], value(row));
        }
    }
    out
}

/// Figures that belong to no application.
fn process(out: &mut String, shared: &Shared, measured: &[Measured]) {
    head(out, "nano_build_info", "gauge", "The version of NANO.");
    sample(out, "nano_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let connections: usize = measured.iter().map(|worker| worker.connections).sum();
    let gauges: [(&str, &str, u64); 5] = [
        (
            "nano_ready",
            "1 while requests are taken, as /readyz says.",
            u64::from(shared.metrics.stage() == Stage::Ready),
        ),
        ("nano_uptime_seconds", "Time since the start.", shared.metrics.started.elapsed().as_secs()),
        ("nano_connections", "Connections of clients.", connections as u64),
        ("nano_process_heap_bytes", "JavaScript heap of all isolates.", nano_runtime::process_used() as u64),
        ("nano_process_heap_limit_bytes", "The limit of that.", nano_runtime::process_limit() as u64),
    ];
    for (name, help, value) in gauges {
        head(out, name, "gauge", help);
        sample(out, name, &[], value);
    }
    if let Some(telemetry) = &shared.telemetry {
        let name = "nano_telemetry_spans_total";
        head(
            out,
            name,
            "counter",
            "Spans, by what became of them: dropped are those that found the queue full.",
        );
        let counts = telemetry.counts();
        for (result, count) in
            [("exported", &counts.exported), ("dropped", &counts.dropped), ("failed", &counts.failed)]
        {
            sample(out, name, &[("result", result)], count.load(Ordering::Relaxed));
        }
    }
    head(
        out,
        "nano_unrouted_requests_total",
        "counter",
        "Requests for hosts that no application has, by class.",
    );
    for (class, count) in CLASSES.iter().zip(shared.metrics.unrouted().classes) {
        sample(out, "nano_unrouted_requests_total", &[("code", class)], count);
    }
}

fn histogram(out: &mut String, name: &str, row: &Row<'_>) {
    let bucket = format!("{name}_bucket");
    let mut sum = 0;
    for (index, count) in row.totals.buckets.iter().enumerate() {
        sum += count;
        let bound = BOUNDS_US.get(index).map_or("+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
        sample(out, &bucket, &[("app", row.name), ("le", &bound)], sum);
    }
    sample(out, &format!("{name}_sum"), &[("app", row.name)], row.totals.duration_us as f64 / 1e6);
    sample(out, &format!("{name}_count"), &[("app", row.name)], sum);
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    out.push_str(name);
    for (index, (label, text)) in labels.iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        let _ = write!(out, "{label}=\"");
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        sample(&mut out, "a_total", &[("app", "a\"b\\c\nd"), ("code", "2xx")], 3);
        assert_eq!(out, "a_total{app=\"a\\\"b\\\\c\\nd\",code=\"2xx\"} 3\n");
    }

    #[test]
    fn buckets_are_cumulative_and_their_bounds_in_seconds() {
        let counters = Counters::default();
        let mut totals = Totals::default();
        totals.buckets[0] = 2;
        totals.buckets[BOUNDS_US.len()] = 1;
        totals.duration_us = 1_500_000;
        let row = Row { name: "a", version: 1, totals, counters: &counters, isolates: Isolates::default() };
        let mut out = String::new();
        histogram(&mut out, "d", &row);
        assert!(out.starts_with("d_bucket{app=\"a\",le=\"0.00025\"} 2\n"), "{out}");
        assert!(out.ends_with("le=\"+Inf\"} 3\nd_sum{app=\"a\"} 1.5\nd_count{app=\"a\"} 3\n"), "{out}");
    }
}
