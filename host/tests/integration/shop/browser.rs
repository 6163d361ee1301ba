//! A customer in Chromium.

use serde_json::json;
use thirtyfour::Key;

use super::{PASSWORD, address, sign_up, store, url};
use crate::support::browser::Browser;
use crate::support::store::{Plan, Running, Store};
use crate::support::wait::until;

const APPLE: &str = ".product:nth-child(1) button";
const BANANA: &str = ".product:nth-child(2) button";

/// How many orders the customer of this page has.
async fn orders(store: &Running, page: &Browser) -> i64 {
    let id = page.run("return JSON.parse(sessionStorage.getItem('customer')).id").await;
    store.count(&store.databases.orders, &format!("orders where user_id = {id}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_signs_up_browses_checks_out_and_gets_the_mail() {
    let Some(page) = Browser::start("the walk through the shop").await else { return };
    let (store, email) = (store().await, address());
    page.open(&url(store)).await;
    page.shows("#products", "Apple").await;
    page.shows(".product:nth-child(2) .price", "0.99").await;
    sign_up(&page, &email).await;
    page.click(APPLE).await;
    page.click(BANANA).await;
    page.click(BANANA).await;
    page.shows("#total", "3.97").await;
    page.click("#buy").await;
    page.shows("#order", "Thank you! Order ").await;
    page.shows("#mails", "- Apple\n- Banana\n- Banana\n\nTotal: 3.97").await;
    page.shows("#mails", &email).await;
    assert_eq!(page.run("return document.querySelectorAll('.journey .done').length").await, 4);
    page.shows("#basket-empty", "Nothing in it yet.").await;
    assert_eq!(orders(store, &page).await, 1);

    page.open(&url(store)).await;
    page.shows("#customer-email", &email).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_elsewhere() {
    let Some(page) = Browser::start("nothing is fetched from elsewhere").await else { return };
    let store = store().await;
    page.open(&url(store)).await;
    page.shows("#products", "Banana").await;
    let loaded = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)").await;
    let own = ["shop", "store"].map(|name| format!("http://{}/", store.host.address(name).unwrap()));
    let loaded: Vec<String> = serde_json::from_value(loaded).unwrap();
    assert!(loaded.len() > 5, "{loaded:?}");
    assert_eq!(loaded.iter().find(|name| !own.iter().any(|origin| name.starts_with(origin))), None);
    page.close().await;
}

/// The second click comes before the first has its answer; the third request repeats what a lost answer would.
#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one_order() {
    let Some(page) = Browser::start("a double click is one order").await else { return };
    let store = store().await;
    page.open(&url(store)).await;
    sign_up(&page, &address()).await;
    page.click(APPLE).await;
    // Of each checkout, as it is sent, its key; the first has no answer that the page could see.
    page.run(
        "const real = window.fetch; window.keys = [];
         window.fetch = async (url, options) => {
           const key = options?.headers?.['idempotency-key'];
           const answer = await real(url, options);
           if (key && window.keys.push(key) === 1) { throw new TypeError('lost'); }
           return answer;
         };
         const button = document.getElementById('buy'); button.click(); button.click();",
    )
    .await;
    page.shows("#basket-error", "Try again").await;
    page.click("#buy").await;
    page.shows("#order", "Thank you!").await;
    let keys = page.run("return window.keys").await;
    assert_eq!(keys, json!([keys[0], keys[0]]), "the double click was sent once, and asked again under its key");
    assert_eq!(orders(store, &page).await, 1);
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_beside_the_field() {
    let Some(page) = Browser::start("what is wrong is said beside the field").await else { return };
    let mut store = Store::start_as(Plan::with_ports).await;
    let running = &store.running;
    let insert = "insert into products (name, price) values ('Cherry', 0.10) returning name";
    assert_eq!(running.text(&running.databases.store, insert).await, "Cherry");
    page.open(&url(running)).await;

    page.fill("#email", "john").await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-up button").await;
    page.shows("#email-error", "The email address must be an email address such as john@example.com.").await;
    assert_eq!(page.run("return document.activeElement.id + document.activeElement.ariaInvalid").await, "emailtrue");
    page.fill("#email", "john@example.com").await;
    page.fill("#password", "short").await;
    page.click("#sign-up button").await;
    page.shows("#password-error", "The password must have 8 to 128 characters.").await;
    page.shows("#email-error", "").await;

    page.click(APPLE).await;
    page.click("#buy").await;
    page.shows("#sign-up-error", "Sign up first").await;
    sign_up(&page, "john@example.com").await;
    page.click("#leave").await;
    page.fill("#email", "John@Example.com").await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-up button").await;
    page.shows("#email-error", "There is an account with this email already.").await;
    sign_up(&page, "jane@example.com").await;

    page.click(".product:nth-child(3) button").await;
    let gone =
        running.text(&running.databases.store, "delete from products where name = 'Cherry' returning name").await;
    assert_eq!(gone, "Cherry");
    page.click("#buy").await;
    page.shows(".line:nth-child(2) .error", "No longer for sale").await;
    page.click(".line:nth-child(2) .less").await;
    page.click("#buy").await;
    page.shows("#order", "Thank you!").await;

    store.redis.stop().await;
    page.click("#leave").await;
    page.fill("#email", "jack@example.com").await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-up button").await;
    page.shows("#sign-up-error", "A part of the shop is away just now.").await;
    page.close().await;
    store.running.host.stop().await;
}

/// By Tab to what has the words in its name, and then Enter.
async fn press(page: &Browser, name: &str) {
    const NAME: &str =
        "const it = document.activeElement; return it.ariaLabel ?? it.labels?.[0]?.textContent ?? it.textContent";
    let mut passed = Vec::new();
    while !passed.last().is_some_and(|last: &String| last.contains(name)) {
        assert!(passed.len() < 20, "no way by Tab to {name}: {passed:?}");
        page.keys(Key::Tab).await;
        passed.push(page.run(NAME).await.as_str().unwrap_or_default().trim().to_owned());
    }
    let outline = page.run("return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "the focus on {name} can be seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    let Some(page) = Browser::start("the keyboard is enough").await else { return };
    let (store, email) = (store().await, address());
    page.open(&url(store)).await;
    page.shows("#products", "Banana").await;
    press(&page, "Skip to the products").await;
    press(&page, "Email address").await;
    page.keys(email.as_str()).await;
    press(&page, "Password").await;
    page.keys(PASSWORD).await;
    press(&page, "Sign up").await;
    page.keys(Key::Enter).await;
    page.shows("#customer-email", &email).await;
    press(&page, "Add to basket: Banana").await;
    page.keys(Key::Enter).await;
    press(&page, "One more: Banana").await;
    page.keys(" ").await;
    page.shows("#total", "1.98").await;
    assert_eq!(page.run("return document.activeElement.ariaLabel").await, "One more: Banana", "the focus stays");
    press(&page, "Check out").await;
    page.keys(Key::Enter).await;
    page.shows("#order", "Thank you!").await;
    assert_eq!(page.run("return document.activeElement.id").await, "order", "what happened has the focus");
    page.shows("#mails", "- Banana\n- Banana").await;
    until("the mail is announced", async || {
        let said = page.run("return document.getElementById('said').textContent").await;
        said.as_str().unwrap().starts_with("Mail arrived: Your order").then_some(())
    })
    .await;
    page.close().await;
}

/// A mailbox that nobody has is said, and nothing is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_mailbox_the_page_says_where_mails_go() {
    let Some(page) = Browser::start("without a mailbox").await else { return };
    let no_mailbox = ("MAILBOX_URL", String::new());
    let store = Store::start_as(|plan| {
        let mut plan = plan.with_ports();
        plan.variables.push(no_mailbox);
        plan
    })
    .await;
    page.open(&url(&store.running)).await;
    page.shows("#inbox-state", "comes to your own mailbox").await;
    page.close().await;
    store.running.host.stop().await;
}
