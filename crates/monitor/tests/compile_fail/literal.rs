use bulkhead_monitor::{Granted, Permit};

fn forge(granted: Granted) -> Permit {
    Permit { granted }
}

fn main() {}
