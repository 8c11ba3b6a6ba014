//! Deserializing: HTML, "StructuredDeserialize", with V8's deserializer.

use crate::bridge::{RawDeserializer, Scope, Source, SourceDelegate};
use crate::error::CloneError;
use crate::limits::BYTES_MAX;
use crate::options::Options;
use crate::parts::Parts;
use crate::scan::{self, HostFormat, Refusal, Rules};
use crate::shape::Shape;

struct Input<'a> {
    options: Options<'a>,
    shape: Shape,
    parts: &'a Parts,
}

impl Source for Input<'_> {
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        input: &RawDeserializer<'_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        if self.shape == Shape::Node {
            return crate::node_views::read_view(scope, input);
        }
        let host = self.options.host?;
        let kind = input.read_u32()?;
        let value = input.read_value(scope)?;
        host.read(scope, kind, value, &self.parts.attachments)
    }

    fn shared_buffer<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        if self.options.share_buffers { self.parts.shared_buffer(scope, id) } else { None }
    }

    fn module<'s>(&self, scope: &mut Scope<'s, '_>, id: u32) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        if self.options.share_modules { self.parts.module(scope, id) } else { None }
    }
}

/// Reads a value that this process wrote, or whose bytes passed [`check`]. `buffers` are the transferred
/// ones.
pub(crate) fn read<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: &[u8],
    buffers: &[v8::Local<'_, v8::ArrayBuffer>],
    parts: &Parts,
    options: Options<'_>,
    shape: Shape,
) -> Result<v8::Local<'s, v8::Value>, CloneError<'s>> {
    let context = scope.get_current_context();
    let input = Input { options, shape, parts };
    let thrown = {
        v8::tc_scope!(let scope, scope);
        let delegate = SourceDelegate::new(&input, context);
        let deserializer = RawDeserializer::new(scope, bytes, &delegate);
        for (id, buffer) in buffers.iter().enumerate() {
            deserializer.transfer(id as u32, *buffer);
        }
        if deserializer.read_header()
            && let Some(value) = deserializer.read_value(scope)
        {
            return Ok(value);
        }
        if scope.has_terminated() {
            return Err(CloneError::Terminated);
        }
        let exception = scope.exception();
        scope.reset();
        exception.map(|exception| v8::Global::new(scope, exception))
    };
    let Some(thrown) = thrown else {
        return Err(CloneError::Invalid { at: 0, what: "V8 gave no reason" });
    };
    let thrown = v8::Local::new(scope, thrown);
    // V8 throws this if the bytes are wrong, and if there is no memory for a buffer.
    let generic = v8::Exception::create_message(scope, thrown).get(scope).to_rust_string_lossy(scope);
    if generic.contains("Unable to deserialize") {
        return Err(CloneError::Invalid {
            at: 0,
            what: "V8 cannot read them, or there is no memory for a buffer",
        });
    }
    Err(CloneError::Thrown(thrown))
}

/// Checks untrusted bytes with [`scan`]. Returns the changes that must be made before they are read.
pub(crate) fn check(
    scope: &mut Scope<'_, '_>,
    bytes: &[u8],
    options: &Options<'_>,
    shape: Shape,
) -> Result<Vec<scan::Move>, CloneError<'static>> {
    let limits = options.limits;
    let limit = limits.bytes.min(BYTES_MAX);
    if bytes.len() > limit {
        return Err(CloneError::TooLarge { limit });
    }
    let statistics = scope.get_heap_statistics();
    let left = statistics.heap_size_limit().saturating_sub(statistics.used_heap_size());
    let memory = limits.memory.min(left / 2);
    let hosts = match (shape, options.host) {
        (Shape::Node, _) => HostFormat::NodeViews,
        (Shape::Own, Some(_)) => HostFormat::Kinds,
        (Shape::Own, None) => HostFormat::None,
    };
    let rules = Rules { memory, depth: limits.depth, hosts, transferred: 0 };
    scan::scan(bytes, rules).map(|found| found.moves).map_err(|refusal| match refusal {
        Refusal::Invalid { at, what } => CloneError::Invalid { at, what },
        Refusal::TooDeep => CloneError::TooDeep { limit: limits.depth },
        Refusal::TooMuchMemory { estimate } => CloneError::TooMuchMemory { estimate, limit: memory },
    })
}
