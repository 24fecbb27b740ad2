//! What accounts at hosts may still ask for.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_exhausted_account_stops_the_whole_provider_until_it_is_filled_again() {
    let world = World::new(vec![
        (
            Tier::Hosted,
            host(
                "a",
                &["test/m", "test/n"],
                &[
                    Act::Fail(FailureKind::AccountQuotaExhausted, Some(600)),
                    Act::Say("a"),
                ],
            ),
        ),
        (
            Tier::Local,
            host("local", &["test/m", "test/n"], &[Act::Say("local")]),
        ),
    ])
    .await;
    assert_eq!(world.ask("test/m").await.unwrap().0, "local");
    // Another model of the same account is not even asked for.
    assert_eq!(world.ask("test/n").await.unwrap().0, "local");
    assert_eq!(world.num_asked(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_host_for_one_model_says_nothing_of_its_others() {
    let world = World::new(vec![(
        Tier::Hosted,
        host(
            "a",
            &["test/m", "test/n"],
            &[
                Act::Fail(FailureKind::RateLimited, Some(600)),
                Act::Say("a"),
            ],
        ),
    )])
    .await;
    let error = world.ask("test/m").await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::RateLimited);
    assert_eq!(whole_seconds(error.retry_after().unwrap()), 600);
    // It is left alone for as long as it said.
    let error = world.ask("test/m").await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::RateLimited);
    assert!(error.retry_after().unwrap() > Duration::from_secs(590));
    assert_eq!(world.num_asked(), [1]);
    assert_eq!(world.ask("test/n").await.unwrap().0, "a");
}

#[tokio::test(start_paused = true)]
async fn the_quota_of_an_account_is_never_overdrawn_and_the_next_one_is_asked_instead() {
    let (tier, mut limited) = hosted("a", &[Act::Say("a")]);
    limited.limits.requests_per_day = Some(3);
    let world = World::new(vec![
        (tier, limited),
        (Tier::Local, host("local", &[M], &[Act::Say("l")])),
    ])
    .await;
    let mut said = String::new();
    for _ in 0..5 {
        said.push_str(&world.ask(M).await.unwrap().0);
    }
    assert_eq!(said, "aaall");
    assert_eq!(world.num_asked(), [3, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_what_an_account_has_used_today() {
    let (tier, mut limited) = hosted("a", &[Act::Say("a")]);
    limited.limits.requests_per_day = Some(2);
    let world = World::new(vec![(tier, limited)]).await;
    world.ask(M).await.unwrap();
    world.ask(M).await.unwrap();

    let (_, mut again) = hosted("a", &[Act::Say("a")]);
    again.limits.requests_per_day = Some(2);
    let metrics = Arc::new(Metrics::default());
    let (recorder, _task) = Recorder::spawn(
        Arc::clone(&world.store),
        Arc::clone(&metrics),
        KeepDays::default(),
    );
    let provider = Arc::new(again);
    let providers = vec![Arc::clone(&provider) as Arc<dyn Provider>];
    let store = Arc::clone(&world.store);
    let accounts = Accounts::new(providers);
    let router = Router::new(accounts, RouterConfig::default(), store, recorder, metrics);
    router.set_catalog(world.router.catalog());
    router.accounts().remember(&*world.store).await.unwrap();
    let body = json!({"model": M, "messages": [{"role": "user", "content": "hi"}]});
    let request = Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap());
    let answer = router
        .chat(&Caller::default(), "r".to_owned(), &request)
        .await;
    assert_eq!(answer.err().unwrap().kind(), FailureKind::RateLimited);
    assert_eq!(provider.num_asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_quota_that_other_servers_used_up_costs_nothing_of_the_others() {
    let (tier, mut limited) = hosted("a", &[Act::Say("a")]);
    limited.limits.requests_per_minute = Some(3);
    limited.limits.requests_per_day = Some(10);
    let world = World::new(vec![
        (tier, limited),
        (Tier::Local, host("local", &[M], &[Act::Say("l")])),
    ])
    .await;
    let minute = QuotaWindow::RequestsPerMinute;
    // Also in the next minute, should it begin meanwhile.
    for start in [minute.start(now()), minute.end(now())] {
        let name = counter_name("a", minute);
        let used = [(Counter { name, start }, 3)];
        world.store.raise_counters(&used).await.unwrap();
    }
    assert_eq!(world.ask(M).await.unwrap().0, "l");
    assert_eq!(world.num_asked(), [0, 1]);
    let metrics = world.router.metrics_text();
    let line = "freeway_quota_remaining{gen_ai_provider_name=\"a\",window=\"requests_per_day\"} 10";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_says_is_left_when_asked_is_believed() {
    let (tier, mut told) = hosted("a", &[Act::Say("a")]);
    told.quota = vec![QuotaReport {
        window: QuotaWindow::RequestsPerDay,
        limit: Some(50),
        remaining: 0,
        resets_in: None,
    }];
    let world = World::new(vec![(tier, told)]).await;
    world.ask(M).await.unwrap();
    world.router.accounts().ask().await;
    let error = world.ask(M).await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::RateLimited);
    assert_eq!(world.num_asked(), [1]);
}
