//! The compiler holds the seal: none of these programs may compile.

#[test]
fn a_permit_cannot_be_forged_copied_stored_or_used_twice() {
    let programs = trybuild::TestCases::new();
    programs.compile_fail("tests/compile_fail/*.rs");
}
