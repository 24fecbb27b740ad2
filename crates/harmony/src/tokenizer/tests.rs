//! The tokenizer against independent implementations: `tiktoken-rs`, what Hugging Face's
//! `tokenizers` made of the fixtures, and a plain oracle, the latter two on fresh random text too.

mod big_inputs;
mod files;
mod hostile_files;
mod o200k;
mod oracle;
mod pieces;
mod random_text;
