//! The arguments of a call: one JSON object that means the same to everybody who reads it.
//!
//! JSON leaves open what a key that comes twice means (RFC 8259, section 4), and numbers beyond 2^53 lose
//! digits in many readers and in the canonical form (RFC 8785), where two different actions would then have one
//! digest. Both are refused.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The largest whole number that every reader of JSON keeps exact.
const MAX_EXACT: u64 = 1 << 53;

/// The same as the number that a whole one with more digits was read as.
const MAX_EXACT_READ: f64 = 9_007_199_254_740_992.0;

/// Reads one JSON object, and nothing after it. An empty text is an empty object: models write it so.
///
/// # Errors
/// When it is not one JSON object, a key comes twice in one object, or a number is beyond 2^53.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(serde_json::Error::custom("expected an object, such as {\"name\": \"value\"}")),
    }
}

/// Whether every whole number in `value` is exact for every reader.
pub(crate) fn is_exact(value: &Value) -> bool {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            Value::Number(number) => {
                let beyond = number.as_u64().is_some_and(|n| n > MAX_EXACT)
                    || number.as_i64().is_some_and(|n| n.unsigned_abs() > MAX_EXACT);
                if beyond {
                    return false;
                }
            }
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    true
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_EXACT {
            return Err(E::custom(format!("the number {value} is beyond 2^53; write it as text")));
        }
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_EXACT {
            return Err(E::custom(format!("the number {value} is beyond 2^53; write it as text")));
        }
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // Of a whole number with many digits, and of one such as 1e300, what came is not what would be shown and done.
        if value.abs() >= MAX_EXACT_READ {
            return Err(E::custom(format!("the number {value:e} is beyond 2^53; write it as text")));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Self)?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` comes twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
