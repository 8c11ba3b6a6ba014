//! The administration's routes, which of them need the token, and the responses. Must not know sockets; the
//! description for others is `openapi.json` beside this file, which a test compares with [`ROUTES`].

use super::client::{Request, Response};
use super::{Mail, Ticket, api, prometheus};
use crate::control::Shared;
use crate::control::{Change, Control, Outcome};
use crate::metrics::Stage;
use crate::thread::{Command, Measured};
use nano_loop::Sender;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;

/// Time that a worker has to report its figures; after it, its last ones are shown.
///
/// Limit (ms): a tenant may hold the thread in a call that cannot be interrupted.
const MEASURE_WITHIN: Duration = Duration::from_millis(100);

/// Figures are kept for this time: a client that asks often does not make the workers answer often.
const MEASURE_EVERY: Duration = Duration::from_millis(100);

/// The action of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Page,
    Health,
    Readiness,
    Metrics,
    Description,
    List,
    Add,
    Remove,
    RollBack,
    Reload,
}

/// Method, path (`{name}` is one segment), what it does, whether it needs the token.
const ROUTES: [(&str, &str, Action, bool); 10] = [
    ("GET", "/", Action::Page, false),
    ("GET", "/healthz", Action::Health, false),
    ("GET", "/readyz", Action::Readiness, false),
    ("GET", "/metrics", Action::Metrics, false),
    ("GET", "/admin/openapi.json", Action::Description, true),
    ("GET", "/admin/apps", Action::List, true),
    ("POST", "/admin/apps", Action::Add, true),
    ("DELETE", "/admin/apps/{name}", Action::Remove, true),
    ("POST", "/admin/apps/{name}/rollback", Action::RollBack, true),
    ("POST", "/admin/reload", Action::Reload, true),
];

const PAGE: &str = include_str!("page.html");
const OPENAPI: &str = include_str!("openapi.json");

/// The page loads nothing from elsewhere, talks to this listener only, and may be in no frame.
const PAGE_HEADERS: &str = "content-type: text/html;charset=UTF-8\r\n\
    content-security-policy: default-src 'none'; script-src 'sha256-JJjSobAxuQTJawXny+pXXocWfP1+NelcnEh+FzQ73NE='; style-src 'unsafe-inline'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ncache-control: no-store\r\n";

/// How a request is answered.
pub(super) enum Answer {
    Now(Response),
    /// The control thread makes the answer.
    Later,
}

/// The state that responses are made from.
pub(super) struct Routes {
    token: Option<String>,
    control: Arc<OnceLock<Control>>,
    shared: Arc<Shared>,
    mail: Sender<Mail>,
    /// The latest figures of each worker and each companion.
    measured: Vec<Measured>,
    measured_at: Option<Instant>,
}

impl Routes {
    pub(super) fn new(
        token: Option<String>,
        control: Arc<OnceLock<Control>>,
        shared: Arc<Shared>,
        mail: Sender<Mail>,
    ) -> Self {
        Self { token, control, shared, mail, measured: Vec::new(), measured_at: None }
    }

    pub(super) fn answer(&mut self, request: &Request, ticket: Ticket) -> Answer {
        let path = String::from_utf8_lossy(&request.path).into_owned();
        // A client without the token learns of no path below.
        if path == "/admin" || path.starts_with("/admin/") {
            match (&self.token, presented(request)) {
                (None, _) => return Answer::Now(problem(403, "no token is configured: /admin is closed")),
                (Some(token), Some(shown)) if bool::from(token.as_bytes().ct_eq(shown)) => {}
                _ => {
                    let mut response = problem(401, "the token is missing or wrong");
                    response.headers.push_str("www-authenticate: Bearer\r\n");
                    return Answer::Now(response);
                }
            }
        }
        let method = match &*request.method {
            b"HEAD" => b"GET",
            other => other,
        };
        let mut allowed = Vec::new();
        for (known, pattern, action, _) in ROUTES {
            let Some(name) = matched(pattern, &path) else { continue };
            if known.as_bytes() == method {
                return self.act(action, name, request, ticket);
            }
            allowed.push(known);
        }
        if allowed.is_empty() {
            return Answer::Now(problem(404, "there is nothing here"));
        }
        let mut response = problem(405, "this path has other methods");
        response.headers.push_str(&format!("allow: {}\r\n", allowed.join(", ")));
        Answer::Now(response)
    }

    fn act(&mut self, action: Action, name: Option<&str>, request: &Request, ticket: Ticket) -> Answer {
        Answer::Now(match action {
            Action::Page => Response { status: 200, headers: PAGE_HEADERS.into(), body: PAGE.into() },
            Action::Health => text(200, "ok\n"),
            Action::Readiness => match self.shared.metrics.stage() {
                Stage::Ready => text(200, "ready\n"),
                Stage::Starting => text(503, "starting\n"),
                Stage::Draining => text(503, "draining\n"),
            },
            Action::Metrics => {
                self.measure();
                let headers = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n".to_owned();
                let body = prometheus::write(&self.shared, &self.measured).into_bytes();
                Response { status: 200, headers, body }
            }
            Action::Description => {
                Response { status: 200, headers: JSON.into(), body: OPENAPI.as_bytes().to_vec() }
            }
            Action::List => {
                self.measure();
                self::json(200, &api::list(&self.shared, &self.measured))
            }
            Action::Add => {
                let body = match std::str::from_utf8(&request.body) {
                    Ok(body) => body,
                    Err(_) => return Answer::Now(problem(400, "the body is not UTF-8")),
                };
                match self.shared.config.parse_app(body) {
                    Ok(app) => return self.change(Change::Add(Box::new(app)), ticket),
                    Err(errors) => {
                        let problems: Vec<_> = errors
                            .iter()
                            .map(|error| {
                                let (line, column) = (error.line(), error.column());
                                json!({ "message": error.message(), "line": line, "column": column })
                            })
                            .collect();
                        self::json(422, &json!({ "problems": problems }))
                    }
                }
            }
            Action::Remove | Action::RollBack => {
                let name = name.unwrap_or_default().to_owned();
                if self.shared.site().find(&name).is_none() {
                    return Answer::Now(problem(404, "there is no application of this name"));
                }
                let change =
                    if action == Action::Remove { Change::Remove(name) } else { Change::RollBack(name) };
                return self.change(change, ticket);
            }
            Action::Reload => return self.change(Change::Reload, ticket),
        })
    }

    fn change(&self, change: Change, ticket: Ticket) -> Answer {
        let Some(control) = self.control.get().filter(|_| self.shared.metrics.stage() == Stage::Ready) else {
            return Answer::Now(problem(503, "the server is starting or ending: nothing changes now"));
        };
        let mail = self.mail.clone();
        control.order(change, move |outcome| drop(mail.send(Mail::Changed(ticket, outcome))));
        Answer::Later
    }

    /// The response to a change.
    pub(super) fn outcome(&self, outcome: &Outcome) -> Response {
        let deployed: Vec<Value> = outcome
            .deployed
            .iter()
            .map(|(name, version)| json!({ "name": name, "version": version }))
            .collect();
        let problems: Vec<Value> = outcome
            .problems
            .iter()
            .map(|problem| json!({ "app": problem.app, "message": problem.message }))
            .collect();
        let status = if problems.is_empty() { 200 } else { 422 };
        let body = json!({ "deployed": deployed, "removed": outcome.removed, "problems": problems });
        json(status, &body)
    }

    /// Has the workers tell their figures.
    fn measure(&mut self) {
        if self.measured_at.is_some_and(|at| at.elapsed() < MEASURE_EVERY) {
            return;
        }
        let (told, tellers) = mpsc::channel();
        let (count, places) = {
            let workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
            (workers.tell_all(|| Command::Measure(told.clone())), workers.places())
        };
        drop(told);
        self.measured.retain(|measured| places.contains(&measured.worker));
        let until = Instant::now() + MEASURE_WITHIN;
        for _ in 0..count {
            let Ok(measured) = tellers.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                break;
            };
            match self.measured.iter_mut().find(|known| known.worker == measured.worker) {
                Some(known) => *known = measured,
                None => self.measured.push(measured),
            }
        }
        self.measured_at = Some(Instant::now());
    }
}

/// The token that the request shows.
fn presented(request: &Request) -> Option<&[u8]> {
    let value = request.authorization.as_deref()?;
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whether a path is of this pattern: if so, what stands for `{name}`.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
    let Some((before, after)) = pattern.split_once("{name}") else {
        return (pattern == path).then_some(None);
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(Some(name))
}

const JSON: &str = "content-type: application/json\r\ncache-control: no-store\r\n";

fn json(status: u16, value: &Value) -> Response {
    Response { status, headers: JSON.into(), body: format!("{value}\n").into_bytes() }
}

fn problem(status: u16, message: &str) -> Response {
    json(status, &json!({ "problems": [{ "message": message }] }))
}

fn text(status: u16, body: &str) -> Response {
    let headers = "content-type: text/plain;charset=UTF-8\r\ncache-control: no-store\r\n".to_owned();
    Response { status, headers, body: body.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in
                methods.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters")
            {
                let open = operation["security"].as_array().is_some_and(Vec::is_empty);
                described.insert((method.to_uppercase(), path.clone(), !open));
                assert!(
                    operation["summary"].is_string() && operation["responses"].is_object(),
                    "{method} {path}"
                );
            }
        }
        let there: BTreeSet<_> = ROUTES
            .iter()
            .map(|(method, path, _, closed)| ((*method).to_owned(), (*path).to_owned(), *closed))
            .collect();
        assert_eq!(described, there, "openapi.json (left) and ROUTES (right) differ");
        // The routes that need the token are those below /admin, where it is checked, and no others.
        assert!(ROUTES.iter().all(|(_, path, _, closed)| path.starts_with("/admin/") == *closed));
    }

    #[test]
    fn references_of_the_description_lead_somewhere() {
        fn references(value: &Value, into: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    object.values().for_each(|value| references(value, into));
                }
                Value::Array(array) => array.iter().for_each(|value| references(value, into)),
                _ => {}
            }
        }
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut found = Vec::new();
        references(&description, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(description.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
    }

    #[test]
    fn names_are_one_segment() {
        assert_eq!(matched("/admin/apps/{name}", "/admin/apps/a.b"), Some(Some("a.b")));
        assert_eq!(matched("/admin/apps/{name}", "/admin/apps/"), None);
        assert_eq!(matched("/admin/apps/{name}", "/admin/apps/a/b"), None);
        assert_eq!(matched("/admin/apps/{name}/rollback", "/admin/apps/a/rollback"), Some(Some("a")));
        assert_eq!(matched("/admin/apps", "/admin/apps"), Some(None));
    }

    #[test]
    fn the_page_runs_its_own_script_only() {
        let script =
            PAGE.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).unwrap().0;
        let digest = <sha2::Sha256 as sha2::Digest>::digest(script.as_bytes());
        let hash = format!("'sha256-{}'", base64_simd::STANDARD.encode_to_string(digest));
        assert!(PAGE_HEADERS.contains(&hash), "script-src is to be {hash}");
    }

    #[test]
    fn the_page_is_alone() {
        for reference in ["src=", "href=\"http", "@import", "url(http"] {
            assert!(!PAGE.contains(reference), "{reference}");
        }
    }
}
