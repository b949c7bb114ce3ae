//! The command line.

use crate::Result;

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args {
    /// The number of messages that are published.
    pub messages: usize,
    /// The number of times that the broker is killed.
    pub kills: usize,
}

impl Args {
    /// Reads `--messages N --kills N`.
    ///
    /// # Errors
    ///
    /// Returns an error for any other argument.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut args = Self {
            messages: 4_000,
            kills: 1,
        };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            let number = value.parse::<usize>();
            let number = number.map_err(|_| format!("`{name} {value}`: a number is missing"))?;
            match name.as_str() {
                "--messages" => args.messages = number.max(1),
                "--kills" => args.kills = number,
                _ => return Err(format!("`{name}` is neither --messages nor --kills").into()),
            }
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_others_named() {
        let parse = |line: &str| Args::parse(line.split_whitespace().map(str::to_owned));
        let args = parse("--kills 3 --messages 10").unwrap();
        assert_eq!((args.messages, args.kills), (10, 3));
        for wrong in ["--kills", "--kills many", "--hammers 3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
