use journal::Receipt;

fn needs_serialize<T: serde::Serialize>() {}

fn main() {
    needs_serialize::<Receipt>();
}
