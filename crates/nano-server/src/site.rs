//! What is served at one moment: the applications, each in one version, and the way from hosts to them.
//!
//! A site never changes. Each worker thread holds one and is sent the next
//! ([`Command::Site`](crate::thread::Command)); so the path of a request shares only data that no thread
//! writes.

use crate::config::{App, EnvValue, Service};
use crate::routes::Routes;
use nano_runtime::{Application, Bindings, FetchLimits, Limits, LoadError, LogLimits, WebSocketLimits};
use std::fmt::Write as _;
use std::sync::Arc;

/// An application in one version.
pub(crate) struct Deployed {
    /// The version itself: its code, as it was read for the first time.
    pub(crate) app: Arc<Application>,
    /// What it was opened with.
    pub(crate) config: App,
    /// 1 for what the server has started with; every other version of the same name has a higher number.
    pub(crate) version: u64,
}

/// All applications that are served, and their hosts.
pub(crate) struct Site {
    /// Higher than that of the site before.
    pub(crate) number: u64,
    pub(crate) apps: Vec<Arc<Deployed>>,
    /// From hosts to places in `apps`.
    pub(crate) routes: Routes<usize>,
}

impl Site {
    /// A site of these applications. Where two have the same host, the first one has it.
    pub(crate) fn new(number: u64, apps: Vec<Arc<Deployed>>) -> Arc<Self> {
        let mut routes = Routes::new();
        for (index, app) in apps.iter().enumerate() {
            for host in &app.config.hosts {
                let _ = routes.insert(host.clone(), index);
            }
        }
        Arc::new(Self { number, apps, routes })
    }

    /// The application with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Deployed>> {
        self.apps.iter().find(|app| app.config.name == name)
    }
}

/// Opens a configured application: finds its entry, compiles nothing.
pub fn open_application(app: &App, confine: bool) -> Result<Arc<Application>, LoadError> {
    let limits = Limits {
        memory_bytes: usize::try_from(app.limits.memory_bytes).unwrap_or(usize::MAX),
        cpu: Some(app.limits.timeout),
        log: LogLimits { lines: app.limits.log_lines_per_second, bytes: app.limits.log_bytes_per_second },
        fetch: FetchLimits {
            allow_private: app.fetch.allow_private,
            max_subrequests: app.limits.max_subrequests,
            max_concurrent: app.limits.max_concurrent_subrequests,
            body_bytes: app.limits.max_subrequest_bytes,
        },
        websocket: WebSocketLimits {
            message_bytes: usize::try_from(app.limits.max_websocket_message_bytes).unwrap_or(usize::MAX),
            queue_bytes: usize::try_from(app.limits.max_websocket_queue_bytes).unwrap_or(usize::MAX),
        },
        allow_eval: app.hardening.allow_eval,
        timer_resolution: app.hardening.timer_resolution,
    };
    let service = |(name, Service::Unix(path)): &(String, Service)| {
        (name.clone(), nano_runtime::Service::Unix(path.clone()))
    };
    let bindings = Bindings {
        variables: Some(env_json(&app.env)),
        services: app.services.iter().map(service).collect(),
    };
    Application::open(&app.name, &app.path, bindings, limits, confine)
}

/// The variables as a JSON object.
fn env_json(env: &[(String, EnvValue)]) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in env.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json_string(&mut out, name);
        out.push(':');
        match value {
            EnvValue::Text(text) => json_string(&mut out, text),
            EnvValue::Json(json) => out.push_str(json),
        }
    }
    out.push('}');
    out
}

fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\u{0}'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use crate::config::limits;

    #[test]
    fn what_a_file_may_allow_is_what_an_isolate_can_have() {
        assert_eq!(limits::MAX_CONCURRENT_SUBREQUESTS.max, u64::from(nano_runtime::MAX_FETCHES));
    }
}
