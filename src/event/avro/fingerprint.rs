//! The fingerprint of a schema: CRC-64-AVRO of its Parsing Canonical Form (Avro specification,
//! "Parsing Canonical Form for Schemas" and "Schema Fingerprints").
//!
//! Not taken from the crate: it keeps `{"type":"long"}` in the canonical form of a logical type,
//! where the specification, Java and fastavro write `"long"`. Its fingerprint of the same schema
//! differs, and Java's `BinaryMessageDecoder` would not find the schema. (Python's `avro` has the
//! same bug.)

use serde_json::Value;

/// The fingerprint as in a message: little-endian.
pub(super) fn fingerprint(schema: &Value) -> [u8; 8] {
    let mut canonical = String::new();
    write(schema, None, &mut canonical);
    crc_64_avro(canonical.as_bytes()).to_le_bytes()
}

/// CRC-64-AVRO, bit by bit: it runs only once for each schema.
fn crc_64_avro(bytes: &[u8]) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    let mut crc = EMPTY;
    for byte in bytes {
        let mut row = (crc ^ u64::from(*byte)) & 0xff;
        for _ in 0..8 {
            row = (row >> 1) ^ (EMPTY & (row & 1).wrapping_neg());
        }
        crc = (crc >> 8) ^ row;
    }
    crc
}

/// Writes the canonical form: full names, no docs, defaults, aliases or logical types, attributes
/// in a fixed order, no white space.
fn write(schema: &Value, namespace: Option<&str>, out: &mut String) {
    match schema {
        Value::String(name) => quote(&full_name(name, namespace), out),
        Value::Array(variants) => {
            out.push('[');
            for (index, variant) in variants.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(variant, namespace, out);
            }
            out.push(']');
        }
        Value::Object(attributes) => {
            let text = |name: &str| attributes.get(name).and_then(Value::as_str);
            let kind = text("type").unwrap_or_default();
            if is_primitive(kind) {
                return quote(kind, out);
            }
            out.push('{');
            let namespace = text("namespace").or(namespace);
            if let Some(name) = text("name") {
                out.push_str("\"name\":");
                quote(&full_name(name, namespace), out);
                out.push(',');
            }
            out.push_str("\"type\":");
            quote(kind, out);
            if let Some(Value::Array(fields)) = attributes.get("fields") {
                out.push_str(",\"fields\":[");
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str("{\"name\":");
                    quote(field.get("name").and_then(Value::as_str).unwrap_or_default(), out);
                    out.push_str(",\"type\":");
                    write(field.get("type").unwrap_or(&Value::Null), namespace, out);
                    out.push('}');
                }
                out.push(']');
            }
            if let Some(symbols) = attributes.get("symbols") {
                out.push_str(",\"symbols\":");
                out.push_str(&symbols.to_string());
            }
            for nested in ["items", "values"] {
                if let Some(schema) = attributes.get(nested) {
                    quote_key(nested, out);
                    write(schema, namespace, out);
                }
            }
            out.push('}');
        }
        _ => {}
    }
}

fn quote_key(name: &str, out: &mut String) {
    out.push(',');
    quote(name, out);
    out.push(':');
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

fn is_primitive(name: &str) -> bool {
    matches!(name, "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string")
}

fn full_name(name: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) if !name.contains('.') && !is_primitive(name) => {
            format!("{namespace}.{name}")
        }
        _ => String::from(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // "int" and "string": values of the Avro project's own test data.
        assert_eq!(crc_64_avro(b"\"int\""), 0x7275_d51a_3f39_5c8f);
        assert_eq!(crc_64_avro(b"\"string\""), 0x8f01_4872_6345_03c7);
    }

    #[test]
    fn logical_types_docs_and_defaults_do_not_change_the_fingerprint() {
        let plain = json!({"type": "record", "name": "a.B", "fields": [
            {"name": "at", "type": "long"}, {"name": "c", "type": ["null", "a.B"]}]});
        let rich = json!({"name": "B", "namespace": "a", "doc": "d", "type": "record", "fields": [
            {"name": "at", "doc": "d", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "c", "type": ["null", "B"], "default": null}]});
        assert_eq!(fingerprint(&plain), fingerprint(&rich));
    }
}
