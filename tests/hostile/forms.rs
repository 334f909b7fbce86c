//! The forms, each a test.

use std::io::{self, Write};

use super::survival::{Survival, survives};
use super::vendor::{Asked, PLANTED, Wire};

/// Makes a test of each form.
macro_rules! forms {
    ($( $name:ident($speech:expr) $({ $($field:ident: $value:expr),* })?; )*) => {
        $(
            #[test]
            fn $name() {
                #[allow(clippy::needless_update, reason = "some forms set every field")]
                let expected = Survival { $( $( $field: $value, )* )? ..Survival::default() };
                survives(stringify!($name), $speech, expected);
            }
        )*
    };
}

forms! {
    a_redirect_302_to_another_host_is_not_followed(|asked, wire| redirect("302 Found", asked, wire));
}

fn redirect(status: &str, asked: &Asked, wire: &mut Wire) -> io::Result<()> {
    let head = format!("Location: http://{}/{}\r\n", asked.elsewhere, asked.endpoint);
    wire.answer(status, &head, PLANTED.as_bytes())
}
