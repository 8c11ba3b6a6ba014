//! The server's way from its configuration to its end: opens what it needs, starts the threads, and waits for
//! the signal to stop.

use super::signals::watch_signals;
use super::workers::{Workers, leave, wait_until_ready};
use super::{listen, sandbox};
use crate::admin;
use crate::config::{Config, Network};
use crate::control::{self, Control, ServeOptions, Shared};
use crate::error::ServeError;
use crate::log::{Field, Level, LogWriter};
use crate::metrics::{Metrics, Stage};
use crate::site::{Deployed, Site, open_application};
use crate::systemd::ServiceManager;
use crate::telemetry::Telemetry;
use crate::tls::Tls;
use nano_runtime::{ClientOptions, Exceptions, Proxies, Proxy};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// How the applications' fetches are made.
fn network(config: &Network) -> Result<ClientOptions, ServeError> {
    let mut options = ClientOptions::default();
    if let Some(proxy) = &config.proxy {
        let proxy = Proxy::parse(proxy)
            .map_err(|error| ServeError::System("use the proxy", io::Error::other(error)))?;
        let except = Exceptions::parse(config.no_proxy.as_deref().unwrap_or_default());
        options.core.proxies = Proxies { http: Some(proxy.clone()), https: Some(proxy), except };
    }
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path)
            .map_err(|error| ServeError::System("read the configuration's ca_file", error))?;
        options.tls.extra_roots.push(pem);
    }
    Ok(options)
}

fn tell_sandbox(writer: &LogWriter, entered: &sandbox::Entered) {
    let mut log = writer.sink();
    let holds = entered.holds.join(", ");
    let lacks = entered.lacks.join("; ");
    let level = if entered.lacks.is_empty() { Level::Info } else { Level::Warn };
    let mut fields = vec![("holds", Field::Text(if holds.is_empty() { "nothing" } else { &holds }))];
    if !lacks.is_empty() {
        fields.push(("lacks", Field::Text(&lacks)));
    }
    log.message(level, "sandbox", &fields);
    log.flush();
}

/// The listener's certificates, if it speaks TLS.
fn tls(config: &Config) -> Result<Option<Arc<Tls>>, ServeError> {
    if config.certificates.is_empty() {
        return Ok(None);
    }
    let tls = Tls::new(&config.certificates).map_err(ServeError::Certificate)?;
    Ok(Some(Arc::new(tls)))
}

/// Serves until a signal to stop has come and everything in flight is finished. `listening` is called once,
/// when requests are accepted, with the address (its port picked, if it was 0) and the way to change what is
/// served.
///
/// # Errors
///
/// If an application of a single-application configuration cannot be loaded, the address cannot be had, or
/// the system lacks something. Applications of a larger configuration are loaded when they are first visited.
pub fn serve(
    config: &Config,
    options: ServeOptions,
    listening: impl FnOnce(SocketAddr, &Control),
) -> Result<(), ServeError> {
    let threads = config.worker_threads();
    let listeners = listen::open(config.listen_address(), threads)?;
    let address = listeners.address;
    let admin_socket = config.admin.as_ref().map(admin::bind).transpose()?;
    let confine = config.file.is_some();
    let mut apps = Vec::with_capacity(config.apps.len());
    for app in &config.apps {
        let opened = open_application(app, confine)
            .map_err(|error| ServeError::Application(app.name.clone(), error.to_string()))?;
        apps.push(Arc::new(Deployed { app: opened, config: app.clone(), version: 1 }));
    }
    let writer =
        LogWriter::stdout(config.log_format).map_err(|error| ServeError::System("write the log", error))?;
    nano_runtime::set_isolate_budget(config.limits.isolate_memory_bytes.try_into().unwrap_or(usize::MAX));
    // Before any other thread is started: what is given up here holds for those that come.
    if config.sandbox.enabled {
        tell_sandbox(&writer, &sandbox::enter(config));
    }
    nano_runtime::initialize();
    let network = network(&config.network)?;
    let telemetry = config.telemetry.as_ref().map(|telemetry| Telemetry::start(telemetry, network.clone()));
    let telemetry =
        telemetry.transpose().map_err(|error| ServeError::System("start the telemetry's thread", error))?;
    let shared = Arc::new(Shared {
        config: config.clone(),
        network,
        telemetry,
        options,
        writer: writer.clone(),
        tls: tls(config)?,
        metrics: Arc::new(Metrics::new()),
        site: Mutex::new(Site::new(1, apps)),
        workers: Mutex::default(),
    });
    let admin = match (admin_socket, &config.admin) {
        (Some(bound), Some(admin)) => Some(admin::start(bound, admin, &shared)?),
        _ => None,
    };
    let (reports, received) = mpsc::channel();
    // Before the server says that it is there: a signal that comes then is an orderly end already.
    let signals = watch_signals(reports.clone())?;
    let mut workers = Workers::new(&shared, reports);
    // The first worker answers before the others begin: making isolates on all cores at once would delay the
    // first answer.
    let mut sockets = listeners.sockets.into_iter();
    for socket in sockets.by_ref().take(1) {
        workers.add(socket)?;
        wait_until_ready(&shared, &received, 1)?;
    }
    for socket in sockets {
        workers.add(socket)?;
    }
    wait_until_ready(&shared, &received, threads - 1)?;
    let manager = Arc::new(ServiceManager::from_env());
    let control =
        control::start(Arc::clone(&shared), Arc::clone(&manager), admin.as_ref().map(|admin| admin.address))
            .map_err(|error| ServeError::System("start the control thread", error))?;
    if let Some(admin) = &admin {
        admin.set_control(control.clone());
    }
    shared.metrics.set_stage(Stage::Ready);
    listening(address, &control);
    manager.ready();
    let ended = workers.attend(&received, &control, &manager).and_then(|()| {
        shared.metrics.set_stage(Stage::Draining);
        manager.stopping();
        workers.drain(config.limits.drain_timeout, &received)
    });
    control.end();
    if let Some(admin) = admin {
        admin.end();
    }
    signals.close();
    if let Some(telemetry) = &shared.telemetry {
        telemetry.close(Duration::from_secs(1));
    }
    writer.close(Duration::from_secs(1));
    if matches!(ended, Ok(false)) {
        leave();
    }
    ended.map(|_| ())
}
