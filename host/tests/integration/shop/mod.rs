//! The page of the shop: what is served, and in a browser what a customer sees.

mod browser;
mod look;
mod served;

use tokio::sync::OnceCell;

use crate::support::browser::Browser;
use crate::support::shared;
use crate::support::store::{Plan, Running, Store};
use crate::support::unique;

/// The one store for tests that break nothing in it.
async fn store() -> &'static Running {
    static STORE: OnceCell<Store> = OnceCell::const_new();
    &STORE.get_or_init(|| shared(|| Store::start_as(Plan::with_ports))).await.running
}

fn url(store: &Running) -> String {
    format!("http://{}/", store.host.address("shop").unwrap())
}

const PASSWORD: &str = "correct horse";

/// Waits for the answer: without an account there is no checkout.
async fn sign_up(page: &Browser, email: &str) {
    page.fill("#email", email).await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-up button").await;
    page.shows("#customer-email", email).await;
}

fn address() -> String {
    format!("{}@example.com", unique("customer"))
}
