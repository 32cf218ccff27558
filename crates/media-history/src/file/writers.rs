//! Whether other programs have a file open for writing.

use std::fs::Metadata;

/// Whether a process has the file open for writing, as far as this one may look: on Linux, its own
/// user's, or all as root, of those in its PID namespace. This process is not looked at.
#[cfg(target_os = "linux")]
pub(super) fn has_writers(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    for process in processes.flatten() {
        let name = process.file_name();
        let is_other = name
            .to_str()
            .is_some_and(|name| name != own && name.bytes().all(|byte| byte.is_ascii_digit()));
        let descriptors = std::fs::read_dir(process.path().join("fd"));
        let (true, Ok(descriptors)) = (is_other, descriptors) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let is_same = std::fs::metadata(descriptor.path())
                .is_ok_and(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()));
            let info = process.path().join("fdinfo").join(descriptor.file_name());
            if is_same && std::fs::read_to_string(info).is_ok_and(|info| is_writable(&info)) {
                return true;
            }
        }
    }
    false
}

/// Whether the flags of an open file, in octal, allow writing.
#[cfg(target_os = "linux")]
fn is_writable(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 != 0)
}

/// Unknown on this platform.
#[cfg(not(target_os = "linux"))]
pub(super) fn has_writers(_: &Metadata) -> bool {
    false
}
