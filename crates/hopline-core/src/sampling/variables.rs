//! Plans from environment variables.

use crate::notice::line::notify;
use crate::sampling::plan::SamplingPlan;
use crate::sampling::text::ParsePlanError;

impl SamplingPlan {
    /// Reads the plan of `HOPLINE_SAMPLING`, or else of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// | `OTEL_TRACES_SAMPLER` | plan |
    /// |---|---|
    /// | `parentbased_always_on` | `* 100%` |
    /// | `parentbased_always_off` | `* 0%` |
    /// | `parentbased_traceidratio` | the argument, as probability of new traces |
    /// | `always_on`, `always_off`, `traceidratio` | the same with `resample parents` |
    ///
    /// `None` if all are unset. Samplers that OpenTelemetry does not define, and those that ask a server for the
    /// probability, are reported by a notice and ignored, as its specification requires. `traceidratio` samples
    /// consistently, like every probability here. `variable` looks a variable up; an empty value counts as unset.
    ///
    /// # Errors
    ///
    /// Returns an error if the value of `HOPLINE_SAMPLING` is not a plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SamplingPlan;
    ///
    /// let variable = |name: &str| (name == "HOPLINE_SAMPLING").then(|| "* 5%".to_owned());
    /// assert_eq!(SamplingPlan::from_variables(variable)?.unwrap().to_string(), "* 5%");
    /// assert_eq!(SamplingPlan::from_variables(|_| None)?, None);
    /// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
    /// ```
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ParsePlanError> {
        let read = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if let Some(text) = read("HOPLINE_SAMPLING") {
            return text.parse().map(Some);
        }
        let Some(name) = read("OTEL_TRACES_SAMPLER") else {
            return Ok(None);
        };
        let probability = || {
            let given = read("OTEL_TRACES_SAMPLER_ARG")
                .map_or(Some(1.0), |value| value.trim().parse().ok());
            given
                .filter(|probability| (0.0..=1.0).contains(probability))
                .unwrap_or_else(|| {
                    notify("sampler-arg", || {
                        "OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; 1 is used".to_owned()
                    });
                    1.0
                })
        };
        let all = Self::new();
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "parentbased_always_on" => Some(all),
            "parentbased_always_off" => Some(all.others(0.0)),
            "parentbased_traceidratio" => Some(all.others(probability())),
            "always_on" => Some(all.resample_parents()),
            "always_off" => Some(all.others(0.0).resample_parents()),
            "traceidratio" => Some(all.others(probability()).resample_parents()),
            other => {
                let remote = matches!(
                    other,
                    "jaeger_remote" | "parentbased_jaeger_remote" | "xray"
                );
                let why = if remote {
                    "asks a server, which hopline does not"
                } else {
                    "is not known"
                };
                notify("sampler-env", || {
                    let name = name.trim();
                    format!(
                        "OTEL_TRACES_SAMPLER is `{name}`, which {why}; it is ignored: set always_on, always_off or \
                         traceidratio, each also with parentbased_ before it, or HOPLINE_SAMPLING"
                    )
                });
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_in_their_order() {
        let read = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let find = |name: &str| {
                pairs
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            };
            SamplingPlan::from_variables(find).map(|plan| plan.map(|plan| plan.to_string()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(
            read(&[
                ("HOPLINE_SAMPLING", "* 5%"),
                ("OTEL_TRACES_SAMPLER", "always_off")
            ]),
            Ok(Some("* 5%".into()))
        );
        assert_eq!(
            read(&[
                ("OTEL_TRACES_SAMPLER", "TraceIdRatio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.25")
            ]),
            Ok(Some("* 25%; resample parents".into()))
        );
        assert_eq!(
            read(&[("OTEL_TRACES_SAMPLER", "xray"), ("HOPLINE_SAMPLING", " ")]),
            Ok(None)
        );
        assert!(read(&[("HOPLINE_SAMPLING", "some")]).is_err());
    }
}
