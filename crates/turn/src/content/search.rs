//! Searching content for words: bounded, and on the record with the words.

use super::*;

/// The most records that one search goes through; it says where to go on.
pub const MAX_SEARCHED: usize = 20_000;

/// The most records that one search gives.
pub const MAX_FOUND: usize = 256;

/// About how many bytes of content one search goes through.
pub(crate) const MAX_SEARCHED_BYTES: usize = 64 * 1024 * 1024;

/// The longest text that is searched for, in bytes.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// The records that are read at once.
const PAGE: u32 = 256;

/// What a search found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The records, oldest first, each with its content.
    pub looks: Vec<Look>,
    /// How many records were gone through whose content this person may not read; they are not among those found.
    pub hidden: u64,
    /// Where to go on, when not all was gone through.
    pub after: Option<u64>,
    /// The last record that there was when this began. The look itself comes after it.
    pub end: u64,
}

#[derive(Default)]
struct Searched {
    read: Vec<Record>,
    looks: Vec<Look>,
    hidden: u64,
    through: usize,
    bytes: usize,
    first: Option<u64>,
    last: Option<u64>,
    ended: bool,
    end: u64,
}

impl Gateway {
    /// The records among those that `query` asks for whose content this person may read and has `text`, whatever the
    /// case of its letters; all of them without a text. The look is durable before this answers, with the words as its
    /// content.
    ///
    /// # Errors
    /// When the text is empty or too long, or the record cannot be read or written.
    pub async fn search_content(
        &self,
        by: &Person,
        query: Query,
        text: Option<String>,
    ) -> Result<Found, Refusal> {
        if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.len() > MAX_TEXT_BYTES) {
            let message = format!("search for 1 to {MAX_TEXT_BYTES} bytes of text");
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let eyes = self.eyes(by)?;
        let words = text.as_ref().map(|text| text.to_lowercase());
        let look = move |reader: &Reader| {
            let mut searched = Searched::default();
            searched.go(reader, &eyes, query, words.as_deref())?;
            Ok(searched)
        };
        let searched = self.looking(look).await?;
        self.record(of_search(by, &searched, text.as_deref()), Vec::new()).await?;
        let after = searched.last.filter(|_| !searched.ended);
        Ok(Found { looks: searched.looks, hidden: searched.hidden, after, end: searched.end })
    }
}

impl Searched {
    fn go(
        &mut self,
        reader: &Reader,
        eyes: &Eyes,
        mut query: Query,
        words: Option<&str>,
    ) -> Result<(), Refusal> {
        let most = match query.limit {
            0 => MAX_FOUND,
            limit => usize::try_from(limit).unwrap_or(MAX_FOUND).min(MAX_FOUND),
        };
        query.limit = PAGE;
        self.end = reader.last()?;
        loop {
            let page = reader.query(&query)?;
            let Some(last) = page.last() else {
                self.ended = true;
                return Ok(());
            };
            query.after = Some(last.seq);
            for record in page {
                self.through = self.through.saturating_add(1);
                self.first.get_or_insert(record.seq);
                self.last = Some(record.seq);
                self.look(reader, eyes, record, words)?;
                if self.read.len() >= most || self.through >= MAX_SEARCHED || self.bytes >= MAX_SEARCHED_BYTES
                {
                    return Ok(());
                }
            }
        }
    }

    fn look(
        &mut self,
        reader: &Reader,
        eyes: &Eyes,
        record: Record,
        words: Option<&str>,
    ) -> Result<(), Refusal> {
        if eyes.may_read(&record).is_err() {
            self.hidden = self.hidden.saturating_add(1);
            return Ok(());
        }
        let content = reader.content(record.seq)?.unwrap_or_default();
        self.bytes = self.bytes.saturating_add(content.to_string().len());
        if words.is_none_or(|words| has(&content, words)) {
            let (seq, erased) = (record.seq, record.erased);
            self.looks.push(Look { seq, record: Some(record.clone()), content, erased, refused: None });
            self.read.push(record);
        }
        Ok(())
    }
}

/// Whether a text in `content` has `words`, which are in lower case.
fn has(content: &Value, words: &str) -> bool {
    match content {
        Value::String(text) => text.to_lowercase().contains(words),
        Value::Array(items) => items.iter().any(|item| has(item, words)),
        Value::Object(fields) => fields.values().any(|field| has(field, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn of_search(by: &Person, searched: &Searched, text: Option<&str>) -> Draft {
    let event = if text.is_some() { Event::ContentSearched } else { Event::ContentRead };
    let mut draft = of_look(by, event, &searched.read, false);
    draft.facts = std::mem::take(&mut draft.facts)
        .with("searched", searched.through as u64)
        .with("hidden", searched.hidden)
        .with_some("first", searched.first)
        .with_some("last", searched.last);
    draft.payload = text.map(|text| json!({ "text": text })).unwrap_or_default();
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_text_and_in_no_name() {
        let content = json!({ "entry": [{ "text": "The BUDGET of May" }], "number": 5, "budget": null });
        assert!(has(&content, "the budget"));
        assert!(!has(&content, "entry") && !has(&content, "5"));
        assert!(!has(&json!({ "budget": null }), "budget"));
    }
}
