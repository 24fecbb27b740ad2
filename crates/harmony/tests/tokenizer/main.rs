//! The tokenizer against independent implementations, on fresh random text.

mod o200k;
mod random_text;
