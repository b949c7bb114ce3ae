//! Classes of fields, by name: attributes, secrets, URLs, and fields with a meaning to hopline.
//!
//! `fields.rs` looks each field up; a cache for each thread makes that cheap.

use std::cell::Cell;

use hopline_core::redact::is_secret_key;

/// The treatment of a field.
///
/// | class | effect |
/// |---|---|
/// | `Plain`, `Secret`, `Url` | an attribute: unchanged, redacted, redacted as a URL |
/// | `Message`, `Error` | the name and the failure of an event |
/// | `Name`, `Kind`, `StatusCode`, `StatusMessage` | change the span itself |
/// | `OfLog` | left out |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// As an attribute.
    Plain,
    /// Redacted: its name is that of a secret.
    Secret,
    /// It holds a URL, or the part of one from the path on.
    Url,
    /// The message of an event.
    Message,
    /// The error of `#[instrument(err)]`.
    Error,
    /// `otel.name`
    Name,
    /// `otel.kind`
    Kind,
    /// `otel.status_code`
    StatusCode,
    /// `otel.status_description`, or the older `otel.status_message`
    StatusMessage,
    /// The origin of a record of the `log` crate, which is read from its metadata.
    OfLog,
}

/// The number of names that a thread's cache holds. Names are few and static, so their addresses identify them.
const REMEMBERED: usize = 128;

thread_local! {
    /// Classes of names by address. To look for a secret in a name takes a hundred times as long.
    static CLASSES: [Cell<(usize, usize, Class)>; REMEMBERED] =
        const { [const { Cell::new((0, 0, Class::Plain)) }; REMEMBERED] };
}

impl Class {
    /// The class of a field name, from the thread's cache.
    ///
    /// The cache is keyed by address and length: names are `'static`, so both identify the text. A collision of slots costs
    /// one reading.
    pub(crate) fn of(name: &'static str) -> Self {
        let (address, len) = (name.as_ptr() as usize, name.len());
        // names of one callsite lie side by side
        let slot = (address ^ (address >> 7) ^ len) % REMEMBERED;
        let known = CLASSES.try_with(|classes| {
            let (known_address, known_len, class) = classes[slot].get();
            if (known_address, known_len) != (address, len) {
                let class = Self::read(name);
                classes[slot].set((address, len, class));
                return class;
            }
            class
        });
        known.unwrap_or_else(|_| Self::read(name))
    }

    /// The class of a field name, by comparing the text.
    #[cold]
    fn read(name: &str) -> Self {
        match name {
            "message" => Self::Message,
            "error" => Self::Error,
            "otel.name" => Self::Name,
            "otel.kind" => Self::Kind,
            "otel.status_code" => Self::StatusCode,
            "otel.status_description" | "otel.status_message" => Self::StatusMessage,
            "log.target" | "log.module_path" | "log.file" | "log.line" => Self::OfLog,
            "http.target" | "http.uri" | "http.url" | "path" | "target" | "uri" | "url"
            | "url.full" | "url.path" => Self::Url,
            name if is_secret_key(name) => Self::Secret,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_remembered_and_the_same_each_time() {
        for _ in 0..2 {
            assert_eq!(Class::of("password"), Class::Secret);
            assert_eq!(Class::of("uri"), Class::Url);
            assert_eq!(Class::of("order.id"), Class::Plain);
            assert_eq!(Class::of("otel.kind"), Class::Kind);
        }
    }

    #[test]
    fn names_with_the_same_address_are_distinguished_by_length() {
        let name = "token_count";
        assert_eq!(Class::of(&name[..5]), Class::Secret);
        assert_eq!(Class::of(name), Class::read(name));
        assert_eq!(Class::of(&name[..5]), Class::Secret);
    }
}
