//! `.store/format.json`: version, organizations and case rule of a store.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};

use cap_std::fs::Dir;
use media_storage::layout::CaseRule;
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use serde::{Deserialize, Serialize};

use crate::error::{fail, io_error};
use crate::options::FilePermissions;
use crate::sys::{self, Creation};

const FILE: &str = "format.json";
const LOCK: &str = "format.lock";
const STAGED: &str = "format.json.new";
const VERSION: u32 = 1;
const MAX_LEN: u64 = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format_version: u32,
    organizations: BTreeSet<String>,
    case: String,
}

/// The format of a store.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// Every organization that the store was ever opened with.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) case: CaseRule,
}

/// Reads the format, and adds an organization to it if it is new. Creates the format if there is none.
pub(crate) fn open(
    store: &Dir,
    organization: Organization,
    permissions: FilePermissions,
) -> Result<Format, StorageError> {
    if let Some(stored) = read(store)?
        && stored.organizations.contains(organization.as_str())
    {
        return interpret(&stored);
    }
    let io = |error| io_error(Operation::Open, error);
    // Two processes that add an organization at the same time must not lose one of them.
    let lock =
        sys::open_lock(store, LOCK, Creation::IfMissing, permissions.sidecar_mode()).map_err(io)?;
    lock.lock().map_err(io)?;
    let mut stored = match read(store)? {
        Some(stored) => stored,
        None => Stored {
            format_version: VERSION,
            organizations: BTreeSet::new(),
            case: case_word(probe_case(store).map_err(io)?).to_owned(),
        },
    };
    stored
        .organizations
        .insert(organization.as_str().to_owned());
    write(store, &stored, permissions.sidecar_mode()).map_err(io)?;
    interpret(&stored)
}

/// Reads the format of a store that must not be changed.
pub(crate) fn read_existing(store: &Dir) -> Result<Format, StorageError> {
    let stored = read(store)?.ok_or_else(|| {
        fail(StorageErrorKind::Config, Operation::Open)
            .with_reason("the directory is not a media store: `.store/format.json` does not exist")
    })?;
    interpret(&stored)
}

/// Notes that media will be stored in an organization.
pub(crate) fn note(
    store: &Dir,
    organization: Organization,
    permissions: FilePermissions,
) -> Result<(), StorageError> {
    open(store, organization, permissions).map(drop)
}

/// Returns the organizations that are listed now. Other processes add theirs while this one runs.
pub(crate) fn organizations(store: &Dir) -> Result<Vec<Organization>, StorageError> {
    let stored = read(store)?;
    stored.map_or_else(
        || Ok(Vec::new()),
        |stored| interpret(&stored).map(|format| format.organizations),
    )
}

/// Whether the store has a format.
pub(crate) fn exists(store: &Dir) -> bool {
    store.symlink_metadata(FILE).is_ok()
}

fn read(store: &Dir) -> Result<Option<Stored>, StorageError> {
    let mut json = Vec::new();
    match sys::open_file(store, FILE) {
        Ok(file) => file
            .take(MAX_LEN)
            .read_to_end(&mut json)
            .map_err(|error| io_error(Operation::Open, error))?,
        Err(error) if sys::is_not_found(&error) => return Ok(None),
        Err(error) => return Err(io_error(Operation::Open, error)),
    };
    let stored: Stored = serde_json::from_slice(&json).map_err(|error| {
        fail(StorageErrorKind::Config, Operation::Open)
            .with_reason("`.store/format.json` is not valid")
            .with_source(error)
    })?;
    if stored.format_version != VERSION {
        return Err(
            fail(StorageErrorKind::Config, Operation::Open).with_reason(format!(
                "format version {}, this build supports version {VERSION}",
                stored.format_version
            )),
        );
    }
    Ok(Some(stored))
}

fn write(store: &Dir, stored: &Stored, mode: u32) -> io::Result<()> {
    let mut json = serde_json::to_vec_pretty(stored)?;
    json.push(b'\n');
    match store.remove_file(STAGED) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = sys::create_new(store, STAGED, mode)?;
    file.write_all(&json)?;
    file.sync_all()?;
    store.rename(STAGED, store, FILE)?;
    sys::sync_dir(store)
}

fn interpret(stored: &Stored) -> Result<Format, StorageError> {
    let organizations: Result<Vec<Organization>, StorageError> = stored
        .organizations
        .iter()
        .map(|word| word.parse())
        .collect();
    let case = match stored.case.as_str() {
        "sensitive" => CaseRule::Sensitive,
        "folding" => CaseRule::Folding,
        _ => {
            return Err(fail(StorageErrorKind::Config, Operation::Open)
                .with_reason("`.store/format.json` names an unknown case rule"));
        }
    };
    Ok(Format {
        organizations: organizations.map_err(|error| error.with_backend(crate::error::BACKEND))?,
        case,
    })
}

fn case_word(case: CaseRule) -> &'static str {
    match case {
        CaseRule::Folding => "folding",
        _ => "sensitive",
    }
}

/// Finds out whether the file system folds case: the lock file exists, so its name in upper case does
/// only if it does.
fn probe_case(store: &Dir) -> io::Result<CaseRule> {
    match store.symlink_metadata(LOCK.to_uppercase()) {
        Ok(_) => Ok(CaseRule::Folding),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(CaseRule::Sensitive),
        Err(error) => Err(error),
    }
}
