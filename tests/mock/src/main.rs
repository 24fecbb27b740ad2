//! Runs the mock by itself, for measurements: prints its base URL and serves until it is killed.
//!
//! `mock [--listen 127.0.0.1:0] [--pieces 8] [--piece-bytes 8] [--interval-us 0]`
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use mock::{Mock, Pace};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mock: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut listen = "127.0.0.1:0".to_owned();
    let mut pace = Pace::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} needs a value"))?;
        let number = || {
            value
                .parse()
                .map_err(|_| format!("{name} {value}: no number"))
        };
        match name.as_str() {
            "--listen" => listen = value,
            "--pieces" => pace.num_pieces = number()?,
            "--piece-bytes" => pace.piece_bytes = number()?,
            "--interval-us" => {
                let interval_us = number()?;
                pace.interval = Duration::from_micros(interval_us as u64);
            }
            name => return Err(format!("{name} is unknown")),
        }
    }
    // One thread, so that what it needs itself is the same beside every gateway.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mock = Mock::start_at(&listen, pace)
            .await
            .map_err(|error| error.to_string())?;
        println!("{}", mock.base_url());
        std::io::stdout()
            .flush()
            .map_err(|error| error.to_string())?;
        mock.run().await;
        Ok(())
    })
}
