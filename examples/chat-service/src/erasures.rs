//! Parts of uploads of users who were erased on another node.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use media_http::UploadSpool;
use media_types::UserId;

use crate::app::App;

/// Users that are looked at at the same time.
const AT_ONCE: usize = 16;

/// How long one user may take. Who takes longer is looked at again in the next round.
const TIME: Duration = Duration::from_secs(30);

/// Removes, again and again, the parts of users who were erased on another node: an erasure removes those of its
/// own node, and every node asks for the users whose parts it has.
pub(crate) async fn follow(app: App, spool: UploadSpool, every: Duration) {
    let parts = NodeParts { app, spool };
    loop {
        tokio::time::sleep(every).await;
        look(&parts, TIME).await;
    }
}

/// The parts of a node, and who of their users was erased.
#[async_trait]
trait Parts: Sync {
    type Error: Display + Send;

    fn users(&self) -> Vec<UserId>;

    async fn is_erased(&self, user: &UserId) -> Result<bool, Self::Error>;

    async fn remove(&self, user: &UserId) -> Result<(), Self::Error>;
}

struct NodeParts {
    app: App,
    spool: UploadSpool,
}

#[async_trait]
impl Parts for NodeParts {
    type Error = Box<dyn Error + Send + Sync>;

    fn users(&self) -> Vec<UserId> {
        self.spool.users()
    }

    async fn is_erased(&self, user: &UserId) -> Result<bool, Self::Error> {
        Ok(self.app.manager().is_erased(user).await?)
    }

    async fn remove(&self, user: &UserId) -> Result<(), Self::Error> {
        self.spool.remove_user(user).await?;
        Ok(())
    }
}

/// Looks at all users once. Returns for how many of them that failed, or took too long.
async fn look<P: Parts>(parts: &P, time: Duration) -> usize {
    let looks = stream::iter(parts.users()).map(|user| async move {
        let looked = tokio::time::timeout(time, async {
            if parts.is_erased(&user).await? {
                parts.remove(&user).await?;
            }
            Ok::<_, P::Error>(())
        });
        match looked.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it took too long".to_owned()),
        }
    });
    let failures = looks.buffer_unordered(AT_ONCE);
    let failures: Vec<String> = failures.filter_map(std::future::ready).collect().await;
    if let Some(error) = failures.first() {
        let users = failures.len();
        tracing::warn!(error, users, "parts of erased users are looked for later");
    }
    failures.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    /// Parts of which some users cannot be asked for, and some cannot be removed.
    #[derive(Default)]
    struct Faulty {
        users: Vec<UserId>,
        unknown: BTreeSet<String>,
        full: BTreeSet<String>,
        stuck: BTreeSet<String>,
        removed: Mutex<BTreeSet<String>>,
    }

    #[async_trait]
    impl Parts for Faulty {
        type Error = &'static str;

        fn users(&self) -> Vec<UserId> {
            self.users.clone()
        }

        async fn is_erased(&self, user: &UserId) -> Result<bool, &'static str> {
            match self.unknown.contains(user.as_str()) {
                true => Err("the state cannot be read"),
                false => Ok(!user.as_str().starts_with("kept")),
            }
        }

        async fn remove(&self, user: &UserId) -> Result<(), &'static str> {
            if self.full.contains(user.as_str()) {
                return Err("the directory cannot be written");
            }
            if self.stuck.contains(user.as_str()) {
                std::future::pending::<()>().await;
            }
            self.removed.lock().unwrap().insert(user.to_string());
            Ok(())
        }
    }

    fn names(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        names.into_iter().collect()
    }

    #[tokio::test]
    async fn a_user_who_fails_or_hangs_does_not_hold_up_the_others() {
        let erased: Vec<String> = (0..3 * AT_ONCE).map(|n| format!("erased-{n}")).collect();
        let all = erased.iter().cloned().chain(["kept".to_owned()]);
        let parts = Faulty {
            users: all.map(|user| user.parse().unwrap()).collect(),
            unknown: names(["erased-0".to_owned()]),
            full: names([format!("erased-{AT_ONCE}")]),
            stuck: names((1..AT_ONCE).map(|n| format!("erased-{n}"))),
            removed: Mutex::default(),
        };
        // Nobody else waits for anything, so none of them runs out of time.
        let failed = look(&parts, Duration::from_millis(100)).await;
        assert_eq!(failed, AT_ONCE + 1);
        let removed = parts.removed.lock().unwrap().clone();
        assert_eq!(removed, names(erased[AT_ONCE + 1..].iter().cloned()));
    }
}
