//! Renderings of whole conversations, token for token.
//!
//! The expected texts are what OpenAI's harmony library renders, except where a test's name says
//! otherwise.

use harmony::{Conversation, Encoding, Message, SystemContent};

fn text_of(tokens: &[u32]) -> String {
    let bytes = Encoding::gpt_oss().tokenizer().decode(tokens);
    String::from_utf8(bytes).expect("renderings are text")
}

fn completion(messages: impl IntoIterator<Item = Message>) -> String {
    text_of(&Encoding::gpt_oss().render_for_completion(&Conversation::new(messages)))
}

#[test]
fn the_default_prompt_has_the_published_tokens() {
    let system = SystemContent::default().with_conversation_start_date("2025-06-28");
    let conversation =
        Conversation::new([Message::system(system), Message::user("What is 2 + 2?")]);
    #[rustfmt::skip]
    let expected = [
        200006, 17360, 200008, 3575, 553, 17554, 162016, 11, 261, 4410, 6439, 2359, 22203, 656,
        7788, 17527, 558, 87447, 100594, 25, 220, 1323, 19, 12, 3218, 198, 6576, 3521, 25, 220,
        1323, 20, 12, 3218, 12, 2029, 279, 30377, 289, 25, 14093, 279, 2, 13888, 18403, 25, 8450,
        11, 49159, 11, 1721, 13, 21030, 2804, 413, 7360, 395, 1753, 3176, 13, 200007, 200006, 1428,
        200008, 4827, 382, 220, 17, 659, 220, 17, 30, 200007, 200006, 173781,
    ];
    assert_eq!(
        Encoding::gpt_oss().render_for_completion(&conversation),
        expected
    );
}

#[test]
fn the_system_message_has_the_trained_text() {
    let system = SystemContent::default().with_conversation_start_date("2025-06-28");
    assert_eq!(
        completion([Message::system(system), Message::user("hi")]),
        "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n\
         Knowledge cutoff: 2024-06\nCurrent date: 2025-06-28\n\nReasoning: medium\n\n\
         # Valid channels: analysis, commentary, final. Channel must be included for every \
         message.<|end|><|start|>user<|message|>hi<|end|><|start|>assistant"
    );
}
