//! The resources of the stored spans, each held once.
//! The store finds the resource of each inserted span here, and releases it when the span is evicted.

use std::collections::HashMap;
use std::sync::Arc;

use hopline_core::Resource;
use hopline_core::export::OwnedValue;

use super::mask::{cut, masked};
use super::stored::StoredResource;
use super::text::Interner;

/// The resources in use. A request of a service has one resource for all its spans, and the next request has an equal
/// one.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// By the text of the attributes: services send an equal resource with each request.
    ///
    /// Bounded by the spans and log records held: a resource without one is removed.
    known: HashMap<Box<str>, Arc<StoredResource>>,
    /// The one of the span before: those of a request share it. Kept no longer than one insertion.
    last: Option<(Arc<Resource>, Arc<StoredResource>)>,
    /// Estimated bytes of all resources, a part of the store's limit.
    bytes: usize,
}

/// Bytes of a resource beside its text: the entry of the table, the list of attributes. An estimate, as for
/// `Interner`.
const OVERHEAD: usize = 512;

impl Origins {
    /// The stored resource that is equal, masked and cut; made at its first use.
    ///
    /// The caller releases it once for each use.
    ///
    /// Compares pointers first: the spans of one request share their resource, so only the first of them is masked,
    /// cut and looked up.
    ///
    /// The key is the text of the masked attributes, in their order. Two services with the same attributes in another
    /// order have two entries, which costs memory only.
    ///
    /// `value_bytes` is the limit for a value, in bytes.
    pub(crate) fn find(
        &mut self,
        resource: &Arc<Resource>,
        value_bytes: usize,
        texts: &mut Interner,
    ) -> Arc<StoredResource> {
        if let Some((seen, stored)) = &self.last
            && Arc::ptr_eq(seen, resource)
        {
            return Arc::clone(stored);
        }
        let safe = safe(resource, value_bytes);
        let key = format!("{safe:?}").into_boxed_str();
        let stored = match self.known.get(&key) {
            Some(stored) => Arc::clone(stored),
            None => {
                let stored = Arc::new(StoredResource {
                    service: texts.intern(safe.service_name()),
                    resource: Arc::new(safe),
                });
                self.bytes += size(&key);
                self.known.insert(key, Arc::clone(&stored));
                stored
            }
        };
        self.forget_last(texts);
        self.last = Some((Arc::clone(resource), Arc::clone(&stored)));
        stored
    }

    /// To be called after an insertion, so that only spans hold resources.
    pub(crate) fn forget_last(&mut self, texts: &mut Interner) {
        if let Some((_, stored)) = self.last.take() {
            // its spans may have been let go of meanwhile
            self.release(stored, texts);
        }
    }

    /// Gives a resource back; the last use frees it.
    ///
    /// The key is made again from the stored attributes. That costs time at the last use only, and saves a second
    /// copy of the text in each resource.
    pub(crate) fn release(&mut self, resource: Arc<StoredResource>, texts: &mut Interner) {
        let is_last = self
            .last
            .as_ref()
            .is_some_and(|(_, last)| Arc::ptr_eq(last, &resource));
        // one count is the table's own
        if Arc::strong_count(&resource) == 2 && !is_last {
            let key = format!("{:?}", resource.resource).into_boxed_str();
            self.known.remove(&key);
            self.bytes -= size(&key);
            if let Some(resource) = Arc::into_inner(resource) {
                texts.release(resource.service);
            }
        }
    }

    /// Estimated bytes of all resources. The store adds them to those of texts and entries, and compares the sum with
    /// its limit.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The text twice: as the key and as the attributes. The same function adds and subtracts, so the sum returns to 0.
fn size(key: &str) -> usize {
    2 * key.len() + OVERHEAD
}

/// Masks and cuts the attributes of a resource. Keys are cut to 256 bytes, values to `value_bytes`. An array becomes
/// text, since the length of its elements has no other limit. A resource has up to 128 attributes, and further ones
/// are left out.
pub(super) fn safe(resource: &Resource, value_bytes: usize) -> Resource {
    /// More than any detector sets. `Resource::with` looks at all attributes before it, which takes quadratic time
    /// for a long list.
    const MAX: usize = 128;
    let attributes = resource.iter().take(MAX).map(|(key, value)| {
        let value = match value {
            OwnedValue::Text(text) => {
                OwnedValue::Text(masked(key, cut(text, value_bytes)).into_owned())
            }
            OwnedValue::Array(_) => {
                OwnedValue::Text(cut(&value.to_string(), value_bytes).to_owned())
            }
            plain => plain.clone(),
        };
        (cut(key, 256), value)
    });
    attributes.fold(Resource::empty(), |resource, (key, value)| {
        resource.with(key, value)
    })
}
