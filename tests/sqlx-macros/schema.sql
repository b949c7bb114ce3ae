CREATE TABLE orders (
    id       INTEGER PRIMARY KEY NOT NULL,
    customer TEXT NOT NULL,
    note     TEXT
);
