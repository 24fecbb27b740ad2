//! The server as clients see it: bytes on a real socket, a scripted engine behind.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

mod access;
mod answers;
mod browser;
mod client;
mod dashboard;
mod dashboard_pages;
mod docs;
mod documents;
mod failures;
mod flr;
mod flr_lists;
mod holder;
mod keys;
mod lifecycle;
mod openapi;
mod pages;
mod requests;
