//! Stores and manager, opened and closed.

use std::sync::Arc;
use std::time::Duration;

use conversation_sdk::{
    ConversationManager, LeaseTimes, ManagerConfig, MetricsListener, OnDrop, PostgresStateStore,
    RedisStateStore, RenditionFitter, SqliteStateStore, StateStore,
};
use examples::advice::failed;
use examples::errors::Failure;
use examples::service::Service;
use media_http::{LinkKeys, LinkedStorage};
use media_image::{ImageWorkers, Renditions};
use media_storage::layers::Limited;
use media_storage::{MediaStorage, Organization, Scope, StorageError};
use media_store_fs::FileStore;
use media_store_object::ObjectMediaStore;
use media_types::UserId;
use media_types::readable::causes;

use crate::config::{BucketUploads, Config};
use crate::direct::DirectUploads;

/// How long turns that run may take when the service stops. Those that are interrupted then may take 30 s to be
/// saved.
const SHUTDOWN_TIME: Duration = Duration::from_secs(20);

/// Images that are worked on at the same time.
const IMAGE_THREADS: usize = 2;

/// Media items that a user may have.
const MAX_ITEMS: u64 = 20_000;

/// The name that the model calls the image tool by.
const IMAGE_TOOL: &str = "generate_image";

/// The media: links to it, and smaller images beside it.
pub(crate) type Media = LinkedStorage<Renditions<Arc<dyn MediaStorage>>>;

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

struct Parts {
    manager: ConversationManager,
    storage: Media,
    keys: LinkKeys,
    direct: Option<DirectUploads>,
    user_quota: u64,
    is_behind_tls: bool,
}

impl App {
    /// Opens the stores and builds the manager.
    pub(crate) async fn open(
        config: &Config,
        service: &Service,
        address: &str,
    ) -> Result<Self, Failure> {
        let secret = match &config.link_secret {
            Some(secret) => secret.clone(),
            None => format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4()),
        };
        let (media, direct) = media(config, &secret).await?;
        let keys = LinkKeys::new(secret).map_err(failed)?;
        // A service that listens at every address is reached by none of that name.
        let address = address
            .replace("//0.0.0.0:", "//127.0.0.1:")
            .replace("//[::]:", "//[::1]:");
        let base = config.public_url.as_deref().unwrap_or(&address);
        let base = format!("{}/media", base.trim_end_matches('/'));
        let media = Limited::new(media)
            .with_max_bytes_per_user(config.user_quota())
            .with_max_references_per_user(MAX_ITEMS);
        let media: Arc<dyn MediaStorage> = Arc::new(media);
        let workers = ImageWorkers::new(IMAGE_THREADS, config.image_memory());
        let images = Renditions::new(media, workers);
        let fitter = RenditionFitter::new(images.clone());
        let storage = LinkedStorage::new(images, keys.clone(), &base).map_err(failed)?;
        let state = state(config).await?;
        let lease = Duration::from_secs(config.turn_lease);
        // Expired media, unfinished deletions, and what killed turns left.
        let upkeep = Duration::from_secs(config.upkeep_every);
        let options = ManagerConfig::new()
            // A browser that leaves does not stop the answer that it paid for.
            .with_on_drop(OnDrop::Finish)
            .with_lease_times(LeaseTimes::with_ttl(lease))
            .with_background_upkeep(Some(upkeep).filter(|every| !every.is_zero()));
        let manager = ConversationManager::builder()
            .with_provider(service.provider())
            .with_tool(service.image_tool(IMAGE_TOOL))
            .with_media_storage(storage.clone())
            .with_image_fitter(fitter)
            .with_state_store(state)
            .with_listener(MetricsListener)
            .with_config(options)
            .build()
            .map_err(failed)?;
        Ok(Self(Arc::new(Parts {
            manager,
            storage,
            keys,
            direct,
            user_quota: config.user_quota(),
            is_behind_tls: base.starts_with("https://"),
        })))
    }

    pub(crate) fn manager(&self) -> &ConversationManager {
        &self.0.manager
    }

    pub(crate) fn storage(&self) -> &Media {
        &self.0.storage
    }

    pub(crate) fn keys(&self) -> &LinkKeys {
        &self.0.keys
    }

    /// Returns the bucket that browsers upload to, if they do.
    pub(crate) fn direct(&self) -> Option<&DirectUploads> {
        self.0.direct.as_ref()
    }

    /// Returns how many bytes of media a user may have.
    pub(crate) fn user_quota(&self) -> u64 {
        self.0.user_quota
    }

    /// Returns how many bytes of media a user has.
    ///
    /// # Errors
    /// As [`Inventory::usage`](media_storage::Inventory::usage).
    pub(crate) async fn bytes_of(&self, user: &UserId) -> Result<u64, StorageError> {
        let Some(inventory) = self.storage().inventory() else {
            return Ok(0);
        };
        let usage = inventory.usage(Scope::User(user.clone())).await?;
        Ok(usage.logical_bytes)
    }

    /// Returns whether browsers reach the service by `https`.
    pub(crate) fn is_behind_tls(&self) -> bool {
        self.0.is_behind_tls
    }

    /// Waits for what runs, and saves the rest.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.manager().shutdown(SHUTDOWN_TIME).await {
            tracing::warn!(error = %causes(&error), "something still ran at the end");
        }
    }
}

/// Opens the database of all nodes, or the file.
async fn state(config: &Config) -> Result<Arc<dyn StateStore>, Failure> {
    Ok(match config.database.as_deref() {
        Some(url) if url.starts_with("redis") => {
            Arc::new(RedisStateStore::open(url).await.map_err(failed)?)
        }
        Some(url) => Arc::new(PostgresStateStore::open(url).await.map_err(failed)?),
        None => {
            let file = config.data.join("conversations.sqlite");
            Arc::new(SqliteStateStore::open(file).await.map_err(failed)?)
        }
    })
}

/// Opens the bucket, which browsers may upload to, or the directory.
async fn media(
    config: &Config,
    secret: &str,
) -> Result<(Arc<dyn MediaStorage>, Option<DirectUploads>), Failure> {
    let Some(url) = &config.bucket else {
        let builder = FileStore::builder(config.data.join("media")).with_deduplication(true);
        return Ok((Arc::new(builder.build().await.map_err(failed)?), None));
    };
    let builder = ObjectMediaStore::builder().with_url(url).with_env();
    // A conversation is deleted by listing its own directory. By the default organization, the whole bucket is listed.
    let builder = builder.with_organization(Organization::ByConversation);
    let built = builder.with_deduplication(true).build().await;
    let bucket = built.map_err(failed)?;
    let direct = match config.bucket_uploads {
        BucketUploads::Direct => DirectUploads::offer(bucket.clone(), secret).await,
        BucketUploads::Service => None,
    };
    Ok((Arc::new(bucket), direct))
}
