//! Valid statements of every kind, with a marker in every literal, comment and secret.
//!
//! They are about two tables, see [`schema`], so that the engine itself can say whether they are valid.

use hopline_sqlx::Dialect::{self, MySql, Postgres, Sqlite};

/// In every text, comment and secret.
pub const TEXT: &str = "zq9";
/// In every number.
pub const NUMBER: &str = "770077";

/// What the statements are about; each is dropped first by [`drop_schema`].
pub fn schema(dialect: Dialect) -> String {
    let mut schema =
        "CREATE TABLE gen_t (id INTEGER PRIMARY KEY, name VARCHAR(2000), amount INTEGER);\
         CREATE TABLE gen_u (id INTEGER PRIMARY KEY, note VARCHAR(2000), qty INTEGER);"
            .to_owned();
    schema += match dialect {
        Postgres => "CREATE PROCEDURE gen_p(a text, b numeric) LANGUAGE sql AS '';",
        MySql => "CREATE PROCEDURE gen_p(a TEXT, b DECIMAL(20, 5)) BEGIN END;",
        _ => "",
    };
    schema
}

/// Undoes [`schema`], whether it is there or not.
pub fn drop_schema(dialect: Dialect) -> String {
    let mut drop = "DROP TABLE IF EXISTS gen_t; DROP TABLE IF EXISTS gen_u;".to_owned();
    if dialect != Sqlite {
        drop += "DROP PROCEDURE IF EXISTS gen_p;";
    }
    drop
}

/// A statement, and what is to be expected of it.
#[derive(Clone, Debug)]
pub struct Generated {
    pub sql: String,
    /// Its text is kept to its end.
    pub whole: bool,
    /// The engine should be asked to prepare it only: it cannot be undone, or not run twice.
    pub prepare_only: bool,
}

/// A source of statements that gives the same ones for the same seed.
pub struct Generator {
    dialect: Dialect,
    state: u64,
    out: String,
    depth: usize,
    defines: bool,
}

impl Generator {
    pub fn new(dialect: Dialect, seed: u64) -> Self {
        Self {
            dialect,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            out: String::new(),
            depth: 0,
            defines: false,
        }
    }

    pub fn statement(&mut self) -> Generated {
        self.out.clear();
        (self.depth, self.defines) = (0, false);
        let (mut whole, mut prepare_only) = (true, false);
        match self.below(24) {
            0..=5 => self.select(),
            6 if self.one_in(3) => self.window(),
            6 => self.union(),
            7..=9 => self.insert(),
            10 | 11 => self.update(),
            12 => self.delete(),
            13 => self.with(),
            14 => self.values(),
            15 => {
                self.word("EXPLAIN");
                self.select();
            }
            16 => prepare_only = self.definition(),
            17 => self.other(),
            18 => {
                self.select();
                self.out.push(';');
                self.update();
                self.out.push(';');
                self.delete();
            }
            19 if self.dialect == Postgres => self.merge(),
            _ => {
                whole = false;
                prepare_only = self.secret();
            }
        }
        // SQLite keeps the text of definitions, and cannot add to one that ends with a comment
        if self.one_in(6) && !(self.dialect == Sqlite && self.defines) {
            self.comment();
        }
        Generated {
            sql: self.out.clone(),
            whole,
            prepare_only,
        }
    }

    // --- chance

    fn below(&mut self, bound: usize) -> usize {
        // xorshift*: good enough to reach every branch
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }

    // --- pieces

    /// A word, in some case of letters, behind a space of some kind.
    fn word(&mut self, word: &str) {
        self.space();
        if self.one_in(4) {
            self.out.push_str(&word.to_ascii_lowercase());
        } else {
            self.out.push_str(word);
        }
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn space(&mut self) {
        match self.below(14) {
            0 => self.raw("\n"),
            1 => self.raw("\t "),
            2 => self.comment(),
            _ => self.raw(" "),
        }
    }

    fn comment(&mut self) {
        let inside = self.one_of(&[" ", "'", "\"", " `; ", " $$ ", " -- ", " ? ", " # ", " \\ "]);
        match (self.dialect, self.below(4)) {
            (Postgres, 0) => self.raw(&format!(" /* {TEXT} /* {inside} */ {TEXT} */ ")),
            (MySql, 0) => self.raw(&format!(" #{TEXT}{inside}\n")),
            (MySql, 1) => self.raw(&format!(" /*!999999 {TEXT} */ ")),
            (_, 2) => self.raw(&format!(" -- {TEXT}{inside}{TEXT}\n")),
            _ => self.raw(&format!(" /* {inside}{TEXT} */ ")),
        }
    }

    fn name(&mut self, name: &str) {
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

    /// What stands in quotes: the marker, and what a reader may stumble over.
    fn inside(&mut self, avoid: &[char]) -> String {
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

    fn text_literal(&mut self) {
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

    fn number_literal(&mut self) {
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

    fn text(&mut self) {
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

    fn number(&mut self) {
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
                // a sign glued to an operator would begin a comment
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

    fn call(&mut self, function: &str, arguments: impl FnOnce(&mut Self)) {
        self.space();
        self.raw(function);
        self.raw("(");
        arguments(self);
        self.raw(")");
    }

    fn condition(&mut self) {
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
    fn list(&mut self) {
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

    // --- statements

    fn select(&mut self) {
        self.word("SELECT");
        if self.one_in(8) {
            self.word("DISTINCT");
        }
        for column in 0..=self.below(3) {
            if column > 0 {
                self.raw(",");
            }
            if self.one_in(2) {
                self.text();
            } else {
                self.number();
            }
            if self.one_in(3) {
                self.word("AS");
                self.name(["c1", "c2", "c3", "c4"][column]);
            }
        }
        self.word("FROM");
        self.name("gen_t");
        if self.one_in(4) {
            let join = self.one_of(&["JOIN", "LEFT JOIN"]);
            self.word(join);
            self.name("gen_u");
            self.word("ON");
            self.raw(" gen_u.id = gen_t.id");
            self.word("AND");
            self.raw(" gen_u.note <>");
            self.text_literal();
        }
        if self.one_in(6) {
            self.raw(",");
            self.raw(" (");
            self.word("SELECT");
            self.raw(" note");
            self.word("FROM");
            self.raw(" gen_u");
            self.word("WHERE");
            self.raw(" note =");
            self.text_literal();
            self.raw(")");
            self.word("AS");
            self.raw(" q");
        }
        if !self.one_in(3) {
            self.word("WHERE");
            self.condition();
        }
        if self.one_in(8) {
            self.word("ORDER");
            self.word("BY");
            self.raw(" 1");
        }
        if self.one_in(4) {
            self.word("LIMIT");
            self.raw(" 770077");
            if self.one_in(2) {
                self.word("OFFSET");
                self.raw(" 770077");
            }
        }
    }

    fn window(&mut self) {
        self.word("SELECT");
        self.word("count");
        self.raw("(*)");
        self.word("OVER");
        self.raw(" (");
        self.word("PARTITION BY");
        self.raw(" name");
        self.word("ORDER BY");
        self.raw(" amount");
        self.word("ROWS BETWEEN");
        self.raw(" 770077");
        self.word("PRECEDING AND CURRENT ROW");
        self.raw("),");
        self.word("CASE");
        self.raw(" name");
        self.word("WHEN");
        self.text_literal();
        self.word("THEN");
        self.number_literal();
        self.word("END");
        self.word("FROM");
        self.name("gen_t");
    }

    fn union(&mut self) {
        for part in 0..2 + self.below(2) {
            if part > 0 {
                let operator = self.one_of(&["UNION", "UNION ALL", "EXCEPT"]);
                self.word(operator);
            }
            self.word("SELECT");
            self.text_literal();
            self.word("FROM");
            self.name("gen_t");
            self.word("GROUP");
            self.word("BY");
            self.raw(" name");
            self.word("HAVING");
            self.raw(" count(*) <");
            self.number_literal();
        }
    }

    fn rows(&mut self) {
        self.word("VALUES");
        let now = self.one_in(3);
        for row in 0..=self.below(5) {
            if row > 0 {
                self.raw(if row % 2 == 0 { ", " } else { "," });
            }
            // within what an INTEGER holds, and a key of its own
            self.raw(&format!("({NUMBER}{row},"));
            if now {
                self.call("lower", Self::text_literal);
            } else {
                self.text_literal();
            }
            let last = self.one_of(&[", 770077)", ", -770077)", ", NULL)", ",+770077)"]);
            self.raw(last);
        }
    }

    fn insert(&mut self) {
        if self.dialect == MySql && self.one_in(6) {
            let verb = self.one_of(&["INSERT INTO", "REPLACE INTO", "INSERT IGNORE", "REPLACE"]);
            self.word(verb);
            self.name("gen_t");
            self.word("SET");
            self.raw(" id=770077, name=");
            self.text_literal();
            return;
        }
        if self.dialect == Sqlite && self.one_in(6) {
            let verb = self.one_of(&["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"]);
            self.word(verb);
        } else {
            self.word("INSERT");
        }
        self.word("INTO");
        self.name("gen_t");
        self.raw(" (id, name,amount)");
        if self.one_in(4) {
            self.word("SELECT");
            self.raw(" id + 770077,");
            self.text_literal();
            self.raw(", qty");
            self.word("FROM");
            self.name("gen_u");
            self.word("WHERE");
            self.raw(" note =");
            self.text_literal();
        } else {
            self.rows();
            match (self.dialect, self.below(3)) {
                (MySql, 0) => {
                    self.word("ON DUPLICATE KEY");
                    self.word("UPDATE");
                    self.raw(" name =");
                    self.text_literal();
                    self.raw(", amount = VALUES(amount) + 770077");
                }
                (Postgres | Sqlite, 0) => {
                    self.word("ON");
                    self.word("CONFLICT");
                    self.raw(" (id)");
                    self.word("DO");
                    self.word("UPDATE");
                    self.word("SET");
                    self.raw(" name =");
                    self.text_literal();
                }
                _ => {}
            }
        }
        if self.one_in(3) {
            self.word("RETURNING");
            self.raw(" id,");
            self.text_literal();
        }
    }

    fn update(&mut self) {
        self.word("UPDATE");
        self.name("gen_t");
        self.word("SET");
        self.raw(" name =");
        self.text();
        self.raw(", amount = 770077");
        self.word("WHERE");
        self.condition();
    }

    fn delete(&mut self) {
        self.word("DELETE");
        self.word("FROM");
        self.name("gen_t");
        self.word("WHERE");
        self.condition();
    }

    fn with(&mut self) {
        self.word("WITH");
        self.raw(" a");
        self.word("AS");
        self.raw(" (");
        self.word("SELECT");
        self.text_literal();
        self.word("AS");
        self.raw(" x), b (y)");
        self.word("AS");
        self.raw(" (");
        self.word("SELECT");
        self.number_literal();
        self.raw(")");
        self.word("SELECT");
        self.raw(" x, y");
        self.word("FROM");
        self.raw(" a, b");
        self.word("WHERE");
        self.raw(" x <>");
        self.text_literal();
    }

    fn values(&mut self) {
        self.word("VALUES");
        for row in 0..=self.below(4) {
            if row > 0 {
                self.raw(",");
            }
            self.raw(" (");
            self.text_literal();
            self.raw(",");
            self.number_literal();
            self.raw(")");
        }
    }

    fn merge(&mut self) {
        self.word("MERGE INTO");
        self.raw(" gen_t");
        self.word("USING");
        self.raw(" gen_u");
        self.word("ON");
        self.raw(" gen_t.id = gen_u.id");
        self.word("AND");
        self.raw(" note =");
        self.text_literal();
        self.word("WHEN MATCHED THEN UPDATE SET");
        self.raw(" name =");
        self.text_literal();
        self.word("WHEN NOT MATCHED THEN INSERT");
        self.raw(" (id, name)");
        self.word("VALUES");
        self.raw(" (gen_u.id,");
        self.text_literal();
        self.raw(")");
    }

    /// True if it cannot be undone.
    fn definition(&mut self) -> bool {
        self.defines = true;
        match self.below(4) {
            0 => {
                self.word("CREATE");
                self.word("TABLE");
                self.name("gen_x");
                self.raw(" (id INTEGER PRIMARY KEY, password");
                self.word("VARCHAR");
                self.raw("(770) DEFAULT '");
                self.raw(TEXT);
                self.raw("', n INTEGER");
                self.word("DEFAULT");
                self.raw(" -770077");
                self.word("CHECK");
                self.raw(" (n <> +770077))");
            }
            1 => {
                self.word("CREATE");
                self.word("VIEW");
                self.name("gen_v");
                self.word("AS");
                self.word("SELECT");
                self.raw(" name");
                self.word("FROM");
                self.raw(" gen_t");
                self.word("WHERE");
                self.raw(" name =");
                self.text_literal();
            }
            2 => {
                self.word("ALTER");
                self.word("TABLE");
                self.name("gen_t");
                self.word("ADD");
                self.word("COLUMN");
                self.name("password");
                self.word("VARCHAR");
                self.raw("(770)");
                self.word("DEFAULT");
                self.raw(" '");
                self.raw(TEXT);
                self.raw("'");
            }
            _ => {
                self.word("CREATE");
                self.word("INDEX");
                self.name("gen_i");
                self.word("ON");
                self.name("gen_t");
                self.raw(" (amount)");
            }
        }
        // MySQL ends the transaction with each of them
        self.dialect == MySql
    }

    /// What is not about rows and whose text is kept.
    fn other(&mut self) {
        match self.dialect {
            Postgres => match self.below(4) {
                0 => {
                    self.word("COMMENT ON TABLE");
                    self.raw(" gen_t");
                    self.word("IS");
                    self.raw(&format!(" '{TEXT}'"));
                }
                1 => {
                    self.word("NOTIFY");
                    self.raw(&format!(" gen_n, '{TEXT}'"));
                }
                2 => {
                    self.word("DECLARE");
                    self.raw(" gen_c");
                    self.word("CURSOR FOR");
                    self.select();
                }
                _ => self.procedure(),
            },
            MySql => match self.below(3) {
                0 => {
                    self.word("SHOW TABLES LIKE");
                    self.raw(&format!(" '{TEXT}'"));
                }
                1 => {
                    self.word("DESCRIBE");
                    self.raw(" gen_t");
                }
                _ => self.procedure(),
            },
            _ => match self.below(2) {
                0 => self.raw("SAVEPOINT gen_s"),
                _ => {
                    self.word("EXPLAIN QUERY PLAN");
                    self.select();
                }
            },
        }
    }

    fn procedure(&mut self) {
        self.word("CALL");
        self.raw(" gen_p(");
        self.text_literal();
        self.raw(",");
        self.number_literal();
        self.raw(")");
    }

    /// What may hold a secret that is no literal. True if it cannot be undone.
    fn secret(&mut self) -> bool {
        let choice = self.below(8);
        let text = match (self.dialect, choice) {
            (Postgres, 0) => format!("SET my.token = {TEXT}"),
            (Postgres, 1) => format!("SET LOCAL my.token TO '{TEXT}'"),
            (Postgres, 2) => format!("CREATE ROLE gen_r PASSWORD '{TEXT}'"),
            (Postgres, 3) => format!("ALTER ROLE current_user SET my.token = {TEXT}"),
            (Postgres, 4) => format!("DO $$ BEGIN PERFORM '{TEXT}'; END $$"),
            (Postgres, 5) => format!("COPY gen_t (id) TO PROGRAM 'true # {TEXT}'"),
            (Postgres, 6) => {
                format!(
                    "CREATE FUNCTION gen_f(text) RETURNS text LANGUAGE sql AS $f$ SELECT '{TEXT}' $f$"
                )
            }
            (Postgres, _) => format!("GRANT SELECT ON gen_t TO current_user /* {TEXT} */"),
            (MySql, 0) => format!("SET @token = '{TEXT}'"),
            (MySql, 1) => format!("SET SESSION sql_mode = \"\" -- {TEXT}"),
            (MySql, 2) => format!("CREATE USER gen_r IDENTIFIED BY '{TEXT}'"),
            (MySql, 3) => format!(
                "ALTER USER gen_r IDENTIFIED VIA mysql_native_password USING PASSWORD('{TEXT}')"
            ),
            (MySql, 4) => format!("GRANT SELECT ON gen_t TO gen_r IDENTIFIED BY \"{TEXT}\""),
            (MySql, 5) => format!("DO '{TEXT}'"),
            (MySql, 6) => format!("LOAD DATA INFILE '/{TEXT}' INTO TABLE gen_t"),
            (MySql, _) => format!("SET PASSWORD FOR gen_r = PASSWORD('{TEXT}')"),
            (_, 0..=2) => format!("PRAGMA key = {TEXT}"),
            (_, 3..=5) => format!("PRAGMA hexkey = '{TEXT}'"),
            (_, 6) => format!("ATTACH ':memory:' AS {TEXT}"),
            (_, _) => {
                format!("CREATE TRIGGER gen_g AFTER INSERT ON gen_t BEGIN SELECT '{TEXT}'; END")
            }
        };
        self.raw(&text);
        match self.dialect {
            // needs rights on the machine
            Postgres => choice == 5,
            MySql => choice != 0 && choice != 5,
            _ => choice == 6,
        }
    }
}
