//! The files of the page, which are part of the component: it has no other place to read them from.

use componentd_sdk::http::Response;

/// A file, and what is answered with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File {
    path: &'static str,
    status: u16,
    content_type: &'static str,
    content: &'static str,
}

impl File {
    const fn new(path: &'static str, content_type: &'static str, content: &'static str) -> Self {
        Self { path, status: 200, content_type, content }
    }

    /// A browser asks each time whether its copy is still right, and has to be sent it only where it is not.
    pub(crate) fn response(self) -> Response {
        let Self { status, content_type, content, .. } = self;
        let response = Response { status, headers: Vec::new(), body: content.as_bytes().to_vec() };
        response
            .header("content-type", content_type)
            .header("cache-control", "no-cache")
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .tagged()
    }
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const FILES: &[File] = &[
    File::new("/", HTML, include_str!("../static/index.html")),
    File::new("/style.css", CSS, include_str!("../static/style.css")),
    File::new("/shop.js", SCRIPT, include_str!("../static/shop.js")),
    File::new("/account.js", SCRIPT, include_str!("../static/account.js")),
    File::new("/basket.js", SCRIPT, include_str!("../static/basket.js")),
    File::new("/catalogue.js", SCRIPT, include_str!("../static/catalogue.js")),
    File::new("/inbox.js", SCRIPT, include_str!("../static/inbox.js")),
    File::new("/money.js", SCRIPT, include_str!("../static/money.js")),
    File::new("/requests.js", SCRIPT, include_str!("../static/requests.js")),
    File::new("/icon.svg", SVG, include_str!("../static/icon.svg")),
    File::new("/apple.svg", SVG, include_str!("../static/apple.svg")),
    File::new("/banana.svg", SVG, include_str!("../static/banana.svg")),
    File::new("/parcel.svg", SVG, include_str!("../static/parcel.svg")),
];

/// What is answered at every other path.
pub(crate) const NOT_FOUND: File = File { status: 404, ..File::new("", HTML, include_str!("../static/404.html")) };

pub(crate) fn find(path: &str) -> Option<File> {
    FILES.iter().find(|file| file.path == path).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the page asks for: in HTML by attributes, in scripts by imports, in styles by nothing.
    fn links(content: &str) -> impl Iterator<Item = &str> {
        let after = |mark: &'static str| content.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
        after("src=\"").chain(after("href=\"")).chain(after("from \""))
    }

    #[test]
    fn every_link_leads_to_a_file_or_a_place_on_the_page() {
        for file in FILES.iter().chain([&NOT_FOUND]) {
            for link in links(file.content) {
                let there = match link.strip_prefix('#') {
                    Some(id) => file.content.contains(&format!("id=\"{id}\"")),
                    None => find(link.strip_prefix('.').unwrap_or(link)).is_some(),
                };
                assert!(there, "{}: {link}", file.path);
            }
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere_and_no_script_stands_in_html() {
        for file in FILES.iter().chain([&NOT_FOUND]) {
            let own = file.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!own.contains("://") || file.content_type == SCRIPT, "{}", file.path);
            let inline = ["<style", "style=\"", "onclick=", "onload=", "<script>"];
            assert_eq!(inline.iter().find(|mark| file.content.contains(**mark)), None, "{}", file.path);
        }
    }
}
