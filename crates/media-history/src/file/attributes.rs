//! What a file has besides its bytes.

use std::fs::{File, Metadata};
use std::io;

/// Gives `new` the mode, owner and extended attributes of `old`.
///
/// # Errors
/// What cannot be kept.
pub(super) fn copy(old: &File, metadata: &Metadata, new: &File) -> io::Result<()> {
    #[cfg(unix)]
    unix::copy(old, metadata, new)?;
    #[cfg(not(unix))]
    {
        let _ = old;
        new.set_permissions(metadata.permissions())?;
    }
    Ok(())
}

/// Whether the file has other names, which a replacement would part from it.
pub(super) fn has_other_names(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(metadata) > 1;
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, fchown};

    pub(super) fn copy(old: &File, metadata: &Metadata, new: &File) -> io::Result<()> {
        let made = new.metadata()?;
        if (made.uid(), made.gid()) != (metadata.uid(), metadata.gid()) {
            fchown(new, Some(metadata.uid()), Some(metadata.gid()))?;
        }
        // After the owner, whose change may clear bits.
        new.set_permissions(metadata.permissions())?;
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        copy_extended(old, new)?;
        Ok(())
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn copy_extended(old: &File, new: &File) -> io::Result<()> {
        use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
        use rustix::io::Errno;

        let mut names = vec![0_u8; 64 * 1024];
        let len = match flistxattr(old, &mut names) {
            Err(Errno::NOTSUP) => return Ok(()),
            listed => listed?,
        };
        let mut value = vec![0_u8; 64 * 1024];
        let names = names.get(..len).unwrap_or_default();
        for name in names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            let len = fgetxattr(old, name, &mut value)?;
            let value = value.get(..len).unwrap_or_default();
            fsetxattr(new, name, value, XattrFlags::empty())?;
        }
        Ok(())
    }
}
