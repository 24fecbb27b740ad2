//! Pictures for those who link here: a card with a name and a few figures, as SVG and then as PNG.

use std::sync::{Arc, LazyLock};

use askama::Template;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

/// The size that links are shown in.
pub(crate) const WIDTH: u32 = 1200;
/// The same.
pub(crate) const HEIGHT: u32 = 630;
/// Where words may stand.
const TEXT_WIDTH: f32 = 1056.0;
/// Sizes of the title, with how many lines it may have then: the first that it fits into.
const TITLE_SIZES: [(f32, usize); 3] = [(84.0, 2), (64.0, 3), (52.0, 3)];
/// Lines are this much higher than their letters.
const LINE_HEIGHT: f32 = 1.18;
/// The size of the line below the title.
const SUBTITLE_SIZE: f32 = 32.0;
/// The size of the figures, and of the words below them.
const FIGURE_SIZE: f32 = 56.0;
const LABEL_SIZE: f32 = 27.0;
/// Figures of a card.
const MAX_FIGURES: usize = 3;
/// Characters of a text that are looked at.
const MAX_CHARS: usize = 400;
/// Where the base line of the last line of the title may be.
const TITLE_BOTTOM: f32 = 372.0;

/// The letters of all cards.
const FONT: &[u8] = epaint_default_fonts::UBUNTU_LIGHT;
/// Their name in SVG.
const FONT_FAMILY: &str = "Ubuntu";

/// What a card says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Card {
    /// Its title: text of strangers.
    pub(crate) title: String,
    /// What is said instead if the letters of the title cannot be drawn.
    pub(crate) other_title: String,
    /// The line below.
    pub(crate) subtitle: String,
    /// Figures with what they are of, [`MAX_FIGURES`] at most.
    pub(crate) figures: Vec<Figure>,
}

/// A figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Such as `27 of 30`.
    pub(crate) value: String,
    /// Such as `days available`.
    pub(crate) label: String,
}

/// Why a card could not be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrawError {
    /// The template failed.
    #[error("the SVG could not be written: {0}")]
    Template(#[from] askama::Error),
    /// The SVG is none.
    #[error("the SVG could not be read: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The pixels could not be packed.
    #[error("the PNG could not be written: {0}")]
    Png(String),
    /// The task that draws died.
    #[error("drawing was broken off: {0}")]
    Task(String),
}

#[derive(Template)]
#[template(path = "web/picture.svg")]
struct Svg<'a> {
    family: &'a str,
    title: Vec<Line>,
    title_size: f32,
    subtitle: Line,
    subtitle_size: f32,
    figures: Vec<(Line, Line)>,
    figure_size: f32,
    label_size: f32,
}

/// A line of text at its place.
struct Line {
    text: String,
    x: f32,
    y: f32,
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
    Arc::new(fonts)
});

/// Draws a card. It takes some milliseconds of computing.
pub(crate) fn draw(card: &Card) -> Result<Vec<u8>, DrawError> {
    let svg = svg(card)?;
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: FONT_FAMILY.to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(&svg, &options)?;
    let mut pixels =
        Pixmap::new(WIDTH, HEIGHT).ok_or_else(|| DrawError::Png("no room for it".to_owned()))?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    pixels
        .encode_png()
        .map_err(|error| DrawError::Png(error.to_string()))
}

fn svg(card: &Card) -> Result<String, DrawError> {
    let letters = Letters::of_font();
    let title = letters
        .drawable(&card.title)
        .or_else(|| letters.drawable(&card.other_title))
        .unwrap_or_else(|| "Freeway".to_owned());
    let (title_size, lines) = letters.title(&title);
    let num_above = lines.len().saturating_sub(1) as f32;
    let first_y = TITLE_BOTTOM - num_above * title_size * LINE_HEIGHT - SUBTITLE_SIZE * 1.9;
    let title = lines.into_iter().enumerate().map(|(index, text)| Line {
        text,
        x: 72.0,
        y: first_y + index as f32 * title_size * LINE_HEIGHT,
    });
    let subtitle = letters.drawable(&card.subtitle).unwrap_or_default();
    let subtitle = letters.cut(&subtitle, SUBTITLE_SIZE, TEXT_WIDTH);
    let figures = card.figures.iter().take(MAX_FIGURES);
    let column = TEXT_WIDTH / MAX_FIGURES as f32;
    let figures = figures.enumerate().map(|(index, figure)| {
        let x = 72.0 + index as f32 * column;
        let line = |text: &str, size, y| {
            let text = letters.drawable(text).unwrap_or_default();
            let text = letters.cut(&text, size, column - 24.0);
            Line { text, x, y }
        };
        (
            line(&figure.value, FIGURE_SIZE, 502.0),
            line(&figure.label, LABEL_SIZE, 548.0),
        )
    });
    let svg = Svg {
        family: FONT_FAMILY,
        title: title.collect(),
        title_size,
        subtitle: Line {
            text: subtitle,
            x: 72.0,
            y: TITLE_BOTTOM,
        },
        subtitle_size: SUBTITLE_SIZE,
        figures: figures.collect(),
        figure_size: FIGURE_SIZE,
        label_size: LABEL_SIZE,
    };
    Ok(svg.render()?)
}

/// What the font has, and how wide that is.
struct Letters {
    charmap: Option<Charmap<'static>>,
    /// At size 1.
    metrics: Option<GlyphMetrics<'static>>,
}

impl Letters {
    fn of_font() -> Self {
        let font = FontRef::new(FONT).ok();
        let metrics =
            |font: &FontRef<'static>| font.glyph_metrics(Size::new(1.0), LocationRef::default());
        Self {
            charmap: font.as_ref().map(|font| font.charmap()),
            metrics: font.as_ref().map(metrics),
        }
    }

    fn has(&self, letter: char) -> bool {
        let charmap = self.charmap.as_ref();
        charmap.is_some_and(|charmap| charmap.map(letter).is_some())
    }

    /// The text in one line without what the font has not. `None` if most of its letters would be
    /// missing, or if nothing is left.
    fn drawable(&self, text: &str) -> Option<String> {
        let (mut drawn, mut num_missing) = (String::new(), 0);
        for letter in text.chars().take(MAX_CHARS) {
            match letter {
                letter if letter.is_whitespace() || letter.is_control() => drawn.push(' '),
                letter if self.has(letter) => drawn.push(letter),
                letter => num_missing += usize::from(letter.is_alphanumeric()),
            }
        }
        let words: Vec<&str> = drawn.split_whitespace().collect();
        let drawn = words.join(" ");
        let num_drawn = drawn
            .chars()
            .filter(|letter| letter.is_alphanumeric())
            .count();
        let is_readable = num_drawn > num_missing || num_missing == 0;
        (is_readable && !drawn.is_empty()).then_some(drawn)
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        let of_letter = |letter| {
            let glyph = self.charmap.as_ref()?.map(letter)?;
            self.metrics.as_ref()?.advance_width(glyph)
        };
        // What is not known is taken for wide.
        let widths = text.chars().map(|letter| of_letter(letter).unwrap_or(1.0));
        size * widths.sum::<f32>()
    }

    /// The size and the lines of a title.
    fn title(&self, text: &str) -> (f32, Vec<String>) {
        let mut last = (0.0, Vec::new());
        for (size, max_lines) in TITLE_SIZES {
            let (lines, is_whole) = self.wrap(text, size, max_lines);
            last = (size, lines);
            if is_whole {
                break;
            }
        }
        last
    }

    /// Lines of at most the width of a card, and whether all of the text is in them.
    fn wrap(&self, text: &str, size: f32, max_lines: usize) -> (Vec<String>, bool) {
        let mut lines: Vec<String> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if lines.len() + 1 == max_lines && self.width(rest, size) > TEXT_WIDTH {
                lines.push(self.cut(rest, size, TEXT_WIDTH));
                return (lines, false);
            }
            let (line, after) = self.first_line(rest, size);
            lines.push(line.to_owned());
            rest = after.trim_start();
        }
        (lines, true)
    }

    /// What fits into a line, up to the end of a word if one ends in it, and the rest.
    fn first_line<'t>(&self, text: &'t str, size: f32) -> (&'t str, &'t str) {
        if self.width(text, size) <= TEXT_WIDTH {
            return (text, "");
        }
        let fits = |end: &usize| self.width(&text[..*end], size) <= TEXT_WIDTH;
        let ends = text.char_indices().skip(1).map(|(end, _)| end);
        let most = ends.take_while(fits).last();
        // At least one letter, or it would never end.
        let most = most.unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8));
        // Ids have no spaces.
        let break_after = |letter: char| matches!(letter, ' ' | '/' | '-' | ':' | '_');
        let end = text[..most]
            .rfind(break_after)
            .map(|at| at + 1)
            .filter(|&end| end * 3 > most);
        let end = end.unwrap_or(most);
        (text[..end].trim_end(), &text[end..])
    }

    /// The text, or as much of it as fits with dots at its end.
    fn cut(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let room = width - self.width("…", size);
        let ends = text.char_indices().map(|(end, _)| end);
        let end = ends
            .take_while(|&end| self.width(&text[..end], size) <= room)
            .last();
        format!("{}…", text[..end.unwrap_or(0)].trim_end())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card(title: &str) -> Card {
        Card {
            title: title.to_owned(),
            other_title: "openai/gpt-oss-20b".to_owned(),
            subtitle: "openai".to_owned(),
            figures: vec![Figure {
                value: "27 of 30".to_owned(),
                label: "days available".to_owned(),
            }],
        }
    }

    fn lines(title: &str) -> Vec<String> {
        let letters = Letters::of_font();
        let drawable = letters.drawable(title).unwrap();
        letters.title(&drawable).1
    }

    #[test]
    fn a_card_is_a_png_of_its_size_in_which_the_words_make_a_difference() {
        let one = draw(&card("gpt-oss-20b")).unwrap();
        assert!(one.starts_with(b"\x89PNG\r\n\x1a\n"));
        let number = |at: usize| u32::from_be_bytes(one[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (WIDTH, HEIGHT));
        let other = draw(&card("gpt-oss-120b")).unwrap();
        assert_ne!(one, other);
        assert_eq!(one, draw(&card("gpt-oss-20b")).unwrap());
    }

    #[test]
    fn long_names_are_wrapped_and_cut() {
        assert_eq!(lines("gpt-oss-20b").len(), 1);
        let words = lines(&"Very Long Name of a Model ".repeat(3));
        assert!((2..=3).contains(&words.len()), "{words:?}");
        let endless = lines(&"x".repeat(399));
        assert_eq!(endless.len(), 3);
        assert!(endless[2].ends_with('…'));
        let letters = Letters::of_font();
        for line in words.iter().chain(&endless) {
            let (size, _) = TITLE_SIZES[2];
            assert!(letters.width(line, size) <= TEXT_WIDTH, "{line}");
        }
    }

    #[test]
    fn letters_that_the_font_lacks_are_left_out_and_a_name_of_them_gives_way() {
        let letters = Letters::of_font();
        assert_eq!(letters.drawable("Qwen 通义").as_deref(), Some("Qwen"));
        assert_eq!(letters.drawable("通义千问 Q"), None);
        assert_eq!(letters.drawable(" \u{202e}\u{0}"), None);
        assert_eq!(letters.drawable("–").as_deref(), Some("–"));
        assert_eq!(letters.drawable("Модель ä"), Some("Модель ä".to_owned()));
        let drawn = svg(&card("نموذج")).unwrap();
        assert!(drawn.contains("openai/gpt-oss-20b"));
    }

    #[test]
    fn words_of_strangers_do_not_become_markup() {
        let drawn = svg(&card("</text><image href=\"file:///etc/passwd\"/>")).unwrap();
        assert!(!drawn.contains("<image"));
        let tree = resvg::usvg::roxmltree::Document::parse(&drawn).unwrap();
        let num_images = tree
            .descendants()
            .filter(|node| node.has_tag_name("image"))
            .count();
        assert_eq!(num_images, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn every_text_fits_and_ends(text in "\\PC{0,120}|[ -~]{0,400}") {
            let letters = Letters::of_font();
            let (size, lines) = letters.title(&text);
            prop_assert!(lines.len() <= 3);
            for line in &lines {
                // One letter stands even if it is wider than a card.
                prop_assert!(letters.width(line, size) <= TEXT_WIDTH || line.chars().count() <= 2);
            }
            prop_assert!(svg(&card(&text)).is_ok());
        }
    }
}
