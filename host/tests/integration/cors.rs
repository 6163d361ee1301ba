//! Pages of other origins: what a browser is told about them, and that it is told so by the host.

use http::Method;

use crate::support::client::{Client, Reply};
use crate::support::misbehave::misbehave;

const SHOP: &str = "https://shop.example";

/// Sends what a browser sends, for a page of this origin.
async fn send(client: &Client, method: Method, path: &str, origin: &str, headers: &[(&'static str, &str)]) -> Reply {
    let mut request = client.request(method, path, "");
    request.headers_mut().insert("origin", origin.parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    client.send(request).await
}

async fn preflight(client: &Client, path: &str, origin: &str) -> Reply {
    let asked =
        [("access-control-request-method", "PUT"), ("access-control-request-headers", "authorization,content-type")];
    send(client, Method::OPTIONS, path, origin, &asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_request_is_answered_without_the_component() {
    let cors = format!(", cors = {{ origins = ['{SHOP}', 'http://localhost:8080'] }}");
    let (_host, client) = misbehave(&cors, "").await;
    for origin in [SHOP, "http://localhost:8080"] {
        let reply = preflight(&client, "/trap", origin).await;
        assert_eq!(reply.expect(200), "");
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-methods"), Some("PUT"));
        assert_eq!(reply.header("access-control-allow-headers"), Some("authorization,content-type"));
        assert_eq!(reply.header("access-control-max-age"), Some("600"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert!(reply.header("vary").is_some_and(|vary| vary.contains("origin")), "{reply:?}");
    }
    for other in ["http://shop.example", "https://shop.example:81", "https://a.shop.example", "null"] {
        assert_eq!(preflight(&client, "/trap", other).await.header("access-control-allow-origin"), None, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_read_every_answer_also_a_problem_of_the_host() {
    let (_host, client) = misbehave(&format!(", max-body = '10B', cors = {{ origins = '{SHOP}' }}"), "").await;
    let large = {
        let mut request = client.request(Method::POST, "/hello", "x".repeat(11));
        request.headers_mut().insert("origin", SHOP.parse().unwrap());
        client.send(request).await
    };
    let get = async |path| send(&client, Method::GET, path, SHOP, &[]).await;
    let answers = [(get("/hello").await, 200), (get("/nowhere").await, 404), (get("/trap").await, 500), (large, 413)];
    for (reply, status) in answers {
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP), "{reply:?}");
        assert_eq!(reply.header("access-control-expose-headers"), Some("x-request-id"), "{reply:?}");
    }
    let foreign = send(&client, Method::GET, "/hello", "https://other.example", &[]).await;
    assert_eq!(foreign.expect(200), "hello", "the page cannot read it, which is the browser's part");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_options_request_that_is_no_preflight_goes_to_the_component() {
    let (_host, client) = misbehave(&format!(", cors = {{ origins = '{SHOP}' }}"), "").await;
    let reply = send(&client, Method::OPTIONS, "/hello", SHOP, &[]).await;
    assert!(reply.header("allow").is_some_and(|allow| allow.contains("GET")), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some(SHOP));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_may_do_can_be_narrowed() {
    let narrow = "methods = ['GET'], headers = ['content-type'], expose = ['etag'], credentials = true, max-age = '5s'";
    let (_host, client) = misbehave(&format!(", cors = {{ origins = ['{SHOP}'], {narrow} }}"), "").await;
    let reply = preflight(&client, "/hello", SHOP).await;
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("access-control-max-age"), Some("5"));
    let reply = send(&client, Method::GET, "/hello", SHOP, &[]).await;
    assert_eq!(reply.header("access-control-expose-headers"), Some("etag,x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin() {
    let (_host, client) = misbehave(", cors = { origins = '*' }", "").await;
    let reply = send(&client, Method::GET, "/hello", "https://any.example", &[]).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_no_page_is_let_in() {
    let (_host, client) = misbehave("", "").await;
    for reply in [preflight(&client, "/hello", SHOP).await, send(&client, Method::GET, "/hello", SHOP, &[]).await] {
        assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{reply:?}");
    }
}
