use bulkhead_monitor::Permit;

fn needs_serialize<T: serde::Serialize>() {}

fn main() {
    needs_serialize::<Permit>();
}
