//! What a key may do, as typed.

use router::Preferences;
use store::KeySettings;

use crate::args::{KeyLimit, KeySettingsArgs};

/// Whether nothing is to be changed.
pub(super) fn is_empty(args: &KeySettingsArgs) -> bool {
    let KeySettingsArgs {
        admin,
        keep_content,
        requests_per_minute,
        requests_per_day,
        tokens_per_minute,
        tokens_per_day,
        allow_model,
        allow_any_model,
        preferences,
    } = args;
    let limits = [
        requests_per_minute,
        requests_per_day,
        tokens_per_minute,
        tokens_per_day,
    ];
    admin.is_none()
        && keep_content.is_none()
        && limits.into_iter().all(Option::is_none)
        && allow_model.is_empty()
        && !allow_any_model
        && preferences.is_none()
}

/// The settings with what was typed. Else what is wrong with it.
pub(super) fn changed(
    mut settings: KeySettings,
    args: &KeySettingsArgs,
) -> Result<KeySettings, String> {
    let set = |limit: &mut Option<u32>, wanted: Option<KeyLimit>| {
        if let Some(KeyLimit(wanted)) = wanted {
            *limit = wanted;
        }
    };
    let quota = &mut settings.quota;
    set(&mut quota.requests_per_minute, args.requests_per_minute);
    set(&mut quota.requests_per_day, args.requests_per_day);
    set(&mut quota.tokens_per_minute, args.tokens_per_minute);
    set(&mut quota.tokens_per_day, args.tokens_per_day);
    settings.is_admin = args.admin.unwrap_or(settings.is_admin);
    settings.keeps_content = args.keep_content.unwrap_or(settings.keeps_content);

    let known = Preferences::of(&settings);
    let mut preferences = match &args.preferences {
        None => known.to_json(),
        Some(text) => {
            let mut json: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| format!("--preferences is not valid JSON: {error}"))?;
            // Allowed models have a flag of their own: they go when it says so.
            if let (Some(members), Some(allowed)) = (json.as_object_mut(), &known.allowed_models) {
                members
                    .entry("allowedModels")
                    .or_insert_with(|| allowed.clone().into());
            }
            json
        }
    };
    if let Some(members) = preferences.as_object_mut() {
        if args.allow_any_model {
            members.remove("allowedModels");
        }
        if !args.allow_model.is_empty() {
            members.insert("allowedModels".to_owned(), args.allow_model.clone().into());
        }
    }
    let (preferences, faults) = Preferences::read(&preferences);
    if let Some(fault) = faults.first() {
        return Err(format!("preferences: {fault}"));
    }
    settings.preferences = preferences.to_stored();
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, KeysCommand};

    fn typed(args: &[&str]) -> KeySettingsArgs {
        let command = [&["freeway", "keys", "set", "key_a"], args].concat();
        let Command::Keys(keys) = Cli::try_parse_from(command).unwrap().command else {
            panic!("another command");
        };
        let KeysCommand::Set { settings, .. } = keys.command else {
            panic!("another command");
        };
        settings
    }

    fn change(settings: KeySettings, args: &[&str]) -> KeySettings {
        changed(settings, &typed(args)).unwrap()
    }

    #[test]
    fn what_is_not_named_stays() {
        let settings = change(
            KeySettings::default(),
            &[
                "--admin",
                "--requests-per-day",
                "200",
                "--allow-model",
                "a/b",
            ],
        );
        assert!(settings.is_admin);
        assert_eq!(settings.quota.requests_per_day, Some(200));
        let settings = change(settings, &["--keep-content", "--tokens-per-minute", "9"]);
        assert!(settings.is_admin && settings.keeps_content);
        assert_eq!(settings.quota.requests_per_day, Some(200));
        assert_eq!(settings.quota.tokens_per_minute, Some(9));
        let allowed = Preferences::of(&settings).allowed_models;
        assert_eq!(allowed, Some(vec!["a/b".to_owned()]));
        let settings = change(settings, &["--preferences", "{\"sort\": \"newest\"}"]);
        assert_eq!(Preferences::of(&settings).allowed_models, allowed);
    }

    #[test]
    fn everything_can_be_taken_back() {
        let all = [
            "--admin",
            "--keep-content",
            "--requests-per-minute",
            "1",
            "--requests-per-day",
            "1",
            "--tokens-per-minute",
            "1",
            "--tokens-per-day",
            "1",
            "--allow-model",
            "a/b",
            "--allow-model",
            "c/d",
            "--preferences",
            "{\"topN\": 3}",
        ];
        let settings = change(KeySettings::default(), &all);
        let preferences = Preferences::of(&settings);
        assert_eq!(preferences.top_n, Some(3));
        assert_eq!(preferences.allowed_models.unwrap().len(), 2);
        let none = [
            "--admin=false",
            "--keep-content=false",
            "--requests-per-minute",
            "none",
            "--requests-per-day",
            "none",
            "--tokens-per-minute",
            "none",
            "--tokens-per-day",
            "none",
            "--allow-any-model",
            "--preferences",
            "{}",
        ];
        assert_eq!(change(settings, &none), KeySettings::default());
    }

    #[test]
    fn wrong_preferences_change_nothing_and_are_named() {
        for (json, words) in [
            ("{", "not valid JSON"),
            ("[]", "must be a JSON object"),
            ("{\"sort\": \"best\"}", "sort: must be one of"),
            ("{\"allowedModel\": [\"a/b\"]}", "is no preference"),
        ] {
            let error = changed(KeySettings::default(), &typed(&["--preferences", json]));
            assert!(error.as_ref().unwrap_err().contains(words), "{error:?}");
        }
    }

    #[test]
    fn nothing_typed_is_nothing_to_change() {
        assert!(is_empty(&typed(&[])));
        for args in [
            &["--admin=false"][..],
            &["--keep-content"],
            &["--requests-per-minute", "none"],
            &["--tokens-per-day", "7"],
            &["--allow-model", "a/b"],
            &["--allow-any-model"],
            &["--preferences", "{}"],
        ] {
            assert!(!is_empty(&typed(args)), "{args:?}");
        }
    }
}
