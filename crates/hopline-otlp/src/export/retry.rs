//! Pauses between attempts: exponential with jitter, or the collector's `Retry-After`.
//!
//! The worker makes one [`Retry`] for each request, an outage one for its whole time.

use std::time::{Duration, Instant, SystemTime};

/// The pauses between attempts: 250 ms, doubled each time up to 30 s, each with 50 % jitter, up to a total time.
///
/// Jitter spreads the requests of many services after an outage of their collector.
#[derive(Debug)]
pub(super) struct Retry {
    give_up_at: Option<Instant>,
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// The longest pause that a collector can ask for: one that asks for a year may be back in a minute.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

impl Retry {
    /// Starts the time after which no further attempt is made; `Duration::MAX` for none.
    pub(super) fn new(give_up_after: Duration) -> Self {
        Self {
            give_up_at: Instant::now().checked_add(give_up_after),
            next: FIRST,
        }
    }

    /// The pause before the next attempt; `None` if the total time is up.
    ///
    /// At least the time that the collector requested, up to a minute, and at most the time that is left.
    pub(super) fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let left = match self.give_up_at {
            Some(end) => end
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())?,
            None => LONGEST_ASKED,
        };
        // a collector that always answers "retry at once" is not flooded either
        let pause = self
            .next
            .mul_f64(0.5 + fastrand::f64())
            .max(asked.unwrap_or_default().min(LONGEST_ASKED));
        self.next = (self.next * 2).min(LONGEST);
        Some(pause.min(left))
    }
}

/// The delay of a `Retry-After` header: seconds, or the time until a date ([RFC 9110, 10.2.3]); `None` if it is neither.
///
/// [RFC 9110, 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// A date in HTTP's preferred format: `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete formats are not read.
fn http_date(text: &str) -> Option<SystemTime> {
    let (_weekday, date) = text.split_once(", ")?;
    let mut words = date.strip_suffix(" GMT")?.split(' ');
    let day = number(words.next()?, 1, 31)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year = number(words.next()?, 1970, 9999)?;
    let mut time = words.next()?.split(':');
    let hour = number(time.next()?, 0, 23)?;
    let minute = number(time.next()?, 0, 59)?;
    let second = number(time.next()?, 0, 60)?;
    if words.next().is_some() || time.next().is_some() {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn number(text: &str, low: u64, high: u64) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|number| (low..=high).contains(number))
}

/// Days since 1970, counted in years that start in March, so that a leap day is the last day of its year.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let before_month = (month * 153 + 2) / 5;
    year * 365 + year / 4 - year / 100 + year / 400 + before_month + day - 1 - DAYS_TO_MARCH_1970
}

/// From the first of March of the year 0 to the first of January 1970.
const DAYS_TO_MARCH_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(" 120 ", at(0)), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after(date, at(784_111_770)),
            Some(Duration::from_secs(7))
        );
        assert_eq!(retry_after(date, at(784_111_778)), Some(Duration::ZERO));
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(http_date(date), Some(at(seconds)), "{date}");
        }
        for text in [
            "",
            "-1",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            ", GMT",
            "x, 1 Jan",
        ] {
            assert_eq!(retry_after(text, at(0)), None, "{text}");
        }
    }

    #[test]
    fn pauses_double_within_their_jitter_and_end() {
        let mut retry = Retry::new(Duration::from_secs(3600));
        for expected in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = retry.pause(None).unwrap().as_secs_f64();
            assert!(
                (0.5 * expected..=1.5 * expected).contains(&pause),
                "{pause} for {expected}"
            );
        }
        assert_eq!(
            retry.pause(Some(Duration::from_secs(60))),
            Some(Duration::from_secs(60))
        );
        for asked in [31_536_000, 1 << 40, u64::MAX] {
            let pause = retry.pause(Some(Duration::from_secs(asked)));
            assert_eq!(pause, Some(Duration::from_secs(60)));
        }
        assert_eq!(Retry::new(Duration::ZERO).pause(None), None);
    }
}
