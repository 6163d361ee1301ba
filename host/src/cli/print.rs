//! What other programs read: the schema for editors, completions for shells, the manual page for `man`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use componentd_config as config;

use super::{Cli, CommandError};
use crate::capabilities::default_capabilities;

pub(super) fn schema(reference: bool) -> Result<(), CommandError> {
    let forms = default_capabilities().iter().map(|capability| capability.forms()).collect();
    let text = if reference { config::reference(forms) } else { format!("{:#}\n", config::schema(forms).to_value()) };
    print(text.as_bytes())
}

pub(super) fn completions(shell: Shell) -> Result<(), CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "componentd", &mut text);
    print(&text)
}

/// One page for all commands, and not one for each.
pub(super) fn manual() -> Result<(), CommandError> {
    let mut page = Vec::new();
    write_manual(&mut page).map_err(CommandError::Output)?;
    print(&page)
}

fn write_manual(page: &mut dyn Write) -> io::Result<()> {
    let mut all = Cli::command();
    all.build();
    let man = Man::new(all.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_description_section(page)?;
    writeln!(page, ".SH COMMANDS")?;
    for command in all.get_subcommands() {
        write_command(page, Man::new(command.clone()), command.get_name())?;
    }
    let mut rest = Vec::new();
    man.render_extra_section(&mut rest)?;
    let rest = String::from_utf8_lossy(&rest);
    page.write_all(rest.replace(".SH EXTRA", ".SH \"ENVIRONMENT AND EXIT CODES\"").as_bytes())
}

/// What would be sections of a page of its own, below one heading.
fn write_command(page: &mut dyn Write, man: Man, name: &str) -> io::Result<()> {
    let mut sections = Vec::new();
    man.render_synopsis_section(&mut sections)?;
    man.render_description_section(&mut sections)?;
    man.render_options_section(&mut sections)?;
    writeln!(page, ".SS {name}")?;
    for line in String::from_utf8_lossy(&sections).lines() {
        writeln!(page, "{}", if line.starts_with(".SH") { ".PP" } else { line })?;
    }
    Ok(())
}

/// Whoever reads may have had enough: that is no error.
pub(super) fn print(text: &[u8]) -> Result<(), CommandError> {
    let mut output = io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}
