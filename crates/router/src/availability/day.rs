//! Days, made of hours.

use super::{HourStatus, Sight, UtcDay, Verdict};

/// The hours of a day by what is known of them. Those before the model was first seen, and those to
/// come, are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which.
    pub date: UtcDay,
    /// Hours in which it could be called.
    pub num_callable: u32,
    /// Hours in which it was only listed.
    pub num_listed_only: u32,
    /// Those of them in which something spoke against calling it.
    pub num_contradicted: u32,
    /// Hours in which nobody had it.
    pub num_not_listed: u32,
    /// Hours in which nobody looked.
    pub num_not_observed: u32,
    /// What kinds of evidence there were.
    pub evidence: EvidenceHours,
    /// What is known of each hour; `None` of those that are not among the above.
    pub hours: [Option<Verdict>; 24],
}

/// In how many hours there was evidence of each kind that the model could be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvidenceHours {
    /// Somebody listed it.
    pub listed: u32,
    /// Somebody who listed it said that it can be called.
    pub endpoint_up: u32,
    /// It answered a probe.
    pub probed: u32,
    /// It answered a request of a user.
    pub served: u32,
}

/// The days of a span, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// The days.
    pub days: Vec<Day>,
}

impl EvidenceHours {
    /// Adds an hour with these sights of the deployments of a model.
    pub(super) fn add<'a>(&mut self, sights: impl Iterator<Item = &'a Sight>) {
        let mut hour = Self::default();
        for sight in sights {
            hour.listed |= u32::from(sight.is_listed == Some(true));
            hour.endpoint_up |=
                u32::from(sight.is_listed == Some(true) && sight.is_up == Some(true));
            hour.probed |= u32::from(sight.num_probes_ok > 0);
            hour.served |= u32::from(sight.num_served > 0);
        }
        self.extend(hour);
    }

    fn extend(&mut self, other: Self) {
        self.listed += other.listed;
        self.endpoint_up += other.endpoint_up;
        self.probed += other.probed;
        self.served += other.served;
    }
}

impl Day {
    /// A day of which nothing is known.
    pub fn new(date: UtcDay) -> Self {
        Self {
            date,
            num_callable: 0,
            num_listed_only: 0,
            num_contradicted: 0,
            num_not_listed: 0,
            num_not_observed: 0,
            evidence: EvidenceHours::default(),
            hours: [None; 24],
        }
    }

    /// Adds what is known of the hour of this number, 0 to 23.
    pub(super) fn add(&mut self, hour: usize, verdict: Verdict) {
        if let Some(place) = self.hours.get_mut(hour) {
            *place = Some(verdict);
        }
        match verdict.status {
            HourStatus::Callable => self.num_callable += 1,
            HourStatus::ListedOnly => {
                self.num_listed_only += 1;
                self.num_contradicted += u32::from(!verdict.is_uncontradicted);
            }
            HourStatus::NotListed => self.num_not_listed += 1,
            HourStatus::NotObserved => self.num_not_observed += 1,
        }
    }

    /// Hours in which somebody looked.
    pub fn num_observed(&self) -> u32 {
        self.num_callable + self.num_listed_only + self.num_not_listed
    }

    /// Hours in which it could be had.
    pub fn num_good(&self) -> u32 {
        self.num_callable + self.num_listed_only - self.num_contradicted
    }

    /// Whether anybody looked.
    pub fn is_tracked(&self) -> bool {
        self.num_observed() > 0
    }

    /// Whether it was known all the day and nobody looked.
    pub fn is_unobserved(&self) -> bool {
        !self.is_tracked() && self.num_not_observed > 0
    }

    /// Whether the model could be had for at least half of the hours in which somebody looked;
    /// `None` if nobody did.
    pub fn is_available(&self) -> Option<bool> {
        let is_half = 2 * self.num_good() >= self.num_observed();
        self.is_tracked().then_some(is_half)
    }

    /// The best that can be said of at least half of the hours in which somebody looked.
    pub fn status(&self) -> HourStatus {
        let is_half = |count: u32| 2 * count >= self.num_observed();
        if !self.is_tracked() {
            HourStatus::NotObserved
        } else if is_half(self.num_callable) {
            HourStatus::Callable
        } else if is_half(self.num_callable + self.num_listed_only) {
            HourStatus::ListedOnly
        } else {
            HourStatus::NotListed
        }
    }
}

impl Availability {
    /// Days on which somebody looked.
    pub fn num_tracked_days(&self) -> u32 {
        self.count(Day::is_tracked)
    }

    /// Those of them on which the model could be had.
    pub fn num_available_days(&self) -> u32 {
        self.count(|day| day.is_available() == Some(true))
    }

    /// Days on which nobody looked, since the model was first seen. They count neither way.
    pub fn num_unobserved_days(&self) -> u32 {
        self.count(Day::is_unobserved)
    }

    fn count(&self, is_it: impl Fn(&Day) -> bool) -> u32 {
        let days = self.days.iter().filter(|day| is_it(day)).count();
        u32::try_from(days).unwrap_or(u32::MAX)
    }

    /// Hours in which it could be had, and hours in which somebody looked.
    pub fn hours(&self) -> (u32, u32) {
        let good = self.days.iter().map(Day::num_good).sum();
        let observed = self.days.iter().map(Day::num_observed).sum();
        (good, observed)
    }

    /// The percentage of the hours in which somebody looked; `None` if nobody did.
    pub fn percent(&self) -> Option<f64> {
        let (good, observed) = self.hours();
        (observed > 0).then(|| 100.0 * f64::from(good) / f64::from(observed))
    }

    /// The evidence of all days.
    pub fn evidence(&self) -> EvidenceHours {
        let mut all = EvidenceHours::default();
        for day in &self.days {
            all.extend(day.evidence);
        }
        all
    }
}
