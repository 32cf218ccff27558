//! A loop that speaks JSON to the API itself: what is kept is slim, and bodies stream from the store.

use agent_loops::{Error, QUESTIONS, history, photo};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let history = history().await?;
    let http = reqwest::Client::new();
    let url = format!("{}/chat/completions", std::env::var("OPENAI_BASE_URL")?);
    let image = json!({"url": format!("data:image/png;base64,{}", photo()?)});
    let mut image = Some(json!({"type": "image_url", "image_url": image}));
    let mut messages: Vec<Value> = Vec::new();
    for question in QUESTIONS {
        let mut content = vec![json!({"type": "text", "text": question})];
        content.extend(image.take());
        let message = json!({"role": "user", "content": content});
        messages.push(history.externalize_typed(&message).await?);

        let slim = json!({"model": "gpt-5.4", "messages": messages});
        let body = history.restore_body(slim.to_string().as_bytes()).await?;
        let request = http
            .post(&url)
            .bearer_auth(std::env::var("OPENAI_API_KEY")?)
            .header(CONTENT_TYPE, "application/json")
            .header(
                CONTENT_LENGTH,
                body.len().ok_or("a length is always known")?,
            )
            .body(reqwest::Body::wrap_stream(body.into_stream()));
        let response: Value = request.send().await?.error_for_status()?.json().await?;
        let answer = &response["choices"][0]["message"];
        println!("{}", answer["content"].as_str().unwrap_or_default());
        messages.push(history.externalize_typed(answer).await?);
        std::fs::write("history.json", serde_json::to_vec(&messages)?)?;
    }
    Ok(())
}
