//! Field lines of one name, as a socket brings them.

use hopline_core::Extract;

/// The lines of the input as values of a repeated header.
pub(crate) struct Lines<'a>(Vec<(&'static str, &'a [u8])>);

impl<'a> Lines<'a> {
    pub(crate) fn of(name: &'static str, data: &'a [u8]) -> Self {
        let lines = data.split(|byte| *byte == b'\n');
        Self(lines.map(|line| (name, line)).collect())
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.0.push((name, value.as_bytes()));
        self
    }

    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |(key, _)| *key == name);
        named.map(|(_, value)| *value)
    }

    /// The members of all lines, without white space around them and without empty ones.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let members = self
            .values(name)
            .flat_map(|line| line.split(|byte| *byte == b','));
        members.map(trimmed).filter(|member| !member.is_empty())
    }
}

impl Extract for Lines<'_> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        self.values(name).for_each(found);
    }
}

/// Without the spaces and tabs around it.
pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(first) = text.iter().position(inner) else {
        return &[];
    };
    let last = text.iter().rposition(inner).unwrap_or(first);
    &text[first..=last]
}
