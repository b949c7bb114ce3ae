//! Names, literals, comments and expressions.

use hopline_sqlx::redact::Dialect::{MySql, Postgres, Sqlite};

use super::{Generator, TEXT};

impl Generator {
    /// A word in random case, after random white space.
    pub(super) fn word(&mut self, word: &str) {
        self.space();
        if self.one_in(4) {
            self.out.push_str(&word.to_ascii_lowercase());
        } else {
            self.out.push_str(word);
        }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(super) fn space(&mut self) {
        match self.below(14) {
            0 => self.raw("\n"),
            1 => self.raw("\t "),
            2 => self.comment(),
            _ => self.raw(" "),
        }
    }

    pub(super) fn comment(&mut self) {
        let inside = self.one_of(&[" ", "'", "\"", " `; ", " $$ ", " -- ", " ? ", " # ", " \\ "]);
        match (self.dialect, self.below(4)) {
            (Postgres, 0) => self.raw(&format!(" /* {TEXT} /* {inside} */ {TEXT} */ ")),
            (MySql, 0) => self.raw(&format!(" #{TEXT}{inside}\n")),
            (MySql, 1) => self.raw(&format!(" /*!999999 {TEXT} */ ")),
            (_, 2) => self.raw(&format!(" -- {TEXT}{inside}{TEXT}\n")),
            _ => self.raw(&format!(" /* {inside}{TEXT} */ ")),
        }
    }

    pub(super) fn name(&mut self, name: &str) {
        self.space();
        let quoted = match self.dialect {
            Postgres => format!("\"{name}\""),
            MySql => format!("`{name}`"),
            _ => format!("[{name}]"),
        };
        if self.one_in(5) {
            self.raw(&quoted);
        } else {
            self.raw(name);
        }
    }

    /// The contents of quotes: the marker, and characters that a scanner may misread.
    pub(super) fn inside(&mut self, avoid: &[char]) -> String {
        let bits = [
            TEXT, " ", "--", "/*", "*/", "$$", "$a$", ";", "\"", "`", "#", "é", "李", "?", ":x",
            "(", ")", "0x", "$1", "%", "\u{a0}", "@a", "[", "]", "{", "\t",
        ];
        let mut inside = TEXT.to_owned();
        for _ in 0..self.below(5) {
            inside += bits[self.below(bits.len())];
        }
        inside.retain(|c| !avoid.contains(&c));
        inside + TEXT
    }

    pub(super) fn text_literal(&mut self) {
        self.space();
        let doubled = self.one_of(&["", "''", "''zq9''"]);
        match (self.dialect, self.below(9)) {
            (Postgres, 0) => {
                let inside = self.inside(&['\\']);
                let escape = self.one_of(&["\\'", "\\\\", "\\n", "\\'zq9\\'", "''", "\\\\\\'"]);
                let prefix = self.one_of(&["E", "e"]);
                self.raw(&format!("{prefix}'{inside}{escape}{TEXT}'"));
            }
            (Postgres, 1) => {
                let tag = self.one_of(&["", "a", "tag", "é", "_x1"]);
                let inside = self.inside(&['$']);
                self.raw(&format!("${tag}$'{inside} $ {TEXT}${tag}$"));
            }
            (Postgres, 2) => {
                let inside = self.inside(&['\\']);
                self.raw(&format!("U&'{inside}{doubled}'"));
            }
            (Postgres | MySql, 3) => {
                let inside = self.inside(&['\\']);
                self.raw(&format!("'{inside}'\n  '{doubled}{TEXT}'"));
            }
            (Postgres, 4) => {
                let inside = self.inside(&[]);
                self.raw(&format!("CAST('{inside}' AS text)"));
            }
            (MySql, 0) => {
                let inside = self.inside(&['"', '\\']);
                self.raw(&format!("\"{inside}\"\"'{TEXT}\""));
            }
            (MySql, 1) => {
                let inside = self.inside(&['\\']);
                let prefix = self.one_of(&["N", "n", "_utf8mb4"]);
                self.raw(&format!("{prefix}'{inside}{doubled}'"));
            }
            (MySql, 2) => {
                let escape = self.one_of(&["\\n", "\\\\", "\\t"]);
                self.raw(&format!("'{TEXT}{escape}{TEXT}'"));
            }
            (Sqlite, 0) => {
                let inside = self.inside(&['"', '\\']);
                self.raw(&format!("\"{inside}\"\"'{TEXT}\""));
            }
            (Sqlite, 1) => self.raw(&format!("'{TEXT}\\'")),
            _ => {
                let inside = self.inside(&['\\']);
                self.raw(&format!("'{inside}{doubled}{TEXT}'"));
            }
        }
    }

    pub(super) fn number_literal(&mut self) {
        self.space();
        let sign = self.one_of(&["", "", "", "-", "+", "- "]);
        self.raw(sign);
        let forms: &[&str] = match self.dialect {
            Postgres => &[
                "770077",
                "770077.25",
                ".770077",
                "770077e1",
                "770077.",
                "007700770",
            ],
            _ => &[
                "770077",
                "770077.25",
                ".770077",
                "770077e1",
                "0x770077",
                "770077.",
            ],
        };
        let form = forms[self.below(forms.len())];
        self.raw(form);
    }

    pub(super) fn text(&mut self) {
        self.depth += 1;
        match self.below(if self.depth > 4 { 5 } else { 9 }) {
            0..=3 => self.text_literal(),
            4 => self.name("name"),
            5 => self.call("upper", Self::text),
            6 if self.dialect == Postgres => {
                self.raw(" ('{\"zq9\": \"zq9\"}'::jsonb");
                let operator =
                    self.one_of(&[" ->> ", "->>", " #>> '{zq9}' || ", " #>>'{zq9,zq9}'||"]);
                self.raw(operator);
                self.text_literal();
                self.raw(")");
            }
            6 if self.dialect == MySql => self.call("json_unquote", |this| {
                this.call("json_extract", |this| {
                    this.raw("'{\"zq9\": 770077}', '$.zq9'");
                });
            }),
            6 => {
                self.word("coalesce");
                self.raw("(");
                self.text();
                self.raw(",");
                self.text();
                self.raw(")");
            }
            7 => {
                self.word("CASE");
                self.word("WHEN");
                self.condition();
                self.word("THEN");
                self.text();
                self.word("ELSE");
                self.text();
                self.word("END");
            }
            _ => self.call("replace", |this| {
                this.text();
                this.raw(",");
                this.text_literal();
                this.raw(",");
                this.text_literal();
            }),
        }
        self.depth -= 1;
    }

    pub(super) fn number(&mut self) {
        self.depth += 1;
        match self.below(if self.depth > 4 { 4 } else { 7 }) {
            0..=2 => self.number_literal(),
            3 => self.name("amount"),
            4 => self.call("length", Self::text),
            5 => {
                self.raw("(");
                self.number();
                let operator = self.one_of(&[" + ", "+", " - ", " -"]);
                self.raw(operator);
                // a sign directly after an operator could begin a comment
                self.call("abs", Self::number);
                self.raw(")");
            }
            _ => self.call("coalesce", |this| {
                this.number();
                this.raw(", ");
                this.number();
            }),
        }
        self.depth -= 1;
    }

    pub(super) fn call(&mut self, function: &str, arguments: impl FnOnce(&mut Self)) {
        self.space();
        self.raw(function);
        self.raw("(");
        arguments(self);
        self.raw(")");
    }

    pub(super) fn condition(&mut self) {
        self.depth += 1;
        match self.below(if self.depth > 4 { 4 } else { 10 }) {
            0 => {
                self.text();
                let operator = self.one_of(&["=", " <> ", " <", ">= ", " LIKE "]);
                self.raw(operator);
                self.text();
            }
            1 => {
                self.number();
                let operator = self.one_of(&["=", " <> ", " <", ">= "]);
                self.raw(operator);
                self.number();
            }
            2 if self.dialect == Postgres && self.one_in(3) => {
                self.name("name");
                self.raw("=");
                self.word("ANY");
                self.raw("(ARRAY[");
                self.text_literal();
                self.raw(",");
                self.text_literal();
                self.raw("])");
            }
            2 => self.list(),
            3 => {
                self.name("amount");
                self.word("IS");
                self.word("NOT");
                self.word("NULL");
            }
            4 => {
                self.number();
                self.word("BETWEEN");
                self.number();
                self.word("AND");
                self.number();
            }
            5 => {
                self.raw(" (");
                self.condition();
                let operator = self.one_of(&["AND", "OR"]);
                self.word(operator);
                self.condition();
                self.raw(")");
            }
            6 => {
                self.word("NOT");
                self.raw(" (");
                self.condition();
                self.raw(")");
            }
            7 => {
                self.word("EXISTS");
                self.raw(" (");
                self.word("SELECT");
                self.number();
                self.word("FROM");
                self.name("gen_u");
                self.word("WHERE");
                self.raw(" gen_u.note=");
                self.text_literal();
                self.raw(")");
            }
            8 => {
                self.raw(" gen_t.id");
                self.word("IN");
                self.raw(" (");
                self.word("SELECT");
                self.raw(" qty");
                self.word("FROM");
                self.name("gen_u");
                self.word("WHERE");
                self.raw(" note =");
                self.text_literal();
                self.raw(")");
            }
            _ => {
                self.raw(" (gen_t.id, name)");
                self.word("IN");
                self.raw(" (");
                if self.dialect == Sqlite {
                    self.word("VALUES");
                    self.raw(" ");
                }
                for row in 0..=self.below(3) {
                    if row > 0 {
                        self.raw(", ");
                    }
                    self.raw("(770077,");
                    self.text_literal();
                    self.raw(")");
                }
                self.raw(")");
            }
        }
        self.depth -= 1;
    }

    /// `IN (…)` of values, or of calls.
    pub(super) fn list(&mut self) {
        self.name("name");
        if self.one_in(3) {
            self.word("NOT");
        }
        self.word("IN");
        self.raw(" (");
        let calls = self.one_in(3);
        for item in 0..=self.below(6) {
            if item > 0 {
                self.raw(",");
            }
            if calls {
                self.call("lower", Self::text_literal);
            } else {
                self.text_literal();
            }
        }
        self.raw(")");
    }
}
