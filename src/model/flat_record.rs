//! Records that are composed in the program and flat wherever they are written: in the store, in
//! the events and in the Avro schemas.

/// Writes a record whose field `interaction` is an
/// [`InteractionRecord`](crate::model::InteractionRecord) as one flat record, with its fields in
/// the given order, which is the Avro schema's. `interaction.name` is a field of the shared part.
///
/// A field that the list lacks does not compile.
macro_rules! flat_record {
    ($record:ident { $($list:tt)* }) => {
        flat_record!(@sort $record [] [] [] $($list)*);
    };
    (@sort $record:ident [$($all:tt)*] [$($shared:ident)*] [$($own:ident)*]
        interaction.$field:ident, $($rest:tt)*) => {
        flat_record!(@sort $record [$($all)* ($field interaction.$field)]
            [$($shared)* $field] [$($own)*] $($rest)*);
    };
    (@sort $record:ident [$($all:tt)*] [$($shared:ident)*] [$($own:ident)*]
        $field:ident, $($rest:tt)*) => {
        flat_record!(@sort $record [$($all)* ($field $field)]
            [$($shared)*] [$($own)* $field] $($rest)*);
    };
    (@sort $record:ident [$(($name:ident $($path:ident).+))*]
        [$($shared:ident)*] [$($own:ident)*]) => {
        impl ::serde::Serialize for $record {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ::serde::ser::SerializeStruct as _;

                const FIELDS: &[&str] = &[$( stringify!($name) ),*];
                let mut record = serializer.serialize_struct(stringify!($record), FIELDS.len())?;
                $( record.serialize_field(stringify!($name), &self.$($path).+)?; )*
                record.end()
            }
        }

        impl $record {
            /// The names of the fields that differ, in the order of the record.
            #[must_use]
            pub fn differing(&self, other: &Self) -> Vec<&'static str> {
                // Names every field, so that a new one cannot be left out of the list.
                let $record {
                    interaction: InteractionRecord { $($shared: _),* },
                    $($own: _),*
                } = self;
                let mut differing = Vec::new();
                $( if self.$($path).+ != other.$($path).+ { differing.push(stringify!($name)); } )*
                differing
            }
        }
    };
}

pub(super) use flat_record;
