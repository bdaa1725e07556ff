use bulkhead_monitor::Permit;

fn needs_clone<T: Clone>() {}

fn main() {
    needs_clone::<Permit>();
}
