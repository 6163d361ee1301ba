//! The catalogue and the checkout.
//!
//! `GET /products` and `GET /products/{id}` show what is for sale; `POST /checkout` adds up the prices and places the order
//! with the `orders` service.

mod catalogue;
mod checkout;
mod idempotency;
mod money;
mod orders;

use componentd_sdk::export_http;
use componentd_sdk::http::{Problem, Request, Response, Route};

const ROUTES: &[Route] = &[
    Route::get("/products", list_products),
    Route::get("/products/{id}", show_product),
    Route::post("/checkout", check_out),
];

export_http!(ROUTES);

fn list_products(_: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &catalogue::all()?)?.tagged())
}

fn show_product(request: &Request) -> Result<Response, Problem> {
    let id = catalogue::parse_id(request.parameter("id"))?;
    Ok(Response::json(200, &catalogue::one(id)?)?.tagged())
}

fn check_out(request: &Request) -> Result<Response, Problem> {
    let key = request.idempotency_key()?;
    let cart: checkout::Cart = request.json()?;
    cart.check()?;
    let order = match key {
        None => order_of(&cart)?,
        Some(key) => order_under(key, &cart)?,
    };
    Response::json(201, &orders::place(order, key)?)
}

/// The order for a cart at the prices of now, as `orders` reads it.
fn order_of(cart: &checkout::Cart) -> Result<Vec<u8>, Problem> {
    let products = catalogue::some(&cart.items)?;
    serde_json::to_vec(&cart.order(&products)?).map_err(Problem::internal)
}

/// The order that this key first asked for, which may be this one.
fn order_under(key: &str, cart: &checkout::Cart) -> Result<Vec<u8>, Problem> {
    if let Some(order) = idempotency::first_order(key, cart)? {
        return Ok(order);
    }
    let order = order_of(cart)?;
    idempotency::keep(key, cart, &order)?;
    // Another checkout may have been first meanwhile.
    Ok(idempotency::first_order(key, cart)?.unwrap_or(order))
}
