use super::*;

fn of(status: u16, code: &str, message: &str) -> Option<Wording> {
    wording(status, &Said::new(code, message))
}

#[test]
fn servers_that_take_no_images_are_understood() {
    for (status, message) in [
        (404, "No endpoints found that support image input"),
        (
            400,
            "Invalid content type. image_url is only supported by certain models.",
        ),
        (400, "This model does not support image input."),
        (400, "deepseek-chat is not a multimodal model: image input"),
        (415, "Images are not supported by this endpoint"),
        (
            422,
            "The model only accepts text; images are not accepted (text-only model)",
        ),
        (
            500,
            "image input is not supported - hint: you may need to provide the mmproj",
        ),
        (501, "vision is not enabled for this deployment"),
        (
            400,
            "registry.ollama.ai/library/llama3 does not support images",
        ),
        (
            400,
            "Invalid content type image/png: this model does not support images",
        ),
        (400, "this model is text-only; unsupported image format"),
        (400, "unsupported format: `m` does not support image input."),
    ] {
        let found = of(status, "", message);
        let expected = Some(Wording::NoneOf(MediaType::Image));
        assert_eq!(found, expected, "{status} {message}");
    }
}

#[test]
fn the_number_of_images_is_read() {
    for (message, most) in [
        ("At most 1 image(s) may be provided in one request.", 1),
        (
            "You sent 7 images; this model takes a maximum of 4 images per request",
            4,
        ),
        ("Too many images: the maximum number of images is 10", 10),
        ("this endpoint accepts up to five images", 5),
        ("requests with more than 3 input images are refused", 3),
        ("image count exceeds limit: 16", 16),
    ] {
        assert_eq!(
            of(400, "", message),
            Some(Wording::AtMost(most)),
            "{message}"
        );
    }
    for message in [
        "image dimensions exceed the maximum allowed size of 8000 pixels",
        "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
    ] {
        let found = of(400, "", message);
        assert_eq!(found, Some(Wording::Some(MediaType::Image)), "{message}");
    }
}

#[test]
fn one_bad_item_is_not_all_of_them() {
    for (status, code, message) in [
        (
            400,
            "invalid_image_format",
            "You uploaded an unsupported image.",
        ),
        (400, "", "Could not process image"),
        (400, "", "Unsupported image"),
        (400, "", "Unsupported media type image/heic: wrong format"),
        (400, "image_parse_error", "bad data"),
        (400, "", "Unsupported image type: image/tiff"),
        (400, "", "Unsupported image type"),
        (400, "", "HEIC images are not supported"),
        (415, "", "image/webp is not supported"),
        (400, "", "This model does not support image/webp"),
        (400, "", "The model does not support images in WebP"),
        (400, "", "Animated images are not supported by this model"),
        (
            400,
            "",
            "We do not support images larger than 20 megapixels",
        ),
        (
            400,
            "",
            "This model does not support images of these dimensions",
        ),
        (422, "", "This image is not supported"),
        (500, "", "failed to decode image bytes"),
        (422, "", "Failed to load image from the url"),
    ] {
        let found = of(status, code, message);
        assert_eq!(found, Some(Wording::Some(MediaType::Image)), "{message}");
    }
}

#[test]
fn one_format_that_is_refused_is_not_its_kind() {
    for (message, kind) in [
        ("docx files are not supported", MediaType::Document),
        ("Unsupported audio type: audio/flac", MediaType::Audio),
        ("MOV video is not supported", MediaType::Video),
    ] {
        assert_eq!(of(400, "", message), Some(Wording::Some(kind)), "{message}");
    }
    let all = of(400, "", "PDF files are not supported by this model");
    assert_eq!(all, Some(Wording::NoneOf(MediaType::Document)));
}

#[test]
fn errors_that_only_look_alike_are_about_something_else() {
    for (status, code, message) in [
        (429, "", "Rate limit reached for images per minute"),
        (
            400,
            "",
            "This model's maximum context length is 8192 tokens; your images use 9000",
        ),
        (500, "", "Internal error in the image-service"),
        (
            500,
            "server_error",
            "The server had an error while handling an image request",
        ),
        (
            400,
            "moderation_blocked",
            "Your image was blocked by the safety system",
        ),
        (401, "", "Invalid key for image input"),
        (
            402,
            "",
            "Out of credit: images are not supported on the free plan",
        ),
        (
            404,
            "model_not_found",
            "The model gpt-image-1 does not exist",
        ),
        (
            400,
            "",
            "Invalid value for tools[0].function.name: generate_image",
        ),
        (503, "", "image workers are not available"),
        (
            413,
            "rate_limit_exceeded",
            "Request too large on tokens per minute (TPM): Limit 30000; send fewer images",
        ),
        (
            400,
            "",
            "images exceed the available context size, which is 8192",
        ),
        (400, "", "Invalid temperature"),
    ] {
        assert_eq!(of(status, code, message), None, "{message}");
    }
}
