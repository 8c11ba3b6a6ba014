//! The control thread: compiles and rehearses new versions beside the workers, and hands those that would
//! serve to all workers, in one message each. What is refused leaves the old version where it is. All changes
//! are made here, one after the other.

use super::orders::{Change, Control, Order, Outcome, Problem};
use super::shared::Shared;
use super::watch::Watch;
use crate::config::{App, Certificate, Config, ServerLimits};
use crate::log::{Field, Level, LogSink};
use crate::site::{Deployed, Site, open_application};
use crate::systemd::ServiceManager;
use crate::thread::Command;
use nano_runtime::{Console, LoadError, THREAD_STACK_BYTES};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// After a change of a file, so long without another: editors and deployments write several.
const QUIET: Duration = Duration::from_millis(50);

/// Time from the first change of a file until changes take effect, where files change all the time.
///
/// Limit (s): editors and deployments write several files within moments.
const QUIET_AT_MOST: Duration = Duration::from_secs(1);

/// Time that the workers have to take over a new site; a slower one takes it over later.
///
/// Limit (s): a tenant may hold the thread in a call that cannot be interrupted.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// Starts the control thread; returns when changes of files are noticed, if they are to be.
pub(crate) fn start(
    shared: Arc<Shared>,
    manager: Arc<ServiceManager>,
    admin: Option<SocketAddr>,
) -> io::Result<Control> {
    let (orders, received) = mpsc::channel();
    let control = Control { orders: orders.clone(), shared: Arc::clone(&shared), admin };
    let (sender, watching) = mpsc::channel();
    std::thread::Builder::new().name("nano-control".into()).stack_size(THREAD_STACK_BYTES).spawn(
        move || {
            let mut controller = Controller::new(shared, manager, orders);
            controller.follow_files();
            let _ = sender.send(());
            controller.run(&received);
        },
    )?;
    let _ = watching.recv();
    Ok(control)
}

/// Drops the output of a version that is rehearsed: it prints the same when it serves.
struct Silent;

impl Console for Silent {
    fn print(&self, _: &str, _: nano_runtime::Level, _: &str) {}
}

struct Controller {
    config: Config,
    shared: Arc<Shared>,
    manager: Arc<ServiceManager>,
    log: LogSink,
    watch: Option<Watch>,
    /// The applications that [`Change::Add`] has added.
    added: Vec<App>,
    /// The version of each application before the one that it has.
    previous: HashMap<String, Arc<Deployed>>,
    /// The latest version's number of applications that had more than one.
    versions: HashMap<String, u64>,
}

/// Which applications are read anew though their configuration is the same.
enum Reread<'a> {
    All,
    These(&'a [String]),
    None,
}

impl Controller {
    fn new(shared: Arc<Shared>, manager: Arc<ServiceManager>, orders: mpsc::Sender<Order>) -> Self {
        let config = shared.config.clone();
        let mut log = shared.writer.sink();
        let watch = match config.watch.then(|| Watch::new(orders)) {
            None => None,
            Some(Ok(watch)) => Some(watch),
            Some(Err(error)) => {
                let text = error.to_string();
                log.message(
                    Level::Warn,
                    "changes of files are not noticed: reload by SIGHUP",
                    &[("error", Field::Text(&text))],
                );
                log.flush();
                None
            }
        };
        let (added, previous, versions) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { config, shared, manager, log, watch, added, previous, versions }
    }

    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        let mut touched = Vec::new();
        let mut since = Instant::now();
        loop {
            let received = if touched.is_empty() {
                orders.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
            } else {
                let left = QUIET_AT_MOST.saturating_sub(since.elapsed());
                orders.recv_timeout(QUIET.min(left))
            };
            match received {
                Ok(Order::Change(change, reply)) => reply(self.guarded(&change)),
                Ok(Order::Touched(paths)) => {
                    if touched.is_empty() {
                        since = Instant::now();
                    }
                    touched.extend(paths);
                    if since.elapsed() < QUIET_AT_MOST {
                        continue;
                    }
                    self.look_at(&std::mem::take(&mut touched));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.look_at(&std::mem::take(&mut touched)),
                Ok(Order::End) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Files have changed: reads anew what they belong to.
    fn look_at(&mut self, paths: &[PathBuf]) {
        let Some(watch) = &self.watch else { return };
        let site = self.shared.site();
        if self.config.file.as_deref().is_some_and(|file| watch.concerns_file(file, paths)) {
            self.guarded(&Change::Reload);
            return;
        }
        if watch.concerns_certificates(&self.config.certificates, paths) {
            let problem = self.reload_certificates(self.config.certificates.clone());
            let (level, text) = match &problem {
                Some(problem) => (Level::Error, &*problem.message),
                None => (Level::Info, "certificates are read anew"),
            };
            self.log.message(level, text, &[]);
            self.log.flush();
        }
        let Some(watch) = &self.watch else { return };
        let concerned = |app: &&Arc<Deployed>| watch.concerns_app(app, paths);
        let names: Vec<_> = site.apps.iter().filter(concerned).map(|app| app.config.name.clone()).collect();
        if !names.is_empty() {
            self.guarded(&Change::ReloadApps(names));
        }
    }

    /// Makes a change, and logs its outcome. A panic in it changes nothing.
    fn guarded(&mut self, change: &Change) -> Outcome {
        self.manager.reloading();
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.change(change)));
        let outcome = made.unwrap_or_else(|_| Outcome {
            problems: vec![Problem {
                app: None,
                message: "a fault while reloading; nothing has changed".into(),
            }],
            ..Outcome::default()
        });
        for (name, version) in &outcome.deployed {
            let fields = [("app", Field::Text(name)), ("version", Field::Number(*version))];
            self.log.message(Level::Info, "deployed", &fields);
        }
        for name in &outcome.removed {
            self.log.message(Level::Info, "removed", &[("app", Field::Text(name))]);
        }
        for problem in &outcome.problems {
            let app = problem.app.as_deref().unwrap_or("-");
            self.log.message(Level::Error, &problem.message, &[("refused", Field::Text(app))]);
        }
        self.log.flush();
        self.manager.ready();
        outcome
    }

    fn change(&mut self, change: &Change) -> Outcome {
        match change {
            Change::Reload => self.reload(),
            Change::ReloadApps(names) => {
                let apps = self.wanted();
                self.deploy(apps, &Reread::These(names))
            }
            Change::Add(app) => self.add(app),
            Change::Remove(name) => {
                let mut apps = self.wanted();
                let before = apps.len();
                apps.retain(|app| app.name != *name);
                if apps.len() == before {
                    return refused(Some(name), format!("there is no application {name:?}"));
                }
                self.config.apps.retain(|app| app.name != *name);
                self.added.retain(|app| app.name != *name);
                self.deploy(apps, &Reread::None)
            }
            Change::RollBack(name) => self.roll_back(name),
        }
    }

    /// All applications that are to be served.
    fn wanted(&self) -> Vec<App> {
        self.config.apps.iter().chain(&self.added).cloned().collect()
    }

    fn reload(&mut self) -> Outcome {
        let mut problems = Vec::new();
        if let Some(file) = self.config.file.clone() {
            match Config::from_file(&file) {
                Ok(mut config) => {
                    config.apply(&self.config.overrides);
                    self.tell_what_waits(&config);
                    self.config.apps = config.apps;
                    problems.extend(self.reload_certificates(config.certificates));
                    let taken = |app: &App| {
                        self.config.apps.iter().any(|other| {
                            other.name == app.name || other.hosts.iter().any(|host| app.hosts.contains(host))
                        })
                    };
                    // The file has the last word.
                    let (lost, added) = std::mem::take(&mut self.added).into_iter().partition(taken);
                    self.added = added;
                    problems.extend(Vec::into_iter(lost).map(|app| Problem {
                        message: "its name or a host of it is now the configuration's".into(),
                        app: Some(app.name),
                    }));
                }
                Err(errors) => return refused(None, errors.to_string()),
            }
        }
        let apps = self.wanted();
        let mut outcome = self.deploy(apps, &Reread::All);
        outcome.problems.splice(0..0, problems);
        outcome
    }

    /// Reads the listener's certificates anew. If one is wrong, all of them stay as they were.
    fn reload_certificates(&mut self, certificates: Vec<Certificate>) -> Option<Problem> {
        let message = match &self.shared.tls {
            Some(tls) if !certificates.is_empty() => {
                let reloaded = tls.reload(&certificates);
                self.config.certificates = certificates;
                reloaded.err()
            }
            // From plain to TLS and back would surprise the clients that are connected.
            tls if tls.is_some() == certificates.is_empty() => {
                Some("whether the listener speaks TLS takes effect at the next start only".to_owned())
            }
            _ => None,
        };
        message.map(|message| Problem { app: None, message })
    }

    /// Warns of keys that cannot change while the server runs.
    fn tell_what_waits(&mut self, new: &Config) {
        let old = &self.config;
        let fixed = [
            ("port", old.port != new.port),
            ("host", old.host != new.host),
            ("threads", old.threads != new.threads),
            ("admin", old.admin != new.admin),
            ("log", old.log_format != new.log_format),
            ("network", old.network != new.network),
            ("telemetry", old.telemetry != new.telemetry),
            ("watch", old.watch != new.watch),
        ];
        let limits = (0..ServerLimits::ALL.len())
            .map(|index| (ServerLimits::ALL[index].key, old.limits.get(index) != new.limits.get(index)));
        for (key, changed) in fixed.into_iter().chain(limits) {
            if changed {
                let text = "a changed key takes effect at the next start only";
                self.log.message(Level::Warn, text, &[("key", Field::Text(key))]);
            }
        }
    }

    fn add(&mut self, app: &App) -> Outcome {
        let mut apps = self.wanted();
        if apps.iter().any(|other| other.name == app.name) {
            return refused(Some(&app.name), format!("there is an application {:?} already", app.name));
        }
        let host = app.hosts.iter().find(|host| apps.iter().any(|other| other.hosts.contains(host)));
        if let Some(host) = host {
            return refused(Some(&app.name), format!("another application has the host \"{host}\""));
        }
        apps.push(app.clone());
        let outcome = self.deploy(apps, &Reread::None);
        if outcome.problems.is_empty() {
            self.added.push(app.clone());
        }
        outcome
    }

    fn roll_back(&mut self, name: &str) -> Outcome {
        let site = self.shared.site();
        let (Some(current), Some(previous)) = (site.find(name).cloned(), self.previous.get(name).cloned())
        else {
            return refused(Some(name), format!("{name:?} has no version to go back to"));
        };
        let version = self.next_version(name, Some(&current));
        let back = Arc::new(Deployed {
            app: Arc::clone(&previous.app),
            // Where it answers is the configuration's business, not the version's.
            config: App { hosts: current.config.hosts.clone(), ..previous.config.clone() },
            version,
        });
        let apps = site
            .apps
            .iter()
            .map(|app| if Arc::ptr_eq(app, &current) { Arc::clone(&back) } else { Arc::clone(app) })
            .collect();
        self.previous.insert(name.to_owned(), current);
        self.distribute(Site::new(site.number + 1, apps));
        Outcome { deployed: vec![(name.to_owned(), version)], ..Outcome::default() }
    }

    /// Serves these applications from now on, each in the newest version that can be served.
    fn deploy(&mut self, wanted: Vec<App>, reread: &Reread<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let site = self.shared.site();
        let mut by_name: HashMap<&str, &Arc<Deployed>> =
            site.apps.iter().map(|app| (&*app.config.name, app)).collect();
        let mut apps = Vec::with_capacity(wanted.len());
        // Those whose configured version was refused: they keep their hosts unless another is configured for
        // them.
        let mut kept = Vec::new();
        for config in wanted {
            let old = by_name.remove(&*config.name);
            let again = match reread {
                Reread::All => true,
                Reread::These(names) => names.contains(&config.name),
                Reread::None => false,
            };
            if let Some(old) = old
                && old.config == config
                && !again
            {
                apps.push(Arc::clone(old));
                continue;
            }
            let name = config.name.clone();
            match self.version(config, old, matches!(reread, Reread::All)) {
                Ok(Some(new)) => {
                    outcome.deployed.push((name.clone(), new.version));
                    if let Some(old) = old {
                        self.previous.insert(name, Arc::clone(old));
                    }
                    apps.push(new);
                }
                Ok(None) => apps.extend(old.cloned()),
                Err(problems) => {
                    kept.extend(old.cloned());
                    let problem = |message| Problem { app: Some(name.clone()), message };
                    outcome.problems.extend(problems.into_iter().map(problem));
                }
            }
        }
        let still = apps.iter().chain(&kept).map(|app| &*app.config.name).collect();
        self.shared.metrics.retain(&still);
        for name in by_name.into_keys() {
            self.previous.remove(name);
            outcome.removed.push(name.to_owned());
        }
        outcome.removed.sort();
        apps.extend(kept);
        if !outcome.deployed.is_empty() || !outcome.removed.is_empty() {
            self.distribute(Site::new(site.number + 1, apps));
            self.follow_files();
        }
        outcome
    }

    /// A new version of an application; `None`: there is nothing new about it.
    fn version(
        &mut self,
        config: App,
        old: Option<&Arc<Deployed>>,
        trust_unread: bool,
    ) -> Result<Option<Arc<Deployed>>, Vec<String>> {
        let root = config.path.clone();
        let told = |mut error: LoadError| {
            error.file = error.file.map(|file| located(&root, &file));
            error.to_string()
        };
        let confine = self.config.file.is_some();
        let app = open_application(&config, confine).map_err(|error| vec![told(error)])?;
        let same = old.filter(|old| old.config == config);
        // An application without a request so far is read at its first one.
        if trust_unread
            && let Some(old) = same
            && !old.app.sources().is_loaded()
            && old.app.sources().is_same_code(app.sources())
        {
            return Ok(None);
        }
        let network = self.shared.network.clone();
        let problems = nano_runtime::rehearse(&app, Rc::new(Silent), network, config.limits.wall_timeout)
            .map_err(|error| vec![format!("it cannot be tried out: {error}")])?;
        if !problems.is_empty() {
            return Err(problems.into_iter().map(told).collect());
        }
        if same
            .is_some_and(|old| old.app.sources().is_loaded() && old.app.sources().is_same_code(app.sources()))
        {
            return Ok(None);
        }
        let version = self.next_version(&config.name, old);
        Ok(Some(Arc::new(Deployed { app, config, version })))
    }

    fn next_version(&mut self, name: &str, old: Option<&Arc<Deployed>>) -> u64 {
        let latest = self.versions.get(name).copied().or(old.map(|old| old.version)).unwrap_or(0);
        self.versions.insert(name.to_owned(), latest + 1);
        latest + 1
    }

    /// Hands a site to all workers, and waits until they serve it.
    fn distribute(&mut self, site: Arc<Site>) {
        let (taken, takers) = mpsc::channel();
        let before = self.shared.site();
        site.apps.iter().for_each(|app| app.app.sources().set_replaced(false));
        let count = {
            let workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
            // Together, so that a worker that is started meanwhile has either the site or the message.
            self.shared.set_site(Arc::clone(&site));
            workers.tell_all(|| Command::Site(Arc::clone(&site), taken.clone()))
        };
        drop(taken);
        let until = Instant::now() + TAKE_OVER;
        for _ in 0..count {
            // A worker that has ended has dropped its end.
            if takers.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
                break;
            }
        }
        let serves = |app: &Arc<Deployed>| site.apps.iter().any(|served| Arc::ptr_eq(&served.app, &app.app));
        before.apps.iter().filter(|app| !serves(app)).for_each(|app| app.app.sources().set_replaced(true));
    }

    /// Watches the files of what is served, and no others.
    fn follow_files(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let failed =
            watch.follow(self.config.file.as_deref(), &self.config.certificates, &self.shared.site());
        for (path, error) in failed {
            let (path, error) = (path.display().to_string(), error.to_string());
            self.log.message(
                Level::Warn,
                "changes are not noticed here: reload by SIGHUP",
                &[("path", Field::Text(&path)), ("error", Field::Text(&error))],
            );
        }
        self.log.flush();
    }
}

fn refused(app: Option<&str>, message: String) -> Outcome {
    let problems = vec![Problem { app: app.map(str::to_owned), message }];
    Outcome { problems, ..Outcome::default() }
}

/// A file of an application, as its path from the working directory.
fn located(app: &Path, file: &str) -> String {
    let root = if app.is_dir() { app } else { app.parent().unwrap_or(Path::new("")) };
    root.join(file).display().to_string()
}
