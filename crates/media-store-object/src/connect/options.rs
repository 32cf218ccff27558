//! Options by name, checked against the names of each service.

use std::fmt;
use std::time::Duration;

use media_storage::StorageError;
use secrecy::{ExposeSecret as _, SecretString};

use super::names::{ALIASES, AZURE, CLIENT, GCS, Kind, OWN, OptionSpec, REPLACED, S3};
use super::suggest::suggest;
use crate::address::Service;
use crate::error::config_error;

/// Checked options of one service.
#[derive(Default)]
pub(super) struct Options {
    given: Vec<Given>,
}

struct Given {
    /// The name in the tables, without the prefix of a cloud if both exist.
    name: &'static str,
    value: SecretString,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Environment,
    Explicit,
}

/// Values may be secret; only names are shown.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.given.iter().map(|given| given.name))
            .finish()
    }
}

impl Options {
    /// Collects options from the environment, where unknown names are ignored, and explicit options,
    /// which take precedence.
    ///
    /// # Errors
    /// `Config` with the name of an explicit option that is unknown, or of an option whose value is
    /// not valid.
    pub(super) fn collect(
        service: Service,
        environment: &[(String, String)],
        explicit: &[(String, SecretString)],
    ) -> Result<Self, StorageError> {
        let mut options = Self::default();
        for (variable, value) in environment {
            let name = variable.to_ascii_lowercase();
            let ours = environment_prefixes(service)
                .iter()
                .any(|prefix| name.starts_with(prefix));
            let known = ours.then(|| resolve(service, &name)).flatten();
            if let Some(option) = known.filter(|option| !is_bucket(option)) {
                check_value(option, variable, value)?;
                options.set(option.name, value, Origin::Environment);
            }
        }
        for (key, value) in explicit {
            let name = key.trim().to_ascii_lowercase();
            let Some(option) = resolve(service, &name) else {
                return Err(unknown(service, &name));
            };
            if is_bucket(option) {
                return Err(config_error(format!(
                    "the option {key} is not supported: the URL names the bucket"
                )));
            }
            check_value(option, key, value.expose_secret())?;
            options.set(option.name, value.expose_secret(), Origin::Explicit);
        }
        options.drop_replaced(service);
        Ok(options)
    }

    /// Drops options of the environment that belong to something else than explicit options.
    fn drop_replaced(&mut self, service: Service) {
        for (_, by, replaced) in REPLACED.iter().filter(|(of, ..)| *of == service) {
            let explicit = |given: &Given| given.origin == Origin::Explicit;
            if self
                .given
                .iter()
                .any(|given| explicit(given) && by.contains(&given.name))
            {
                self.given
                    .retain(|given| explicit(given) || !replaced.contains(&given.name));
            }
        }
    }

    fn set(&mut self, name: &'static str, value: &str, origin: Origin) {
        let given = Given {
            name,
            value: value.into(),
            origin,
        };
        match self.given.iter_mut().find(|known| known.name == name) {
            Some(known) if known.origin <= origin => *known = given,
            Some(_) => {}
            None => self.given.push(given),
        }
    }

    /// Sets an option that is not set.
    pub(super) fn default_to(&mut self, name: &'static str, value: &str) {
        if self.get(name).is_none() {
            self.set(name, value, Origin::Environment);
        }
    }

    /// Sets that no request is repeated.
    pub(super) fn repeat_nothing(&mut self) {
        self.set("max_retries", "0", Origin::Explicit);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .find(|given| given.name == name)
            .map(|given| given.value.expose_secret())
    }

    /// Whether any of these options is set and not empty.
    pub(super) fn any(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.get(name).is_some_and(|value| !value.is_empty()))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(parse_flag).unwrap_or(false)
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        self.get(name).and_then(parse_duration)
    }

    pub(super) fn count(&self, name: &str) -> Option<usize> {
        self.get(name).and_then(|value| value.trim().parse().ok())
    }

    /// Returns the options of `object_store`, in the order in which they were given.
    pub(super) fn foreign(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.given
            .iter()
            .filter(|given| !OWN.iter().any(|own| own.name == given.name))
            .map(|given| (given.name, given.value.expose_secret()))
    }
}

/// Returns the prefixes of a service's environment variables, in lowercase.
fn environment_prefixes(service: Service) -> &'static [&'static str] {
    match service {
        Service::S3 => &["aws_"],
        Service::Gcs => &["google_", "service_account"],
        Service::Azure => &["azure_", "identity_endpoint"],
    }
}

/// Whether an option names the bucket, which the URL does.
fn is_bucket(option: &OptionSpec) -> bool {
    matches!(option.name, "bucket" | "container_name")
}

fn table(service: Service) -> &'static [OptionSpec] {
    match service {
        Service::S3 => S3,
        Service::Gcs => GCS,
        Service::Azure => AZURE,
    }
}

fn all(service: Service) -> impl Iterator<Item = &'static OptionSpec> {
    table(service).iter().chain(CLIENT).chain(OWN)
}

fn aliases(
    service: Service,
) -> impl Iterator<Item = &'static (Service, &'static str, &'static str)> {
    ALIASES.iter().filter(move |(of, ..)| *of == service)
}

/// Returns the option of a name or alias, with or without the prefix of the cloud.
fn resolve(service: Service, name: &str) -> Option<&'static OptionSpec> {
    let find = |name: &str| all(service).find(|option| option.name == name);
    let by_alias = |name: &str| {
        let (.., target) = aliases(service).find(|(_, alias, _)| *alias == name)?;
        find(target)
    };
    let prefixes: &[&str] = match service {
        Service::S3 => &["aws_"],
        Service::Gcs => &["google_"],
        Service::Azure => &["azure_storage_", "azure_"],
    };
    let short = prefixes
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix));
    std::iter::once(name)
        .chain(short)
        .find_map(|name| find(name).or_else(|| by_alias(name)))
}

/// Maximum length of an unknown name that an error repeats: a value in place of the name may be
/// secret, and no option has so long a name.
const MAX_SHOWN: usize = 36;

fn unknown(service: Service, name: &str) -> StorageError {
    let known = all(service)
        .map(|option| option.name)
        .chain(aliases(service).map(|(_, alias, _)| *alias));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let shown = if name.len() <= MAX_SHOWN && name.chars().all(is_name) {
        format!("{name:?}")
    } else {
        "of the given name".to_owned()
    };
    let service = service.name();
    config_error(match suggest(name, known) {
        Some(known) => format!("{service} has no option {shown}; did you mean {known:?}?"),
        None => format!("{service} has no option {shown}"),
    })
}

/// Checks the format of a value. The error names the option and never repeats the value.
fn check_value(option: &OptionSpec, key: &str, value: &str) -> Result<(), StorageError> {
    let expected = match option.kind {
        Kind::Flag if parse_flag(value).is_none() => "true or false",
        Kind::Duration if parse_duration(value).is_none() => "a duration such as 30s",
        Kind::Count if value.trim().parse::<u32>().is_err() => "a whole number",
        Kind::Time if chrono::DateTime::parse_from_rfc3339(value).is_err() => {
            "a time such as 2030-01-02T03:04:05Z"
        }
        // A line break in a key or token, often the last character of a file, is not valid in a
        // header.
        Kind::Text if value.chars().any(char::is_control) => {
            "text without line breaks and control characters"
        }
        Kind::Lines
            if value
                .chars()
                .any(|c| c.is_control() && !"\n\r\t".contains(c)) =>
        {
            "text without control characters"
        }
        _ => return Ok(()),
    };
    Err(config_error(format!("the option {key} must be {expected}")))
}

/// Parses the values that `object_store` accepts.
fn parse_flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" | "y" => Some(true),
        "0" | "false" | "off" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// Parses `30s`, `500ms`, `2m` or `1h`, with or without a space before the unit.
fn parse_duration(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = value.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "ms" | "millis" => Some(Duration::from_millis(number)),
        "s" | "sec" | "secs" | "second" | "seconds" => Some(Duration::from_secs(number)),
        "m" | "min" | "mins" | "minute" | "minutes" => {
            number.checked_mul(60).map(Duration::from_secs)
        }
        "h" | "hour" | "hours" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}
