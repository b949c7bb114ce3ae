//! The conditions at the end.

use std::fmt;
use std::time::Duration;

use crate::attack::Attacks;
use crate::child::Counts;
use crate::collector::Arrived;
use crate::service::{QUEUE_BYTES, TRACES_BYTES};

/// The memory that a process may hold in addition to its limits: the exporter's thread and requests, buffers that an allocator keeps.
const SLACK: u64 = 64 << 20;
/// Names are of routes, statements and code: not of what strangers make up.
const MOST_NAMES: usize = 60;

#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) attacks: Attacks,
    pub(crate) arrived: Arrived,
    pub(crate) traced: Counts,
    pub(crate) plain: Counts,
    /// The most bytes that each process held.
    pub(crate) most_traced: u64,
    pub(crate) most_plain: u64,
}

impl Verdict {
    /// The conditions that do not hold, one sentence each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let Counts {
            handled,
            kept,
            given,
            sent,
            lost,
            ..
        } = self.traced;
        let arrived = self.arrived.spans.len() as u64;
        let unheard = self.arrived.unheard.len() as u64;
        let bound = self.most_plain + (TRACES_BYTES + 2 * QUEUE_BYTES) as u64 + SLACK;
        let messages = self.attacks.messages;
        let names = self.arrived.names.len();
        let rules = [
            (
                self.attacks.requests < 100 || arrived == 0 || lost == 0,
                "too few requests for a verdict".to_owned(),
            ),
            (
                given != kept,
                format!("{kept} spans were kept and {given} given to the exporter"),
            ),
            (
                given != sent + lost,
                format!("of {given} spans {sent} were sent and {lost} counted as lost"),
            ),
            (
                // what a client heard no answer for may have arrived and be counted as lost
                sent > arrived || arrived - sent > unheard,
                format!("{sent} spans were sent, {arrived} arrived, {unheard} perhaps unheard"),
            ),
            (
                self.most_traced > bound,
                format!(
                    "the traced service held {} bytes of {bound}",
                    self.most_traced
                ),
            ),
            (
                handled != messages || self.plain.handled != messages,
                format!(
                    "of {messages} messages {handled} were handled traced and {} plain",
                    self.plain.handled
                ),
            ),
            (
                names > MOST_NAMES,
                format!("{names} names of spans, such as {:?}", self.some_names()),
            ),
        ];
        let broken = rules.into_iter().filter(|(broken, _)| *broken);
        let mut complaints: Vec<String> = broken.map(|(_, complaint)| complaint).collect();
        complaints.extend(self.attacks.differences.iter().cloned());
        complaints.extend(self.arrived.problems.iter().cloned());
        complaints
    }

    fn some_names(&self) -> Vec<&String> {
        let mut names: Vec<_> = self.arrived.names.iter().collect();
        names.sort();
        names.truncate(8);
        names
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [traced, plain] = self.attacks.longest.map(Seconds);
        let Counts {
            kept,
            sent,
            lost,
            limits,
            ..
        } = self.traced;
        writeln!(f, "requests to each   {}", self.attacks.requests)?;
        for (outcome, count) in &self.attacks.by_outcome {
            writeln!(f, "  {outcome:<20} {count}")?;
        }
        writeln!(f, "messages           {}", self.attacks.messages)?;
        writeln!(f, "longest            {traced} traced, {plain} plain")?;
        let (traced, plain) = (mib(self.most_traced), mib(self.most_plain));
        writeln!(
            f,
            "memory             {traced:.0} MiB traced, {plain:.0} MiB plain"
        )?;
        writeln!(
            f,
            "spans kept         {kept}: {sent} sent, {lost} counted as lost"
        )?;
        writeln!(f, "lost to limits     {limits}")?;
        let unheard = self.arrived.unheard.len();
        write!(f, "arrived            {}", self.arrived.spans.len())?;
        write!(f, ", {unheard} of them perhaps without an answer")
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.0.as_secs_f64())
    }
}
