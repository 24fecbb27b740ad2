//! Hosts as those see them who look after the server, and hosts that it is not set up to ask.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_model_of_hosts_that_are_not_set_up_is_told_with_their_names() {
    let world = World::new(vec![hosted("a", &[Act::Say("a")])]).await;
    let other = LocalModels {
        provider: "elsewhere".to_owned(),
        tier: Tier::Hosted,
        models: host("elsewhere", &["test/other"], &[]).models,
        since: Timestamp(0),
    };
    let catalog = Catalog::clone(&world.router.catalog());
    world
        .router
        .set_catalog(Arc::new(catalog.with_local(&[other])));
    let error = world.ask("test/other").await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::ModelNotFound);
    let words = "listed by elsewhere, whom this server is not set up to ask";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_after_the_server_sees_which_host_rests_and_why() {
    let fail = [Act::Fail(FailureKind::RateLimited, Some(600))];
    let world = World::new(vec![hosted("b", &fail), hosted("a", &[Act::Say("a")])]).await;
    world.ask("b/test/m:free").await.err().unwrap();
    let [a, b] = &world.router.hosts(now())[..] else {
        panic!("there are two");
    };
    assert_eq!(
        (a.id.as_str(), a.num_deployments, &a.resting[..]),
        ("a", 1, &[][..])
    );
    assert_eq!((b.id.as_str(), b.num_deployments), ("b", 1));
    let [resting] = &b.resting[..] else {
        panic!("{b:?}");
    };
    assert_eq!(
        (resting.name.as_str(), resting.why),
        ("test/m:free", Some(FailureKind::RateLimited))
    );
    let wait_ms = resting.until.unwrap().0 - now().0;
    assert!((595_000..=600_000).contains(&wait_ms), "{wait_ms}");
}
