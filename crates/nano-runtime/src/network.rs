//! The platform's network for one isolate, on the thread's client: which fetches are whose, and what they may
//! reach.

use crate::app::{Application, FetchLimits, Service};
use nano_fetch::{
    Account, AllowAll, BodyPassed, BodyRead, Client, FetchError, FetchId, Headers, Policy, PublicOnly,
    RedirectMode, Request, RequestBody, Url,
};
use nano_web::{
    FetchTrace, IncomingResponse, Network, NetworkError, NetworkPassed, NetworkRead, OutgoingBody,
    OutgoingRequest, Redirect, Written,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// The platform's ids are below this power of two; the instance's key is above.
const ID_BITS: u32 = 36;

/// Fetches that one isolate has at a time.
///
/// Limit (fetches): each may hold a socket and some hundred KiB that were not read yet.
pub const MAX_FETCHES: u32 = 2048;

/// A policy, and beside it the socket of a service that the isolate was given.
/// Redirects that lead away from it are judged as all else.
struct WithSocket(Rc<dyn Policy>);

impl Policy for WithSocket {
    fn check(&self, host: &str, address: IpAddr, port: u16) -> Result<(), String> {
        self.0.check(host, address, port)
    }

    fn allows_unix(&self) -> bool {
        true
    }
}

/// The instance and the platform's id that are in a fetch's owner.
pub(crate) fn owner_parts(owner: u64) -> (u32, u64) {
    ((owner >> ID_BITS) as u32, owner & ((1 << ID_BITS) - 1))
}

/// One isolate's way to the network.
pub(crate) struct InstanceNetwork {
    client: Rc<Client>,
    key: Cell<u32>,
    limits: Cell<FetchLimits>,
    /// Pays for the memory that decoding responses takes: the isolate's account, once there is an isolate.
    memory: RefCell<Option<Account>>,
    /// Whose fetches they are counted as.
    app: RefCell<Option<Arc<Application>>>,
    /// By the platform's id: in the order in which they began.
    fetches: RefCell<BTreeMap<u64, Fetch>>,
    urls: Urls,
}

/// Makes URLs of what the platform has serialized.
#[derive(Default)]
struct Urls {
    /// The origin of the last one, as a URL of the path `/`. An application asks few origins: the parser
    /// looks at a host once, not for each request.
    last: RefCell<Option<Url>>,
}

impl Urls {
    fn parse(&self, text: &str) -> Result<Url, NetworkError> {
        let mut last = self.last.borrow_mut();
        if let Some(last) = &*last
            && let Some(rest) = text.strip_prefix(&last.as_str()[..last.as_str().len() - 1])
            && rest.starts_with('/')
        {
            let (rest, fragment) =
                rest.split_once('#').map_or((rest, None), |(rest, part)| (rest, Some(part)));
            let (path, query) = rest.split_once('?').map_or((rest, None), |(path, part)| (path, Some(part)));
            let mut url = last.clone();
            if path != "/" {
                url.set_path(path);
            }
            if query.is_some() {
                url.set_query(query);
            }
            if fragment.is_some() {
                url.set_fragment(fragment);
            }
            return Ok(url);
        }
        let url = Url::parse(text).map_err(|error| refused(format!("the URL is not valid: {error}")))?;
        *last = url.join("/").ok();
        Ok(url)
    }
}

/// A fetch that is under way.
struct Fetch {
    id: FetchId,
    /// Dropped when the fetch is forgotten.
    trace: Option<Box<dyn FetchTrace>>,
}

impl InstanceNetwork {
    pub(crate) fn new(client: Rc<Client>) -> Self {
        Self {
            client,
            key: Cell::new(0),
            limits: Cell::default(),
            memory: RefCell::default(),
            app: RefCell::default(),
            fetches: RefCell::default(),
            urls: Urls::default(),
        }
    }

    /// The isolate is an application's from now on. Its account pays for the memory that decoding takes.
    pub(crate) fn adopt(&self, key: u32, app: &Arc<Application>, account: &Account) {
        *self.memory.borrow_mut() = Some(account.clone());
        self.key.set(key);
        self.limits.set(app.limits().fetch);
        *self.app.borrow_mut() = Some(Arc::clone(app));
    }

    /// Ends all fetches, and closes the connections that were kept.
    pub(crate) fn clear(&self) {
        for (_, fetch) in self.fetches.take() {
            self.client.cancel(fetch.id);
        }
        self.client.close_partition(u64::from(self.key.get()));
    }

    fn get(&self, id: u64) -> Option<FetchId> {
        self.fetches.borrow().get(&id).map(|fetch| fetch.id)
    }

    fn forget(&self, id: u64) {
        self.fetches.borrow_mut().remove(&id);
    }

    /// Tells who wants to know of a fetch.
    fn tell(&self, id: u64, tell: impl FnOnce(&mut dyn FetchTrace)) {
        if let Some(Fetch { trace: Some(trace), .. }) = self.fetches.borrow_mut().get_mut(&id) {
            tell(&mut **trace);
        }
    }

    /// A fetch has failed: it is forgotten.
    fn failed(&self, id: u64, failed: &FetchError) -> NetworkError {
        let error = error(failed);
        self.tell(id, |trace| trace.failed(error.code));
        self.forget(id);
        error
    }
}

fn error(error: &FetchError) -> NetworkError {
    NetworkError { code: error.kind.code(), message: error.message.clone() }
}

fn refused(message: impl Into<String>) -> NetworkError {
    NetworkError { code: "ERR_REQUEST", message: message.into() }
}

impl Network for InstanceNetwork {
    fn start(&self, id: u64, request: OutgoingRequest<'_>) -> Result<(), NetworkError> {
        let limits = self.limits.get();
        let most = limits.max_concurrent.min(MAX_FETCHES);
        if self.fetches.borrow().len() >= most as usize {
            let message = format!("the application has {most} requests under way already");
            return Err(NetworkError { code: "EBUSY", message });
        }
        let url = self.urls.parse(request.url)?;
        let policy: Rc<dyn Policy> =
            if limits.allow_private { Rc::new(AllowAll) } else { Rc::new(PublicOnly) };
        let mut outgoing = Request::new(request.method, url, policy);
        outgoing.headers = Headers::from_block(request.headers)
            .map_err(|_| refused("a header cannot be sent: it is not valid"))?;
        outgoing.body = match request.body {
            OutgoingBody::None => RequestBody::None,
            OutgoingBody::Bytes(bytes) => RequestBody::Bytes(bytes),
            OutgoingBody::Stream(length) => RequestBody::Stream(length),
        };
        outgoing.redirect = match request.redirect {
            Redirect::Follow => RedirectMode::Follow,
            Redirect::Error => RedirectMode::Error,
            Redirect::Manual => RedirectMode::Manual,
        };
        outgoing.memory = self.memory.borrow().clone();
        outgoing.upgrade = request.upgrade.map(str::to_owned);
        (outgoing.max_sent, outgoing.max_received) = (limits.body_bytes, limits.body_bytes);
        if let Some(name) = request.service {
            let app = self.app.borrow();
            let Some(Service::Unix(path)) = app.as_ref().and_then(|app| app.service(name)) else {
                return Err(refused(format!("there is no service {name}")));
            };
            outgoing.unix = Some(path.clone());
            outgoing.policy = Rc::new(WithSocket(outgoing.policy));
        }
        outgoing.partition = u64::from(self.key.get());
        outgoing.owner = u64::from(self.key.get()) << ID_BITS | id;
        if let Some(app) = &*self.app.borrow() {
            app.counters().subrequests.add(1);
        }
        let fetch = Fetch { id: self.client.start(outgoing), trace: request.trace };
        self.fetches.borrow_mut().insert(id, fetch);
        Ok(())
    }

    fn response(&self, id: u64) -> Option<Result<IncomingResponse, NetworkError>> {
        match self.client.response(self.get(id)?)? {
            Ok(response) => {
                self.tell(id, |trace| trace.answered(response.status));
                Some(Ok(IncomingResponse {
                    status: response.status,
                    status_text: response.reason,
                    url: response.url.into(),
                    redirected: response.redirects > 0,
                    headers: response.headers.into_block(),
                    is_empty: response.length == Some(0) && response.status != 101,
                }))
            }
            Err(failed) => Some(Err(self.failed(id, &failed))),
        }
    }

    fn read(&self, id: u64) -> NetworkRead {
        let Some(fetch) = self.get(id) else { return NetworkRead::End };
        match self.client.read_body(fetch) {
            BodyRead::Bytes(bytes) => NetworkRead::Bytes(bytes),
            BodyRead::Pending => NetworkRead::Pending,
            BodyRead::End => {
                self.forget(id);
                NetworkRead::End
            }
            BodyRead::Failed(failed) => NetworkRead::Failed(self.failed(id, &failed)),
        }
    }

    fn take_whole(&self, id: u64, most: usize) -> Option<Result<Vec<u8>, NetworkError>> {
        match self.client.take_whole(self.get(id)?, most)? {
            Ok(body) => {
                self.forget(id);
                Some(Ok(body))
            }
            Err(failed) => Some(Err(self.failed(id, &failed))),
        }
    }

    fn pass(&self, id: u64, take: &mut dyn FnMut(&[u8]) -> Written) -> NetworkPassed {
        let Some(fetch) = self.get(id) else { return NetworkPassed::End };
        let mut said = Written::Ready;
        let passed = self.client.pass_body(fetch, &mut |bytes| {
            said = take(bytes);
            said == Written::Ready
        });
        match passed {
            BodyPassed::Bytes(()) => NetworkPassed::Bytes(said),
            BodyPassed::Pending => NetworkPassed::Pending,
            BodyPassed::End => {
                self.forget(id);
                NetworkPassed::End
            }
            BodyPassed::Failed(failed) => NetworkPassed::Failed(self.failed(id, &failed)),
        }
    }

    fn write(&self, id: u64, bytes: &[u8]) -> Written {
        self.get(id).map_or(Written::Gone, |fetch| self.client.write_body(fetch, bytes))
    }

    fn finish(&self, id: u64) {
        if let Some(fetch) = self.get(id) {
            self.client.finish_body(fetch);
        }
    }

    fn cancel(&self, id: u64) {
        let fetch = self.fetches.borrow_mut().remove(&id);
        if let Some(fetch) = fetch {
            self.client.cancel(fetch.id);
        }
    }

    fn max_subrequests(&self) -> u32 {
        self.limits.get().max_subrequests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_last_origin_is_what_the_parser_makes_of_it() {
        let urls = Urls::default();
        for text in [
            "http://a.example/",
            "http://a.example/b/c?d=e#f",
            "http://a.example/?",
            "http://a.example/#",
            "http://a.example/?#?",
            "http://a.example//x/",
            "http://a.example/%2e%20|\"?'%27#`",
            "http://a.example:8080/x",
            "http://a.example:8080/x?y",
            "http://a.example:80801/x",
            "http://a.example.org/x",
            "https://a.example.org/x",
            "http://u:p@127.0.0.1:3000/x",
            "http://u:p@127.0.0.1:3000/../y",
            "http://127.0.0.1:3000/y",
            "http://[::1]:3000/y",
            "http://[::1]:3000/y/z?q#/a?b",
            "http:/",
            "",
        ] {
            assert_eq!(urls.parse(text).ok(), Url::parse(text).ok(), "{text}");
        }
    }
}
