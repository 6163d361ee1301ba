//! The commands of docs/src/compose.md, which the checks run as they stand there.

/// A line of the page. One that no check runs is never constructed, which the compiler says.
#[derive(Clone, Copy, Debug)]
pub enum Documented {
    Up,
    Status,
    Logs,
    Stop,
    Down,
    DownWithVolumes,
    Swap,
    History,
    Rollback,
}

impl Documented {
    fn line(self) -> &'static str {
        match self {
            Self::Up => "docker compose up --build --wait",
            Self::Status => "docker compose exec componentd componentd status",
            Self::Logs => "docker compose logs --follow componentd",
            Self::Stop => "docker compose stop",
            Self::Down => "docker compose down",
            Self::DownWithVolumes => "docker compose down --volumes",
            Self::Swap => "docker compose exec -T componentd componentd swap store /dev/stdin < components/store.wasm",
            Self::History => "docker compose exec componentd componentd history store",
            Self::Rollback => "docker compose exec componentd componentd rollback store",
        }
    }

    /// What comes after `docker compose`, for a program that has no terminal, and waits for the end.
    pub fn arguments(self) -> Vec<&'static str> {
        let command = self.line().split(" < ").next().unwrap_or_default();
        let words = command.split(' ').skip(2).filter(|word| !["-T", "--follow"].contains(word));
        words.flat_map(|word| if word == "exec" { vec![word, "-T"] } else { vec![word] }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Documented::{Down, DownWithVolumes, History, Logs, Rollback, Status, Stop, Swap, Up};
    use super::*;

    const ALL: [Documented; 9] = [Up, Status, Logs, Stop, Down, DownWithVolumes, Swap, History, Rollback];

    #[test]
    fn the_checks_run_what_the_page_says() {
        let page = std::fs::read_to_string(crate::project::root().join("docs/src/compose.md")).unwrap();
        let lines = page.lines().filter(|line| line.starts_with("docker compose"));
        let commands: BTreeSet<_> = lines.map(|line| line.split('#').next().unwrap_or_default().trim()).collect();
        assert_eq!(commands, ALL.map(Documented::line).into());
    }

    #[test]
    fn a_program_has_no_terminal() {
        assert_eq!(Status.arguments(), ["exec", "-T", "componentd", "componentd", "status"]);
        assert_eq!(Swap.arguments(), ["exec", "-T", "componentd", "componentd", "swap", "store", "/dev/stdin"]);
        assert_eq!(Logs.arguments(), ["logs", "componentd"]);
    }
}
