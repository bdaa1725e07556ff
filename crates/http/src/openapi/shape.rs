//! The shapes of JSON, said in few words.

use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, SchemaType};
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type};
use vocab::MAX_ID_BYTES;

use crate::bounds::MAX_KEY_BYTES;

/// A shape, or the name of one.
pub(super) type Shape = RefOr<Schema>;

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

/// The shape of this name.
pub(super) fn the(name: &str) -> Shape {
    Ref::from_schema_name(name).into()
}

/// Any text.
pub(super) fn text() -> Shape {
    of(Type::String).into()
}

/// A text of one to so many characters.
pub(super) fn short(most: usize) -> Shape {
    of(Type::String).min_length(Some(1)).max_length(Some(most)).into()
}

/// Some words, not all of them blanks, of at most so many characters.
pub(super) fn words(most: usize) -> Shape {
    of(Type::String).pattern(Some("\\S")).max_length(Some(most)).into()
}

/// An `Idempotency-Key`.
pub(super) fn key() -> Shape {
    let object = of(Type::String).pattern(Some("^[!-~]+$"));
    object.min_length(Some(1)).max_length(Some(MAX_KEY_BYTES)).into()
}

/// A label: a level or a category.
pub(super) fn label() -> Shape {
    of(Type::String).pattern(Some("^[a-z0-9-]+$")).max_length(Some(MAX_ID_BYTES)).into()
}

/// Where a list goes on.
pub(super) fn place() -> Shape {
    let object = of(Type::String).pattern(Some("^[0-9]{20}-[a-z0-9][a-z0-9._-]*$"));
    object.max_length(Some(MAX_ID_BYTES + 21)).into()
}

/// A name or an identifier, as `vocab` takes them.
pub(super) fn id() -> Shape {
    let object = of(Type::String).pattern(Some("^[a-z0-9][a-z0-9._-]*$"));
    object.min_length(Some(1)).max_length(Some(MAX_ID_BYTES)).into()
}

/// A SHA-256, in hexadecimal.
pub(super) fn digest() -> Shape {
    of(Type::String).pattern(Some("^[0-9a-f]{64}$")).into()
}

/// A time, as RFC 3339 has it.
pub(super) fn time() -> Shape {
    of(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
}

/// One of these words.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Shape {
    of(Type::String).enum_values(Some(words.into_iter().map(Value::from))).into()
}

/// A whole number of at least this.
pub(super) fn number(least: u32) -> Shape {
    of(Type::Integer).minimum(Some(f64::from(least))).maximum(Some(usize::MAX)).into()
}

/// A whole number within bounds.
pub(super) fn within(least: u32, most: u32) -> Shape {
    of(Type::Integer).minimum(Some(f64::from(least))).maximum(Some(f64::from(most))).into()
}

/// A number.
pub(super) fn decimal() -> Shape {
    of(Type::Number).into()
}

/// Yes or no.
pub(super) fn yes_or_no() -> Shape {
    of(Type::Boolean).into()
}

/// Whatever JSON there may be.
pub(super) fn anything() -> Shape {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
}

/// An object with names that are not known beforehand.
pub(super) fn map(of: Shape) -> Shape {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::RefOr(of))).into()
}

/// Any number of these.
pub(super) fn list(of: Shape) -> Shape {
    ArrayBuilder::new().items(of).into()
}

/// So many of these at the least and at the most.
pub(super) fn some(of: Shape, least: usize, most: usize) -> Shape {
    ArrayBuilder::new().items(of).min_items(Some(least)).max_items(Some(most)).into()
}

/// This, or `null`.
pub(super) fn or_null(of: Shape) -> Shape {
    AnyOfBuilder::new().item(of).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// One of these.
pub(super) fn any_of(shapes: impl IntoIterator<Item = Shape>) -> Shape {
    shapes.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
}

/// An object with these fields.
pub(super) fn object() -> Fields {
    Fields(ObjectBuilder::new())
}

/// An object in the making.
pub(super) struct Fields(ObjectBuilder);

impl Fields {
    /// With a field that is always there.
    pub(super) fn has(self, name: &str, shape: Shape) -> Self {
        Self(self.0.property(name, shape).required(name))
    }

    /// With a field that may not be there.
    pub(super) fn may_have(self, name: &str, shape: Shape) -> Self {
        Self(self.0.property(name, shape))
    }

    /// And no others.
    pub(super) fn only(self) -> Self {
        Self(self.0.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false))))
    }

    /// And at least one of them.
    pub(super) fn at_least_one(self) -> Self {
        Self(self.0.min_properties(Some(1)))
    }
}

impl From<Fields> for Shape {
    fn from(fields: Fields) -> Self {
        fields.0.into()
    }
}

/// An event or a line of a stream, told apart by its `type`.
pub(super) fn told(kind: &str) -> Fields {
    let word: Object = of(Type::String).enum_values(Some([json!(kind)])).build();
    object().has("type", word.into())
}
