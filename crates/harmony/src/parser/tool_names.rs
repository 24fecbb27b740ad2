//! Which declared tool a recipient means.

use std::collections::HashSet;

/// The recipients by which a conversation's tools are addressed, such as `functions.get_weather`.
#[derive(Clone, Debug, Default)]
pub(super) struct ToolNames {
    names: Vec<String>,
}

/// Header words that models glue to the end of a tool's name.
const GLUED: [&str; 6] = [
    "json",
    "code",
    "commentary",
    "analysis",
    "final",
    "assistant",
];

/// A shorter recipient than this is not taken for the beginning of a tool's name.
const MIN_PREFIX_CHARS: usize = 4;

impl ToolNames {
    /// The names, each once: two messages may declare the same tool.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Self { names }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The one declared name that `word` is as a whole. It may lack or repeat the namespace, and mix
    /// up `-`, `_` and case.
    pub(super) fn named(&self, word: &str) -> Option<&str> {
        let wanted = fold(word);
        self.exact(word)
            .or_else(|| self.first_fit(&[&|name| name == wanted]))
    }

    /// The one declared name that `recipient` can mean. Beyond [`named`](Self::named) it may break
    /// off early, or have a header word glued to it.
    pub(super) fn resolve(&self, recipient: &str) -> Option<&str> {
        let wanted = fold(recipient);
        self.exact(recipient).or_else(|| {
            self.first_fit(&[
                &|name| name == wanted,
                &|name| is_glued(&wanted, name),
                &|name| wanted.chars().count() >= MIN_PREFIX_CHARS && name.starts_with(&wanted),
            ])
        })
    }

    fn exact(&self, word: &str) -> Option<&str> {
        let mut names = self.names.iter().map(String::as_str);
        names.find(|name| *name == word)
    }

    /// The first reading that fits any name, folded, decides; when it fits two, none is chosen.
    fn first_fit(&self, readings: &[&dyn Fn(&str) -> bool]) -> Option<&str> {
        for fits in readings {
            let mut fitting = self.names.iter().filter(|name| fits(&fold(name)));
            if let Some(first) = fitting.next() {
                return fitting.next().is_none().then_some(first.as_str());
            }
        }
        None
    }
}

/// The name without `functions.`, in lower case, with `_` for `-`.
fn fold(name: &str) -> String {
    let mut bare = name;
    while let Some(rest) = bare.strip_prefix("functions.") {
        bare = rest;
    }
    bare.to_lowercase().replace('-', "_")
}

/// Whether `wanted` is `name` with something glued to it that is no part of a name.
fn is_glued(wanted: &str, name: &str) -> bool {
    wanted.strip_prefix(name).is_some_and(|tail| {
        GLUED.contains(&tail)
            || tail.starts_with(|c: char| !c.is_alphanumeric() && !"_./".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(names: &[&str], recipient: &str) -> Option<String> {
        let names = ToolNames::new(names.iter().map(|&name| name.to_owned()).collect());
        names.resolve(recipient).map(str::to_owned)
    }

    #[test]
    fn a_name_is_found_in_the_forms_models_write_it() {
        let names = [
            "functions.get_weather",
            "functions.list-files",
            "browser.search",
            "python",
        ];
        for (written, meant) in [
            ("functions.get_weather", "functions.get_weather"),
            ("get_weather", "functions.get_weather"),
            ("functions.functions.get_weather", "functions.get_weather"),
            ("functions.get-weather", "functions.get_weather"),
            ("functions.GetWeather", ""),
            ("functions.Get_Weather", "functions.get_weather"),
            ("functions.get_weatherjson", "functions.get_weather"),
            ("functions.get_weathercommentary", "functions.get_weather"),
            ("get_weather:0", "functions.get_weather"),
            ("functions.get_wea", "functions.get_weather"),
            ("list_files", "functions.list-files"),
            ("functions.python", "python"),
            ("functions.browser.search", "browser.search"),
            ("functions.get_weather.today", ""),
            ("shell", ""),
            ("get", ""),
            ("", ""),
        ] {
            let expected = (!meant.is_empty()).then(|| meant.to_owned());
            assert_eq!(resolve(&names, written), expected, "{written}");
        }
    }

    #[test]
    fn a_name_that_fits_two_tools_is_left_alone() {
        let names = ["functions.get_weather", "functions.get_wealth"];
        assert_eq!(resolve(&names, "functions.get_wea"), None);
        assert_eq!(resolve(&["functions.a-b", "functions.a_b"], "a_B"), None);
        assert_eq!(
            resolve(&["functions.a-b", "functions.a_b"], "functions.a_b").as_deref(),
            Some("functions.a_b")
        );
    }

    #[test]
    fn a_tool_that_is_declared_twice_is_one_tool() {
        let names = ["functions.get_weather", "functions.get_weather"];
        for written in ["get_weather", "functions.get_wea", "get-weatherjson"] {
            assert_eq!(
                resolve(&names, written).as_deref(),
                Some("functions.get_weather"),
                "{written}"
            );
        }
    }

    #[test]
    fn only_whole_names_are_named() {
        let names = ToolNames::new(vec!["functions.get_weather".to_owned()]);
        for (word, is_named) in [
            ("functions.get_weather", true),
            ("get-Weather", true),
            ("get_wea", false),
            ("get_weatherjson", false),
        ] {
            assert_eq!(names.named(word).is_some(), is_named, "{word}");
        }
    }

    #[test]
    fn a_longer_declared_name_wins_over_its_beginning() {
        let names = ["functions.get", "functions.get_weather"];
        assert_eq!(
            resolve(&names, "get_weather").as_deref(),
            Some("functions.get_weather")
        );
        assert_eq!(
            resolve(&names, "get_weatherjson").as_deref(),
            Some("functions.get_weather")
        );
        assert_eq!(resolve(&names, "get").as_deref(), Some("functions.get"));
    }
}
