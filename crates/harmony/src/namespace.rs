//! Tools by namespace, and the two namespaces gpt-oss was trained with.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The name of a namespace or of a tool within it may have this many characters.
pub(crate) const MAX_NAME_CHARS: usize = 64;

/// Whether `name` can be declared: letters, digits, `_`, `-` and, for tools of MCP servers, `.`.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let num_chars = name.chars().take(MAX_NAME_CHARS + 1).count();
    (1..=MAX_NAME_CHARS).contains(&num_chars)
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// A namespace of tools as a message declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolNamespace {
    /// The name, as `functions` in `functions.get_weather`: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// What the tools are for.
    pub description: Option<String>,
    /// The tools. When there are none the namespace itself is the tool (`python`).
    pub tools: Vec<ToolDescription>,
}

/// One tool as a message declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDescription {
    /// The name without its namespace: at most 64 letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// What it does; may be empty.
    pub description: String,
    /// JSON schema of the arguments, or `None` when it takes none.
    pub parameters: Option<Value>,
}

impl ToolDescription {
    /// A tool that takes the arguments described by the JSON schema `parameters`.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Option<Value>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters,
        }
    }
}

impl ToolNamespace {
    /// The names by which a message addresses the tools: `namespace.tool` for each tool, or the
    /// namespace's own name when it lists none.
    pub fn recipients(&self) -> Vec<String> {
        if self.tools.is_empty() {
            return vec![self.name.clone()];
        }
        self.tools
            .iter()
            .map(|tool| format!("{}.{}", self.name, tool.name))
            .collect()
    }

    /// The built-in browser, in the words the models were trained on. The last line of its
    /// description says where pages come from.
    pub fn browser() -> Self {
        Self {
            name: "browser".to_owned(),
            description: Some(BROWSER.to_owned()),
            tools: vec![
                ToolDescription::new(
                    "search",
                    BROWSER_SEARCH,
                    Some(json!({
                        "type": "object",
                        "properties": {
                            "query": {"type": "string"},
                            "topn": {"type": "number", "default": 10},
                            "source": {"type": "string"},
                        },
                        "required": ["query"],
                    })),
                ),
                ToolDescription::new(
                    "open",
                    BROWSER_OPEN,
                    Some(json!({
                        "type": "object",
                        "properties": {
                            "id": {"type": ["number", "string"], "default": -1},
                            "cursor": {"type": "number", "default": -1},
                            "loc": {"type": "number", "default": -1},
                            "num_lines": {"type": "number", "default": -1},
                            "view_source": {"type": "boolean", "default": false},
                            "source": {"type": "string"},
                        },
                    })),
                ),
                ToolDescription::new(
                    "find",
                    BROWSER_FIND,
                    Some(json!({
                        "type": "object",
                        "properties": {
                            "pattern": {"type": "string"},
                            "cursor": {"type": "number", "default": -1},
                        },
                        "required": ["pattern"],
                    })),
                ),
            ],
        }
    }

    /// The built-in Python tool, in the words the models were trained on (a stateful notebook).
    pub fn python() -> Self {
        Self {
            name: "python".to_owned(),
            description: Some(PYTHON.to_owned()),
            tools: Vec::new(),
        }
    }
}

// The texts below are the tools' trained descriptions: they must not be reworded.

const BROWSER: &str = "\
Tool for browsing.
The `cursor` appears in brackets before each browsing display: `[{cursor}]`.
Cite information from the tool using the following format:
`【{cursor}†L{line_start}(-L{line_end})?】`, for example: `【6†L9-L11】` or `【8†L3】`.
Do not quote more than 10 words directly from the tool output.
sources=web (default: web)";

const BROWSER_SEARCH: &str =
    "Searches for information related to `query` and displays `topn` results.";

const BROWSER_OPEN: &str = "\
Opens the link `id` from the page indicated by `cursor` starting at line number `loc`, showing `num_lines` lines.
Valid link ids are displayed with the formatting: `【{id}†.*】`.
If `cursor` is not provided, the most recent page is implied.
If `id` is a string, it is treated as a fully qualified URL associated with `source`.
If `loc` is not provided, the viewport will be positioned at the beginning of the document or centered on the most relevant passage, if available.
Use this function without `id` to scroll to a new location of an opened page.";

const BROWSER_FIND: &str =
    "Finds exact matches of `pattern` in the current page, or the page given by `cursor`.";

const PYTHON: &str = "\
Use this tool to execute Python code in your chain of thought. The code will not be shown to the user. This tool should be used for internal reasoning, but not for code that is intended to be visible to the user (e.g. when creating plots, tables, or files).

When you send a message containing Python code to python, it will be executed in a stateful Jupyter notebook environment. python will respond with the output of the execution or time out after 120.0 seconds. The drive at '/mnt/data' can be used to save and persist user files. Internet access for this session is UNKNOWN. Depends on the cluster.";
