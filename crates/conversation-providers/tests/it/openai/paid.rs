//! What a request may have cost that has no answer.

use conversation_providers::{AttemptBudget, ProviderErrorKind as Kind};

use super::peer::{Act, Peer};
use super::*;

#[tokio::test]
async fn what_may_have_been_paid_for_is_estimated() {
    let peer = Peer::start([Act::Close]).await;
    let text = "x".repeat(4000);
    let error = ask(&provider(&peer), &[user(&text)], &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert!(!error.is_not_processed());
    let usage = error.usage().unwrap();
    assert!((1000..1100).contains(&usage.input_tokens), "{usage:?}");
    let peer = Peer::start([Act::json(400, &error_body("c", "m", None))]).await;
    let error = ask(&provider(&peer), &[user(&text)], &no_storage())
        .await
        .unwrap_err();
    assert!(error.is_not_processed() && error.usage().is_none());
}

#[tokio::test]
async fn a_request_for_which_a_gateway_gave_up_is_sent_again_and_what_it_may_have_cost_is_counted()
{
    for status in [502, 504] {
        let lost = || Act::reply(status, &[], "<html>no answer in time</html>");
        let peer = Peer::start([lost(), lost(), Act::json(200, &hello())]).await;
        let budget = AttemptBudget::new(6);
        let text = "x".repeat(4000);
        let messages = [user(&text)];
        let request = ProviderRequest::new(&messages).with_budget(budget.clone());
        answer(&provider(&peer), request, &no_storage())
            .await
            .unwrap();
        assert_eq!(peer.received().len(), 3);
        let (usage, cost) = budget.take_abandoned().unwrap();
        assert!((2000..2200).contains(&usage.input_tokens), "{usage:?}");
        assert!(cost.is_some());
    }
}
