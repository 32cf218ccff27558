//! The names in the quarantine, for walks that meet much media and little of it there.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::io;

use media_storage::Sidecar;
use media_storage::layout::FileName;

use super::days::Quarantine;
use super::item::Said;

/// What was in quarantine when this was first asked.
#[derive(Debug, Default)]
pub(crate) struct Names(OnceCell<HashSet<String>>);

impl Names {
    /// Whether media of a name was there, or its sidecar.
    pub(crate) fn contains(&self, quarantine: &Quarantine, file: &FileName) -> io::Result<bool> {
        if let Some(names) = self.0.get() {
            return Ok(names.contains(file.as_str()));
        }
        let names = quarantine.names()?;
        Ok(self.0.get_or_init(|| names).contains(file.as_str()))
    }

    /// Whether media that was put back has a copy there which one of these sidecars holds. Fails if a later version
    /// may hold it. The caller holds the lock of metadata, alone or with others.
    pub(crate) fn hold(
        &self,
        quarantine: &Quarantine,
        file: &FileName,
        counts: impl Fn(&Sidecar) -> bool,
    ) -> io::Result<bool> {
        if !self.contains(quarantine, file)? {
            return Ok(false);
        }
        match quarantine.find(file)?.map(|item| item.said) {
            Some(Said::Valid(all)) => Ok(all.iter().any(|(_, one)| one.hold && counts(one))),
            Some(Said::Later(error)) => Err(io::Error::other(error)),
            Some(Said::Damaged(_) | Said::Nothing) | None => Ok(false),
        }
    }
}
