//! The part of a conversation that fits into the model's context window.
//!
//! What goes, in this order, and only as far as it must: whole exchanges, oldest first; then the words of
//! tool results in the newest exchange, oldest first, each cut visibly; then steps of the newest exchange,
//! oldest first. The newest person's message and the newest step stay, even when they do not fit.

use vocab::{ChatMessage, Entry, Role};

use crate::conversation::{Conversation, Exchange};
use crate::size::Size;

/// The messages that fit, and how many were left out.
pub(crate) fn fit(transcript: &[Entry], context_tokens: u32) -> (Vec<ChatMessage>, u32) {
    let window = Size::window(context_tokens);
    let Conversation { mut exchanges, strays, .. } = Conversation::of(transcript);
    let Some(mut newest) = exchanges.pop() else {
        return (Vec::new(), count(strays));
    };
    let mut size = size_of(&newest);
    if !size.fits(window) {
        size = cut_results(&mut newest, size, window);
    }
    let gone = drop_steps(&mut newest, &mut size, window);
    // Older ones as long as each fits: the first that does not, or a gap in the newest, ends the row.
    let mut kept = vec![newest];
    while let Some(exchange) = exchanges.pop_if(|older| gone == 0 && size.plus(size_of(older)).fits(window)) {
        size = size.plus(size_of(&exchange));
        kept.push(exchange);
    }
    let older = exchanges.into_iter().flat_map(messages).count();
    let dropped = strays.saturating_add(gone).saturating_add(older);
    (kept.into_iter().rev().flat_map(messages).collect(), count(dropped))
}

fn messages(exchange: Exchange) -> impl Iterator<Item = ChatMessage> {
    exchange.person.into_iter().chain(exchange.steps.into_iter().flatten())
}

fn size_of(exchange: &Exchange) -> Size {
    let messages = exchange.person.iter().chain(exchange.steps.iter().flatten());
    messages.map(Size::of_message).fold(Size::default(), Size::plus)
}

/// Shortens results, oldest first, until the exchange fits or all are short. Returns its size then.
fn cut_results(exchange: &mut Exchange, size: Size, window: Size) -> Size {
    let results = exchange.steps.iter_mut().flatten().filter(|message| message.role == Role::Tool);
    results.fold(size, |size, result| if size.fits(window) { size } else { cut(result, size, window) })
}

fn cut(result: &mut ChatMessage, size: Size, window: Size) -> Size {
    let own = Size::of_text(&result.content);
    let others = size.minus(own);
    // The mark for the largest cut is the longest.
    let room = window.minus(others).minus(Size::of_text(&mark(result.content.len())));
    let end = room.prefix(&result.content);
    let kept = result.content.get(..end).unwrap_or_default();
    let short = format!("{kept}{}", mark(result.content.len().saturating_sub(end)));
    let shorter = Size::of_text(&short);
    if short.len() < result.content.len() && shorter.fits(own) {
        result.content = short;
        return others.plus(shorter);
    }
    size
}

fn mark(bytes: usize) -> String {
    format!("[cut: {bytes} bytes]")
}

/// Takes out steps, oldest first but never the newest, until the exchange fits. Returns how many messages
/// went.
fn drop_steps(exchange: &mut Exchange, size: &mut Size, window: Size) -> usize {
    let mut gone = 0_usize;
    while !size.fits(window) && exchange.steps.len() > 1 {
        let step = exchange.steps.remove(0);
        *size = size.minus(step.iter().map(Size::of_message).fold(Size::default(), Size::plus));
        gone = gone.saturating_add(step.len());
    }
    gone
}

fn count(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}
