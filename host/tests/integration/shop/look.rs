//! How the page looks: at each width, in light and dark; and its picture for the book.

use std::path::PathBuf;

use serde_json::json;

use super::{address, sign_up, store, url};
use crate::support::browser::Browser;
use crate::support::files::{target, variable};

/// Where the picture goes besides `target/`, if anywhere: set by who renews the one in the book.
const PICTURE: &str = "COMPONENTD_SHOP_PICTURE";

/// Each text whose contrast with its ground is below 4.5, or 3 where it is large (WCAG 2.2, 1.4.3).
const FAINT: &str = r"
    const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const rgba = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => {
      const color = rgba(getComputedStyle(element).backgroundColor);
      return (color[3] ?? 1) > 0 || !element.parentElement ? color : ground(element.parentElement);
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return [...document.querySelectorAll('body *')].filter((element) => hasText(element) && element.checkVisibility())
      .map((element) => {
        const style = getComputedStyle(element);
        const ratio = contrast(luminance(rgba(style.color)), luminance(ground(element)));
        return { text: element.textContent, ratio, least: parseFloat(style.fontSize) >= 24 ? 3 : 4.5 };
      })
      .filter(({ ratio, least }) => ratio < least);";

/// Every element that reaches past the right edge, or is a control too small for a finger (WCAG 2.2, 2.5.8).
const MISPLACED: &str = r"
    const all = [...document.querySelectorAll('main *')].filter((element) => element.checkVisibility());
    const box = (element) => element.getBoundingClientRect();
    const outside = all.filter((element) => !element.classList.contains('unseen') && box(element).right > document.documentElement.clientWidth + 0.5);
    const small = all.filter((element) => element.matches('button, input') && Math.min(box(element).width, box(element).height) < 24);
    return [...outside, ...small].map((element) => element.outerHTML.slice(0, 80));";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_fits_each_width_and_can_be_read_in_light_and_dark() {
    let Some(page) = Browser::start("the look of the page").await else { return };
    let store = store().await;
    page.open(&url(store)).await;
    sign_up(&page, &address()).await;
    for product in [1, 2, 2] {
        page.click(&format!(".product:nth-child({product}) button")).await;
    }
    page.click("#buy").await;
    page.shows("#mails", "Total: 3.97").await;
    page.click(".product:nth-child(1) button").await;
    for scheme in ["light", "dark"] {
        for width in [360, 768, 1440] {
            page.show_as(width, 900, scheme).await;
            let scrolled =
                page.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(scrolled, 0, "{width} px: the page scrolls sideways");
            assert_eq!(page.run(MISPLACED).await, json!([]), "{width} px");
            assert_eq!(page.run(FAINT).await, json!([]), "{scheme}, {width} px");
            keep(&format!("shop-{scheme}-{width}.png"), &page.picture().await);
        }
    }
    page.close().await;
}

/// After an order, whose mail has arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_for_the_book() {
    let Some(page) = Browser::start("the picture for the book").await else { return };
    page.show_as(1200, 860, "light").await;
    page.open(&url(store().await)).await;
    sign_up(&page, "ada@example.com").await;
    for product in [1, 2, 2] {
        page.click(&format!(".product:nth-child({product}) button")).await;
    }
    page.click("#buy").await;
    page.shows("#mails", "Total: 3.97").await;
    page.run("document.activeElement.blur(); scrollTo(0, 0)").await;
    let picture = page.picture().await;
    keep("shop.png", &picture);
    if let Some(path) = variable(PICTURE) {
        std::fs::write(path, picture).unwrap();
    }
    page.close().await;
}

fn keep(name: &str, picture: &[u8]) {
    let folder: PathBuf = target().join("shop");
    std::fs::create_dir_all(&folder).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{name} is no picture");
    std::fs::write(folder.join(name), picture).unwrap();
}
