//! A JSON schema seen through its references.
//!
//! `$ref`, `allOf` and "this or null" spread one type over several objects. A [`View`] is that type
//! as a stack of layers, the outermost first, without copying any of them.

use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

type Object = Map<String, Value>;

/// The keywords that say what a value looks like. A variant with none of them (`{"required":
/// ["a"]}`) restricts its siblings and is no type of its own.
const SHAPE_KEYWORDS: [&str; 12] = [
    "type",
    "enum",
    "const",
    "properties",
    "items",
    "prefixItems",
    "additionalProperties",
    "patternProperties",
    "$ref",
    "anyOf",
    "oneOf",
    "allOf",
];

/// The keywords that speak about one place in a schema and not about the type used there.
const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "examples", "nullable"];

/// A longer reference leads nowhere.
const MAX_POINTER_BYTES: usize = 1024;

/// Whether the schema says of no argument that there may be one: `{}`, or an object without
/// properties.
pub(super) fn is_empty(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return schema.is_null();
    };
    schema.iter().all(|(key, value)| match key.as_str() {
        "type" => value == "object",
        "properties" | "patternProperties" => value.as_object().is_some_and(Map::is_empty),
        "required" => value.as_array().is_some_and(Vec::is_empty),
        "additionalProperties" => value == false,
        "title" | "description" => true,
        key => key.starts_with('$') && key != "$ref",
    })
}

/// What `%20` and the like stand for in the fragment of a reference; `None` if that is no text.
fn percent_decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        let byte = code.and_then(|code| u8::try_from(code).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

/// Whether the schema allows `null` and nothing else.
fn is_null_type(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
        || schema.get("const").is_some_and(Value::is_null)
}

fn has_shape(schema: &Value) -> bool {
    schema
        .as_object()
        .is_some_and(|schema| SHAPE_KEYWORDS.iter().any(|key| schema.contains_key(*key)))
}

#[derive(Clone, Copy)]
struct Layer<'a> {
    schema: &'a Object,
    /// Written at the place itself and not behind a reference.
    own: bool,
    /// Lent to a variant by the schema around it: its annotations speak about that schema.
    shape_only: bool,
}

/// One type, as the layers that make it up.
#[derive(Clone, Default)]
pub(super) struct View<'a> {
    layers: Vec<Layer<'a>>,
    /// What the references led to.
    pub(super) targets: Vec<&'a Object>,
    /// The variants of `oneOf`, where they are types.
    pub(super) one_of: Option<&'a [Value]>,
    /// The variants of `anyOf`, where they are types and more than one is left beside `null`.
    pub(super) any_of: Option<&'a [Value]>,
    /// The value may be `null` besides.
    pub(super) nullable: bool,
    /// A reference leads back to a type that is being written.
    pub(super) recursive: bool,
}

impl<'a> View<'a> {
    /// The first value of `key`; of an annotation, the first that speaks about this place.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let is_annotation = ANNOTATIONS.contains(&key);
        self.layers
            .iter()
            .filter(|layer| !(is_annotation && layer.shape_only))
            .find_map(|layer| layer.schema.get(key))
    }

    /// How many schemas make up the type.
    pub(super) fn num_layers(&self) -> usize {
        self.layers.len()
    }

    /// The text of `key`.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The title, where it is written at the place itself: that of a referenced definition is the
    /// definition's name.
    pub(super) fn title(&self) -> Option<&'a str> {
        let own = self
            .layers
            .iter()
            .filter(|layer| layer.own && !layer.shape_only);
        own.filter_map(|layer| layer.schema.get("title"))
            .find_map(Value::as_str)
    }

    /// The allowed values, where they are listed.
    pub(super) fn literals(&self) -> Option<&'a [Value]> {
        if let Some(value) = self.get("const") {
            return Some(std::slice::from_ref(value));
        }
        let values = self.get("enum")?.as_array()?;
        (!values.is_empty()).then_some(values.as_slice())
    }

    /// The properties of all layers in order, each with every schema it has, and whether it is
    /// required; then those of which nothing is said but that they are. The count is the number of
    /// entries that were looked at.
    pub(super) fn properties(&self) -> (Vec<Property<'a>>, usize) {
        let mut looked_at = 0;
        let mut names = Vec::new();
        for list in self
            .layers
            .iter()
            .filter_map(|layer| layer.schema.get("required"))
        {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            looked_at += list.len();
            names.extend(list.iter().filter_map(Value::as_str));
        }
        let required: HashSet<&str> = names.iter().copied().collect();
        let mut properties: Vec<Property<'a>> = Vec::new();
        let mut index_of = HashMap::new();
        for layer in self
            .layers
            .iter()
            .filter_map(|layer| layer.schema.get("properties"))
        {
            for (name, schema) in layer.as_object().into_iter().flatten() {
                looked_at += 1;
                let index = *index_of.entry(name.as_str()).or_insert_with(|| {
                    let required = required.contains(name.as_str());
                    properties.push(Property {
                        name,
                        schemas: Vec::new(),
                        required,
                    });
                    properties.len() - 1
                });
                properties[index].schemas.push(schema);
            }
        }
        let mut named: HashSet<&str> = index_of.into_keys().collect();
        for name in names.into_iter().filter(|name| named.insert(name)) {
            properties.push(Property {
                name,
                schemas: Vec::new(),
                required: true,
            });
        }
        (properties, looked_at)
    }

    /// The layers beneath a variant of this type.
    fn lend(&self) -> impl Iterator<Item = Layer<'a>> + '_ {
        self.layers.iter().map(|layer| Layer {
            shape_only: true,
            ..*layer
        })
    }
}

/// One property of an object type.
pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    pub(super) schemas: Vec<&'a Value>,
    pub(super) required: bool,
}

/// Follows references within one schema.
pub(super) struct Resolver<'a> {
    pub(super) root: &'a Value,
    /// What is nested deeper is left out.
    pub(super) max_depth: usize,
    /// A type that is made up of more schemas is cut off there.
    pub(super) max_layers: usize,
}

impl<'a> Resolver<'a> {
    /// The type that satisfies all of `schemas`; `active` are the definitions being written.
    pub(super) fn view(&self, schemas: &[&'a Value], active: &[&'a Object]) -> View<'a> {
        let mut view = View::default();
        for schema in schemas {
            self.add(&mut view, schema, active, true, 0);
        }
        view
    }

    /// One variant of `base`, which keeps the shape that `base` has beside its variants.
    pub(super) fn variant(
        &self,
        base: &View<'a>,
        variant: &'a Value,
        active: &[&'a Object],
    ) -> View<'a> {
        let mut view = self.view(&[variant], active);
        view.layers.extend(base.lend());
        view
    }

    fn add(
        &self,
        view: &mut View<'a>,
        schema: &'a Value,
        active: &[&'a Object],
        own: bool,
        depth: usize,
    ) {
        let may_grow = depth < self.max_depth && view.layers.len() < self.max_layers;
        let Some(schema) = schema.as_object().filter(|_| may_grow) else {
            return;
        };
        view.layers.push(Layer {
            schema,
            own,
            shape_only: false,
        });

        if let Some(target) = self.target(schema) {
            let is_in = |list: &[&Object]| list.iter().any(|other| std::ptr::eq(*other, target.1));
            if is_in(active) {
                view.recursive = true;
            } else if !is_in(&view.targets) {
                view.targets.push(target.1);
                self.add(view, target.0, active, false, depth + 1);
            }
        }
        for member in variants(schema, "allOf").unwrap_or_default() {
            self.add(view, member, active, own, depth + 1);
        }
        if let Some(one_of) = variants(schema, "oneOf").filter(|list| list.iter().any(has_shape)) {
            view.one_of = view.one_of.or(Some(one_of));
        }
        if let Some(any_of) = variants(schema, "anyOf").filter(|list| list.iter().any(has_shape)) {
            let mut types = any_of.iter().filter(|variant| !is_null_type(variant));
            match (types.next(), types.next()) {
                (Some(only), None) => {
                    view.nullable |= any_of.len() > 1;
                    self.add(view, only, active, own, depth + 1);
                }
                _ => view.any_of = view.any_of.or(Some(any_of)),
            }
        }
    }

    /// What the schema's `$ref` leads to, if that lies in the same document.
    fn target(&self, schema: &'a Object) -> Option<(&'a Value, &'a Object)> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        if pointer.len() > MAX_POINTER_BYTES {
            return None;
        }
        let decoded = percent_decoded(pointer);
        let target = decoded
            .and_then(|decoded| self.root.pointer(&decoded))
            // As those write it who do not encode.
            .or_else(|| self.root.pointer(pointer))?;
        Some((target, target.as_object()?))
    }
}

fn variants<'a>(schema: &'a Object, key: &str) -> Option<&'a [Value]> {
    schema.get(key)?.as_array().map(Vec::as_slice)
}
