//! `.store/format.json`: version, organisations and case rule of a directory.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};

use cap_std::fs::Dir;
use media_storage::layout::CaseRule;
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use serde::{Deserialize, Serialize};

use crate::config::Permissions;
use crate::error::{fail, io_error};
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

/// What a directory says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// Every organisation that the directory was ever opened with.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) case: CaseRule,
}

/// Reads the format and adds this organisation to it where it is new.
pub(crate) fn open(
    store: &Dir,
    organization: Organization,
    permissions: Permissions,
) -> Result<Format, StorageError> {
    if let Some(stored) = read(store)?
        && stored.organizations.contains(organization.as_str())
    {
        return interpret(&stored);
    }
    let io = |error| io_error(Operation::Open, error);
    // Two processes that add an organisation at once must not lose one of them.
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

/// The organisations that are listed now; other processes add theirs while this one runs.
pub(crate) fn organizations(store: &Dir) -> Result<Vec<Organization>, StorageError> {
    let stored = read(store)?;
    stored.map_or_else(
        || Ok(Vec::new()),
        |stored| interpret(&stored).map(|format| format.organizations),
    )
}

/// Whether the directory describes itself already.
pub(crate) fn is_there(store: &Dir) -> bool {
    store.symlink_metadata(FILE).is_ok()
}

fn read(store: &Dir) -> Result<Option<Stored>, StorageError> {
    let mut json = Vec::new();
    match sys::open_file(store, FILE) {
        Ok(file) => file
            .take(MAX_LEN)
            .read_to_end(&mut json)
            .map_err(|error| io_error(Operation::Open, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(Operation::Open, error)),
    };
    let stored: Stored = serde_json::from_slice(&json).map_err(|error| {
        fail(StorageErrorKind::Config, Operation::Open)
            .with_reason("the format file does not read")
            .with_source(error)
    })?;
    if stored.format_version != VERSION {
        return Err(
            fail(StorageErrorKind::Config, Operation::Open).with_reason(format!(
                "the directory has format {}, this is format {VERSION}",
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
                .with_reason("the format file names a case rule that is not known here"));
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

/// The lock file of the format exists by now; a name in other case tells the rule.
fn probe_case(store: &Dir) -> io::Result<CaseRule> {
    match store.symlink_metadata(LOCK.to_uppercase()) {
        Ok(_) => Ok(CaseRule::Folding),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(CaseRule::Sensitive),
        Err(error) => Err(error),
    }
}
