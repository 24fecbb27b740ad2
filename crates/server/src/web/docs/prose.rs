//! The few marks that descriptions have, as HTML.

use crate::web::xml::escaped;

/// Text in which `` `code` `` and `*emphasis*` are marked, as HTML. Everything else is escaped.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    for (index, piece) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str("<code>");
            html.push_str(&escaped(piece));
            html.push_str("</code>");
            continue;
        }
        for (index, piece) in piece.split('*').enumerate() {
            match index % 2 == 1 {
                true => {
                    html.push_str("<em>");
                    html.push_str(&escaped(piece));
                    html.push_str("</em>");
                }
                false => html.push_str(&escaped(piece)),
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_is_marked_and_markup_is_escaped() {
        assert_eq!(
            prose("`a<b>` & *i*"),
            "<code>a&lt;b&gt;</code> &amp; <em>i</em>"
        );
        assert_eq!(prose("plain"), "plain");
    }

    proptest! {
        #[test]
        fn what_is_opened_is_closed(text in "[`*<a ]{0,30}") {
            let html = prose(&text);
            for name in ["code", "em"] {
                let count = |tag: String| html.matches(&tag).count();
                prop_assert_eq!(count(format!("<{name}>")), count(format!("</{name}>")));
            }
            prop_assert_eq!(html.matches('<').count(), html.matches("<code>").count() * 2
                + html.matches("<em>").count() * 2);
        }
    }
}
