//! How often somebody may try to log in. Pure; time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Over which time tries are counted.
const WINDOW: Duration = Duration::from_secs(600);
/// Tries of one client within it.
const MAX_OF_CLIENT: u32 = 10;
/// Tries of all clients within it. So many clients are remembered at most, too.
const MAX_OF_ALL: u32 = 300;

/// Counts tries.
#[derive(Default)]
pub(super) struct Throttle {
    begun: Option<Instant>,
    num_tries: u32,
    of_client: HashMap<IpAddr, u32>,
}

impl Throttle {
    /// Counts a try, or says how long it is until there may be one.
    pub(super) fn admit(&mut self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let begun = match self.begun {
            Some(begun) if now.duration_since(begun) < WINDOW => begun,
            _ => {
                *self = Self {
                    begun: Some(now),
                    ..Self::default()
                };
                now
            }
        };
        let of_client = self.of_client.get(&network(client)).copied().unwrap_or(0);
        if self.num_tries >= MAX_OF_ALL || of_client >= MAX_OF_CLIENT {
            return Err(WINDOW.saturating_sub(now.duration_since(begun)));
        }
        self.num_tries += 1;
        self.of_client.insert(network(client), of_client + 1);
        Ok(())
    }

    /// Whoever has a key is not held against their mistakes.
    pub(super) fn succeeded(&mut self, client: IpAddr) {
        if let Some(tries) = self.of_client.remove(&network(client)) {
            self.num_tries -= tries.min(self.num_tries);
        }
    }
}

/// An address, or of the newer kind the network that one customer has.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_client_has_ten_tries_and_then_waits_for_the_rest_of_the_time() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for second in 0..10 {
            let now = start + Duration::from_secs(second);
            assert_eq!(throttle.admit(client(1), now), Ok(()));
        }
        let now = start + Duration::from_secs(100);
        assert_eq!(
            throttle.admit(client(1), now),
            Err(Duration::from_secs(500))
        );
        assert_eq!(throttle.admit(client(2), now), Ok(()), "another one");
        assert_eq!(throttle.admit(client(1), start + WINDOW), Ok(()));
    }

    #[test]
    fn all_clients_together_have_a_limit_so_that_what_is_remembered_has_one() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..MAX_OF_ALL {
            assert_eq!(throttle.admit(client(number), now), Ok(()));
        }
        for number in 0..10_000 {
            assert!(throttle.admit(client(number), now).is_err());
        }
        assert_eq!(throttle.of_client.len(), MAX_OF_ALL as usize);
        assert_eq!(throttle.admit(client(1), now + WINDOW), Ok(()));
        assert_eq!(throttle.of_client.len(), 1);
    }

    #[test]
    fn one_customer_has_many_addresses_of_the_newer_kind_and_one_number_of_tries() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 0..10 {
            let one = address(&format!("2001:db8:1:2::{last}"));
            assert_eq!(throttle.admit(one, now), Ok(()));
        }
        assert!(
            throttle
                .admit(address("2001:db8:1:2:ffff::1"), now)
                .is_err()
        );
        assert_eq!(throttle.admit(address("2001:db8:1:3::1"), now), Ok(()));
        assert_eq!(network(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }

    #[test]
    fn success_forgives() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..10 {
            throttle.admit(client(1), now).unwrap();
        }
        throttle.succeeded(client(1));
        assert_eq!(throttle.admit(client(1), now), Ok(()));
        throttle.succeeded(client(7));
        assert_eq!(throttle.num_tries, 1);
    }
}
