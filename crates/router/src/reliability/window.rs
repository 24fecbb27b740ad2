//! The spans of time that rates are told over.

use store::{Resolution, Timestamp};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A span of time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// A quarter of an hour.
    Minutes15,
    /// Half an hour.
    Minutes30,
    /// An hour.
    Hour,
    /// Six hours.
    Hours6,
    /// A day.
    Day,
    /// A week.
    Week,
    /// 30 days.
    Days30,
    /// Since ever.
    All,
}

impl Window {
    /// Every one, the shortest first.
    pub const ALL: [Self; 8] = [
        Self::Minutes15,
        Self::Minutes30,
        Self::Hour,
        Self::Hours6,
        Self::Day,
        Self::Week,
        Self::Days30,
        Self::All,
    ];

    /// Its word, such as `24h`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minutes15 => "15m",
            Self::Minutes30 => "30m",
            Self::Hour => "1h",
            Self::Hours6 => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Days30 => "30d",
            Self::All => "all",
        }
    }

    /// The one of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == word)
    }

    /// How long it is; `None` for the one without a beginning.
    pub fn length_ms(self) -> Option<i64> {
        match self {
            Self::Minutes15 => Some(15 * MINUTE_MS),
            Self::Minutes30 => Some(30 * MINUTE_MS),
            Self::Hour => Some(HOUR_MS),
            Self::Hours6 => Some(6 * HOUR_MS),
            Self::Day => Some(DAY_MS),
            Self::Week => Some(7 * DAY_MS),
            Self::Days30 => Some(30 * DAY_MS),
            Self::All => None,
        }
    }

    /// When it begins, if it ends at `now`.
    pub fn since(self, now: Timestamp) -> Option<Timestamp> {
        let length_ms = self.length_ms()?;
        Some(Timestamp(now.0.saturating_sub(length_ms)))
    }

    /// How fine a chart over it is.
    pub fn resolution(self) -> Resolution {
        match self {
            Self::Minutes15 | Self::Minutes30 | Self::Hour => Resolution::Minute,
            Self::Hours6 | Self::Day => Resolution::Hour,
            Self::Week | Self::Days30 | Self::All => Resolution::Day,
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
