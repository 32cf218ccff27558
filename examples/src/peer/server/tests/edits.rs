//! Images that are changed.

use base64::Engine as _;
use painter::{OutputFormat, repaint};
use serde_json::Value;

use super::{Peer, peer, photo};

const BOUNDARY: &str = "fence";

/// A part of a form: its name, its type if it is a file, and its bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, mime, bytes) in parts {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        body.extend(head.as_bytes());
        if let Some(mime) = mime {
            body.extend(format!("; filename=\"a\"\r\nContent-Type: {mime}").as_bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

impl Peer {
    async fn edit(&self, body: Vec<u8>) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}/images/edits", self.url))
            .header("authorization", "Bearer secret")
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }
}

#[tokio::test]
async fn an_edit_starts_from_the_image_that_was_sent() {
    let peer = peer().await;
    let image = photo("coffee", OutputFormat::Webp);
    let parts: [Part<'_>; 4] = [
        ("model", None, b"gpt-image-1-mini"),
        ("prompt", None, b"now at night"),
        ("n", None, b"1"),
        ("image[]", Some("image/webp"), &image),
    ];
    let (status, answer) = peer.edit(form(&parts)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["size"], "320x200");
    let data = answer["data"][0]["b64_json"].as_str().unwrap();
    let data = base64::engine::general_purpose::STANDARD.decode(data);
    let expected = repaint(&image, "now at night", None, OutputFormat::Png);
    assert_eq!(data.unwrap(), expected.unwrap().unwrap());
    let tokens = &answer["usage"]["input_tokens_details"]["image_tokens"];
    assert!(tokens.as_u64().unwrap() > 0, "{answer}");
}

#[tokio::test]
async fn edits_that_the_service_refuses_are_refused() {
    let peer = peer().await;
    let png = photo("coffee", OutputFormat::Png);
    let prompt: Part<'_> = ("prompt", None, b"x");
    let image: Part<'_> = ("image", Some("image/png"), &png);
    let cases: [(&[Part<'_>], u16, &str); 8] = [
        (&[prompt], 400, "Missing required parameter: 'image'"),
        (&[image], 400, "Missing required parameter: 'prompt'"),
        (&[prompt, image, image], 400, "one image at a time"),
        (
            &[prompt, image, ("mask", Some("image/png"), &png)],
            400,
            "no mask",
        ),
        (
            &[prompt, ("image", Some("text/plain"), b"x")],
            400,
            "unsupported mimetype ('text/plain')",
        ),
        (
            &[prompt, ("image", Some("image/jpeg"), &png)],
            400,
            "Invalid image file",
        ),
        (
            &[prompt, image, ("style", None, b"vivid")],
            400,
            "Unknown parameter: 'style'",
        ),
        (
            &[prompt, image, ("model", None, b"dall-e-2")],
            404,
            "does not exist",
        ),
    ];
    for (parts, status, says) in cases {
        let (found, body) = peer.edit(form(parts)).await;
        let message = body["error"]["message"].as_str().unwrap();
        assert_eq!(found, status, "{body}");
        assert!(message.contains(says), "{says}: {message}");
    }
    let mut cut = form(&[prompt, image]);
    cut.truncate(cut.len() / 2);
    assert_eq!(peer.edit(cut).await.0, 400);
    // Another body than a form.
    let (status, text) = peer.send("/images/edits", "{}").await;
    assert!(status == 400 && text.contains("not a form"), "{text}");
}
