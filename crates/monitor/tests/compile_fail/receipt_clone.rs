use journal::Receipt;

fn needs_clone<T: Clone>() {}

fn main() {
    needs_clone::<Receipt>();
}
