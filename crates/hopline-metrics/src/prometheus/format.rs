//! Writes collected series in one of Prometheus' two text formats.
//!
//! `prometheus-client`'s encoder cannot be used over storage of another crate: its exemplars have no constructor.

use std::collections::HashSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use hopline_core::metrics::InstrumentKind;
use hopline_core::{Resource, notify};

use crate::attributes::Attributes;
use crate::names;
use crate::series::{Reading, Sample};
use crate::snapshot::Family;

/// A format that a scraper may accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// [OpenMetrics 1.0](https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md), with exemplars.
    OpenMetrics,
    /// The text format 0.0.4, which has no exemplars.
    Text,
}

impl Format {
    /// Media type of the page, with the version that scrapers check.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Writes a whole page. It is made in memory, as its size is bounded by the series.
    pub(crate) fn write(self, families: &[Family], resource: &Resource) -> String {
        let mut page = String::new();
        // a `String` takes all that is written to it
        let _ = self.write_all(&mut page, families, resource);
        page
    }

    /// Writes the resource, each family and the end mark of OpenMetrics.
    fn write_all(self, page: &mut String, families: &[Family], resource: &Resource) -> fmt::Result {
        self.write_target(page, resource)?;
        let mut written = HashSet::new();
        for family in families {
            let (name, unit) = names::family(&family.name, family.unit, family.kind);
            if !written.insert(name.clone()) {
                notify("metrics-names", || {
                    format!(
                        "two instruments have the Prometheus name {name}: {} is missing from the page; rename one with a View",
                        family.name
                    )
                });
                continue;
            }
            self.write_head(page, family, &name, unit.as_deref())?;
            // a number and its text are two series here and one there: their values are added up
            let mut series: BTreeMap<Labels, Reading> = BTreeMap::new();
            for point in &family.points {
                match series.entry(labels(point.attributes())) {
                    Entry::Vacant(entry) => {
                        entry.insert(point.reading.clone());
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().add(&point.reading),
                }
            }
            for (labels, reading) in &series {
                self.write_series(page, family, &name, labels, reading)?;
            }
        }
        if self == Self::OpenMetrics {
            page.push_str("# EOF\n");
        }
        Ok(())
    }

    /// The resource, as a series that others can be joined with.
    fn write_target(self, page: &mut String, resource: &Resource) -> fmt::Result {
        let (family, kind) = match self {
            Self::OpenMetrics => ("target", "info"),
            Self::Text => ("target_info", "gauge"),
        };
        let mut labels = Labels::default();
        for (key, value) in resource.iter() {
            labels.add(key, &value.to_string());
        }
        writeln!(page, "# HELP {family} The service that is measured.")?;
        writeln!(page, "# TYPE {family} {kind}")?;
        writeln!(page, "target_info{} 1", labels.braced(None))
    }

    /// Writes description, type and unit of a family. OpenMetrics names a counter's family without `_total`, the text format with it.
    fn write_head(
        self,
        page: &mut String,
        family: &Family,
        name: &str,
        unit: Option<&str>,
    ) -> fmt::Result {
        let (kind, suffix) = match (family.kind, self) {
            (InstrumentKind::Counter, Self::OpenMetrics) => ("counter", ""),
            (InstrumentKind::Counter, Self::Text) => ("counter", "_total"),
            (InstrumentKind::Gauge | InstrumentKind::UpDownCounter, _) => ("gauge", ""),
            (InstrumentKind::Histogram, _) => ("histogram", ""),
        };
        if !family.help.is_empty() {
            // the text format escapes no quotes here
            let help = Escaped(family.help).to_string();
            let help = match self {
                Self::OpenMetrics => help,
                Self::Text => help.replace("\\\"", "\""),
            };
            writeln!(page, "# HELP {name}{suffix} {help}")?;
        }
        writeln!(page, "# TYPE {name}{suffix} {kind}")?;
        match unit {
            Some(unit) if self == Self::OpenMetrics => writeln!(page, "# UNIT {name} {unit}"),
            _ => Ok(()),
        }
    }

    /// Writes the samples of one series. Buckets are cumulative on the page and separate in memory.
    fn write_series(
        self,
        page: &mut String,
        family: &Family,
        name: &str,
        labels: &Labels,
        reading: &Reading,
    ) -> fmt::Result {
        match reading {
            Reading::Sum(value) => {
                let suffix = if family.kind == InstrumentKind::Counter {
                    "_total"
                } else {
                    ""
                };
                writeln!(page, "{name}{suffix}{} {value}", labels.braced(None))
            }
            Reading::Last(value) => writeln!(page, "{name}{} {value}", labels.braced(None)),
            Reading::Histogram {
                buckets,
                sum,
                exemplars,
            } => {
                let mut total = 0;
                for (at, count) in buckets.iter().enumerate() {
                    total += count;
                    let bound = family
                        .bounds
                        .get(at)
                        .map_or_else(|| "+Inf".to_owned(), |bound| self.bound(*bound));
                    write!(page, "{name}_bucket{} {total}", labels.braced(Some(&bound)))?;
                    let sample = exemplars.iter().find(|(bucket, _)| *bucket == at);
                    if let Some((_, sample)) = sample.filter(|_| self == Self::OpenMetrics) {
                        write_exemplar(page, sample)?;
                    }
                    page.push('\n');
                }
                writeln!(page, "{name}_sum{} {sum}", labels.braced(None))?;
                writeln!(page, "{name}_count{} {total}", labels.braced(None))
            }
        }
    }

    /// OpenMetrics wants `1.0` where the text format has `1`.
    fn bound(self, bound: f64) -> String {
        match self {
            Self::OpenMetrics => format!("{bound:?}"),
            Self::Text => format!("{bound}"),
        }
    }
}

/// Writes an exemplar behind a bucket: ids, value, time in seconds.
fn write_exemplar(page: &mut String, sample: &Sample) -> fmt::Result {
    let exemplar = sample.exemplar;
    write!(
        page,
        " # {{trace_id=\"{}\",span_id=\"{}\"}} {} {:.3}",
        exemplar.trace_id,
        exemplar.span_id,
        sample.value,
        unix_seconds(sample.at)
    )
}

/// Seconds since the Unix epoch; 0 for a time before it.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// Converts the attributes of a series.
fn labels(attributes: &Attributes) -> Labels {
    let mut labels = Labels::default();
    for (key, value) in attributes.iter() {
        labels.add(key, &value.to_string());
    }
    labels
}

/// Label names and escaped values. Of attributes whose keys become one name, the values are joined by `;`.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Adds a label, or joins its value to one with the same name.
    fn add(&mut self, key: &str, value: &str) {
        let key = names::label(key);
        let value = Escaped(value).to_string();
        match self.0.get_mut(&key) {
            Some(joined) => {
                joined.push(';');
                joined.push_str(&value);
            }
            None => {
                self.0.insert(key, value);
            }
        }
    }

    /// The labels in braces, and a bucket's bound with them.
    fn braced(&self, bound: Option<&str>) -> String {
        let labels = self
            .0
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""));
        let bound = bound.map(|bound| format!("le=\"{bound}\""));
        let all: Vec<String> = labels.chain(bound).collect();
        if all.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", all.join(","))
        }
    }
}

/// Text with backslashes, quotes and line ends escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
