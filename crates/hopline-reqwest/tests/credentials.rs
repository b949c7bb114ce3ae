//! Credentials and baggage never cross origins, wherever they come from.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::any;
use hopline_core::{Baggage, Context, FutureExt};
use hopline_reqwest::redirect::Policy;
use hopline_reqwest::{BuildError, ClientExt};
use hopline_testing::tracer;
use http::Extensions;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT,
};
use reqwest_middleware::{
    ClientBuilder, ClientWithMiddleware, Middleware, Next, RequestBuilder, Result,
};
use support::{lines, serve, sorted, trace};

/// Two servers under two names: `/back` redirects to the first, `/cross` to the second, `/same` stays; the rest shows
/// the headers that arrived.
struct Hosts {
    own: SocketAddr,
    other: SocketAddr,
}

impl Hosts {
    async fn serve() -> Self {
        let app = |uri: Uri, headers: HeaderMap| async move {
            let (path, query) = (uri.path(), uri.query().unwrap_or_default());
            match path {
                "/to" => Err((
                    StatusCode::TEMPORARY_REDIRECT,
                    [
                        ("location", query.to_owned()),
                        ("set-cookie", "jar=jar-secret".to_owned()),
                    ],
                )),
                _ => Ok(lines(&headers)),
            }
        };
        let address = |url: String| url.trim_start_matches("http://").parse().unwrap();
        Self {
            own: address(serve(Router::new().fallback(any(app))).await),
            other: address(serve(Router::new().fallback(any(app))).await),
        }
    }

    fn resolve(&self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        client
            .no_proxy()
            .resolve("own.example", self.own)
            .resolve("other.example", self.other)
    }

    fn own(&self) -> String {
        format!("http://own.example:{}", self.own.port())
    }

    fn other(&self) -> String {
        format!("http://other.example:{}", self.other.port())
    }

    /// URLs that redirect to another origin: another host and port, another port alone, and one behind a hop within
    /// the origin.
    fn crossing(&self) -> [String; 3] {
        let (own, other) = (self.own(), self.other());
        [
            format!("{own}/to?{other}/end"),
            format!(
                "http://127.0.0.1:{}/to?http://127.0.0.1:{}/end",
                self.own.port(),
                self.other.port()
            ),
            format!("{own}/to?/to?{other}/end"),
        ]
    }
}

/// Adds a token to each call, as middleware for OAuth does.
struct Token;

#[async_trait::async_trait]
impl Middleware for Token {
    async fn handle(
        &self,
        mut request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response> {
        let value = HeaderValue::from_static("Bearer token-secret");
        request.headers_mut().insert(AUTHORIZATION, value);
        next.run(request, extensions).await
    }
}

fn secret_headers() -> HeaderMap {
    let names = [
        AUTHORIZATION,
        COOKIE,
        HeaderName::from_static("cookie2"),
        PROXY_AUTHORIZATION,
    ];
    let value = || HeaderValue::from_static("default-secret");
    names.into_iter().map(|name| (name, value())).collect()
}

async fn text(client: &ClientWithMiddleware, url: &str) -> String {
    let call = client.get(url).header("x-own", "1");
    call.send().await.unwrap().text().await.unwrap()
}

/// The headers that a client of reqwest and one of `ClientBuilder` send, each made from the same default headers and middleware.
fn pair(
    hosts: &Hosts,
    with: fn(hopline_reqwest::ClientBuilder) -> hopline_reqwest::ClientBuilder,
    plain: ClientBuilder,
) -> [ClientWithMiddleware; 2] {
    let (tracer, _spans) = tracer("gateway");
    let ours =
        with(hopline_reqwest::ClientBuilder::new().configure(|client| hosts.resolve(client)))
            .trace(trace(&tracer))
            .no_headers_to(["own.example", "other.example", "127.0.0.1"]);
    [plain.build(), ours.build().unwrap()]
}

#[tokio::test]
async fn default_headers_stay_within_the_origin() {
    let hosts = Hosts::serve().await;
    let plain = hosts
        .resolve(reqwest::Client::builder())
        .default_headers(secret_headers());
    let clients = pair(
        &hosts,
        |builder| builder.default_headers(secret_headers()),
        ClientBuilder::new(plain.build().unwrap()),
    );
    crossed(&hosts, &clients, "default-secret", 4).await;
}

#[tokio::test]
async fn credentials_of_a_request_stay_within_the_origin() {
    let hosts = Hosts::serve().await;
    let plain = hosts.resolve(reqwest::Client::builder()).build().unwrap();
    let [plain, ours] = pair(&hosts, |builder| builder, ClientBuilder::new(plain));
    for url in hosts.crossing() {
        for secret in [
            |call: RequestBuilder| call.basic_auth("u", Some("secret")),
            |call: RequestBuilder| call.bearer_auth("secret"),
            |call: RequestBuilder| call.headers(secret_headers()),
        ] {
            let mut seen = Vec::new();
            for client in [&plain, &ours] {
                let response = secret(client.get(&url)).send().await.unwrap();
                let text = response.text().await.unwrap();
                assert!(
                    !text.contains("secret") && !text.contains("authorization"),
                    "{url}: {text}"
                );
                seen.push(text);
            }
            assert_eq!(sorted(&seen[0]), sorted(&seen[1]), "{url}");
        }
        let with_user = url.replacen("//", "//user:secret@", 1);
        let text = text(&ours, &with_user).await;
        assert!(!text.contains("authorization"), "{url}: {text}");
    }
}

#[tokio::test]
async fn credentials_of_a_middleware_stay_within_the_origin() {
    let hosts = Hosts::serve().await;
    let plain = hosts.resolve(reqwest::Client::builder()).build().unwrap();
    let clients = pair(
        &hosts,
        |builder| builder.with(Token),
        ClientBuilder::new(plain).with(Token),
    );
    crossed(&hosts, &clients, "token-secret", 1).await;
}

/// reqwest 0.13 sends the first request's credentials again on a hop within the other origin, so a plain client is no
/// measure here.
#[tokio::test]
async fn credentials_do_not_come_back_within_the_other_origin() {
    let hosts = Hosts::serve().await;
    let plain = || ClientBuilder::new(reqwest::Client::new());
    let [_, by_default] = pair(
        &hosts,
        |builder| builder.default_headers(secret_headers()),
        plain(),
    );
    let [_, by_middleware] = pair(&hosts, |builder| builder.with(Token), plain());
    let [_, by_request] = pair(&hosts, |builder| builder, plain());
    let (own, other) = (hosts.own(), hosts.other());
    for url in [
        format!("{own}/to?{other}/to?/end"),
        format!("{own}/to?/to?{other}/to?/to?/end"),
    ] {
        let calls = [
            by_default.get(&url),
            by_middleware.get(&url),
            by_request.get(&url).headers(secret_headers()),
            by_request.get(&url).bearer_auth("secret"),
        ];
        for call in calls {
            let response = call.header("x-own", "1").send().await.unwrap();
            assert_eq!(response.url().as_str(), format!("{other}/end"));
            let seen = response.text().await.unwrap();
            assert!(
                seen.contains("x-own: 1\n") && !seen.contains("secret"),
                "{url}: {seen}"
            );
        }
    }
}

/// The secret arrives at its own origin, `count` times, and nowhere else; all headers are as with reqwest.
async fn crossed(hosts: &Hosts, clients: &[ClientWithMiddleware; 2], secret: &str, count: usize) {
    let own = hosts.own();
    for url in [format!("{own}/end"), format!("{own}/to?/end")] {
        for client in clients {
            let seen = text(client, &url).await;
            assert_eq!(seen.matches(secret).count(), count, "{url}: {seen}");
        }
    }
    let back = format!("{own}/to?{}/to?{own}/end", hosts.other());
    for url in hosts.crossing().into_iter().chain([back]) {
        let [plain, ours] = clients;
        let (plain, ours) = (text(plain, &url).await, text(ours, &url).await);
        assert!(
            ours.contains("x-own: 1\n") && !ours.contains("secret"),
            "{url}: {ours}"
        );
        assert_eq!(sorted(&ours), sorted(&plain), "{url}");
    }
}

#[tokio::test]
async fn cookies_are_those_of_the_host() {
    let hosts = Hosts::serve().await;
    let (tracer, _spans) = tracer("gateway");
    let ours = hopline_reqwest::ClientBuilder::new()
        .configure(|client| hosts.resolve(client).cookie_store(true))
        .trace(trace(&tracer))
        .build()
        .unwrap();
    let (own, other) = (hosts.own(), hosts.other());
    let seen = text(&ours, &format!("{own}/to?/end")).await;
    assert!(
        seen.contains("cookie: jar=jar-secret\n"),
        "the store is in use: {seen}"
    );
    // the other host sets none on its way
    let seen = text(&ours, &format!("{own}/to?{other}/end")).await;
    assert!(!seen.contains("secret"), "{seen}");
}

#[tokio::test]
async fn a_proxy_s_credentials_go_to_the_proxy_alone() {
    let hosts = Hosts::serve().await;
    let proxy = serve(
        Router::new().fallback(|uri: Uri, headers: HeaderMap| async move {
            let asked = uri.query().unwrap_or_default().to_owned();
            assert_eq!(headers["proxy-authorization"], "Basic dTpwcm94eS1zZWNyZXQ=");
            (StatusCode::FOUND, [("location", asked)])
        }),
    )
    .await;
    let (tracer, _spans) = tracer("gateway");
    let own = reqwest::Url::parse(&proxy).unwrap();
    let via = reqwest::Proxy::custom(move |url| {
        (url.host_str() == Some("behind.example")).then(|| own.clone())
    })
    .basic_auth("u", "proxy-secret");
    let ours = hopline_reqwest::ClientBuilder::new()
        .configure(|client| client.proxy(via).resolve("other.example", hosts.other))
        .trace(trace(&tracer))
        .build()
        .unwrap();
    let seen = text(
        &ours,
        &format!("http://behind.example/to?{}/end", hosts.other()),
    )
    .await;
    assert!(seen.contains("x-own: 1\n"), "{seen}");
    assert!(!seen.contains("proxy-authorization"), "{seen}");
}

#[test]
fn settings_that_do_not_hold_across_redirects_are_refused() {
    let refused = |change: fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder| {
        match hopline_reqwest::ClientBuilder::new()
            .configure(change)
            .build()
        {
            Err(BuildError::Setting(name)) => Some(name),
            other => other.map(|_| None).unwrap(),
        }
    };
    let headers = |name: HeaderName, value: &'static str| {
        let mut value = HeaderValue::from_static(value);
        value.set_sensitive(value != "plain");
        HeaderMap::from_iter([(name, value)])
    };
    assert_eq!(refused(|client| client), None);
    assert_eq!(
        refused(|client| client.user_agent("timeout: 1, redirect")),
        None
    );
    assert_eq!(
        refused(|client| client.connect_timeout(Duration::from_secs(1))),
        None
    );
    assert_eq!(refused(|client| client.https_only(true)), None);
    assert_eq!(
        refused(|client| client.redirect(reqwest::redirect::Policy::none())),
        Some("redirect")
    );
    assert_eq!(refused(|_| reqwest::Client::builder()), Some("redirect"));
    assert_eq!(refused(|client| client.referer(false)), Some("referer"));
    assert_eq!(
        refused(|client| client.timeout(Duration::from_secs(1))),
        Some("timeout")
    );
    let default = "default_headers";
    for (name, value, wanted) in [
        (AUTHORIZATION, "Bearer {\"a\": 1}, b", Some(default)),
        (AUTHORIZATION, "plain", Some(default)),
        (COOKIE, "a=\"}", Some(default)),
        (PROXY_AUTHORIZATION, "plain", Some(default)),
        (HeaderName::from_static("cookie2"), "plain", Some(default)),
        (CONTENT_TYPE, "plain", Some(default)),
        (USER_AGENT, "authorization: {\"", None),
        (HeaderName::from_static("x-authorization"), "plain", None),
    ] {
        let build = hopline_reqwest::ClientBuilder::new()
            .configure(|client| client.default_headers(headers(name.clone(), value)));
        let refused = match build.build() {
            Err(BuildError::Setting(name)) => Some(name),
            other => other.map(|_| None).unwrap(),
        };
        assert_eq!(refused, wanted, "{name}: {value}");
    }
    let error = BuildError::Setting("redirect");
    assert_eq!(
        format!("{error:?}"),
        "`redirect` is set in `configure`, where it does not hold across redirects: call \
         `hopline_reqwest::ClientBuilder::redirect` instead"
    );
}

/// An internal host redirects to a stranger.
#[tokio::test]
async fn a_stranger_behind_a_redirect_gets_no_baggage() {
    let hosts = Hosts::serve().await;
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let crossing = format!(
        "http://127.0.0.1:{}/to?{}/end",
        hosts.own.port(),
        hosts.other()
    );
    let own = format!("http://127.0.0.1:{}/end", hosts.own.port());
    let sent = async |client: &ClientWithMiddleware, url: &str| {
        let call = client.get(url).send().in_context(context.clone());
        call.await.unwrap().text().await.unwrap()
    };
    let plain = || hosts.resolve(reqwest::Client::builder());
    let traced = plain().build().unwrap().traced();
    let seen = sent(&traced, &crossing).await;
    assert!(!seen.contains("baggage"), "{seen}");
    let seen = sent(&traced, &own).await;
    assert!(!seen.contains("baggage"), "redirects are not seen: {seen}");

    let ours = || {
        let ours = hopline_reqwest::ClientBuilder::new().configure(|client| hosts.resolve(client));
        ours.trace(trace(&tracer))
    };
    let client = ours().build().unwrap();
    assert!(
        sent(&client, &own)
            .await
            .contains("baggage: tenant_id=acme\n")
    );
    let seen = sent(&client, &crossing).await;
    assert!(
        seen.contains("traceparent: ") && !seen.contains("baggage"),
        "{seen}"
    );
    let named = ours().baggage_to(["other.example"]).build().unwrap();
    assert!(
        sent(&named, &crossing)
            .await
            .contains("baggage: tenant_id=acme\n")
    );
    let denied = ours().no_headers_to(["other.example"]).build().unwrap();
    let seen = sent(&denied, &crossing).await;
    assert!(
        !seen.contains("trace") && !seen.contains("baggage"),
        "{seen}"
    );
    let stays = ours().redirect(Policy::none()).build().unwrap();
    assert_eq!(stays.get(&crossing).send().await.unwrap().status(), 307);
}
