//! A loop with genai: messages are kept slim, and whole only while a request is sent.

use agent_loops::{Error, QUESTIONS, history, photo};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatRequest, ContentPart};
use genai::resolver::Endpoint;
use genai::{Client, ModelIden, ServiceTarget};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let history = history().await?;
    let client = client(std::env::var("OPENAI_BASE_URL")?)?;
    let mut chat = ChatRequest::default();
    let mut image = Some(ContentPart::from_binary_base64("image/png", photo()?, None));
    for question in QUESTIONS {
        let mut parts = vec![ContentPart::from_text(question)];
        parts.extend(image.take());
        let message = history.externalize_typed(&ChatMessage::user(parts)).await?;
        chat = chat.append_message(message);

        let whole = history.restore_typed(&chat).await?;
        let response = client.exec_chat("gpt-5.4", whole, None).await?;
        let answer = response.into_first_text().ok_or("no answer")?;
        println!("{answer}");
        let message = history
            .externalize_typed(&ChatMessage::assistant(answer))
            .await?;
        chat = chat.append_message(message);
        std::fs::write("history.json", serde_json::to_vec(&chat)?)?;
    }
    Ok(())
}

/// A client of the Chat Completions at an address.
fn client(base: String) -> Result<Client, genai::Error> {
    let endpoint = Endpoint::from_owned(format!("{base}/"));
    Client::builder()
        .with_service_target_resolver_fn(move |target: ServiceTarget| {
            let model = ModelIden::new(AdapterKind::OpenAI, target.model.model_name);
            Ok::<_, genai::resolver::Error>(ServiceTarget {
                endpoint: endpoint.clone(),
                model,
                ..target
            })
        })
        .build()
}
