use bulkhead_monitor::Permit;

fn twice(permit: Permit, now: vocab::Timestamp) {
    drop(permit.redeem(now));
    drop(permit.redeem(now));
}

fn main() {}
