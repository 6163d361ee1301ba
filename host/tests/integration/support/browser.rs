//! A Chromium without a window, driven by WebDriver.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use dev_backends::Scratch;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use super::files::{is_ci, say_loudly};
use super::wait::until;

/// What chromedriver says on its standard output when it listens.
const LISTENS: &str = "was started successfully on port ";

/// Without a sandbox, since tests may run as root; and without what a browser does on its own in the network.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one page, as a new user has it; ended when dropped.
pub struct Browser {
    driver: WebDriver,
    _process: Driver,
}

/// chromedriver, in a process group of its own with the browsers that it starts.
struct Driver {
    child: Child,
    port: u16,
    profile: Scratch,
}

impl Browser {
    /// None where there is no Chromium, which is said; under CI that is a failure.
    pub async fn start(test: &str) -> Option<Self> {
        let Some((driver, browser)) = find("chromedriver").zip(find("chromium")) else {
            let missing = "there is no chromium with its chromedriver: run `cargo xtask setup`";
            assert!(!is_ci(), "CI tests the page in a browser: {missing}");
            say_loudly(&format!("SKIPPED {test}: {missing}"));
            return None;
        };
        let process = Driver::start(driver);
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(browser.to_str().unwrap()).unwrap();
        let profile = format!("--user-data-dir={}", process.profile.path().display());
        for argument in ARGUMENTS.into_iter().chain([profile.as_str()]) {
            capabilities.add_arg(argument).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", process.port), capabilities).await.unwrap();
        Some(Self { driver, _process: process })
    }

    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// The size of the page in CSS pixels, and the scheme of colours that its user prefers.
    pub async fn show_as(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let preference = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.tell("Emulation.setEmulatedMedia", json!({ "features": [preference] })).await;
    }

    async fn tell(&self, command: &str, parameters: Value) {
        self.driver.cdp().send_raw(command, parameters).await.unwrap();
    }

    pub async fn element(&self, selector: &str) -> WebElement {
        let found = async || self.driver.find(By::Css(selector)).await.ok();
        until(&format!("there is {selector}"), found).await
    }

    /// Types into a field that may have a text already.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn click(&self, selector: &str) {
        let what = format!("{selector} can be clicked");
        until(&what, async || self.element(selector).await.click().await.ok()).await;
    }

    /// Waits until an element shows a text.
    pub async fn shows(&self, selector: &str, text: &str) {
        let what = format!("{selector} shows {text:?}");
        until(&what, async || {
            let shown = self.driver.find(By::Css(selector)).await.ok()?.text().await.ok()?;
            shown.contains(text).then_some(())
        })
        .await;
    }

    /// Types at what has the focus.
    pub async fn keys(&self, keys: impl Into<TypingData>) {
        let focused = self.driver.active_element().await.unwrap();
        focused.send_keys(keys).await.unwrap();
    }

    /// What a function body in JavaScript returns.
    pub async fn run(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// The whole page as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.driver.screenshot_as_png().await.unwrap()
    }

    pub async fn close(self) {
        self.driver.quit().await.unwrap();
    }
}

impl Driver {
    fn start(program: PathBuf) -> Self {
        let profile = Scratch::new().unwrap();
        let mut command = Command::new(program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once(LISTENS).and_then(|(_, port)| port.trim_end_matches('.').parse().ok()));
        Self { child, port: port.expect("chromedriver says where it listens"), profile }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
