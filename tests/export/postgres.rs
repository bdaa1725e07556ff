//! A record in PostgreSQL, in which two gateways write: one of them sends all of it on.

use bulkhead_tests::{eventually, skipped};
use journal::{Place, PostgresConfig, postgres};

use crate::cluster::Cluster;
use crate::stage::{Stage, complete};

#[tokio::test(flavor = "multi_thread")]
async fn what_several_gateways_write_goes_on_once_in_order() {
    let test = "what_several_gateways_write_goes_on_once_in_order";
    let cluster = match Cluster::shared() {
        Ok(cluster) => cluster,
        Err(why) => return skipped(test, why),
    };
    let database = cluster.database();
    let role = "an_exporting_gateway";
    let owner = PostgresConfig::new(&cluster.url("postgres", &database)).unwrap();
    let made = tokio::task::spawn_blocking(move || {
        postgres::init(&owner, "0123456789abcdef", &[role.to_owned()], &[]).unwrap().record
    });
    assert!(made.await.unwrap());
    let place = |gateway: &str| -> Place {
        PostgresConfig::new(&cluster.url(role, &database)).unwrap().with_gateway(gateway).unwrap().into()
    };
    let (one, other) = (Stage::of(place("one")), Stage::of(place("other")));
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
