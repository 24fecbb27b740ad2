//! Stop sequences: text that ends an answer and is not part of it.

/// Lets text through up to the first stop sequence. What may be the beginning of one is held back
/// until it is known.
#[derive(Clone, Debug)]
pub(super) struct StopFilter {
    stops: Vec<String>,
    held: String,
    is_stopped: bool,
}

impl StopFilter {
    /// A filter for these sequences, none of them empty.
    pub(super) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.to_vec(),
            held: String::new(),
            is_stopped: false,
        }
    }

    /// Whether a stop sequence has come. Nothing passes from then on.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Takes more text; returns what is certain not to belong to a stop sequence.
    pub(super) fn push(&mut self, text: &str) -> String {
        if self.is_stopped {
            return String::new();
        }
        if self.stops.is_empty() {
            return text.to_owned();
        }
        self.held.push_str(text);
        let found = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()));
        if let Some(place) = found.min() {
            self.is_stopped = true;
            let mut before = std::mem::take(&mut self.held);
            before.truncate(place);
            return before;
        }
        let keep = self.possible_start();
        let rest = self.held.split_off(keep);
        std::mem::replace(&mut self.held, rest)
    }

    /// There is no more text: what was held back after all.
    pub(super) fn flush(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the earliest beginning of a stop sequence at the end of the held text lies.
    fn possible_start(&self) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let from = self.held.len().saturating_sub(longest);
        (from..self.held.len())
            .filter(|&place| self.held.is_char_boundary(place))
            .find(|&place| {
                let tail = &self.held[place..];
                self.stops.iter().any(|stop| stop.starts_with(tail))
            })
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same on the whole text.
    fn oracle(text: &str, stops: &[String]) -> (String, bool) {
        match stops
            .iter()
            .filter_map(|stop| text.find(stop.as_str()))
            .min()
        {
            Some(place) => (text[..place].to_owned(), true),
            None => (text.to_owned(), false),
        }
    }

    proptest! {
        #[test]
        fn pieces_give_what_the_whole_gives(
            pieces in prop::collection::vec("[abü]{0,4}", 0..12),
            stops in prop::collection::vec("[abü]{1,4}", 0..4),
        ) {
            let mut filter = StopFilter::new(&stops);
            let mut passed: String = pieces.iter().map(|piece| filter.push(piece)).collect();
            let is_stopped = filter.is_stopped();
            if !is_stopped {
                passed.push_str(&filter.flush());
            }
            // With several sequences the piecewise filter stops at the one that is complete first.
            let complete = (1..=pieces.len())
                .map(|n| oracle(&pieces[..n].concat(), &stops))
                .find(|(_, stopped)| *stopped);
            let expected = complete.unwrap_or_else(|| oracle(&pieces.concat(), &stops));
            prop_assert_eq!((passed, is_stopped), expected);
        }
    }

    #[test]
    fn nothing_is_held_back_that_cannot_be_a_stop() {
        let mut filter = StopFilter::new(&["END".to_owned()]);
        assert_eq!(filter.push("The E"), "The ");
        assert_eq!(filter.push("el "), "Eel ");
        assert_eq!(filter.push("END of it"), "");
        assert!(filter.is_stopped());
        assert_eq!(filter.push("more"), "");
    }
}
