//! Secrets in URLs, paths, queries, fragments and header lines, and harmless text that stays.

use std::borrow::Cow;

use hopline_core::redact::{Redaction, is_secret_key, is_secret_value};
use proptest::prelude::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

#[test]
fn keys_that_name_secrets_are_known_in_their_forms() {
    for key in [
        "token",
        "Access_Token",
        "refreshToken",
        "user[password]",
        "api-key",
        "x-api-key",
        "subscription-key",
        "Ocp-Apim-Subscription-Key",
        "x-functions-key",
        "APIKey",
        "apikey2",
        "code",
        "auth_code",
        "otpCode",
        "x-auth",
        "%74oken",
        "%2574oken",
        "jwt",
        "AWSAccessKeyId",
        "access_key_id",
        "sessionid",
        "sessionId",
        "SESSIONID",
        "PHPSESSID",
        "JSESSIONID",
        "ASP.NET_SessionId",
        "connect.sid",
        "sid",
        "password1",
        "password_2",
        "passwordConfirm",
        "newpassword",
        "db_pass",
        "userPwd",
        "x-otp",
        "cardNumber",
        "pin",
        "client_secret",
        "code_verifier",
        "SAMLResponse",
        "x-forwarded-client-cert",
        "x-ssl-client-cert",
        "x-client-cert",
        "client-cert-chain",
        "x-amzn-mtls-clientcert-subject",
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-hub-signature-256",
        "X-Amz-Signature",
        "sig",
        "tOkEn",
        "\u{e9}token1",
        "private.key",
    ] {
        assert!(is_secret_key(key), "{key}");
    }
}

#[test]
fn keys_that_name_other_things_stay() {
    for key in [
        "",
        "author",
        "authority",
        "page",
        "codec",
        "sessions",
        "discard",
        "q",
        "tokenizer",
        "keyboard",
        "monkey",
        "turkey",
        "hotkey",
        "passwordless",
        "secretary",
        "cardinal",
        "sort_key",
        "primaryKey",
        "partition-key",
        "cache_key",
        "idempotency-key",
        "public_key",
        "routing_key",
        "message.key",
        "sec-websocket-version",
        "country_code",
        "zipcode",
        "status_code",
        "barcode",
        "token_type",
        "tokenCount",
        "max_tokens",
        "oauth_signature_method",
        "oauth_timestamp",
        "pass_count",
        "state",
        "user%5Bname%5D",
        "x-request-id",
        "x-tenant-id",
        "id",
        "order.id",
        "certainty",
        "spin",
        "pinned",
        "keys",
        "key_id",
        "sidebar",
        "outside",
    ] {
        assert!(!is_secret_key(key), "{key}");
    }
}

#[test]
fn values_in_the_form_of_secrets_are_known() {
    for value in [
        JWT,
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "gho_0123456789abcdef",
        "github_pat_11ABCDEFG0123456789_abcdef",
        "glpat-0123456789abcdefghij",
        "glrt-0123456789abcdefghij",
        "xoxb-123456789012-abcdef",
        "xoxe.xoxp-1-Mi0yLTEyMw",
        "sk-proj-4eC39HqLyjWDarjt4eC39HqLyjWDarjt",
        "sk-0123456789abcdef0123456789abcdef",
        "sk_live_4eC39HqLyjWDarjt",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "AIzaSyA-0123456789abcdefghijklmnopqrst",
        "ya29.a0AfH6SMBx",
        "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",
        "v4.local.AAAAAAAAAAAA",
        "npm_0123456789abcdefABCDEF0123456789abcd",
        "ST-1856339-aA5Yuvrxzpv8Tau1cYQ7",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        "key is ghp_16C7e42F292c6912E7710c838347Ae178B4a, keep it",
        "Basic dXNlcjpwYXNz",
        "basic dTpw",
        "Bearer hunter",
        "Token 9944b09199c62bcf9418ad846dd0e4bb",
        "Digest username=\"Mufasa\", realm=\"r\"",
        "Negotiate YIIZ0GCSqGSIb3EgECAg",
        "NTLM TlRMTVNTUAAB",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1",
        "{\"user\":\"ann\",\"password\":\"hunter2\"}",
        "mutation{login(password:\"hunter2\"){id}}",
        "[{\"apiKey\" : \"x\"}]",
    ] {
        assert!(is_secret_value(value), "{value}");
    }
}

#[test]
fn values_of_other_forms_stay() {
    for value in [
        "",
        "7",
        "acme",
        "basic income",
        "Basic Training",
        "token ring",
        "550e8400-e29b-41d4-a716-446655440000",
        "018f3a52-7b9e-7c11-9c0e-0242ac120002",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sk-learn",
        "sk-telecom-annual-report-2024",
        "eyJpZCI6N30",
        "hf_dataset_of_the_year_2024",
        "key-performance-indicators-2024",
        "npm_config_registry_url",
        "ghp_",
        "AKIA",
        "1,2,3",
        "2026-11-24T12:00:00Z",
        "{\"page\":2,\"sort\":\"name\"}",
        "{\"token\":null}",
        "{\"password\":\"REDACTED\"}",
        "tokenizer: fast",
        "text/html;q=0.9",
        "ST-1",
        "st-patricks-day-2024-parade",
    ] {
        assert!(!is_secret_value(value), "{value}");
    }
}

#[test]
fn urls_lose_users_and_secret_values() {
    for (url, redacted) in [
        ("http://user@h:80/p", "http://REDACTED:REDACTED@h:80/p"),
        ("http://u:p@w@h/p@q", "http://REDACTED:REDACTED@h/p@q"),
        ("//u:p@h", "//REDACTED:REDACTED@h"),
        ("//u:p@h/x?a=1", "//REDACTED:REDACTED@h/x?a=1"),
        ("u:p@h:4317", "REDACTED:REDACTED@h:4317"),
        (
            "/proxy/https://u:p@h/x",
            "/proxy/https://REDACTED:REDACTED@h/x",
        ),
        (
            "http://h/?sig=a%20b&x=1&X-Amz-Signature=2",
            "http://h/?sig=REDACTED&x=1&X-Amz-Signature=REDACTED",
        ),
        (
            "/p?access_token=1&SIG=2",
            "/p?access_token=REDACTED&SIG=REDACTED",
        ),
        (
            "/p?x-api-key=1&subscription-key=2",
            "/p?x-api-key=REDACTED&subscription-key=REDACTED",
        ),
        (
            "/p?sessionid=1&password1=2",
            "/p?sessionid=REDACTED&password1=REDACTED",
        ),
        ("/p?a=1;token=2;b=3", "/p?a=1;token=REDACTED;b=3"),
        ("/p?password=a;b&c=1", "/p?password=REDACTED&c=1"),
        (
            "/p?state=ghp_16C7e42F292c6912E7710c838347",
            "/p?state=REDACTED",
        ),
        ("/p?ghp_16C7e42F292c6912E7710c838347", "/p?REDACTED"),
        ("/p?a=Basic%20dXNlcjpwYXNz", "/p?a=REDACTED"),
        ("/p?a=-----BEGIN+PRIVATE+KEY-----", "/p?a=REDACTED"),
        (
            "/graphql?variables=%7B%22password%22%3A%22hunter2%22%7D",
            "/graphql?variables=REDACTED",
        ),
        (
            "/login?redirect_uri=https://h/?token=1&page=2",
            "/login?redirect_uri=https://h/?token=REDACTED&page=2",
        ),
        (
            "/login?redirect_uri=https%3A%2F%2Fh%2F%3Ftoken%3D1&page=2",
            "/login?redirect_uri=https%3A%2F%2Fh%2F%3Ftoken%3DREDACTED&page=2",
        ),
        (
            "/login?next=%2Fa%3Fnext%3D%252Fb%253Ftoken%253D1",
            "/login?next=%2Fa%3Fnext%3D%252Fb%253Ftoken%253DREDACTED",
        ),
        (
            "/login?next=https%3A%2F%2Fu%3Ap%40h",
            "/login?next=https%3A%2F%2FREDACTED%3AREDACTED%40h",
        ),
        (
            "/login?next=/reset-password/8fZk2",
            "/login?next=/reset-password/REDACTED",
        ),
        (
            "/login?state=a%3D1%26token%3D2",
            "/login?state=a%3D1%26token%3DREDACTED",
        ),
        (
            "http://h/cb#access_token=1&state=2",
            "http://h/cb#access_token=REDACTED&state=2",
        ),
        (
            "http://h/#access_token=a/b&x=1",
            "http://h/#access_token=REDACTED&x=1",
        ),
        (
            "http://h/#/reset-password/8fZk2?a=1",
            "http://h/#/reset-password/REDACTED?a=1",
        ),
        (
            "http://u:p@h?token=1#f?token=2",
            "http://REDACTED:REDACTED@h?token=REDACTED#f?token=REDACTED",
        ),
        ("http://h/token/s3cret?a=1", "http://h/token/REDACTED?a=1"),
        (
            "http://u@h/token/s3cret",
            "http://REDACTED:REDACTED@h/token/REDACTED",
        ),
    ] {
        let usual = Redaction::default();
        assert_eq!(usual.url(url), redacted);
        assert_eq!(usual.url(redacted), redacted, "what is redacted stays so");
    }
    let jwt = format!("/p?state={JWT}");
    assert_eq!(Redaction::default().url(&jwt), "/p?state=REDACTED");
}

#[test]
fn harmless_urls_stay_as_they_are() {
    for url in [
        "",
        "/",
        "http://h/p?page=2&sort=asc#top",
        "/search?q=basic+income&lang=en",
        "/search?q=token%20ring",
        "/orders?ids=1,2,3;4&filter[name]=x&user%5Bname%5D=y",
        "/items?cursor=eyJpZCI6N30&sort_key=name",
        "/items?after=YWJjZGVmZ2hpamtsbW5vcA==",
        "/p?token&token=&a",
        "/p?next=%2Forders%2F7%3Fpage%3D2&u=https%3A%2F%2Fh%2Fa%2Bb",
        "/p?time=2026-11-24T12:00:00%2B01:00&at=12:30",
        "/.well-known/webfinger?resource=acct:ann@example.org",
        "/p?email=ann%40example.org",
        "mailto:ann@example.org",
        "//@scope/package",
        "/maps/@52.5,13.4,15z",
        "/p?filter={\"page\":2}",
        "/p?=&&=;",
    ] {
        assert_eq!(Redaction::default().url(url), url);
    }
}

#[test]
fn secrets_in_paths_go() {
    for (path, expected) in [
        ("/reset-password/8fZk2", "/reset-password/REDACTED"),
        ("/v1/token/abc1/use", "/v1/token/REDACTED/use"),
        ("/password/reset/8fZk2", "/password/reset/REDACTED"),
        (
            "/users/7/password/reset/493021",
            "/users/7/password/reset/REDACTED",
        ),
        (
            "/password/change/MQ/c1abc-5f0e",
            "/password/change/REDACTED/REDACTED",
        ),
        ("/reset/MQ/c1abc5f0e9d8c7b6a", "/reset/MQ/REDACTED"),
        ("/verify/email/aB3dE5fG", "/verify/email/REDACTED"),
        ("/invite/0f3a527b9e7c119c", "/invite/REDACTED"),
        ("/magic-link/abc123", "/magic-link/REDACTED"),
        ("/Bearer%20abc/x", "/REDACTED/x"),
        ("/a/eyJhbGciOiJIUzI1NiJ9.e30.c2ln/b", "/a/REDACTED/b"),
        ("/hooks/sk_live_4eC39HqLyjWDarjt", "/hooks/REDACTED"),
        ("/s/aZ3kP0qLm9XbT7rVw2YcN5dJh8FgU4eK", "/s/REDACTED"),
        ("/cart;jsessionid=1A2B;v=2", "/cart;jsessionid=REDACTED;v=2"),
        ("/login/token=a&x=1", "/login/token=REDACTED&x=1"),
        ("//u:p@h/x", "//REDACTED:REDACTED@h/x"),
        (
            "/fetch/https%3A%2F%2Fh%2F%3Ftoken%3D1",
            "/fetch/https%3A%2F%2Fh%2F%3Ftoken%3DREDACTED",
        ),
    ] {
        let usual = Redaction::default();
        assert_eq!(usual.path(path), expected);
        assert_eq!(usual.path(expected), expected, "what is redacted stays so");
    }
}

#[test]
fn ids_and_words_in_paths_stay() {
    for path in [
        "",
        "/",
        "//",
        "/orders/7",
        "/orders/018f3a52-7b9e-7c11-9c0e-0242ac120002",
        "/orders/confirm/018f3a52-7b9e-7c11-9c0e-0242ac120002",
        "/orders/7/confirm/12345678",
        "/verify/SKU-1234",
        "/blobs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/auth/login",
        "/password/reset/",
        "/password/reset/form",
        "/password/policies/7",
        "/session/start/orders/7",
        "/a=b",
        "/session",
        "/caf\u{e9}/bearer\u{e9}",
        "/tokenizers/bert/7",
        "/v1/items:batchGet",
        "/users/ann@example.org",
        "/a%20b/caf%C3%A9",
    ] {
        let kept = Redaction::default();
        let kept = kept.path(path);
        assert!(
            matches!(kept, Cow::Borrowed(same) if same == path),
            "{kept}"
        );
    }
}

#[test]
fn header_lines_lose_credentials_of_any_scheme() {
    let usual = Redaction::default();
    for (name, line) in [
        ("authorization", "hunter2"),
        ("cookie", "a=b"),
        ("set-cookie", "a=b; Path=/"),
        ("x-api-key", "hunter2"),
        ("x-auth-token", "hunter2"),
        ("proxy-authorization", "hunter2"),
        ("sessionid", "1"),
        ("x-otp", "493021"),
        ("x-forwarded-client-cert", "Hash=1;Subject=\"CN=ann\""),
        ("x-ssl-client-cert", "-----BEGIN%20CERTIFICATE-----"),
        ("x-client-cert", "MIIC"),
        ("client-cert", ":MIIC:"),
        ("sec-websocket-protocol", "bearer, hunter2"),
        ("sec-websocket-protocol", "chat, access_token, hunter2"),
        (
            "sec-websocket-protocol",
            "base64url.bearer.authorization.k8s.io.aHVudGVyMg",
        ),
        ("x-forwarded-access", "Bearer hunter2"),
        ("x-forwarded-access", "Basic dTpw"),
        ("x-forwarded-access", "Token hunter"),
        ("x-forwarded-access", "Digest username=\"ann\""),
        ("x-forwarded-access", "Negotiate YIIZ"),
        ("x-debug", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("x-user", JWT),
    ] {
        assert_eq!(usual.header(name, line), "REDACTED", "{name}: {line}");
    }
    for (name, line, redacted) in [
        (
            "referer",
            "http://h/?token=hunter2",
            "http://h/?token=REDACTED",
        ),
        (
            "location",
            "/reset-password/8fZk2",
            "/reset-password/REDACTED",
        ),
        (
            "link",
            "<https://u:p@h/a>; rel=next",
            "<https://REDACTED:REDACTED@h/a>; rel=next",
        ),
        (
            "x-options",
            "a=1; token=hunter2, b=2",
            "a=1; token=REDACTED, b=2",
        ),
    ] {
        assert_eq!(usual.header(name, line), redacted, "{name}: {line}");
    }
}

#[test]
fn harmless_header_lines_stay_as_they_are() {
    let usual = Redaction::default();
    for (name, line) in [
        ("x-tenant-id", "acme"),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        (
            "user-agent",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ),
        (
            "content-type",
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ("cache-control", "private, max-age=0"),
        ("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
        ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
        ("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("sec-websocket-protocol", "graphql-transport-ws, graphql-ws"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43"),
        ("via", "1.1 vegur"),
        ("", ""),
    ] {
        assert_eq!(usual.header(name, line), line, "{name}");
    }
}

#[test]
fn the_keys_and_the_paths_can_be_replaced() {
    let own = Redaction::default().query_keys(["Email"]);
    assert_eq!(own.query("email=1&token=2"), "email=REDACTED&token=2");
    assert_eq!(own.query("e%6dail=1"), "e%6dail=REDACTED");
    let none = Redaction::default().query_keys([]);
    assert_eq!(none.query("token=2"), "token=2");
    assert_eq!(
        none.url("http://u@h/?token=2"),
        "http://REDACTED:REDACTED@h/?token=2"
    );
    assert_eq!(
        none.query("a=ghp_16C7e42F292c6912E7710c838347"),
        "a=REDACTED"
    );
    let paths = Redaction::default().path_by(|_| Cow::Borrowed("/"));
    assert_eq!(paths.path("/customers/ann"), "/");
    assert_eq!(paths.url("http://h/customers/ann?a=1"), "http://h/?a=1");
    assert_eq!(paths.url("/customers/ann?a=1"), "/?a=1");
    let same_length = Redaction::default().path_by(|_| Cow::Borrowed("/c/--"));
    assert_eq!(same_length.url("http://h/c/an"), "http://h/c/--");
}

#[test]
fn urls_in_urls_without_end_are_redacted_in_the_end() {
    let mut url = String::from("/a?token=SECRETMARKER");
    for _ in 0..8 {
        url = format!("/a?next={}", encoded(&url));
    }
    let redacted = Redaction::default();
    let redacted = redacted.url(&url);
    assert!(!redacted.contains("SECRETMARKER"), "{redacted}");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

proptest! {
    #[test]
    fn anything_is_answered_and_stays_redacted(text in any::<String>()) {
        let usual = Redaction::default();
        let _ = (is_secret_key(&text), is_secret_value(&text), usual.query(&text), usual.header("x", &text));
        let once = usual.url(&text).into_owned();
        prop_assert_eq!(usual.url(&once), once.as_str(), "what is redacted stays so");
        let path = usual.path(&text).into_owned();
        prop_assert_eq!(usual.path(&path), path.as_str());
    }

    #[test]
    fn urls_of_any_form_stay_redacted(text in "[a-z:/?#@&;=%+.{\"A0]{0,40}(token|password|reset|//|://|%3D|%2F|%40){0,3}[a-z:/?#@&;=%+.{\"A0]{0,20}") {
        let usual = Redaction::default();
        let once = usual.url(&text).into_owned();
        prop_assert_eq!(usual.url(&once), once.as_str(), "{}", text);
    }

    #[test]
    fn no_user_and_no_secret_value_survives(
        user in "[a-z:@%]{0,8}",
        host in "[a-z.]{1,12}",
        path in "(/[a-z@]{0,5}){0,3}",
        key in "(access_token|sig|user\\[password\\]|X-Amz-Signature|api_key|x-api-key|code|password1)",
        other in "[a-z]{1,3}=[a-z0-9]{1,5}",
    ) {
        let url = format!("https://{user}SECRETMARKER@{host}{path}?{other}&{key}=SECRETMARKER#top");
        let redacted = Redaction::default();
        let redacted = redacted.url(&url);
        prop_assert!(!redacted.contains("SECRETMARKER"), "{}", redacted);
        prop_assert!(redacted.ends_with("#top") && redacted.contains(&host));
    }
}
