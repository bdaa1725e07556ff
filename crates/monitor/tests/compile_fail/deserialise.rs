use bulkhead_monitor::Permit;

fn needs_deserialize<T: serde::de::DeserializeOwned>() {}

fn main() {
    needs_deserialize::<Permit>();
}
