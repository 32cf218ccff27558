//! The public face of a provider over HTTP.

/// Writes the setters of a type that has a method `core_mut` for its `HttpProvider`.
macro_rules! provider_setters {
    ($default_url:literal, $capabilities:literal) => {
        $crate::http::http_setters!($default_url);

        fn http_mut(&mut self) -> &mut $crate::http::HttpClient {
            &mut self.core_mut().http
        }

        /// Sets the prices for [`Completion::cost`](crate::Completion::cost). Defaults to the
        /// built-in table.
        #[must_use]
        pub fn with_price_table(mut self, prices: $crate::price::PriceTable) -> Self {
            self.core_mut().prices = prices;
            self
        }

        #[doc = concat!(
                            "Sets what the API accepts, by the entry ", $capabilities,
                            "; without that entry no media is sent. Defaults to the built-in file."
                        )]
        #[must_use]
        pub fn with_capabilities(
            mut self,
            capabilities: &$crate::capability::Capabilities,
        ) -> Self {
            self.core_mut().set_capabilities(capabilities);
            self
        }

        /// Sets the largest answer in bytes: of its media, decoded, and of the JSON around it. A
        /// complete answer, and each event of a stream, may have 16 MiB of JSON at most. Defaults
        /// to 64 MiB.
        #[must_use]
        pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
            self.core_mut().max_answer = bytes;
            self
        }
    };
}

/// Writes what the public types of providers share: setters, `Provider` and `Debug` of a tuple
/// struct around an `HttpProvider`. A provider that does more than to send a request names its method
/// for that, and has a method `kept` for the answers that are kept.
macro_rules! provider_over_http {
    ($provider:ident, $api:ty, $default_url:literal, $capabilities:literal) => {
        $crate::http_provider::provider_over_http!(
            $provider,
            $api,
            $default_url,
            $capabilities,
            respond
        );

        impl $provider {
            async fn respond(
                &self,
                request: $crate::request::ProviderRequest<'_>,
                media: &$crate::media::MediaContext,
            ) -> Result<$crate::response::ProviderResponse, $crate::error::ProviderError> {
                self.0.respond(&request, media).await
            }

            #[allow(clippy::unused_self, reason = "other providers keep answers")]
            fn kept(&self) -> Option<&dyn $crate::KeptAnswers> {
                None
            }
        }
    };
    ($provider:ident, $api:ty, $default_url:literal, $capabilities:literal, $respond:ident) => {
        impl $provider {
            $crate::http_provider::provider_setters!($default_url, $capabilities);

            fn core_mut(&mut self) -> &mut $crate::http_provider::HttpProvider<$api> {
                &mut self.0
            }
        }

        #[async_trait::async_trait]
        impl $crate::provider::Provider for $provider {
            fn name(&self) -> &str {
                self.0.http.settings.provider
            }

            fn model(&self) -> &str {
                &self.0.model
            }

            async fn complete(
                &self,
                request: $crate::request::ProviderRequest<'_>,
                media: &$crate::media::MediaContext,
            ) -> Result<$crate::response::ProviderResponse, $crate::error::ProviderError> {
                self.$respond(request, media).await
            }

            fn kept_answers(&self) -> Option<&dyn $crate::KeptAnswers> {
                self.kept()
            }
        }

        impl std::fmt::Debug for $provider {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($provider))
                    .field("model", &self.0.model)
                    .field("settings", &self.0.http.settings)
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use {provider_over_http, provider_setters};
