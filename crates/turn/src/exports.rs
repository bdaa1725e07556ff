//! Exports that a person orders: said in the record before the first of it leaves.

use journal::{Draft, Event, Facts, Kind};
use monitor::Act;
use vocab::Person;

use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

/// The most conditions of one export, and the longest of them and of a form's name in bytes.
const MAX_CONDITIONS: usize = 32;
const MAX_CONDITION_BYTES: usize = 2_048;

impl Gateway {
    /// Records that `by` exports the records that hold to `conditions`, each as `name=value`, in `format`.
    ///
    /// # Errors
    /// When that person may not, or it cannot be recorded; then nothing is to be exported.
    pub async fn export(&self, by: &Person, format: &str, conditions: Vec<String>) -> Result<(), Refusal> {
        self.demand(by, Act::RecordExport, None, "export the record")?;
        let long = |text: &str| text.len() > MAX_CONDITION_BYTES;
        if conditions.len() > MAX_CONDITIONS || conditions.iter().any(|one| long(one)) || long(format) {
            let message = format!(
                "an export has at most {MAX_CONDITIONS} conditions of at most {MAX_CONDITION_BYTES} bytes each"
            );
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let facts = Facts::new().with("format", format).with("conditions", conditions);
        let mut draft = Draft::of_event(Kind::Admin, Event::ExportMade, facts);
        draft.person = Some(by.id.clone());
        self.record(draft, Vec::new()).await
    }
}
