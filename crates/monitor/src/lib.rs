//! Judges every proposal before it happens; the only maker of permits.
