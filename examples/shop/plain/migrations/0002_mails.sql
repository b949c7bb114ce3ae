CREATE TABLE mails (
    order_id bigint PRIMARY KEY REFERENCES orders,
    recipient text NOT NULL
);

INSERT INTO users (email, token) VALUES ('ada@example.org', 'token-of-ada'), ('bob@example.org', 'token-of-bob');

INSERT INTO products (sku, title, price_cents, stock) VALUES
    ('teapot', 'Teapot', 2490, 5),
    ('cup', 'Cup', 650, 40),
    ('spoon', 'Spoon', 190, 1);
