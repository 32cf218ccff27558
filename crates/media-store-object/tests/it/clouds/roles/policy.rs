//! Policies of S3 as the documentation prints them, and which requests they grant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use test_servers::proxy::{Fault, RequestHead, Script};

/// The bucket in the documentation.
const DOCUMENTED: &str = "arn:aws:s3:::bucket";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: Effect,
    action: OneOrMany,
    resource: OneOrMany,
    #[serde(default)]
    condition: Condition,
}

#[derive(Clone, Debug, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    string_like: Option<Prefix>,
    string_not_like: Option<Prefix>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefix {
    #[serde(rename = "s3:prefix")]
    prefix: OneOrMany,
}

/// A right that a request needs.
struct Need {
    action: &'static str,
    resource: String,
    /// The prefix of a listing.
    prefix: Option<String>,
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn like(&self, text: &str) -> bool {
        self.all().iter().any(|pattern| is_like(pattern, text))
    }
}

impl Condition {
    fn holds(&self, prefix: Option<&str>) -> bool {
        let like = |wanted: &Prefix| prefix.is_some_and(|prefix| wanted.prefix.like(prefix));
        self.string_like.as_ref().is_none_or(like)
            && !self.string_not_like.as_ref().is_some_and(like)
    }
}

/// Whether a text is like a pattern, in which `*` stands for any characters.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| is_like(after, &rest[at..]))
        }),
    }
}

/// The policy of a role. Clones share which of its rights were used.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    document: Arc<Document>,
    used: Arc<Mutex<BTreeSet<String>>>,
}

impl Policy {
    /// Reads the policy of a role from the documentation.
    pub(super) fn of(role: &str) -> Self {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/clouds/s3.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once(&format!("\n### {role}\n")).unwrap();
        let (_, block) = section.split_once("```json\n").unwrap();
        let (json, _) = block.split_once("```").unwrap();
        Self {
            document: Arc::new(serde_json::from_str(json).unwrap()),
            used: Arc::default(),
        }
    }

    /// Returns a script that answers 403 to every request that is not granted.
    pub(super) fn script(&self) -> Script {
        let policy = self.clone();
        Script::from(
            move |request: &RequestHead, _| match policy.grants(request) {
                true => Fault::Pass,
                false => Fault::status(403),
            },
        )
    }

    fn grants(&self, request: &RequestHead) -> bool {
        let needs = needs(request);
        !needs.is_empty() && needs.iter().all(|need| self.has(need))
    }

    fn has(&self, need: &Need) -> bool {
        let mut granted = false;
        for statement in &self.document.statement {
            let Effect::Allow = statement.effect;
            let named = statement.action.all().iter().any(|a| a == need.action);
            if !named || !statement.condition.holds(need.prefix.as_deref()) {
                continue;
            }
            for resource in statement.resource.all() {
                if is_like(resource, &need.resource) {
                    granted = true;
                    let right = format!("{} {resource}", need.action);
                    self.used.lock().unwrap().insert(right);
                }
            }
        }
        granted
    }

    /// Returns the rights that no request used so far.
    pub(super) fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap();
        let statements = self.document.statement.iter();
        let rights = statements.flat_map(|statement| {
            let resources = statement.resource.all();
            let actions = statement.action.all().iter();
            actions.flat_map(move |action| resources.iter().map(move |r| format!("{action} {r}")))
        });
        rights.filter(|right| !used.contains(right)).collect()
    }
}

/// Returns the rights that S3 demands for a request; none if it is one that the store does not make.
fn needs(request: &RequestHead) -> Vec<Need> {
    let object = |action, path: &str| {
        let (_, key) = path.trim_start_matches('/').split_once('/').unwrap();
        Need {
            action,
            resource: format!("{DOCUMENTED}/{key}"),
            prefix: None,
        }
    };
    let list = |prefix: Option<&str>| Need {
        action: "s3:ListBucket",
        resource: DOCUMENTED.to_owned(),
        prefix: prefix.map(str::to_owned),
    };
    let query: BTreeMap<&str, String> = request
        .query()
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name, value.into_owned()))
        })
        .collect();
    let has = |name: &str| query.contains_key(name);
    let path = request.path();
    match request.method().as_str() {
        "GET" if has("list-type") => vec![list(query.get("prefix").map(String::as_str))],
        // S3 answers 404 for what is missing only to those who may list it.
        "GET" | "HEAD" => {
            let read = object("s3:GetObject", path);
            let key = read.resource.strip_prefix(DOCUMENTED).unwrap();
            let listed = list(Some(key.trim_start_matches('/')));
            vec![read, listed]
        }
        "PUT" => {
            let source = request.header("x-amz-copy-source");
            let source = source.map(|path| percent_decode_str(path).decode_utf8_lossy());
            let mut all = vec![object("s3:PutObject", path)];
            all.extend(source.map(|path| object("s3:GetObject", &path)));
            all
        }
        "POST" if has("uploads") || has("uploadId") => vec![object("s3:PutObject", path)],
        "DELETE" if has("uploadId") => vec![object("s3:AbortMultipartUpload", path)],
        "DELETE" => vec![object("s3:DeleteObject", path)],
        _ => Vec::new(),
    }
}
