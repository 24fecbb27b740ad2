//! A JSON schema as the TypeScript-like type that the models were trained to read.
//!
//! The style is that of OpenAI's harmony library, character for character, wherever that library
//! says what the schema says. Where it loses something, the loss is mended within the same style;
//! the list is in the documentation of the crate's tests, `tests/schema_renderings.rs`.

use serde_json::{Map, Value};

use super::comment;
use super::schema::{Property, Resolver, View};

/// Types nested deeper than this are `any`.
pub const MAX_DEPTH: usize = 32;
/// How many types and properties one schema may have once its references are followed.
pub const MAX_TYPE_NODES: usize = 20_000;
/// How many bytes of names, comments and literals one schema may have once its references are
/// followed.
pub const MAX_TYPE_BYTES: usize = 1 << 20;

/// A schema is too large to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) limit: usize,
    pub(super) unit: &'static str,
}

/// The type of `schema`, unindented, with `$ref` followed within the schema. A type that refers to
/// itself is `any` at the second mention.
pub(super) fn type_of(schema: &Value) -> Result<String, Limit> {
    let resolver = Resolver::new(schema, MAX_DEPTH);
    let mut writer = Writer {
        resolver,
        active: schema.as_object().into_iter().collect(),
        depth: 0,
        nodes: 0,
        bytes: 0,
    };
    let view = writer.view(&[schema])?;
    writer.enter(&view, |writer| Ok(writer.place(&view, "", true)?.text))
}

/// The text of a type and what one has to know to combine it with others.
struct Type {
    text: String,
    /// Has ` | ` outside of any bracket.
    is_union: bool,
    /// `null` is among its alternatives if it is to be.
    has_null: bool,
}

impl Type {
    fn atom(text: impl Into<String>) -> Self {
        let text = text.into();
        let has_null = text == "null";
        Self {
            text,
            is_union: false,
            has_null,
        }
    }

    /// `A | B`, each text once.
    fn union(members: impl IntoIterator<Item = Self>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        let mut nested = false;
        let mut has_null = false;
        for member in members {
            nested |= member.is_union;
            has_null |= member.has_null;
            if !texts.contains(&member.text) {
                texts.push(member.text);
            }
        }
        Self {
            is_union: nested || texts.len() > 1,
            text: texts.join(" | "),
            has_null,
        }
    }

    fn or_null(self) -> Self {
        if self.has_null {
            self
        } else {
            Self::union([self, Self::atom("null")])
        }
    }

    fn array(self) -> Self {
        let text = if self.is_union {
            format!("({})[]", self.text)
        } else {
            self.text + "[]"
        };
        Self::atom(text)
    }
}

struct Writer<'a> {
    resolver: Resolver<'a>,
    /// The definitions being written, outermost first.
    active: Vec<&'a Map<String, Value>>,
    depth: usize,
    nodes: usize,
    bytes: usize,
}

impl<'a> Writer<'a> {
    fn spend_nodes(&mut self, nodes: usize) -> Result<(), Limit> {
        self.nodes += nodes;
        if self.nodes > MAX_TYPE_NODES {
            return Err(Limit {
                limit: MAX_TYPE_NODES,
                unit: "types and properties",
            });
        }
        Ok(())
    }

    /// Counts `text` and hands it back.
    fn spend(&mut self, text: String) -> Result<String, Limit> {
        self.bytes += text.len();
        if self.bytes > MAX_TYPE_BYTES {
            return Err(Limit {
                limit: MAX_TYPE_BYTES,
                unit: "bytes",
            });
        }
        Ok(text)
    }

    fn view(&mut self, schemas: &[&'a Value]) -> Result<View<'a>, Limit> {
        let view = self.resolver.view(schemas, &self.active);
        self.spend_nodes(1 + view.num_layers())?;
        Ok(view)
    }

    /// Runs `write` with the definitions of `view` marked as being written.
    fn enter<T>(
        &mut self,
        view: &View<'a>,
        write: impl FnOnce(&mut Self) -> Result<T, Limit>,
    ) -> Result<T, Limit> {
        let outer = self.active.len();
        self.active.extend(&view.targets);
        self.depth += 1;
        let written = write(self);
        self.depth -= 1;
        self.active.truncate(outer);
        written
    }

    /// The type with ` | null` where it is nullable. `lead` puts an object's description before
    /// its brace, for places that have no line of their own for it.
    fn place(&mut self, view: &View<'a>, indent: &str, lead: bool) -> Result<Type, Limit> {
        let written = self.bare_type(view, indent, lead)?;
        Ok(if is_nullable(view) {
            written.or_null()
        } else {
            written
        })
    }

    fn bare_type(&mut self, view: &View<'a>, indent: &str, lead: bool) -> Result<Type, Limit> {
        if view.recursive || self.depth > MAX_DEPTH {
            return Ok(Type::atom("any"));
        }
        if let Some(variants) = self.listed_variants(view)? {
            let lines = self.variant_lines(view, variants, indent, None)?;
            let text = lines
                .iter()
                .map(|line| format!("\n{indent} | {line}"))
                .collect::<String>();
            return Ok(Type {
                text,
                is_union: true,
                has_null: true,
            });
        }
        if let Some(variants) = view.any_of {
            return self.inline_union(view, variants, indent);
        }
        if let Some(values) = view.literals() {
            let mut literals = Vec::with_capacity(values.len());
            for value in values {
                literals.push(Type::atom(self.spend(value.to_string())?));
            }
            return Ok(Type::union(literals));
        }
        match view.get("type") {
            Some(Value::Array(names)) if names.iter().any(Value::is_string) => {
                self.spend_nodes(names.len())?;
                let mut members = Vec::new();
                for name in names.iter().filter_map(Value::as_str) {
                    members.push(self.named_type(view, name, indent, lead, true)?);
                }
                Ok(Type::union(members))
            }
            Some(Value::String(name)) => self.named_type(view, name, indent, lead, false),
            _ if view.get("properties").is_some() => self.object(view, indent, lead),
            _ if view.get("items").is_some() || view.get("prefixItems").is_some() => {
                self.array(view, indent)
            }
            _ => Ok(Type::atom("any")),
        }
    }

    /// The type called `name`. In a list of types a bare `array` or `object` stays that word.
    fn named_type(
        &mut self,
        view: &View<'a>,
        name: &str,
        indent: &str,
        lead: bool,
        in_list: bool,
    ) -> Result<Type, Limit> {
        let has = |key| view.get(key).is_some();
        Ok(Type::atom(match name {
            "string" => "string",
            "number" | "integer" => "number",
            "boolean" => "boolean",
            "null" => "null",
            "array" if in_list && !has("items") && !has("prefixItems") => "array",
            "object" if in_list && !has("properties") && !has("additionalProperties") => "object",
            "array" => return self.array(view, indent),
            "object" => return self.object(view, indent, lead),
            _ => "any",
        }))
    }

    fn array(&mut self, view: &View<'a>, indent: &str) -> Result<Type, Limit> {
        let tuple = view
            .get("prefixItems")
            .or(view.get("items"))
            .and_then(Value::as_array);
        if let Some(items) = tuple {
            let mut texts = Vec::with_capacity(items.len());
            for item in items {
                let item = self.view(&[item])?;
                texts.push(
                    self.enter(&item, |writer| writer.place(&item, indent, true))?
                        .text,
                );
            }
            return Ok(Type::atom(format!("[{}]", texts.join(", "))));
        }
        let Some(items) = view.get("items") else {
            return Ok(Type::atom("Array<any>"));
        };
        let items = self.view(&[items])?;
        let mut item = self.enter(&items, |writer| writer.place(&items, indent, true))?;
        if item.text.starts_with('\n') {
            item.text = format!("{}\n{indent}", item.text);
        }
        Ok(item.array())
    }

    fn object(&mut self, view: &View<'a>, indent: &str, lead: bool) -> Result<Type, Limit> {
        let mut text = String::new();
        if let Some(description) = view.text("description").filter(|_| lead) {
            text.push_str(&self.spend(comment(description, indent))?);
        }
        text.push_str("{\n");
        let (properties, looked_at) = view.properties();
        self.spend_nodes(looked_at)?;
        for property in &properties {
            text.push_str(&self.property(property, indent)?);
        }
        if let Some(other) = view
            .get("additionalProperties")
            .filter(|schema| schema.is_object())
        {
            let other = self.view(&[other])?;
            let inner = format!("{indent}    ");
            let written = self.enter(&other, |writer| writer.place(&other, &inner, true))?;
            text.push_str(&format!("{indent}[key: string]: {},\n", written.text));
        }
        text.push_str(&format!("{indent}}}"));
        Ok(Type::atom(text))
    }

    /// The lines of one property: comments, then `name?: type, // default: x`.
    fn property(&mut self, property: &Property<'a>, indent: &str) -> Result<String, Limit> {
        let view = self.view(&property.schemas)?;
        let optional = if property.required { "" } else { "?" };
        let name = self.spend(format!(
            "{indent}{}{optional}:",
            property_name(property.name)
        ))?;

        let mut title = String::new();
        if let Some(text) = view
            .title()
            .filter(|title| *title != generated_title(property.name))
        {
            title = format!("{}{indent}//\n", comment(text, indent));
        }
        let description = view
            .text("description")
            .map(|text| comment(text, indent))
            .unwrap_or_default();
        let examples = examples(&view, indent);
        let default = default(&view);

        let listed = self.enter(&view, |writer| writer.listed_variants(&view))?;
        if let Some(variants) = listed {
            let default = default
                .map(|text| format!("{indent}// {text}\n"))
                .unwrap_or_default();
            let head = self.spend(format!("{title}{examples}{description}{default}"))?;
            let lines = self.enter(&view, |writer| {
                writer.variant_lines(&view, variants, indent, view.text("description"))
            })?;
            let lines: String = lines
                .iter()
                .map(|line| format!("{indent} | {line}\n"))
                .collect();
            return Ok(format!("{head}{name}\n{lines}{indent},\n"));
        }
        let head = self.spend(format!("{title}{description}{examples}"))?;
        let tail = default
            .map(|text| format!(" // {text}"))
            .unwrap_or_default();
        let tail = self.spend(tail)?;
        let inner = format!("{indent}    ");
        let written = self.enter(&view, |writer| writer.place(&view, &inner, false))?;
        Ok(format!("{head}{name} {},{tail}\n", written.text))
    }

    /// The variants to be written on lines of their own: those of `oneOf`, and those of `anyOf`
    /// when they have comments or objects among them.
    fn listed_variants(&mut self, view: &View<'a>) -> Result<Option<&'a [Value]>, Limit> {
        if view.recursive || self.depth > MAX_DEPTH {
            return Ok(None);
        }
        if let Some(variants) = view.one_of {
            return Ok(Some(variants));
        }
        let Some(variants) = view.any_of else {
            return Ok(None);
        };
        for variant in variants {
            let variant = self.view(&[variant])?;
            let is_commented =
                variant.text("description").is_some() || variant.get("default").is_some();
            let is_object = variant.get("type").is_some_and(|name| name == "object")
                || variant.get("properties").is_some();
            if is_commented || is_object || variant.one_of.is_some() || variant.any_of.is_some() {
                return Ok(Some(variants));
            }
        }
        Ok(None)
    }

    fn inline_union(
        &mut self,
        view: &View<'a>,
        variants: &'a [Value],
        indent: &str,
    ) -> Result<Type, Limit> {
        let mut members = Vec::with_capacity(variants.len());
        for variant in variants {
            let variant = self.variant(view, variant)?;
            members.push(self.enter(&variant, |writer| writer.place(&variant, indent, true))?);
        }
        Ok(Type::union(members))
    }

    /// Each variant with its comment, without the leading ` | `. A description that `already` stands
    /// above the variants is not repeated.
    fn variant_lines(
        &mut self,
        view: &View<'a>,
        variants: &'a [Value],
        indent: &str,
        already: Option<&str>,
    ) -> Result<Vec<String>, Limit> {
        let inner = format!("{indent}   ");
        let mut lines = Vec::with_capacity(variants.len() + 1);
        let mut has_null = false;
        for variant in variants {
            let variant = self.variant(view, variant)?;
            let written = self.enter(&variant, |writer| writer.place(&variant, &inner, false))?;
            has_null |= written.has_null;
            let mut line = written.text;
            let description = variant
                .text("description")
                .filter(|text| Some(*text) != already);
            let description = description.map(|text| text.lines().collect::<Vec<_>>().join(" "));
            let comments: Vec<String> = description.into_iter().chain(default(&variant)).collect();
            if !comments.is_empty() {
                line.push_str(&self.spend(format!(" // {}", comments.join(" ")))?);
            }
            lines.push(line);
        }
        if is_nullable(view) && !has_null {
            lines.push("null".to_owned());
        }
        Ok(lines)
    }

    fn variant(&mut self, base: &View<'a>, variant: &'a Value) -> Result<View<'a>, Limit> {
        let view = self.resolver.variant(base, variant, &self.active);
        self.spend_nodes(1 + view.num_layers())?;
        Ok(view)
    }
}

/// Whether the type is to have `null` among its alternatives.
fn is_nullable(view: &View<'_>) -> bool {
    view.nullable || view.get("nullable") == Some(&Value::Bool(true))
}

/// `// Examples:` and one line each.
fn examples(view: &View<'_>, indent: &str) -> String {
    let examples = view
        .get("examples")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let examples = examples.unwrap_or_default();
    if examples.is_empty() {
        return String::new();
    }
    let lines: String = examples
        .iter()
        .map(|value| format!("{indent}// - {value}\n"))
        .collect();
    format!("{indent}// Examples:\n{lines}")
}

/// `default: x`: strings in quotes unless they are one of listed values, everything else as JSON.
/// A default of `null` says no more than the `?` of an optional property and is left out.
fn default(view: &View<'_>) -> Option<String> {
    let default = view.get("default").filter(|value| !value.is_null())?;
    let text = match default {
        Value::String(text) if view.literals().is_some() && !text.contains(char::is_control) => {
            text.clone()
        }
        other => other.to_string(),
    };
    Some(format!("default: {text}"))
}

/// The name as it is, unless it would break the line.
fn property_name(name: &str) -> String {
    if name.contains(char::is_control) {
        Value::String(name.to_owned()).to_string()
    } else {
        name.to_owned()
    }
}

/// The title that schema generators make up for a field: `some_field` → `Some Field`. It says
/// nothing that the name does not say.
fn generated_title(name: &str) -> String {
    let capitalize = |word: &str| {
        let mut chars = word.chars();
        chars
            .next()
            .map(|first| first.to_uppercase().chain(chars).collect::<String>())
    };
    name.split('_')
        .map(|word| capitalize(word).unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
}
