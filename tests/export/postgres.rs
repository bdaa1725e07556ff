//! A record in PostgreSQL, in which two gateways write: one of them sends all of it on.

use bulkhead_tests::{eventually, skipped};

use crate::stage::{OnServer, Stage, complete};

#[tokio::test(flavor = "multi_thread")]
async fn what_several_gateways_write_goes_on_once_in_order() {
    let test = "what_several_gateways_write_goes_on_once_in_order";
    let server = match OnServer::new() {
        Ok(server) => server,
        Err(why) => return skipped(test, why),
    };
    let (one, other) = (Stage::of(server.place("one")), Stage::of(server.place("other")));
    let out = one.path().join("out.jsonl");
    let settings = format!("name = \"file\"\nformat = \"jsonl\"\nto = {out:?}");
    let following = one.follow(&settings);
    tokio::join!(one.grow(150), other.grow(150));
    following.until(300).await;
    following.end().await;
    let one = one.reopen().await;
    other.grow(10).await;
    let following = one.follow(&settings);
    following.until(310).await;
    following.end().await;
    let seqs = || {
        let text = std::fs::read_to_string(&out).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|record| record["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    eventually("all is written", || seqs().last() == Some(&310));
    complete(&seqs(), 310);
    assert_eq!(seqs().len(), 310, "the cursor of this gateway was kept");
}
