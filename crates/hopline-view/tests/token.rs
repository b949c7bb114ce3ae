//! The token in a browser: a link gives a cookie, which later requests have.
#![cfg(feature = "server")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use hopline_view::{Server, ServerOptions, View};

async fn start(token: &str) -> (Server, SocketAddr) {
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let options = ServerOptions::default().page(any).otlp_http(any);
    let options = options.without_grpc().token(token);
    let server = options.start(&View::new()).await.unwrap();
    let page = server.page_url().trim_start_matches("http://").parse();
    (server, page.unwrap())
}

/// Gets a path with these cookies; gives the status, and the name and value of a cookie that is set.
async fn get(page: SocketAddr, path: &str, cookies: &str) -> (u16, Option<String>) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {page}\r\ncookie: {cookies}\r\nconnection: close\r\n\r\n"
    );
    let exchange = move || {
        let mut stream = TcpStream::connect(page).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next());
    (answer[9..12].parse().unwrap(), cookie.map(str::to_owned))
}

#[tokio::test]
async fn viewers_on_two_ports_of_a_host_keep_their_cookies_apart() {
    let ((_first, one), (_second, two)) = (start("one").await, start("two").await);
    assert_eq!(get(one, "/api/info", "").await, (401, None));
    let (status, cookie_one) = get(one, "/?token=one", "").await;
    assert_eq!(status, 200);
    let (status, cookie_two) = get(two, "/?token=two", "").await;
    assert_eq!(status, 200);
    let (cookie_one, cookie_two) = (cookie_one.unwrap(), cookie_two.unwrap());
    assert_eq!(cookie_one, format!("hopline_view_{}=one", one.port()));
    let both = format!("other=1; {cookie_one}; {cookie_two}");
    assert_eq!(get(one, "/api/info", &both).await, (200, None));
    assert_eq!(get(two, "/api/info", &both).await, (200, None));
    assert_eq!(get(two, "/api/info", &cookie_one).await, (401, None));
}

#[tokio::test]
async fn a_link_with_the_token_replaces_the_cookie_of_an_earlier_run() {
    let (_server, page) = start("new").await;
    let old = format!("hopline_view_{}=old", page.port());
    assert_eq!(get(page, "/", &old).await, (401, None));
    let (status, cookie) = get(page, "/?token=new", &old).await;
    assert_eq!(status, 200);
    assert_eq!(cookie.unwrap(), format!("hopline_view_{}=new", page.port()));
}
