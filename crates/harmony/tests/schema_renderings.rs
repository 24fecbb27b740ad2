//! JSON schemas as the TypeScript that the models read.
//!
//! `fixtures/schemas.json` holds what OpenAI's harmony library makes of each schema. Ours are equal
//! but for [`DEVIATIONS`]: there the library loses or garbles what the schema says.

use harmony::{
    Conversation, DeveloperContent, Encoding, HarmonyError, MAX_DEPTH, MAX_TYPE_BYTES,
    MAX_TYPE_NODES, Message, ToolDescription,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Name of the fixture, what is wrong with the library's rendering, ours.
const DEVIATIONS: [(&str, &str, &str); 26] = [
    (
        "empty object, no props",
        "a tool without arguments is `()`, as in OpenAI's documentation and chat template",
        "// D\ntype f = () => any;",
    ),
    ("props empty", "likewise", "// D\ntype f = () => any;"),
    (
        "nested obj",
        "the description of an object property is printed twice",
        "// D\ntype f = (_: {\n// nested desc\na: {\n    // ex\n    x: number,\n    y?: {\n        \
         z?: boolean,\n        },\n    },\n}) => any;",
    ),
    (
        "array enum",
        "`\"p\" | \"q\"[]` is a string or an array: the union needs parentheses",
        "// D\ntype f = (_: {\ne?: (\"p\" | \"q\")[],\n}) => any;",
    ),
    (
        "multi-line desc",
        "only the first line is a comment",
        "// D\ntype f = (_: {\n// line one\n// line two\ne?: string,\n}) => any;",
    ),
    (
        "anyOf null",
        "anyOf is lost; a default of null says no more than the `?`",
        "// D\ntype f = (_: {\n// opt\ne?: string | null,\n}) => any;",
    ),
    (
        "ref",
        "references are lost",
        "// D\ntype f = (_: {\ne?: \"a\" | \"b\",\n}) => any;",
    ),
    (
        "int enum",
        "enums of anything but strings are lost",
        "// D\ntype f = (_: {\ne?: 1 | 2 | 3, // default: 2\n}) => any;",
    ),
    (
        "enum without type",
        "an enum without a type is lost",
        "// D\ntype f = (_: {\ne?: \"a\" | \"b\",\n}) => any;",
    ),
    (
        "const",
        "const is lost",
        "// D\ntype f = (_: {\ne?: \"only\",\n}) => any;",
    ),
    (
        "examples that are no strings",
        "examples of anything but strings are lost",
        "// D\ntype f = (_: {\n// Examples:\n// - 1\n// - 2\nn?: number,\n}) => any;",
    ),
    (
        "null",
        "the null type is lost",
        "// D\ntype f = (_: {\nn?: null,\n}) => any;",
    ),
    (
        "map",
        "the type of further properties is lost",
        "// D\ntype f = (_: {\nm?: {\n    [key: string]: number,\n    },\n}) => any;",
    ),
    (
        "allOf",
        "allOf is lost",
        "// D\ntype f = (_: {\n// d\ne?: string,\n}) => any;",
    ),
    (
        "list of types with items",
        "the items are lost in a list of types",
        "// D\ntype f = (_: {\na?: string[] | null,\n}) => any;",
    ),
    (
        "numbers twice",
        "`number | number` is one type",
        "// D\ntype f = (_: {\nn?: number,\n}) => any;",
    ),
    (
        "nullable oneOf",
        "nullable is lost on a union",
        "// D\ntype f = (_: {\nu?:\n | string\n | number\n | null\n,\n}) => any;",
    ),
    (
        "default null",
        "a default of null says no more than the `?`",
        "// D\ntype f = (_: {\ns?: string,\n}) => any;",
    ),
    (
        "properties without type",
        "an object without the word is lost",
        "// D\ntype f = (_: {\no?: {\n    k?: string,\n    },\n}) => any;",
    ),
    (
        "title that repeats the name",
        "schema generators make up such titles for every field",
        "// D\ntype f = (_: {\nfirst_name?: string,\n}) => any;",
    ),
    (
        "quote default",
        "quotes within a string are not escaped",
        "// D\ntype f = (_: {\ns?: string, // default: \"a\\\"b\"\n}) => any;",
    ),
    (
        "no keyword",
        "as for an empty object",
        "// D\ntype f = () => any;",
    ),
    (
        "array of oneOf",
        "the union needs parentheses",
        "// D\ntype f = (_: {\na?: (\n     | string\n     | number\n    )[],\n}) => any;",
    ),
    (
        "oneOf beside properties",
        "variants that are no types hide the object that they speak about",
        "// D\ntype f = (_: {\na?: string,\nb?: string,\n}) => any;",
    ),
    (
        "oneOf prop",
        "the first variant's description is left out and an object's is printed twice",
        "// D\ntype f = (_: {\n// pd\n// default: 3\ns:\n | string // v1\n | {\n   k?: string,\n   } \
         // v2\n | number | null // v3\n,\n}) => any;",
    ),
    (
        "quote enum",
        "quotes within a string are not escaped",
        "// D\ntype f = (_: {\ns?: \"a\\\"b\",\n}) => any;",
    ),
];

fn rendering(description: &str, parameters: Option<Value>) -> String {
    let tool = ToolDescription::new("f", description, parameters);
    let message = Message::developer(DeveloperContent::default().with_function_tools(vec![tool]));
    let encoding = Encoding::gpt_oss();
    let bytes = encoding.tokenizer().decode(&encoding.render(&message));
    let text = String::from_utf8(bytes).expect("renderings are text");
    let (_, rest) = text
        .split_once("namespace functions {\n\n")
        .expect("the namespace opens");
    let (tool, _) = rest
        .split_once("\n\n} // namespace functions")
        .expect("and closes");
    tool.to_owned()
}

/// The type of the argument of a tool with this schema.
fn type_of(schema: Value) -> String {
    let text = rendering("", Some(schema));
    text.strip_prefix("type f = (_: ")
        .and_then(|text| text.strip_suffix(") => any;"))
        .unwrap_or_else(|| panic!("the tool takes an argument: {text}"))
        .to_owned()
}

/// The lines of the properties in an object with these properties.
fn lines_of(properties: Value) -> String {
    let text = type_of(json!({"type": "object", "properties": properties}));
    text.strip_prefix("{\n")
        .and_then(|text| text.strip_suffix('}'))
        .expect("an object")
        .to_owned()
}

#[test]
fn every_fixture_renders_as_the_library_does_or_better() {
    let fixtures: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/schemas.json")).expect("JSON");
    let mut deviations: HashMap<&str, &str> = DEVIATIONS
        .iter()
        .map(|(name, _, expected)| (*name, *expected))
        .collect();
    for case in &fixtures {
        let text = |key: &str| case[key].as_str().expect("a string");
        let parameters = Some(case["parameters"].clone()).filter(|schema| !schema.is_null());
        let ours = rendering(text("description"), parameters);
        match deviations.remove(text("name")) {
            Some(expected) => {
                assert_eq!(ours, expected, "{}", text("name"));
                assert_ne!(ours, text("library"), "{} is no deviation", text("name"));
            }
            None => assert_eq!(ours, text("library"), "{}", text("name")),
        }
    }
    assert!(deviations.is_empty(), "without a fixture: {deviations:?}");
}

#[test]
fn definitions_are_written_where_they_are_used() {
    // As pydantic writes the schema of a class: made-up titles, optional fields as anyOf with null.
    let schema = json!({
        "type": "object",
        "properties": {
            "home": {"$ref": "#/$defs/Address"},
            "work_place": {
                "anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}],
                "default": null,
                "title": "Work Place",
                "description": "If any.",
            },
        },
        "required": ["home"],
        "$defs": {
            "Address": {
                "type": "object",
                "title": "Address",
                "description": "Where it is.",
                "properties": {
                    "zip_code": {
                        "anyOf": [{"type": "string"}, {"type": "integer"}],
                        "title": "Zip Code",
                    },
                },
                "required": ["zip_code"],
            },
        },
    });
    assert_eq!(
        type_of(schema),
        "{\n// Where it is.\nhome: {\n    zip_code: string | number,\n    },\n// If any.\n\
         work_place?: {\n    zip_code: string | number,\n    } | null,\n}"
    );
}

#[test]
fn a_type_within_itself_is_any() {
    let node = json!({
        "type": "object",
        "properties": {
            "value": {"type": "number"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        },
    });
    let schema = json!({"$ref": "#/$defs/Node", "$defs": {"Node": node}});
    assert_eq!(type_of(schema), "{\nvalue?: number,\nchildren?: any[],\n}");
    assert_eq!(lines_of(json!({"self": {"$ref": "#"}})), "self?: any,\n");
    let pure_cycle = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});
    assert_eq!(type_of(pure_cycle), "any");
    // Twice side by side is no recursion.
    let pair = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/S"}, "b": {"$ref": "#/$defs/S"}},
        "$defs": {"S": {"type": "string"}},
    });
    assert_eq!(type_of(pair), "{\na?: string,\nb?: string,\n}");
}

#[test]
fn references_that_lead_nowhere_are_any() {
    for reference in [
        "http://example.com/schema",
        "#/$defs/Missing",
        "#anchor",
        "",
    ] {
        assert_eq!(
            lines_of(json!({"a": {"$ref": reference}})),
            "a?: any,\n",
            "{reference}"
        );
    }
}

#[test]
fn all_of_is_one_type() {
    let schema = json!({
        "type": "object",
        "properties": {
            "both": {
                "description": "Both.",
                "allOf": [
                    {"$ref": "#/definitions/Base"},
                    {
                        "properties": {"y": {"type": "boolean"}, "x": {"description": "An x."}},
                        "required": ["y"],
                    },
                ],
            },
        },
        "definitions": {
            "Base": {
                "type": "object",
                "properties": {"x": {"type": "number"}},
                "required": ["x"],
            },
        },
    });
    assert_eq!(
        type_of(schema),
        "{\n// Both.\nboth?: {\n    // An x.\n    x: number,\n    y: boolean,\n    },\n}"
    );
}

#[test]
fn variants_keep_what_stands_beside_them() {
    let shape = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "oneOf": [
            {"properties": {"r": {"type": "number"}}, "required": ["r"]},
            {"properties": {"side": {"type": "number"}}, "description": "A square."},
        ],
    });
    assert_eq!(
        lines_of(json!({"shape": shape})),
        "shape?:\n | {\n   r: number,\n   name: string,\n   }\n | {\n   side?: number,\n   \
         name: string,\n   } // A square.\n,\n"
    );
    // Variants that only say what is required are no types.
    let either = json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    });
    assert_eq!(type_of(either), "{\na?: string,\nb?: string,\n}");
}

#[test]
fn unions_are_inline_unless_they_need_lines() {
    assert_eq!(
        lines_of(json!({
            "plain": {"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "string"}]},
            "commented": {
                "description": "Which?",
                "anyOf": [
                    {"type": "object", "properties": {"k": {"type": "string"}}},
                    {"type": "string", "default": "z", "description": "One\nword."},
                ],
            },
        })),
        "plain?: number | string,\n// Which?\ncommented?:\n | {\n   k?: string,\n   }\n \
         | string // One word. default: \"z\"\n,\n"
    );
    assert_eq!(
        type_of(json!({"anyOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"b": {"type": "string"}}},
        ]})),
        "\n | {\n   a?: string,\n   }\n | {\n   b?: string,\n   }"
    );
}

#[test]
fn a_nullable_union_has_a_line_for_null() {
    let union =
        json!({"oneOf": [{"type": "string"}, {"type": "number", "default": 1}], "nullable": true});
    let lines = " | string\n | number // default: 1\n | null\n";
    assert_eq!(lines_of(json!({"u": union})), format!("u?:\n{lines},\n"));
    assert_eq!(type_of(union), format!("\n{}", lines.trim_end()));
    let once = json!({"oneOf": [{"type": "string", "nullable": true}, {"type": "null"}], "nullable": true});
    assert_eq!(type_of(once), "\n | string | null\n | null");
}

#[test]
fn arrays_put_unions_in_parentheses() {
    assert_eq!(
        lines_of(json!({
            "n": {"type": "array", "items": {"type": "string", "nullable": true}},
            "nn": {"type": "array", "items": {"type": "array", "items": {"enum": [1, 2]}}},
            "l": {"type": "array", "items": {"oneOf": [
                {"type": "string"},
                {"type": "number", "description": "A number."},
            ]}},
            "t": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
            "anything": {"type": "array", "items": {}},
        })),
        "n?: (string | null)[],\nnn?: (1 | 2)[][],\nl?: (\n     | string\n     | number // A number.\n    \
         )[],\nt?: [string, number],\nanything?: any[],\n"
    );
}

#[test]
fn lists_of_types_keep_items_properties_and_enums() {
    assert_eq!(
        lines_of(json!({
            "a": {"type": ["array", "null"], "items": {"type": "string"}},
            "o": {"type": ["object", "null"], "properties": {"k": {"type": "string"}}},
            "e": {"type": ["string", "null"], "enum": ["a", null]},
            "z": {"type": "null"},
        })),
        "a?: string[] | null,\no?: {\n    k?: string,\n    } | null,\ne?: \"a\" | null,\nz?: null,\n"
    );
}

#[test]
fn maps_have_an_index_signature() {
    assert_eq!(
        lines_of(json!({
            "m": {"type": "object", "additionalProperties": {"type": "number"}},
            "open": {"type": "object", "additionalProperties": true},
        })),
        "m?: {\n    [key: string]: number,\n    },\nopen?: {\n    [key: string]: any,\n    },\n"
    );
    assert_eq!(
        type_of(json!({"type": "object", "additionalProperties": true})),
        "{\n[key: string]: any,\n}"
    );
    assert_eq!(
        type_of(json!({"patternProperties": {
            "^x-": {"type": "string"},
            "^\"\n": {"type": "object", "properties": {"k": {"type": "number"}}},
        }, "additionalProperties": false})),
        "{\n[key: string]: string, // keys match \"^x-\"\n[key: string]: {\n    k?: number,\n    \
         }, // keys match \"^\\\"\\n\"\n}"
    );
    // Without the word `object`, and in a list of types.
    assert_eq!(
        lines_of(json!({
            "untyped": {"additionalProperties": {"type": "string"}},
            "listed": {"type": ["object", "null"], "patternProperties": {"a": {}}},
        })),
        "untyped?: {\n    [key: string]: string,\n    },\nlisted?: {\n    [key: string]: any, \
         // keys match \"a\"\n    } | null,\n"
    );
}

#[test]
fn what_is_required_is_there_though_nothing_else_is_said_of_it() {
    assert_eq!(
        type_of(json!({"type": "object", "required": ["a", "a", "b"]})),
        "{\na: any,\nb: any,\n}"
    );
    assert_eq!(
        type_of(json!({
            "type": "object",
            "properties": {"b": {"type": "string"}},
            "required": ["a", "b"],
        })),
        "{\nb: string,\na: any,\n}"
    );
}

#[test]
fn names_that_are_no_identifiers_are_in_quotes() {
    let names = [
        "_a$1",
        "größe",
        "first-name",
        "1st",
        "a b",
        "",
        "a: any }",
        "\"q\"",
    ];
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "number"})))
        .collect();
    assert_eq!(
        lines_of(properties.into()),
        "_a$1?: number,\ngröße?: number,\n\"first-name\"?: number,\n\"1st\"?: number,\n\
         \"a b\"?: number,\n\"\"?: number,\n\"a: any }\"?: number,\n\"\\\"q\\\"\"?: number,\n"
    );
}

#[test]
fn references_are_percent_decoded() {
    for (reference, name) in [
        ("A%20B", "A B"),
        ("%C3%A9", "é"),
        ("a~1b%7E0", "a/b~"),
        // Not encoded, though it should be.
        ("50%", "50%"),
        ("A%20B", "A%20B"),
        ("%FF", "%FF"),
    ] {
        let mut definitions = Map::new();
        definitions.insert(name.to_owned(), json!({"type": "string"}));
        let schema = json!({
            "properties": {"a": {"$ref": format!("#/$defs/{reference}")}},
            "$defs": definitions,
        });
        assert_eq!(type_of(schema), "{\na?: string,\n}", "{reference} {name}");
    }
}

#[test]
fn a_union_within_a_union_is_listed_with_it() {
    let nested = json!({"oneOf": [{"type": "string"}, {"type": "number"}]});
    let union = |mut more: Value| {
        let mut nested = nested.clone();
        nested["description"] = more["group"].take();
        json!({"nullable": more["nullable"], "oneOf": [nested, {"type": "boolean"}]})
    };
    assert_eq!(
        lines_of(json!({"u": union(json!({"nullable": true}))})),
        "u?:\n | string\n | number\n | boolean\n | null\n,\n"
    );
    assert_eq!(
        type_of(union(
            json!({"nullable": false, "group": "Either\nof these."})
        )),
        "\n // Either of these.\n | string\n | number\n | boolean"
    );
    // Null once, wherever it is said; and in an array.
    let mut nullable = nested.clone();
    nullable["nullable"] = true.into();
    let twice = json!({"nullable": true, "oneOf": [nullable, nullable, {"anyOf": [nested]}]});
    assert_eq!(
        lines_of(json!({"a": {"type": "array", "items": twice}})),
        "a?: (\n     | string\n     | number\n     | null\n     | string\n     | number\n     \
         | string\n     | number\n    )[],\n"
    );
}

#[test]
fn the_title_of_a_variant_is_its_comment_where_it_has_no_description() {
    assert_eq!(
        lines_of(json!({
            "one": {"oneOf": [
                {"title": "By id", "type": "string"},
                {"title": "By\nnumber", "type": "number", "default": 1},
                {"title": "T", "description": "D", "type": "boolean"},
            ]},
            "any": {"anyOf": [{"title": "A name", "type": "string"}, {"type": "number"}]},
        })),
        "one?:\n | string // By id\n | number // By number default: 1\n | boolean // D\n,\n\
         any?:\n | string // A name\n | number\n,\n"
    );
}

#[test]
fn literals_and_untyped_schemas() {
    assert_eq!(
        lines_of(json!({
            "number": {"const": 3},
            "null": {"const": null},
            "flag": {"type": "boolean", "enum": [true]},
            "mixed": {"enum": ["a", 1, null, "a"], "default": "a"},
            "object": {"properties": {"k": {"type": "string"}}},
            "array": {"items": {"type": "string"}},
            "anything": true,
            "unknown": {"type": "date"},
            "quoted": {"type": "string", "default": "say \"hi\"\n"},
            "line\nbreak": {"type": "string"},
        })),
        "number?: 3,\nnull?: null,\nflag?: true,\nmixed?: \"a\" | 1 | null, // default: a\n\
         object?: {\n    k?: string,\n    },\narray?: string[],\nanything?: any,\nunknown?: any,\n\
         quoted?: string, // default: \"say \\\"hi\\\"\\n\"\n\"line\\nbreak\"?: string,\n"
    );
}

#[test]
fn titles_are_left_out_when_they_repeat_the_name() {
    assert_eq!(
        lines_of(json!({
            "first_name": {"type": "string", "title": "First Name"},
            "n": {"type": "number", "title": "How many"},
        })),
        "first_name?: string,\n// How many\n//\nn?: number,\n"
    );
}

#[test]
fn comments_have_a_slash_on_every_line() {
    let schema = json!({
        "type": "object",
        "description": "One.\nTwo.",
        "properties": {
            "list": {
                "type": "array",
                "items": {
                    "type": "object",
                    "description": "Three.\r\nFour.",
                    "properties": {"q": {"type": "string", "description": "Five.\n\nSix.\n"}},
                },
            },
        },
    });
    assert_eq!(
        type_of(schema),
        "// One.\n// Two.\n{\nlist?:     // Three.\n    // Four.\n{\n    // Five.\n    // \n    \
         // Six.\n    q?: string,\n    }[],\n}"
    );
}

#[test]
fn tools_without_arguments_are_written_without() {
    for schema in [
        Value::Null,
        json!({}),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false}),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}),
    ] {
        assert_eq!(
            rendering("", Some(schema.clone())),
            "type f = () => any;",
            "{schema}"
        );
    }
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert_eq!(type_of(map), "{\n[key: string]: string,\n}");
}

/// Each level refers to the next twice.
fn doubling(levels: usize, leaf: Value) -> Value {
    let mut definitions = Map::new();
    for level in 0..levels {
        let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
        let properties = json!({"a": next, "b": next});
        definitions.insert(
            level.to_string(),
            json!({"type": "object", "properties": properties}),
        );
    }
    definitions.insert(levels.to_string(), leaf);
    json!({"$ref": "#/$defs/0", "$defs": definitions})
}

fn validate(parameters: Value) -> Result<(), HarmonyError> {
    let tool = ToolDescription::new("f", "", Some(parameters));
    let developer = DeveloperContent::default().with_function_tools(vec![tool]);
    Conversation::new([Message::developer(developer)]).validate()
}

#[test]
fn a_schema_that_blows_up_is_refused_and_shown_as_any() {
    let bombs = [
        (doubling(30, json!({"type": "string"})), MAX_TYPE_NODES),
        (
            doubling(
                8,
                json!({"type": "string", "description": "x".repeat(10_000)}),
            ),
            MAX_TYPE_BYTES,
        ),
        (
            doubling(8, json!({"enum": vec!["x".repeat(100); 100]})),
            MAX_TYPE_BYTES,
        ),
        (
            doubling(8, json!({"default": "x".repeat(10_000)})),
            MAX_TYPE_BYTES,
        ),
        (
            doubling(8, json!({"type": "object", "required": vec!["x"; 1_000]})),
            MAX_TYPE_NODES,
        ),
    ];
    for (bomb, expected) in bombs {
        match validate(bomb.clone()) {
            Err(HarmonyError::SchemaTooLarge { tool, limit, .. }) => {
                assert_eq!((tool.as_str(), limit), ("f", expected));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(type_of(bomb), "any");
    }
    assert!(validate(doubling(8, json!({"type": "string"}))).is_ok());
}

#[test]
fn large_schemas_take_no_more_than_linear_work() {
    // Each of these takes minutes with one careless loop over what came before.
    let numbers: Vec<u32> = (0..200_000).collect();
    assert!(validate(json!({"enum": numbers})).is_err());
    let references: Vec<Value> = numbers
        .iter()
        .map(|n| json!({"$ref": format!("#/$defs/{n}")}))
        .collect();
    let definitions: Map<String, Value> = numbers
        .iter()
        .map(|n| (n.to_string(), json!({"title": "T"})))
        .collect();
    assert!(validate(json!({"allOf": references, "$defs": definitions})).is_err());
    let long = "x".repeat(1 << 20);
    let leaf = json!({"$ref": format!("#/$defs/{long}")});
    assert!(validate(doubling(11, leaf)).is_ok());
    let breaks = json!({"type": "string", "description": "\n".repeat(1 << 20)});
    assert!(validate(json!({"properties": {"a": {"properties": {"b": breaks}}}})).is_err());
}

#[test]
fn what_nests_too_deep_is_any() {
    let mut schema = json!({"type": "string"});
    for _ in 0..1_000 {
        schema = json!({"type": "array", "items": schema});
    }
    assert_eq!(type_of(schema), "any".to_owned() + &"[]".repeat(MAX_DEPTH));
    let mut schema = json!({"type": "string"});
    for _ in 0..1_000 {
        schema = json!({"allOf": [schema]});
    }
    assert_eq!(type_of(schema), "any");
}
