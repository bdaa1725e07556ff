fn main() {
    let _ = bulkhead_monitor::Permit::new;
}
