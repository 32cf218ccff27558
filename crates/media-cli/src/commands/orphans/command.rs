//! The command: with a database, or with directories of histories.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use conversation_sdk::ReconcileOptions;
use media_storage::Scope;
use serde_json::json;

use crate::commands::orphans::found::Found;
use crate::commands::orphans::histories::{Histories, Rules};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::quantity::{human_count, parse_duration};
use crate::state::{State, StateLocation, failure};
use crate::store::{OpenStore, Owner, StoreArguments, open_existing};

/// Arguments of `media orphans`.
#[derive(Debug, Args)]
pub(crate) struct OrphansArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Conversation database: a SQLite file, postgres://host/database or redis://host.
    ///
    /// A URL with a password belongs into the environment: other users of the machine can read the
    /// command line.
    #[arg(
        long,
        value_name = "DATABASE",
        env = "MEDIA_STATE",
        hide_env_values = true
    )]
    state: Option<StateLocation>,

    /// Directory of histories, instead of a database: every file below it is read, and what none of
    /// them names is an orphan. All histories of the owner have to be below the directories.
    #[arg(long, value_name = "DIR")]
    histories: Vec<PathBuf>,

    #[command(flatten)]
    owner: Owner,

    /// With --histories: whoever's media it is, so it goes with no owner. Without this, only media that
    /// has all of the given user, session, conversation and run is looked at.
    #[arg(long)]
    unscoped: bool,

    /// With --histories: where it is kept since when media is unnamed. Defaults to a file below
    /// $XDG_STATE_HOME.
    #[arg(long, value_name = "FILE")]
    marks: Option<PathBuf>,

    /// How long before now an earlier run must have found media unnamed; longer than any turn.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "24h")]
    grace: Duration,

    /// Delete even if it is more than a tenth of the store's media.
    #[arg(long)]
    force: bool,

    /// Delete. Without this, only say what would be deleted.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(arguments: OrphansArguments, output: &Output) -> Outcome {
    let found = match (&arguments.histories[..], &arguments.state) {
        ([], Some(state)) => {
            if arguments.unscoped || !scopes_of(&arguments.owner).is_empty() {
                return Err(Failure::usage(
                    "--user, --session, --conversation, --run and --unscoped go with --histories; a \
                     database is compared as a whole",
                ));
            }
            let state = State::open_existing(state).await?;
            let store = open(&arguments).await?;
            of_database(state, &store, &arguments, output).await?
        }
        ([], None) => {
            return Err(Failure::usage(
                "what names media? give --state, or --histories",
            ));
        }
        (directories, _) => {
            let scope = scope_of(&arguments)?;
            let store = open(&arguments).await?;
            let rules = Rules {
                grace: arguments.grace,
                force: arguments.force,
                delete: arguments.yes,
            };
            let histories = Histories::new(&store, directories, scope, &arguments.marks)?;
            let found = histories.reconcile(rules, output).await?;
            if output.is_json() {
                output.json(&json!({ "stores": [&found] }))?;
            }
            vec![found]
        }
    };
    conclude(&found, arguments.yes, output)
}

/// The scope of all owners that are given: whoever names two means less than either, and what one run
/// takes for unnamed is deleted.
fn scope_of(arguments: &OrphansArguments) -> Outcome<Scope> {
    let mut scopes = scopes_of(&arguments.owner);
    match (scopes.pop(), arguments.unscoped) {
        (None, true) => Ok(Scope::All),
        (Some(scope), false) if scopes.is_empty() => Ok(scope),
        (Some(scope), false) => {
            scopes.push(scope);
            Ok(Scope::all_of(scopes))
        }
        (Some(_), true) => Err(Failure::usage(
            "--unscoped looks at everybody's media; leave out --user, --session, --conversation and \
             --run",
        )),
        (None, false) => Err(Failure::usage(
            "whose histories are they? give --user, --session, --conversation or --run, or --unscoped",
        )),
    }
}

fn scopes_of(owner: &Owner) -> Vec<Scope> {
    let Owner {
        user,
        session,
        conversation,
        run,
    } = owner.clone();
    let given = [
        user.map(Scope::User),
        session.map(Scope::Session),
        conversation.map(Scope::Conversation),
        run.map(Scope::Run),
    ];
    given.into_iter().flatten().collect()
}

async fn open(arguments: &OrphansArguments) -> Outcome<OpenStore> {
    let store = open_existing(&arguments.store.location, &arguments.store.access).await?;
    store.inventory()?;
    Ok(store)
}

async fn of_database(
    state: State,
    store: &OpenStore,
    arguments: &OrphansArguments,
    output: &Output,
) -> Outcome<Vec<Found>> {
    let mut options = ReconcileOptions::new()
        .with_grace(arguments.grace)
        .with_force(arguments.force);
    if !arguments.yes {
        options = options.with_dry_run();
    }
    let progress = output.progress("comparing");
    let manager = state.manager(store.handle(), None)?;
    let report = manager.reconcile(options).await.map_err(failure)?;
    drop(progress);
    if output.is_json() {
        output.json(&report)?;
    }
    Ok(report.stores.iter().map(Found::from).collect())
}

fn conclude(found: &[Found], delete: bool, output: &Output) -> Outcome {
    let mut exit = Exit::Fine;
    for found in found {
        if !output.is_json() {
            found.say(output)?;
        }
        if found.guarded && delete {
            output.error("more than a tenth of the media is unnamed; --force deletes it");
            exit = Exit::Data;
        }
        if found.failed > 0 {
            let failed = human_count(found.failed);
            return Err(Failure::failed(format!(
                "{failed} items could not be read or deleted"
            )));
        }
    }
    if !delete && found.iter().any(|found| found.due > 0) {
        output.note("--yes deletes what is due");
    }
    Ok(exit)
}
