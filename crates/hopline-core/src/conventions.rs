//! Selection of current or older semantic-convention names.
//! Read by the edges when they are built.

use std::sync::OnceLock;

/// The naming of database and messaging spans.
///
/// # Examples
///
/// ```
/// use hopline_core::semconv::SpanNames;
///
/// assert_eq!(SpanNames::default(), SpanNames::Hopline);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each edge has a name for each")]
pub enum SpanNames {
    /// Names of the operation: `db.query`, `process.message`. The summary of the statement and the destination are
    /// attributes.
    #[default]
    Hopline,
    /// Names of the OpenTelemetry semantic conventions: `SELECT orders`, `process orders`.
    Conventions,
}

impl SpanNames {
    /// The choice of the operator. Reads `HOPLINE_SPAN_NAMES`: `hopline` (the default) or `conventions`. Read once per process;
    /// another value causes a notice.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::semconv::SpanNames;
    ///
    /// if std::env::var_os("HOPLINE_SPAN_NAMES").is_none() {
    ///     assert_eq!(SpanNames::from_env(), SpanNames::Hopline);
    /// }
    /// ```
    pub fn from_env() -> Self {
        static READ: OnceLock<SpanNames> = OnceLock::new();
        *READ.get_or_init(|| Self::parse(std::env::var("HOPLINE_SPAN_NAMES").ok().as_deref()))
    }

    fn parse(value: Option<&str>) -> Self {
        let value = value.unwrap_or_default().trim();
        match &*value.to_ascii_lowercase() {
            "" | "hopline" => Self::Hopline,
            "conventions" => Self::Conventions,
            _ => {
                crate::notice::line::notify("span-names", || {
                    format!(
                        "HOPLINE_SPAN_NAMES is `{value}`, which is not known: spans get hopline's names; set \
                         `hopline` or `conventions`"
                    )
                });
                Self::Hopline
            }
        }
    }
}

/// The areas in which the attribute names of older semantic conventions are recorded in addition to the current ones.
///
/// # Examples
///
/// ```
/// use hopline_core::semconv::OlderNames;
///
/// let older = OlderNames { http: true, ..OlderNames::NONE };
/// assert!(!older.database);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made by struct update, `..OlderNames::NONE`"
)]
pub struct OlderNames {
    /// Of HTTP: `http.method`, `http.status_code` and others.
    pub http: bool,
    /// Of databases: `db.system`, `db.statement` and others. Statements are redacted as under the current name.
    pub database: bool,
    /// Of messaging: `messaging.rabbitmq.routing_key` and others.
    ///
    /// Spans grow by the older names, so a service should select an area only until its dashboards are changed.
    pub messaging: bool,
}

impl OlderNames {
    /// Current names only.
    pub const NONE: Self = Self {
        http: false,
        database: false,
        messaging: false,
    };

    /// Reads `OTEL_SEMCONV_STABILITY_OPT_IN`: a list of `http/dup`, `database/dup` and `messaging/dup`. Read once per
    /// process. Words that OpenTelemetry defines for other areas are ignored; unknown words cause a notice.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::semconv::OlderNames;
    ///
    /// if std::env::var_os("OTEL_SEMCONV_STABILITY_OPT_IN").is_none() {
    ///     assert_eq!(OlderNames::from_env(), OlderNames::NONE);
    /// }
    /// ```
    pub fn from_env() -> Self {
        static READ: OnceLock<OlderNames> = OnceLock::new();
        *READ.get_or_init(|| {
            Self::parse(&std::env::var("OTEL_SEMCONV_STABILITY_OPT_IN").unwrap_or_default())
        })
    }

    fn parse(list: &str) -> Self {
        let words = list.split(',').map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        let has = |known: &str| words.clone().any(|word| word.eq_ignore_ascii_case(known));
        let unknown: Vec<_> = words.clone().filter(|word| !is_opt_in(word)).collect();
        if !unknown.is_empty() {
            crate::notice::line::notify("older-names", || {
                format!(
                    "OTEL_SEMCONV_STABILITY_OPT_IN names {}, which is not known and is ignored; hopline knows \
                     http/dup, database/dup and messaging/dup",
                    unknown.join(", ")
                )
            });
        }
        Self {
            http: has("http/dup"),
            database: has("database/dup"),
            messaging: has("messaging/dup"),
        }
    }
}

/// True for words that OpenTelemetry defines: areas, with and without `/dup`, and experiments.
fn is_opt_in(word: &str) -> bool {
    const AREAS: [&str; 10] = [
        "http",
        "database",
        "messaging",
        "rpc",
        "code",
        "k8s",
        "hw",
        "gen_ai",
        "jvm",
        "system",
    ];
    let word = word.to_ascii_lowercase();
    let area = word.strip_suffix("/dup").unwrap_or(&word);
    AREAS.contains(&area) || word.ends_with("_experimental")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_documented() {
        assert_eq!(SpanNames::parse(None), SpanNames::Hopline);
        assert_eq!(
            SpanNames::parse(Some(" Conventions ")),
            SpanNames::Conventions
        );
        assert_eq!(SpanNames::parse(Some("nonsense")), SpanNames::Hopline);
    }

    #[test]
    fn older_names_are_selected_by_area() {
        let read = OlderNames::parse("HTTP/DUP, database/dup,gen_ai_latest_experimental,rpc/dup");
        assert_eq!(
            read,
            OlderNames {
                http: true,
                database: true,
                messaging: false
            }
        );
        assert_eq!(OlderNames::parse("http"), OlderNames::NONE);
        for (word, known) in [
            ("http", true),
            ("RPC/dup", true),
            ("http/both", false),
            ("htp/dup", false),
        ] {
            assert_eq!(is_opt_in(word), known, "{word}");
        }
    }
}
