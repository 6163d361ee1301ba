//! The data of the private Postgres: made once by `initdb`, and served by the version that made it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::error::{Doing, Error, Result};
use crate::folder::Folder;
use crate::{programs, secret};

/// Its name in messages.
pub const SERVER: &str = "postgres";
/// The superuser.
pub const USER: &str = "componentd";
/// Who runs it if we are root; the first is the one that Debian's package makes for it.
const ACCOUNTS: &[&str] = &["postgres", "nobody"];

/// A folder that `initdb` has filled, and the programs that fit it.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    programs: PathBuf,
    password: String,
}

impl Cluster {
    /// Opens the cluster below `data`, or makes it.
    pub async fn open(data: &Path) -> Result<Self> {
        let installed = programs::postgres_folders();
        let folder = Folder::open(SERVER, data, "postgres", Account::unprivileged(SERVER, ACCOUNTS)?).await?;
        let programs = fitting(&installed, &folder.path().join("data"))?;
        let password = secret::password(&folder)?;
        let cluster = Self { folder, programs, password };
        cluster.make_ready().await?;
        Ok(cluster)
    }

    /// Where it is.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What Postgres calls PGDATA.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// One of its programs, run as the user whose data it is.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path());
        self.folder.account().apply(&mut command);
        command
    }

    /// Before each start: no other server is in it, it is complete, and nothing claims that one runs.
    pub async fn make_ready(&self) -> Result<()> {
        self.folder.vacant("postgres").await?;
        if !self.data().exists() {
            self.initialise()?;
        }
        // Left by a server that was killed. Its process id may be another program's by now, and then Postgres would
        // not start; that no server is left was found out above, from the processes themselves.
        remove(&self.data().join("postmaster.pid"))
    }

    /// Under another name first: what an `initdb` that was killed leaves is never taken for a cluster.
    fn initialise(&self) -> Result<()> {
        let unfinished = self.folder.path().join("data.new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).doing(|| format!("remove {}", unfinished.display()))?;
        }
        run("initdb", &mut self.initdb(&unfinished))?;
        fs::rename(&unfinished, self.data()).doing(|| format!("rename {}", unfinished.display()))
    }

    fn initdb(&self, data: &Path) -> Command {
        let mut command = self.tool("initdb");
        command.args(["--username", USER, "--pwfile=password", "--auth=scram-sha-256"]);
        command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"]).arg(data);
        command
    }
}

/// The newest programs, or those of the version that made `data`.
fn fitting(installed: &[PathBuf], data: &Path) -> Result<PathBuf> {
    let newest = installed.first().ok_or(Error::Missing { program: "postgres", package: "postgresql" })?;
    let Ok(made_by) = fs::read_to_string(data.join("PG_VERSION")) else { return Ok(newest.clone()) };
    let made_by = made_by.trim();
    let fits = installed.iter().find(|programs| version(programs).as_deref() == Some(made_by));
    let missing = || Error::OtherVersion {
        folder: data.to_owned(),
        data: made_by.to_owned(),
        server: version(newest).unwrap_or_else(|| "another version".to_owned()),
    };
    fits.cloned().ok_or_else(missing)
}

/// `15`, from `postgres (PostgreSQL) 15.18 (Debian …)`.
fn version(programs: &Path) -> Option<String> {
    let output = Command::new(programs.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, _) = text.split_whitespace().nth(2)?.split_once('.')?;
    Some(major.to_owned())
}

fn run(tool: &'static str, command: &mut Command) -> Result<()> {
    let output = command.output().doing(|| format!("run {tool}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let output_text = String::from_utf8_lossy(&said).into_owned();
    Err(Error::Tool { tool, status: output.status.to_string(), output: output_text })
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.doing(|| format!("remove {}", file.display())),
    }
}
