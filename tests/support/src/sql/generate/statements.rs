//! Whole statements, by kind.

use hopline_sqlx::redact::Dialect::{MySql, Postgres, Sqlite};

use super::{Generator, NUMBER, TEXT};

impl Generator {
    pub(super) fn select(&mut self) {
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

    pub(super) fn window(&mut self) {
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

    pub(super) fn union(&mut self) {
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

    pub(super) fn rows(&mut self) {
        self.word("VALUES");
        let now = self.one_in(3);
        for row in 0..=self.below(5) {
            if row > 0 {
                self.raw(if row % 2 == 0 { ", " } else { "," });
            }
            // within the range of INTEGER, and a unique key
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

    pub(super) fn insert(&mut self) {
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

    pub(super) fn update(&mut self) {
        self.word("UPDATE");
        self.name("gen_t");
        self.word("SET");
        self.raw(" name =");
        self.text();
        self.raw(", amount = 770077");
        self.word("WHERE");
        self.condition();
    }

    pub(super) fn delete(&mut self) {
        self.word("DELETE");
        self.word("FROM");
        self.name("gen_t");
        self.word("WHERE");
        self.condition();
    }

    pub(super) fn with(&mut self) {
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

    pub(super) fn values(&mut self) {
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

    pub(super) fn merge(&mut self) {
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

    /// Returns true if the statement is irreversible.
    pub(super) fn definition(&mut self) -> bool {
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

    /// A statement that does not use rows, and whose text is kept.
    pub(super) fn other(&mut self) {
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

    pub(super) fn procedure(&mut self) {
        self.word("CALL");
        self.raw(" gen_p(");
        self.text_literal();
        self.raw(",");
        self.number_literal();
        self.raw(")");
    }

    /// A statement that may contain a secret outside of a literal. Returns true if it is irreversible.
    pub(super) fn secret(&mut self) -> bool {
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
            // requires rights on the server's machine
            Postgres => choice == 5,
            MySql => choice != 0 && choice != 5,
            _ => choice == 6,
        }
    }
}
