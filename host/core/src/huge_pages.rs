//! Huge pages for the linear memories of instances, where Linux gives them on request.
//!
//! A component that grows by 19 MiB to hash a password would else cause 4,864 page faults, and hash in memory whose
//! addresses the processor has to look up again and again. Instances with less than 2 MiB never have a huge page.

use std::fs;
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Asks for them in all reserved address space of at least so many bytes: that of the pool. Does nothing where Linux gives
/// them never, or always.
pub(super) fn ask(least: usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for reserved in maps.lines().filter_map(reservation).filter(|reserved| reserved.len() >= least) {
        // SAFETY: it changes the size of pages to come, not what is in them, and says nothing of who may use them.
        // It fails where Linux was built without them.
        let _ = unsafe { madvise(reserved.start as *mut _, reserved.len(), Advice::LinuxHugepage) };
    }
}

/// The addresses of a line of `/proc/<pid>/maps`, if nothing can be read or written there, nor is mapped from a file (see
/// proc_pid_maps(5)).
fn reservation(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (addresses, permissions) = (fields.next()?, fields.next()?);
    let is_file = fields.nth(3).is_some();
    let (start, end) = addresses.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    (permissions == "---p" && !is_file).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_asks_for_them() {
        let _engine = crate::engine::start(2).unwrap();
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let is_asked_for =
            |flags: &str| flags.starts_with("VmFlags:") && flags.split_whitespace().any(|flag| flag == "hg");
        let is_built_in = fs::exists("/sys/kernel/mm/transparent_hugepage").unwrap();
        assert_eq!(maps.lines().any(is_asked_for), is_built_in);
    }

    #[test]
    fn a_reservation_has_no_permissions_and_no_file() {
        assert_eq!(
            reservation("7f0000000000-7f0100000000 ---p 00000000 00:00 0 "),
            Some(0x7f00_0000_0000..0x7f01_0000_0000)
        );
        assert_eq!(reservation("7f0000000000-7f0100000000 rw-p 00000000 00:00 0 "), None);
        assert_eq!(
            reservation("7f0000000000-7f0100000000 ---p 00000000 fe:00 247026                     /lib/a.so"),
            None
        );
    }
}
