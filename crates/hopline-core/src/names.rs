//! Which of two sets of names spans and attributes bear.

use std::sync::OnceLock;

/// How spans of databases and queues are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanNames {
    /// By what is done: `db.query`, `process.message`. The statement's summary and the destination are attributes.
    #[default]
    Hopline,
    /// As the OpenTelemetry semantic conventions say: `SELECT orders`, `process orders`.
    Conventions,
}

impl SpanNames {
    /// What `HOPLINE_SPAN_NAMES` says (`hopline` or `conventions`). Read once in a process.
    pub fn from_env() -> Self {
        static READ: OnceLock<SpanNames> = OnceLock::new();
        *READ.get_or_init(|| Self::parse(std::env::var("HOPLINE_SPAN_NAMES").ok().as_deref()))
    }

    fn parse(value: Option<&str>) -> Self {
        match value.map(str::trim) {
            None | Some("" | "hopline") => Self::Hopline,
            Some("conventions") => Self::Conventions,
            Some(other) => {
                let other = other.to_owned();
                crate::notify("env", || {
                    format!("HOPLINE_SPAN_NAMES is `hopline` or `conventions`, not `{other}`")
                });
                Self::Hopline
            }
        }
    }
}

/// Which areas write the attribute names of older semantic conventions beside the current ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OlderNames {
    /// `http.method`, `http.status_code` and the like.
    pub http: bool,
    /// `db.system`, `db.statement` and the like.
    pub database: bool,
    /// `messaging.rabbitmq.routing_key` and the like.
    pub messaging: bool,
}

impl OlderNames {
    /// None.
    pub const NONE: Self = Self {
        http: false,
        database: false,
        messaging: false,
    };

    /// What `OTEL_SEMCONV_STABILITY_OPT_IN` says: a list of `http/dup`, `database/dup` and `messaging/dup`.
    /// Read once in a process. Other words of the list are other libraries' and are passed over.
    pub fn from_env() -> Self {
        static READ: OnceLock<OlderNames> = OnceLock::new();
        *READ.get_or_init(|| {
            Self::parse(&std::env::var("OTEL_SEMCONV_STABILITY_OPT_IN").unwrap_or_default())
        })
    }

    fn parse(list: &str) -> Self {
        let has = |word| list.split(',').any(|entry| entry.trim() == word);
        Self {
            http: has("http/dup"),
            database: has("database/dup"),
            messaging: has("messaging/dup"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_documented() {
        assert_eq!(SpanNames::parse(None), SpanNames::Hopline);
        assert_eq!(
            SpanNames::parse(Some(" conventions ")),
            SpanNames::Conventions
        );
        assert_eq!(SpanNames::parse(Some("nonsense")), SpanNames::Hopline);
    }

    #[test]
    fn older_names_are_asked_for_area_by_area() {
        let read = OlderNames::parse("http/dup, database/dup,gen_ai_latest_experimental");
        assert_eq!(
            read,
            OlderNames {
                http: true,
                database: true,
                messaging: false
            }
        );
        assert_eq!(OlderNames::parse("http"), OlderNames::NONE);
    }
}
