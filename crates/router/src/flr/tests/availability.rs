//! `GET /api/availability`.

use super::*;

/// gpt-oss and the one that moved were listed at OpenRouter in every hour, but for three days of
/// gpt-oss and two on which nobody looked.
fn looks() -> History {
    let now = Hour::of(NOW).0;
    let today = now.div_euclid(24);
    let rows = (now - 41 * 24..=now).flat_map(|hour| {
        let days_ago = today - hour.div_euclid(24);
        let seen = |provider: &str, name: &str, is_listed| Observation {
            key: key(provider, name),
            hour: Hour(hour),
            is_listed,
            is_up: Some(true),
            num_probes_ok: 0,
            num_probes_failed: 0,
        };
        let is_away = (10..13).contains(&days_ago);
        let mut rows = vec![
            seen("openrouter", "openai/gpt-oss-20b:free", !is_away),
            seen("groq", "openai/gpt-oss-20b", false),
            seen("openrouter", "acme/gone:free", days_ago > 3),
        ];
        rows.retain(|_| !(days_ago == 5 || days_ago == 6));
        rows
    });
    let rows: Vec<_> = rows.collect();
    History::new(&rows, &[])
}

fn availability(query: &str) -> Result<Value, BadDays> {
    let catalog = catalog();
    let params = availability_params(getter(query))?;
    Ok(availability_body(
        &catalog,
        &looks(),
        &errors(&catalog),
        &params,
        NOW,
    ))
}

#[test]
fn availability_tells_of_every_day_what_is_known() {
    let body = availability("days=7&useCases=reasoning").unwrap();
    let expected = json!({
        "models": [{
            "modelId": "openai/gpt-oss-20b:free",
            "modelName": "OpenAI: gpt-oss-20b (free)",
            "isActive": true,
            "runsHere": false,
            "modality": "text->text",
            "inputModalities": ["text"],
            "outputModalities": ["text"],
            "supportedParameters": ["include_reasoning", "seed", "tools"],
            "contextLength": 131_072,
            "maxCompletionTokens": 8192,
            "availability": {"2026-03-15": true, "2026-03-16": true, "2026-03-17": true,
                             "2026-03-18": true, "2026-03-19": true},
            "status": {"2026-03-13": "not_observed", "2026-03-14": "not_observed",
                       "2026-03-15": "callable", "2026-03-16": "callable",
                       "2026-03-17": "callable", "2026-03-18": "callable",
                       "2026-03-19": "callable"},
            "availableDays": 5,
            "trackedDays": 5,
            "unobservedDays": 2,
            "availableHours": 109,
            "observedHours": 109,
            "availabilityPercent": 100,
            "evidenceHours": {"listed": 109, "endpointUp": 109, "probed": 0, "served": 0},
        }],
        "dates": ["2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16", "2026-03-17",
                  "2026-03-18", "2026-03-19"],
        "lastUpdated": "2026-03-19T12:30:00.000Z",
        "count": 1,
    });
    assert_eq!(body, expected);
}

#[test]
fn a_day_on_which_it_was_away_is_false_and_not_missing() {
    let body = availability("").unwrap();
    let models = body["models"].as_array().unwrap();
    let oss = models.iter().find(|one| one["modelId"] == OSS).unwrap();
    let days = oss["availability"].as_object().unwrap();
    let away: Vec<_> = days
        .iter()
        .filter(|(_, yes)| **yes == json!(false))
        .collect();
    assert_eq!(away.len(), 3);
    assert_eq!(
        (oss["availableDays"].clone(), oss["trackedDays"].clone()),
        (json!(37), json!(40))
    );
    assert_eq!(oss["status"]["2026-03-08"], "not_listed");
    // One that is gone is red since, and still told of.
    let gone = models
        .iter()
        .find(|one| one["modelId"] == "acme/gone:free")
        .unwrap();
    assert_eq!(gone["isActive"], false);
    assert_eq!(gone["availability"]["2026-03-18"], false);
    assert_eq!(gone["availability"]["2026-03-12"], true);
    // Models that nobody ever looked at are not told of.
    assert_eq!(models.len(), 2);
    assert_eq!(body["count"], 2);
    assert_eq!(body["dates"].as_array().unwrap().len(), 90);
    assert_eq!(body["dates"][89], "2026-03-19");
}

#[test]
fn days_are_a_number_and_orders_are_those_of_the_lists() {
    for (query, num_days) in [
        ("", 90),
        ("days=", 90),
        ("days=30", 30),
        ("days=0", 1),
        ("days=-5", 1),
        ("days=900", 90),
        ("days=99999999999999999999", 90),
        ("days=12.7", 12),
        ("days=7d", 7),
    ] {
        let body = availability(query).unwrap();
        assert_eq!(body["dates"].as_array().unwrap().len(), num_days, "{query}");
    }
    for query in [
        "days=many",
        "days=NaN",
        "days=Infinity",
        "days=-",
        "days=d7",
    ] {
        let error = availability(query).unwrap_err();
        assert!(error.to_string().contains("from 1 to 90"), "{query}");
    }
    let long = format!("days={}", "x".repeat(10_000));
    assert!(availability(&long).unwrap_err().to_string().len() < 200);
    for (query, expected) in [
        ("", ["acme/gone:free", OSS]),
        ("sort=maxOutput", [OSS, "acme/gone:free"]),
        ("sort=capable", [OSS, "acme/gone:free"]),
        ("sort=leastIssues", [OSS, "acme/gone:free"]),
        ("sort=newest", ["acme/gone:free", OSS]),
        ("sort=junk", ["acme/gone:free", OSS]),
    ] {
        let body = availability(query).unwrap();
        assert_eq!(names(&body["models"], "modelId"), expected, "{query}");
    }
}
