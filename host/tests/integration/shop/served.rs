//! What the component serves, without a browser.

use http::header::IF_NONE_MATCH;
use serde_json::json;

use super::store;
use crate::support::host::client;
use crate::support::store::{Plan, Store};

#[tokio::test(flavor = "multi_thread")]
async fn every_file_has_its_type_and_a_tag() {
    let shop = client(&store().await.host, "shop");
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/shop.js", "text/javascript; charset=utf-8"),
        ("/apple.svg", "image/svg+xml"),
    ] {
        let reply = shop.get(path).await;
        reply.expect(200);
        assert_eq!(
            (reply.header("content-type"), reply.header("cache-control")),
            (Some(content_type), Some("no-cache"))
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        shop.get_with(path, IF_NONE_MATCH, reply.header("etag").unwrap()).await.expect(304);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_not_there_is_a_page_that_says_so() {
    let shop = client(&store().await.host, "shop");
    for path in ["/nowhere", "/a/b", "/../style.css", "/index.html"] {
        let reply = shop.get(path).await;
        assert!(reply.expect(404).contains("There is nothing on this shelf"), "{path}");
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_run_its_own_scripts_and_call_the_two_services_only() {
    let store = store().await;
    let [users, catalogue] = ["users", "store"].map(|name| store.host.address(name).unwrap());
    let policy = client(&store.host, "shop").get("/").await;
    let policy = policy.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(policy.contains(&format!("connect-src 'self' http://{users} http://{catalogue};")), "{policy}");
    let services = client(&store.host, "shop").get("/services.json").await.json();
    assert_eq!(
        services,
        json!({ "users": format!("http://{users}"), "store": format!("http://{catalogue}"), "mails": true })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_shown_to_who_names_their_address() {
    let store = store().await;
    let (shop, http) = (client(&store.host, "shop"), store.http());
    let customer = http.sign_up().await;
    let order = http.store.post("/checkout", &json!({ "user_id": customer.id, "items": [1] })).await.json();
    let subject = format!("Your order {}", order["order_id"]);
    let path = format!("/mails?to={}", customer.email.to_uppercase());
    let mails = crate::support::wait::until("the mail is shown", async || {
        let mails = shop.get(&path).await.json();
        mails.as_array().filter(|mails| !mails.is_empty()).cloned()
    })
    .await;
    assert_eq!((mails.len(), &mails[0]["subject"]), (1, &json!(subject)));
    assert_eq!(shop.get("/mails?to=other@example.com").await.expect(200), "[]");
    shop.get("/mails").await.problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mailbox_there_are_no_mails_to_show() {
    let store = Store::start_as(|plan| Plan { variables: vec![("MAILBOX_URL", String::new())], ..plan }).await;
    let shop = client(&store.running.host, "shop");
    assert_eq!(shop.get("/services.json").await.json()["mails"], false);
    shop.get("/mails?to=john@example.com").await.problem(404);
    store.running.host.stop().await;
}
