//! A loop with async-openai whose messages never hold media: the layer puts it into each request.

use agent_loops::{Error, QUESTIONS, history, photo};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage,
    ChatCompletionRequestMessageContentPartText, ChatCompletionRequestUserMessage,
    ChatCompletionRequestUserMessageContent, ChatCompletionRequestUserMessageContentPart as Part,
    CreateChatCompletionRequest, ImageUrl,
};
use media_history::History;
use media_history::tower::{HistoryBody, HistoryLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A client whose requests get their media on the way out, from the store.
fn client(history: History) -> Client<OpenAIConfig> {
    let http = reqwest::Client::new();
    let send = service_fn(move |request: http::Request<HistoryBody>| {
        let http = http.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<_, reqwest::Error>(http::Response::<reqwest::Body>::from(
                http.execute(request).await?,
            ))
        }
    });
    let layered = HistoryLayer::new(history).layer(send);
    Client::new().with_http_service(service_fn(move |factory: HttpRequestFactory| {
        let layered = layered.clone();
        async move {
            let request: http::Request<reqwest::Body> = factory
                .build()
                .await?
                .try_into()
                .map_err(OpenAIError::Reqwest)?;
            let response = layered.oneshot(request).await;
            let response = response.map_err(OpenAIError::Boxed)?;
            Ok::<_, OpenAIError>(reqwest::Response::from(response.map(reqwest::Body::wrap)))
        }
    }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let history = history().await?;
    let client = client(history.clone());
    let mut messages: Vec<ChatCompletionRequestMessage> = Vec::new();
    let mut image = Some(format!("data:image/png;base64,{}", photo()?));
    for question in QUESTIONS {
        let mut parts = vec![Part::Text(
            ChatCompletionRequestMessageContentPartText::from(question),
        )];
        parts.extend(
            image
                .take()
                .map(|url| Part::ImageUrl(ImageUrl { url, detail: None }.into())),
        );
        let content = ChatCompletionRequestUserMessageContent::Array(parts);
        let message = ChatCompletionRequestUserMessage::from(content).into();
        messages.push(history.externalize_typed(&message).await?);

        let request = CreateChatCompletionRequest {
            model: "gpt-5.4".into(),
            messages: messages.clone(),
            ..Default::default()
        };
        let response = client.chat().create(request).await?;
        let answer = response
            .choices
            .into_iter()
            .next()
            .and_then(|choice| choice.message.content);
        let answer = answer.ok_or("no answer")?;
        println!("{answer}");
        messages.push(ChatCompletionRequestAssistantMessage::from(answer).into());
        std::fs::write("history.json", serde_json::to_vec(&messages)?)?;
    }
    Ok(())
}
