//! What to try, once the store is up.

use crate::ports::Port;

/// Method and path, the service that answers it, and the body it takes.
const TRY: &[(&str, &str, Option<&str>)] = &[
    ("users", "/signup", Some(r#"{"email": "john@example.com", "password": "correct horse"}"#)),
    ("store", "/products", None),
    ("store", "/products/1", None),
    ("store", "/checkout", Some(r#"{"user_id": 1, "items": [1, 2]}"#)),
    ("orders", "/order", Some(r#"{"user_id": 1, "items": ["apple", "banana"], "total_amount": "12.99"}"#)),
    (ADMIN, "/mailbox", None),
];

/// What needs a token.
const ADMIN: &str = "admin";

/// The addresses and a line to try for each.
pub fn text(ports: &[Port], token: &str, mailbox: bool) -> String {
    let addresses = ports.iter().map(|port| {
        let token = if port.name == ADMIN { format!("  token {token}") } else { String::new() };
        format!("  {:<8} http://{}{token}\n", port.name, host_and_port(port))
    });
    let shown = TRY.iter().filter(|(_, path, _)| mailbox || *path != "/mailbox");
    let lines = shown.filter_map(|(service, path, body)| {
        let port = ports.iter().find(|port| port.name == *service)?;
        let token = if *service == ADMIN { format!("-H 'authorization: Bearer {token}' ") } else { String::new() };
        Some(format!("  curl {token}{}http://{}{path}\n", post(*body), host_and_port(port)))
    });
    let (addresses, lines): (String, String) = (addresses.collect(), lines.collect());
    let shop = ports.iter().find(|port| port.name == "shop").map(|port| format!("http://{}", host_and_port(port)));
    let browser = shop.map(|url| format!("In a browser: {url}\n")).unwrap_or_default();
    format!("\nThe store is up; Ctrl-C ends it.\n\n{addresses}\n{browser}In another terminal:\n\n{lines}")
}

/// Loopback by its name: easier to read, and to type.
fn host_and_port(port: &Port) -> String {
    port.address().to_string().replace("127.0.0.1:", "localhost:")
}

fn post(body: Option<&str>) -> String {
    body.map(|body| format!("-H 'content-type: application/json' -d '{body}' ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_a_port_that_there_is() {
        let ports = crate::ports::all().unwrap();
        let all = text(&ports, "of-the-admin-port", true);
        assert_eq!(all.matches("  curl ").count(), TRY.len());
        assert_eq!(all.matches("of-the-admin-port").count(), 2, "{all}");
        assert!(!text(&ports, "", false).contains("/mailbox"));
    }
}
