//! The administration listener: health, metrics, and changes to what is served, on an address and a thread of
//! its own.
//!
//! One thread, `nano-admin`, has a loop, the listening socket and its few clients; what they ask for is
//! answered by [`routes`]. Changes are made by the control thread, which answers through this loop's mailbox:
//! the thread waits only, for a moment, for the workers' figures. Must not know applications or isolates.

mod api;
mod client;
mod prometheus;
mod routes;

use crate::config::Admin;
use crate::control::Shared;
use crate::control::{Control, Outcome};
use crate::error::ServeError;
use crate::log::{Field, Level};
use client::Client;
use nano_http::BufferPool;
use nano_loop::{Capacity, Config, Event, Interest, Loop, Mailbox, Sender, Wait};
use routes::{Answer, Routes};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// Connections of the administration at a time; more wait until one is closed.
///
/// Limit (connections): enough for some monitoring and a few people.
const MAX_CLIENTS: usize = 64;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// A client's key and deadline are its place in the table; the listener's and the mailbox's are beyond.
const KEY_LISTENER: u64 = 1 << 32;
const KEY_MAIL: u64 = 1 << 33;

/// Messages from other threads to the listener.
pub(crate) enum Mail {
    /// The change that a client has ordered is made or refused.
    Changed(Ticket, Outcome),
    End,
}

/// Which request of which client waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    client: usize,
    /// No two requests have the same, so that a late answer meets no other request.
    number: u64,
}

/// A bound socket whose connections wait for [`start`].
pub(crate) struct Bound {
    socket: Socket,
    pub(crate) address: SocketAddr,
}

/// Binds and listens: clients that connect from now on wait for [`start`].
pub(crate) fn bind(admin: &Admin) -> Result<Bound, ServeError> {
    let open = || {
        let domain = Domain::for_address(admin.listen);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&admin.listen.into())?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket();
        Ok(Bound { socket, address: address.unwrap_or(admin.listen) })
    };
    open().map_err(|error| ServeError::Listen(admin.listen, error))
}

/// The listener's thread.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    control: Arc<OnceLock<Control>>,
    mail: Sender<Mail>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// From now on changes can be made.
    pub(crate) fn set_control(&self, control: Control) {
        let _ = self.control.set(control);
    }

    /// Ends the thread; clients are disconnected.
    pub(crate) fn end(self) {
        let _ = self.mail.send(Mail::End);
        let _ = self.thread.join();
    }
}

/// Begins to answer.
pub(crate) fn start(bound: Bound, admin: &Admin, shared: &Arc<Shared>) -> Result<Listener, ServeError> {
    let failed = |error| ServeError::System("start the administration", error);
    let token = admin.token_env.as_deref().and_then(|name| {
        let token = std::env::var(name).ok().filter(|token| !token.is_empty());
        if token.is_none() && admin.token_env.is_some() {
            let mut log = shared.writer.sink();
            let text = "the administration has no token: /admin is closed, health and metrics are open";
            log.message(Level::Warn, text, &[("variable", Field::Text(name))]);
        }
        token
    });
    let control = Arc::new(OnceLock::new());
    let (made, ready) = std::sync::mpsc::channel();
    let address = bound.address;
    let thread = {
        let (control, shared) = (Arc::clone(&control), Arc::clone(shared));
        let run = move || {
            let admin = match Admins::new(bound, token, control, shared) {
                Ok((admin, mail)) => {
                    let _ = made.send(Ok(mail));
                    admin
                }
                Err(error) => return drop(made.send(Err(error))),
            };
            admin.run();
        };
        std::thread::Builder::new().name("nano-admin".into()).spawn(run).map_err(failed)?
    };
    let mail = ready.recv().map_err(|_| failed(io::Error::other("its thread has died")))?.map_err(failed)?;
    Ok(Listener { address, control, mail, thread })
}

/// The thread's state.
struct Admins {
    event_loop: Loop,
    listener: mio::net::TcpListener,
    mailbox: Mailbox<Mail>,
    clients: Slab<Client>,
    buffers: BufferPool,
    routes: Routes,
    tickets: u64,
}

impl Admins {
    fn new(
        bound: Bound,
        token: Option<String>,
        control: Arc<OnceLock<Control>>,
        shared: Arc<Shared>,
    ) -> io::Result<(Self, Sender<Mail>)> {
        let event_loop = Loop::new(Config::default())?;
        let (mail, mailbox) = event_loop.mailbox(KEY_MAIL, Capacity::Unbounded);
        let mut listener = mio::net::TcpListener::from_std(bound.socket.into());
        event_loop.register(&mut listener, Interest::READABLE, KEY_LISTENER)?;
        let routes = Routes::new(token, control, shared, mail.clone());
        let buffers = BufferPool::new(4);
        Ok((Self { event_loop, listener, mailbox, clients: Slab::new(), buffers, routes, tickets: 0 }, mail))
    }

    fn run(mut self) {
        loop {
            if self.event_loop.poll(Wait::UntilNext).is_err() {
                // Nothing can be heard any more. The applications are served on.
                return;
            }
            while let Some(event) = self.event_loop.next() {
                match event {
                    Event::Ready { key: KEY_LISTENER, .. } => self.accept(),
                    Event::Ready { key, readiness } => {
                        if let Some(client) = self.clients.get_mut(key as usize) {
                            client.ready(readiness);
                            self.drive(key as usize);
                        }
                    }
                    Event::Timer { key, .. } => self.close(key as usize),
                    Event::Mail { .. } => {
                        while let Some(mail) = self.mailbox.take() {
                            match mail {
                                Mail::Changed(ticket, outcome) => self.changed(ticket, &outcome),
                                Mail::End => return,
                            }
                        }
                    }
                    Event::Done { .. } | Event::Woken => {}
                }
            }
        }
    }

    fn accept(&mut self) {
        while self.clients.len() < MAX_CLIENTS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nobody waits, or there is no descriptor left: the next client's edge, or one that leaves,
                // brings us back.
                Err(_) => return,
            };
            let entry = self.clients.vacant_entry();
            let key = entry.key();
            if let Ok(client) = Client::new(&self.event_loop, stream, key) {
                entry.insert(client);
                self.drive(key);
            }
        }
    }

    /// Answers the requests of a client that are complete.
    fn drive(&mut self, key: usize) {
        loop {
            let Some(client) = self.clients.get_mut(key) else { return };
            let Some(request) = client.advance(&mut self.buffers) else { break };
            self.tickets += 1;
            let ticket = Ticket { client: key, number: self.tickets };
            match self.routes.answer(&request, ticket) {
                Answer::Now(response) => client.respond(&response),
                Answer::Later => client.wait_for(ticket.number),
            }
        }
        let over = match self.clients.get_mut(key) {
            Some(client) => client.settle(&self.event_loop, &mut self.buffers),
            None => false,
        };
        if over {
            self.close(key);
        }
    }

    fn changed(&mut self, ticket: Ticket, outcome: &Outcome) {
        let response = self.routes.outcome(outcome);
        let Some(client) = self.clients.get_mut(ticket.client) else { return };
        if client.take_wait(ticket.number) {
            client.respond(&response);
            self.drive(ticket.client);
        }
    }

    fn close(&mut self, key: usize) {
        if let Some(client) = self.clients.try_remove(key) {
            client.close(&self.event_loop);
            // Somebody may have waited for the place.
            self.accept();
        }
    }
}
