fn main() {
    let _ = journal::Receipt::new;
}
