//! Streams that do not end, and answers that end in their middle.

use super::*;
use crate::peer::event_pieces;

/// Beyond what is passed over in one answer.
const COMMENTS: usize = 20 * 1024 * 1024;

#[tokio::test]
async fn endless_comments_end_the_request() {
    // Long ones, short ones, and fields that mean nothing.
    let pieces = [
        ": at work\n\n".repeat(6000),
        format!(": {}\n", "x".repeat(65_000)),
        "id: 1\n".repeat(11_000),
    ];
    for (api, piece) in ALL.into_iter().zip(pieces.iter().cycle()) {
        let all: Vec<Vec<u8>> = event_pieces("", 1)
            .into_iter()
            .chain(std::iter::repeat_n(
                piece.clone().into_bytes(),
                COMMENTS / piece.len(),
            ))
            .collect();
        let (error, asked) = failure(api, ResponseMode::Streaming, [Act::SendAndHang(all)]).await;
        assert_eq!((error.kind(), asked), (Kind::InvalidResponse, 1), "{api:?}");
        assert_eq!(error.reason(), Some("the response is too large"));
    }
}

#[tokio::test]
async fn half_an_answer_is_interrupted_whatever_it_is() {
    let json = "{\"id\":\"x\",\"choi";
    let declared = peer::head(200, &[], Some(1000), "application/json");
    let starts = [
        "data: {\"choi",
        "event: message_start\ndata: {\"type\":\"mess",
        "data: {}\n\ndata: ",
        "",
    ];
    for api in ALL {
        let act = Act::Send(vec![[declared.as_bytes(), json.as_bytes()].concat()]);
        let (error, asked) = failure(api, ResponseMode::Complete, [act]).await;
        assert_eq!((error.kind(), asked), (Kind::Interrupted, 1), "{api:?}");
        for start in starts {
            let (error, asked) =
                failure(api, ResponseMode::Streaming, [Act::events(start, 7)]).await;
            assert_eq!(
                (error.kind(), asked),
                (Kind::Interrupted, 1),
                "{api:?} {start:?}"
            );
        }
    }
}

#[tokio::test]
async fn events_that_are_no_json_are_typed() {
    for api in ALL {
        for event in ["data: <html>\n\n", "data: {\"a\":}\n\n", "data: [1,2\n\n"] {
            let (error, _) = failure(api, ResponseMode::Streaming, [Act::events(event, 50)]).await;
            assert_eq!(error.kind(), Kind::InvalidResponse, "{api:?} {event:?}");
        }
    }
}
