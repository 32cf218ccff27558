use super::*;
use std::sync::{Arc, Mutex};

async fn read(text: &str) -> Result<ImagesResponse, ProviderError> {
    let memory = MediaSink::in_memory();
    let mut reader = ImagesResponseReader::complete(1000, &memory);
    for piece in text.as_bytes().chunks(7) {
        reader.push(piece).await?;
    }
    reader.finish(&Mime::IMAGE_PNG, 1, None).await
}

#[tokio::test]
async fn images_of_events_come_when_they_are_complete() {
    let stream = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"partial_image_index\":0,\"b64_json\":\"AAAA\"}\n\n\
        event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"iVBORw0KGgo=\",\"output_format\":\"png\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}\n\n";
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let report = PreviewReport::new(move |image: PartialImage| {
        shared.lock().unwrap().push((image.index, image.bytes));
    });
    let read = async |stream: &str, size| {
        let memory = MediaSink::in_memory();
        let mut reader = ImagesResponseReader::events(1000, &memory, Some(report.clone()));
        for piece in stream.as_bytes().chunks(size) {
            reader.push(piece).await?;
        }
        reader.finish(&Mime::IMAGE_WEBP, 1, None).await
    };
    // Previews count against the limit of the answer.
    let mut tight = ImagesResponseReader::events(10, &MediaSink::in_memory(), None);
    let error = tight.push(stream.as_bytes()).await.unwrap_err();
    assert_eq!(error.reason(), Some("the response is too large"));
    for size in [1, 10, 1000] {
        let found = read(stream, size).await.unwrap();
        assert_eq!(found.images.len(), 1);
        assert_eq!(found.images[0].mime(), &Mime::IMAGE_PNG);
        assert_eq!(found.usage.unwrap().output_tokens, 2);
        let previews = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(previews, [(0, vec![0_u8; 3].into())]);
    }
    for stream in [&stream[..stream.len() - 1], "data: {}\n\n", ""] {
        let cut = read(stream, 10).await.unwrap_err();
        assert_eq!(cut.kind(), Kind::Interrupted);
    }
    let failed = read(
        "data: {\"type\":\"error\",\"error\":{\"message\":\"m\"}}\n\n",
        10,
    )
    .await;
    assert!(failed.unwrap().error.is_some());
}

#[tokio::test]
async fn images_come_as_bytes_or_urls() {
    let found = read(
        r#"{"created":1,"output_format":"webp","data":[
            {"b64_json":"iVBORw0KGgo=","revised_prompt":"a cat"},
            {"b64_json":"AAAA"},
            {"url":"https://h/a.png?sig=1"},
            {"b64_json":""}],
           "usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20,"input_tokens_details":{"text_tokens":8,"image_tokens":2}}}"#,
    )
    .await
    .unwrap();
    let mimes: Vec<&str> = found.images.iter().map(|i| i.mime().as_str()).collect();
    assert_eq!(mimes, ["image/png", "image/webp", "image/webp"]);
    assert_eq!(found.images[0].caption(), Some("a cat"));
    let usage = found.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.images),
        (10, 20, 3)
    );
    assert_eq!(
        found.image_tokens,
        ImageTokens {
            input: 2,
            output: 20
        }
    );
}

#[tokio::test]
async fn missing_values_may_be_null() {
    let images = r#""data":[{"b64_json":"iVBORw0KGgo=","url":null}]"#;
    for (usage, tokens) in [
        ("null", None),
        (r#"{"input_tokens":null,"output_tokens":null}"#, None),
        (
            r#"{"input_tokens":1.0,"output_tokens":20,"input_tokens_details":null,"output_tokens_details":{"image_tokens":null}}"#,
            Some((1, 20)),
        ),
    ] {
        let found = read(&format!(r#"{{{images},"usage":{usage}}}"#))
            .await
            .unwrap();
        assert_eq!(found.images.len(), 1);
        let counts = found.usage.map(|u| (u.input_tokens, u.output_tokens));
        assert_eq!(counts, tokens, "{usage}");
        let output = tokens.map_or(0, |(_, output)| output);
        assert_eq!(found.image_tokens, ImageTokens { input: 0, output });
    }
    let failed = read(r#"{"data":null,"error":{"message":"m"}}"#)
        .await
        .unwrap();
    assert!(failed.error.is_some());
}

#[tokio::test]
async fn other_answers_are_refused() {
    for (text, words) in [
        ("", "the response is not one of the images endpoint"),
        ("{}", "the response has no images"),
        (r#"{"data":[{}]}"#, "the response has no images"),
        (r#"{"data":[{"b64_json":3}]}"#, "the response has no images"),
        (r#"{"data":[{"b64_json":"**"}]}"#, "media is not base64"),
        (r#"{"data":[{"b64_json":"AA"#, "truncated response"),
    ] {
        let error = read(text).await.unwrap_err();
        assert_eq!(error.reason(), Some(words), "{text}");
    }
    let large = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "A".repeat(2000));
    let error = read(&large).await.unwrap_err();
    assert_eq!(error.reason(), Some("the response is too large"));
}
