//! Choosing the service that a URL names.

use media_storage::StorageError;

#[cfg(feature = "azure")]
use super::azure;
use super::connection::Connection;
#[cfg(feature = "gcp")]
use super::gcs;
use super::options::Options;
#[cfg(feature = "aws")]
use super::s3;
use super::settings::ConnectSettings;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
use crate::address::Service;
use crate::address::{Endpoint, Location};
use crate::error::config_error;

/// Creates a client for the bucket that the settings name.
///
/// # Errors
/// `Config` if a setting is missing or not valid.
pub(crate) fn connect(settings: &ConnectSettings) -> Result<Connection, StorageError> {
    let environment = if settings.environment {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(utf8).collect()
    } else {
        Vec::new()
    };
    connect_in(settings, &environment)
}

fn connect_in(
    settings: &ConnectSettings,
    environment: &[(String, String)],
) -> Result<Connection, StorageError> {
    let Some(url) = &settings.url else {
        return Err(config_error("no URL of a bucket was given"));
    };
    let location = Location::parse(url)?;
    let service = location.service;
    let named = |error: StorageError| error.with_backend(service.name());
    let mut options = Options::collect(service, environment, &settings.options).map_err(named)?;
    if settings.single_requests {
        options.repeat_nothing();
    }
    let public = settings
        .public_endpoint
        .as_deref()
        .map(|text| Endpoint::parse("public endpoint", text))
        .transpose()
        .map_err(named)?;
    let connected = match service {
        #[cfg(feature = "aws")]
        Service::S3 => s3::connect(location, options, public),
        #[cfg(feature = "gcp")]
        Service::Gcs => gcs::connect(location, options, public),
        #[cfg(feature = "azure")]
        Service::Azure => azure::connect(location, options, public),
        #[allow(unreachable_patterns, reason = "each service is a feature")]
        _ => {
            let _ = (location, options, public);
            Err(config_error(
                "this build does not include the service; enable its feature of media-store-object",
            ))
        }
    };
    connected.map_err(named)
}

#[cfg(test)]
#[cfg(all(feature = "aws", feature = "azure", feature = "gcp"))]
mod tests {
    use super::*;

    fn settings(url: &str, options: &[(&str, &str)]) -> ConnectSettings {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).into());
        ConnectSettings {
            url: Some(url.to_owned()),
            options: options.iter().map(owned).collect(),
            environment: true,
            single_requests: false,
            public_endpoint: None,
        }
    }

    /// Connects in an environment with these variables.
    fn within(
        environment: &[(&str, &str)],
        url: &str,
        options: &[(&str, &str)],
    ) -> Result<Connection, StorageError> {
        let settings = settings(url, options);
        let environment: Vec<_> = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        connect_in(&settings, &environment)
    }

    const KEYS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ];

    async fn url_of(connection: &Connection) -> String {
        let request = crate::sign::SigningRequest {
            now: "2026-01-02T03:04:05Z".parse().unwrap(),
            validity: std::time::Duration::from_secs(900),
            not_after: None,
            content_type: "image/png".to_owned(),
            content_disposition: "inline".to_owned(),
        };
        let object = object_store::path::Path::parse("a/b.png").unwrap();
        let signer = connection.signer.as_ref().expect("a signer");
        let signed = signer.sign(&object, &request).await.unwrap();
        signed.url().as_str().to_owned()
    }

    #[tokio::test]
    async fn the_environment_sets_what_no_option_sets() {
        let mut environment = KEYS.to_vec();
        environment.extend([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_BUCKET", "ignored"),
            ("AWS_PAGER", "less"),
            ("AWS_MAX_ATTEMPTS", "many"),
            ("GOOGLE_SERVICE_ACCOUNT", "/nowhere"),
            ("PATH", "/bin"),
        ]);
        let connection = within(&environment, "s3://media/p", &[]).unwrap();
        assert_eq!(connection.prefix.as_ref(), "p");
        let url = url_of(&connection).await;
        assert!(
            url.starts_with("https://s3.eu-west-1.amazonaws.com/media/a/b.png?"),
            "{url}"
        );
        assert!(
            url.contains("AKIDEXAMPLE%2F20260102%2Feu-west-1%2Fs3%2Faws4_request"),
            "{url}"
        );

        let options = [
            ("region", "us-west-2"),
            ("virtual_hosted_style_request", "true"),
        ];
        let connection = within(&environment, "s3://media/p", &options).unwrap();
        let url = url_of(&connection).await;
        assert!(
            url.starts_with("https://media.s3.us-west-2.amazonaws.com/a/b.png?"),
            "{url}"
        );
        let shown = format!("{connection:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn the_most_specific_variable_for_an_endpoint_is_used() {
        let mut environment = KEYS.to_vec();
        environment.push(("AWS_ENDPOINT_URL", "https://all.example"));
        let url = url_of(&within(&environment, "s3://media", &[]).unwrap()).await;
        assert!(
            url.starts_with("https://all.example/media/a/b.png?"),
            "{url}"
        );
        environment.push(("AWS_ENDPOINT_URL_S3", "https://s3.example/"));
        let url = url_of(&within(&environment, "s3://media", &[]).unwrap()).await;
        assert!(
            url.starts_with("https://s3.example/media/a/b.png?"),
            "{url}"
        );
        let explicit = [("endpoint", "https://mine.example")];
        let url = url_of(&within(&environment, "s3://media", &explicit).unwrap()).await;
        assert!(
            url.starts_with("https://mine.example/media/a/b.png?"),
            "{url}"
        );
    }

    #[tokio::test]
    async fn credentials_of_the_environment_are_not_mixed_with_explicit_ones() {
        let mut environment = KEYS.to_vec();
        environment.push(("AWS_SESSION_TOKEN", "of-another-key"));
        let url = url_of(&within(&environment, "s3://media", &[]).unwrap()).await;
        assert!(url.contains("X-Amz-Security-Token=of-another-key"), "{url}");
        let own = [("access_key_id", "MINE"), ("secret_access_key", "hunter3")];
        let url = url_of(&within(&environment, "s3://media", &own).unwrap()).await;
        assert!(
            url.contains("Credential=MINE%2F") && !url.contains("Security-Token"),
            "{url}"
        );

        let account = ("account", "acme");
        let environment = [("AZURE_STORAGE_TOKEN", "hunter2")];
        let key = ("access_key", "aHVudGVyMg==");
        let url = url_of(&within(&environment, "az://media", &[account, key]).unwrap()).await;
        assert!(url.contains("&sig="), "not signed with the key: {url}");
    }

    #[test]
    fn an_invalid_variable_is_named_and_its_value_is_not_repeated() {
        let mut environment = KEYS.to_vec();
        environment.push(("AWS_ALLOW_HTTP", "hunter2"));
        let error = within(&environment, "s3://media", &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("AWS_ALLOW_HTTP must be true or false"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn credentials_that_cannot_sign_have_no_signer() {
        let signs = |url: &str, options: &[(&str, &str)]| {
            within(&[], url, options).unwrap().signer.is_some()
        };
        assert!(!signs("s3://media", &[("skip_signature", "true")]));
        assert!(!signs("gs://media", &[("bearer_token", "hunter2")]));
        let shared_access = [("account", "acme"), ("sas_token", "sv=2022&sig=hunter2")];
        assert!(!signs("az://media", &shared_access));
        assert!(signs(
            "az://media",
            &[("account", "acme"), ("token", "hunter2")]
        ));
        let secret = [
            ("account", "acme"),
            ("client_id", "i"),
            ("client_secret", "hunter2"),
            ("tenant_id", "t"),
        ];
        assert!(signs("az://media", &secret));
    }

    #[tokio::test]
    async fn azure_urls_and_options_must_agree_on_the_account() {
        let key = ("access_key", "aHVudGVyMg==");
        let url = "abfss://media@acme.dfs.core.windows.net/p";
        let signed = url_of(&within(&[], url, &[key]).unwrap()).await;
        assert!(
            signed.starts_with("https://acme.blob.core.windows.net/media/a/b.png?sp=r&se=2026"),
            "{signed}"
        );
        assert!(signed.contains("&spr=https&"), "{signed}");
        let error = within(&[], url, &[key, ("account_name", "other")]).unwrap_err();
        assert!(
            error.to_string().contains("different storage accounts"),
            "{error}"
        );
    }
}
