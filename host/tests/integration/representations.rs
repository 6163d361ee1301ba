//! What a GET has besides its answer: HEAD, OPTIONS, and an answer that the client has already (RFC 9110, 9.3 and 13.1).

use http::Method;
use http::header::IF_NONE_MATCH;

use crate::support::client::{Client, Reply};
use crate::support::store::Store;

/// Without the headers that each answer has its own of.
fn lasting(reply: &Reply) -> Vec<(String, String)> {
    let headers = reply.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    headers
}

async fn both_versions() -> [Client; 2] {
    let address = Store::shared().await.host.address("store").unwrap();
    [Client::new(address), Client::h2c(address)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_its_get_without_the_body() {
    for client in both_versions().await {
        for path in ["/products", "/products/1", "/products/3", "/products/x", "/nowhere", "/healthz"] {
            let (get, head) = (client.get(path).await, client.ask(Method::HEAD, path).await);
            assert_eq!((head.status, lasting(&head)), (get.status, lasting(&get)), "{path}");
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
            assert!(head.body.is_empty() && !get.body.is_empty(), "{path}: {head:?}");
        }
        let no_get = client.ask(Method::HEAD, "/checkout").await;
        assert_eq!((no_get.status, no_get.header("allow")), (405, Some("POST, OPTIONS")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_and_405_name_the_methods_that_there_are() {
    for client in both_versions().await {
        for (path, allow) in [
            ("/products", "GET, HEAD, OPTIONS"),
            ("/products/1", "GET, HEAD, OPTIONS"),
            ("/healthz", "GET, HEAD, OPTIONS"),
            ("/checkout", "POST, OPTIONS"),
        ] {
            let options = client.ask(Method::OPTIONS, path).await;
            assert_eq!((options.expect(204), options.header("allow")), ("", Some(allow)), "{path}");
            assert_eq!(options.header("content-length"), None, "{path}");
            let refusal = client.ask(Method::DELETE, path).await;
            refusal.problem(405);
            assert_eq!(refusal.header("allow"), Some(allow), "{path}");
        }
        client.ask(Method::OPTIONS, "/nowhere").await.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_has_is_not_sent_again() {
    for client in both_versions().await {
        for path in ["/products", "/products/1"] {
            let first = client.get(path).await;
            let tag = first.header("etag").expect("the catalogue has tags").to_owned();
            for known in
                [&tag, "*", &format!("W/{tag}"), &format!("\"a,b\", {tag}"), &format!("\"a\",W/\"b\",{tag},\"c\"")]
            {
                let again = client.get_with(path, IF_NONE_MATCH, known).await;
                assert_eq!((again.expect(304), again.header("etag")), ("", Some(tag.as_str())), "{known}");
                let of_content = ["content-type", "content-length"].map(|name| again.header(name));
                assert_eq!(of_content, [None, None], "{known}");
            }
            for other in ["\"other\"", "W/\"other\"", "\"a\", \"b\"", "\"*\"", "", tag.trim_matches('"')] {
                let again = client.get_with(path, IF_NONE_MATCH, other).await;
                assert_eq!((again.status, &again.body), (200, &first.body), "{other}");
            }
            let mut two_lines = client.request(Method::HEAD, path, "");
            two_lines.headers_mut().append(IF_NONE_MATCH, "\"other\"".parse().unwrap());
            two_lines.headers_mut().append(IF_NONE_MATCH, tag.parse().unwrap());
            assert_eq!(client.send(two_lines).await.status, 304);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_changes_nothing_but_what_is_there() {
    let store = Store::shared().await;
    let client = &store.http().store;
    client.get_with("/products/3", IF_NONE_MATCH, "*").await.problem(404);
    assert_eq!(client.get_with("/healthz", IF_NONE_MATCH, "*").await.status, 200, "it has no tag");
    let mut request = client.request(Method::POST, "/checkout", "{}");
    request.headers_mut().insert(IF_NONE_MATCH, "*".parse().unwrap());
    client.send(request).await.problem(422);
}

/// The tag is made of what is answered, so it is another when that is another.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_price_has_another_tag() {
    let store = Store::start().await;
    let client = &store.running.http().store;
    let [apple, banana] = [client.get("/products/1").await, client.get("/products/2").await];
    let update = "update products set price = 2.50 where id = 1 returning name";
    assert_eq!(store.running.text(&store.running.databases.store, update).await, "Apple");

    let again = client.get_with("/products/1", IF_NONE_MATCH, apple.header("etag").unwrap()).await;
    assert_eq!(again.expect(200), r#"{"id":1,"name":"Apple","price":"2.50"}"#);
    assert_ne!(again.header("etag"), apple.header("etag"));
    client.get_with("/products/2", IF_NONE_MATCH, banana.header("etag").unwrap()).await.expect(304);
    store.running.host.stop().await;
}
