//! The exporter's thread: takes spans from the queue, gathers them, and posts them to the collector. A
//! collector that does not answer, or is not there, costs what it was to get, and nobody else anything.

use super::{Counts, Message, Span, otlp};
use crate::config;
use nano_fetch::{AllowAll, BodyRead, Client, EventKind, Headers, Request, RequestBody};
use nano_loop::{Config as LoopConfig, Loop, Pool, PoolConfig, Wait};
use nano_runtime::ClientOptions;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Spans in one request to the collector.
///
/// Limit (spans): some hundred kilobytes of JSON.
const BATCH: usize = 512;

/// How long the first of them waits for others.
const GATHERED_FOR: Duration = Duration::from_secs(1);

/// Time that the collector has for one request.
///
/// Limit (s): a collector that takes longer is overloaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries for spans that the collector refuses for now (429, 502, 503, 504, or no answer).
///
/// Limit (tries): a restart of the collector fits in between.
const TRIES: u32 = 3;

/// See [`TRIES`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Starts the thread. It ends with the queue.
pub(super) fn start(
    config: config::Telemetry,
    network: ClientOptions,
    received: Receiver<Message>,
    counts: Arc<Counts>,
) -> io::Result<()> {
    std::thread::Builder::new()
        .name("nano-telemetry".into())
        .spawn(move || {
            if let Ok(exporter) = Exporter::new(&config, network) {
                exporter.run(&received, &counts);
            }
        })
        .map(drop)
}

struct Exporter {
    lp: Rc<Loop>,
    client: Client,
    request: Request,
}

impl Exporter {
    fn new(config: &config::Telemetry, network: ClientOptions) -> io::Result<Self> {
        let lp = Rc::new(Loop::new(LoopConfig::default())?);
        // For names, and the system's certificates.
        let pool = Pool::new(PoolConfig { max_threads: 1, ..PoolConfig::default() });
        let client = Client::new(Rc::clone(&lp), pool, network);
        let mut request = Request::new("POST", config.url.clone(), Rc::new(AllowAll));
        let mut block = String::from("content-type: application/json\r\n");
        for (name, value) in &config.headers {
            block.push_str(&format!("{name}: {value}\r\n"));
        }
        // The configuration has looked at them.
        request.headers = Headers::from_block(block.as_bytes())
            .map_err(|_| io::Error::other("a header of \"telemetry\" is not valid"))?;
        Ok(Self { lp, client, request })
    }

    fn run(&self, received: &Receiver<Message>, counts: &Counts) {
        let mut ended = None;
        while ended.is_none() {
            let mut batch = Vec::new();
            let mut until = None;
            while batch.len() < BATCH {
                let next = match until {
                    None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(until) => {
                        received.recv_timeout(Instant::saturating_duration_since(&until, Instant::now()))
                    }
                };
                match next {
                    Ok(Message::Span(span)) => batch.push(*span),
                    Ok(Message::End(told)) => {
                        ended = Some(told);
                        break;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                until = until.or_else(|| Some(Instant::now() + GATHERED_FOR));
            }
            self.deliver(&batch, counts, ended.is_some());
        }
        if let Some(told) = ended {
            let _ = told.send(());
        }
    }

    /// Sends spans; in the end, without trying again.
    fn deliver(&self, batch: &[Span], counts: &Counts, last: bool) {
        if batch.is_empty() {
            return;
        }
        let body = otlp::encode(batch);
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=TRIES {
            match self.post(&body) {
                Some(200..300) => {
                    counts.exported.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    return;
                }
                Some(429 | 502 | 503 | 504) | None if attempt < TRIES && !last => {
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                _ => break,
            }
        }
        counts.failed.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }

    /// The collector's status. `None`: it has not answered.
    fn post(&self, body: &[u8]) -> Option<u16> {
        let mut request = self.request.clone();
        request.body = RequestBody::Bytes(body.to_vec());
        let fetch = self.client.start(request);
        let until = Instant::now() + PATIENCE;
        let mut status = None;
        loop {
            while let Some(event) = self.client.poll_event() {
                if event.kind == EventKind::Head
                    && let Some(response) = self.client.response(fetch)
                {
                    status = Some(response.ok()?.status);
                }
                if status.is_none() {
                    continue;
                }
                // What it says beside that is read, so that the connection can be used again.
                loop {
                    match self.client.read_body(fetch) {
                        BodyRead::Bytes(_) => {}
                        BodyRead::Pending => break,
                        BodyRead::End | BodyRead::Failed(_) => return status,
                    }
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.lp.poll(Wait::AtMost(left)).is_err() {
                self.client.cancel(fetch);
                return status;
            }
            while let Some(event) = self.lp.next() {
                self.client.handle_event(&event);
            }
        }
    }
}
