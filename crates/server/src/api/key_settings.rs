//! The settings of a key: from JSON and into it.

use axum::body::Bytes;
use router::{InvalidRequest, Preferences};
use serde_json::{Map, Value, json};
use store::{KeyQuota, KeySettings};

/// The limits of a quota by their names.
const LIMITS: [&str; 4] = [
    "requestsPerMinute",
    "requestsPerDay",
    "tokensPerMinute",
    "tokensPerDay",
];

/// The members of a body.
pub(crate) fn members(body: Bytes) -> Result<Map<String, Value>, InvalidRequest> {
    let no_json = |error| {
        InvalidRequest::new(format!("the body is not valid JSON: {error}"))
            .with_code("invalid_json")
    };
    match serde_json::from_slice(&body).map_err(no_json)? {
        Value::Object(members) => Ok(members),
        _ => Err(InvalidRequest::new("the body must be a JSON object")),
    }
}

/// The settings with these members changed. `null` puts a member back to its default; one limit of a
/// quota can be changed alone, preferences are replaced as a whole.
pub(crate) fn changed(
    mut settings: KeySettings,
    members: &Map<String, Value>,
) -> Result<KeySettings, InvalidRequest> {
    for (name, value) in members {
        match name.as_str() {
            "isAdmin" => settings.is_admin = flag(name, value)?,
            "keepsContent" => settings.keeps_content = flag(name, value)?,
            "quota" => change_quota(&mut settings.quota, value)?,
            "preferences" if value.is_null() => settings.preferences = None,
            "preferences" => {
                // A restriction that is left out because it is misspelt would be none.
                let (preferences, faults) = Preferences::read(value);
                if let Some(fault) = faults.first() {
                    return Err(InvalidRequest::of(
                        "preferences",
                        format!("preferences.{fault}"),
                    ));
                }
                settings.preferences = preferences.to_stored();
            }
            _ => {
                let advice = "name, expiresAt, isAdmin, keepsContent, quota and preferences can be";
                return Err(InvalidRequest::of(
                    name,
                    format!("{name} cannot be set; {advice}"),
                ));
            }
        }
    }
    Ok(settings)
}

fn flag(name: &str, value: &Value) -> Result<bool, InvalidRequest> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::Null => Ok(false),
        _ => Err(InvalidRequest::of(
            name,
            format!("{name} must be true or false"),
        )),
    }
}

fn change_quota(quota: &mut KeyQuota, json: &Value) -> Result<(), InvalidRequest> {
    let members = match json {
        Value::Null => {
            *quota = KeyQuota::default();
            return Ok(());
        }
        Value::Object(members) => members,
        _ => {
            return Err(InvalidRequest::of(
                "quota",
                "quota must be a JSON object or null",
            ));
        }
    };
    for (name, value) in members {
        let place = format!("quota.{name}");
        let limit = match name.as_str() {
            "requestsPerMinute" => &mut quota.requests_per_minute,
            "requestsPerDay" => &mut quota.requests_per_day,
            "tokensPerMinute" => &mut quota.tokens_per_minute,
            "tokensPerDay" => &mut quota.tokens_per_day,
            _ => {
                let message = format!("{place} is no limit; there are {}", LIMITS.join(", "));
                return Err(InvalidRequest::of(place, message));
            }
        };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        *limit = match (value, number) {
            (Value::Null, _) => None,
            (_, Some(number)) if number > 0 => Some(number),
            _ => {
                let max = u32::MAX;
                let message = format!("{place} must be a number from 1 to {max}, or null for none");
                return Err(InvalidRequest::of(place, message));
            }
        };
    }
    Ok(())
}

/// The settings, under the names by which they are set.
pub(crate) fn json(settings: &KeySettings) -> Value {
    let quota = &settings.quota;
    json!({
        "isAdmin": settings.is_admin,
        "keepsContent": settings.keeps_content,
        "quota": {
            "requestsPerMinute": quota.requests_per_minute,
            "requestsPerDay": quota.requests_per_day,
            "tokensPerMinute": quota.tokens_per_minute,
            "tokensPerDay": quota.tokens_per_day,
        },
        "preferences": Preferences::of(settings).to_json(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(settings: KeySettings, json: Value) -> Result<KeySettings, InvalidRequest> {
        changed(settings, json.as_object().unwrap())
    }

    #[test]
    fn what_is_set_is_shown_under_the_same_names() {
        let all = json!({
            "isAdmin": true,
            "keepsContent": true,
            "quota": {"requestsPerMinute": 1, "requestsPerDay": 2, "tokensPerMinute": 3, "tokensPerDay": 4},
            "preferences": {"sort": "newest", "allowedModels": ["a/b"]},
        });
        let settings = change(KeySettings::default(), all.clone()).unwrap();
        assert_eq!(json(&settings), all);
        assert_eq!(change(settings.clone(), json!({})).unwrap(), settings);
    }

    #[test]
    fn one_member_changes_alone_and_null_puts_it_back() {
        let quota = json!({"quota": {"requestsPerDay": 200, "tokensPerDay": 9}});
        let settings = change(KeySettings::default(), quota).unwrap();
        let fewer = json!({"quota": {"requestsPerDay": 100}, "isAdmin": true});
        let settings = change(settings, fewer).unwrap();
        assert_eq!(settings.quota.requests_per_day, Some(100));
        assert_eq!(settings.quota.tokens_per_day, Some(9));
        let settings = change(settings, json!({"quota": {"requestsPerDay": null}})).unwrap();
        assert_eq!(settings.quota.requests_per_day, None);
        assert_eq!(settings.quota.tokens_per_day, Some(9));
        let none = json!({"quota": null, "isAdmin": null, "preferences": null});
        assert_eq!(change(settings, none).unwrap(), KeySettings::default());
    }

    #[test]
    fn a_wrong_member_is_refused_by_name() {
        for (json, place) in [
            (json!({"name": "x"}), "name"),
            (json!({"isAdmin": 1}), "isAdmin"),
            (json!({"quota": 3}), "quota"),
            (json!({"quota": {"perDay": 3}}), "quota.perDay"),
            (
                json!({"quota": {"requestsPerDay": 0}}),
                "quota.requestsPerDay",
            ),
            (
                json!({"quota": {"requestsPerDay": -1}}),
                "quota.requestsPerDay",
            ),
            (
                json!({"quota": {"requestsPerDay": 1.5}}),
                "quota.requestsPerDay",
            ),
            (
                json!({"quota": {"requestsPerDay": 4_294_967_296_u64}}),
                "quota.requestsPerDay",
            ),
            (
                json!({"preferences": {"allowedModel": ["a/b"]}}),
                "preferences",
            ),
            (json!({"preferences": {"allowedModels": []}}), "preferences"),
        ] {
            let error = change(KeySettings::default(), json.clone()).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(place), "{json}");
            assert!(error.message.contains(place), "{}", error.message);
        }
    }
}
