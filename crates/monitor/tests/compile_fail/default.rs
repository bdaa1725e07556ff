use bulkhead_monitor::Permit;

fn main() {
    let _permit: Permit = Default::default();
}
