//! A JSON schema as the TypeScript-like type that the models were trained to read.
//!
//! The style is that of OpenAI's harmony library, character for character, wherever that library
//! says what the schema says. Where it loses something, the loss is mended within the same style.
//! The list of differences is in the documentation of the crate.

use serde_json::{Map, Value};

use super::annotation::{default, examples, generated_title, is_nullable, property_name};
use super::comment;
use super::schema::{Property, Resolver, View};
use super::type_text::Type;

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
    let (max_depth, max_layers) = (MAX_DEPTH, MAX_TYPE_NODES);
    let resolver = Resolver {
        root: schema,
        max_depth,
        max_layers,
    };
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

/// The variants of a union, to be written on lines of their own.
struct ListedVariants {
    /// A variant as `| type // comment`, or a comment on those that follow; without the indent.
    lines: Vec<String>,
    has_null: bool,
}

/// The keywords that make a schema without a type that of an object.
const OBJECT_KEYWORDS: [&str; 3] = ["properties", "patternProperties", "additionalProperties"];

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

    fn spend_bytes(&mut self, bytes: usize) -> Result<(), Limit> {
        self.bytes += bytes;
        if self.bytes > MAX_TYPE_BYTES {
            return Err(Limit {
                limit: MAX_TYPE_BYTES,
                unit: "bytes",
            });
        }
        Ok(())
    }

    /// Counts `text` and hands it back.
    fn spend(&mut self, text: String) -> Result<String, Limit> {
        self.spend_bytes(text.len()).map(|()| text)
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
            let listed = self.variant_lines(view, variants, indent, None)?;
            let text = listed
                .lines
                .iter()
                .map(|line| format!("\n{indent} {line}"))
                .collect::<String>();
            return Ok(Type {
                text,
                is_union: true,
                has_null: listed.has_null,
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
            _ if OBJECT_KEYWORDS.iter().any(|key| view.get(key).is_some()) => {
                self.object(view, indent, lead)
            }
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
            "object" if in_list && !OBJECT_KEYWORDS.into_iter().any(has) => "object",
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
            text.push_str(&self.comment(description, indent)?);
        }
        text.push_str("{\n");
        let (properties, looked_at) = view.properties();
        self.spend_nodes(looked_at)?;
        for property in &properties {
            text.push_str(&self.property(property, indent)?);
        }
        let patterns = view.get("patternProperties").and_then(Value::as_object);
        self.spend_nodes(patterns.map_or(0, Map::len))?;
        for (pattern, schema) in patterns.into_iter().flatten() {
            let pattern = self.spend(Value::from(pattern.as_str()).to_string())?;
            let written = self.index_signature(schema, indent)?;
            text.push_str(&format!("{written} // keys match {pattern}\n"));
        }
        if let Some(other) = view
            .get("additionalProperties")
            .filter(|schema| schema.is_object() || **schema == Value::Bool(true))
        {
            let written = self.index_signature(other, indent)?;
            text.push_str(&format!("{written}\n"));
        }
        text.push_str(&format!("{indent}}}"));
        Ok(Type::atom(text))
    }

    /// The type of the properties that are not named, up to its comma.
    fn index_signature(&mut self, schema: &'a Value, indent: &str) -> Result<String, Limit> {
        let view = self.view(&[schema])?;
        let inner = format!("{indent}    ");
        let written = self.enter(&view, |writer| writer.place(&view, &inner, true))?;
        Ok(format!("{indent}[key: string]: {},", written.text))
    }

    /// The lines of one property: comments, then `name?: type, // default: x`.
    fn property(&mut self, property: &Property<'a>, indent: &str) -> Result<String, Limit> {
        let view = self.view(&property.schemas)?;
        let optional = if property.required { "" } else { "?" };
        let name = self.spend(format!(
            "{indent}{}{optional}:",
            property_name(property.name)
        ))?;

        let title = match view.title() {
            Some(title) if title != generated_title(property.name) => {
                format!("{}{indent}//\n", self.comment(title, indent)?)
            }
            _ => String::new(),
        };
        let description = view.text("description").unwrap_or_default();
        let comments = self.comment(description, indent)?;
        let examples = self.examples(&view, indent)?;
        let default = self.spend(default(&view).unwrap_or_default())?;

        let listed = self.enter(&view, |writer| writer.listed_variants(&view))?;
        if let Some(variants) = listed {
            let default = if default.is_empty() {
                default
            } else {
                format!("{indent}// {default}\n")
            };
            let listed = self.enter(&view, |writer| {
                writer.variant_lines(&view, variants, indent, view.text("description"))
            })?;
            let lines: String = listed
                .lines
                .iter()
                .map(|line| format!("{indent} {line}\n"))
                .collect();
            return Ok(format!(
                "{title}{examples}{comments}{default}{name}\n{lines}{indent},\n"
            ));
        }
        let default = if default.is_empty() {
            default
        } else {
            format!(" // {default}")
        };
        let inner = format!("{indent}    ");
        let written = self
            .enter(&view, |writer| writer.place(&view, &inner, false))?
            .text;
        Ok(format!(
            "{title}{comments}{examples}{name} {written},{default}\n"
        ))
    }

    /// Each line of `text` as a comment line.
    fn comment(&mut self, text: &str, indent: &str) -> Result<String, Limit> {
        // Counted before it is written: a text of line breaks grows with the indent.
        self.spend_bytes(text.len() + text.lines().count() * (indent.len() + "// ".len()))?;
        Ok(comment(text, indent))
    }

    /// `// Examples:` and a line for each.
    fn examples(&mut self, view: &View<'a>, indent: &str) -> Result<String, Limit> {
        let mut lines = String::new();
        for example in examples(view) {
            let heading = if lines.is_empty() {
                format!("{indent}// Examples:\n")
            } else {
                String::new()
            };
            lines.push_str(&self.spend(format!("{heading}{indent}// - {example}\n"))?);
        }
        Ok(lines)
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
            let is_commented = variant.text("description").is_some()
                || variant.title().is_some()
                || variant.get("default").is_some();
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

    /// Each variant with its comment. A description that `already` stands above the variants is not
    /// repeated. The variants of a variant are listed with the others, under its comment.
    fn variant_lines(
        &mut self,
        view: &View<'a>,
        variants: &'a [Value],
        indent: &str,
        already: Option<&str>,
    ) -> Result<ListedVariants, Limit> {
        const NULL: &str = "| null";
        let inner = format!("{indent}   ");
        let mut lines = Vec::with_capacity(variants.len() + 1);
        let mut has_null = false;
        for variant in variants {
            let variant = self.variant(view, variant)?;
            let comment = self.variant_comment(&variant, already)?;
            let nested = self.enter(&variant, |writer| writer.listed_variants(&variant))?;
            if let Some(nested) = nested {
                let nested = self.enter(&variant, |writer| {
                    writer.variant_lines(&variant, nested, indent, already)
                })?;
                lines.extend(comment);
                let is_new = |line: &String| !has_null || line != NULL;
                lines.extend(nested.lines.into_iter().filter(is_new));
                has_null |= nested.has_null;
                continue;
            }
            let written = self.enter(&variant, |writer| writer.place(&variant, &inner, false))?;
            has_null |= written.has_null;
            let comment = comment.map(|comment| format!(" {comment}"));
            lines.push(format!("| {}{}", written.text, comment.unwrap_or_default()));
        }
        if is_nullable(view) && !has_null {
            lines.push(NULL.to_owned());
            has_null = true;
        }
        Ok(ListedVariants { lines, has_null })
    }

    /// What a variant says of itself, on one line: its description or else its title, and its
    /// default.
    fn variant_comment(
        &mut self,
        variant: &View<'a>,
        already: Option<&str>,
    ) -> Result<Option<String>, Limit> {
        let description = variant
            .text("description")
            .filter(|text| Some(*text) != already);
        let text = description.or(variant.title());
        let text = text.map(|text| text.lines().collect::<Vec<_>>().join(" "));
        let parts: Vec<String> = text.into_iter().chain(default(variant)).collect();
        if parts.is_empty() {
            return Ok(None);
        }
        self.spend(format!("// {}", parts.join(" "))).map(Some)
    }

    fn variant(&mut self, base: &View<'a>, variant: &'a Value) -> Result<View<'a>, Limit> {
        let view = self.resolver.variant(base, variant, &self.active);
        self.spend_nodes(1 + view.num_layers())?;
        Ok(view)
    }
}
