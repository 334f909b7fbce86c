//! The forms, each a test of its own name.

use std::time::Duration;

use super::speech::{
    body, bombs, compressed, contradiction, cut, drip, endless, headers, lengths, links, redirects,
    refusals, rows,
};
use super::survival::{Survival, survives};

/// A short wait, for forms that keep one waiting.
const SHORT: Duration = Duration::from_millis(150);

/// Fewer questions, for forms that take long to read.
const FEW: usize = 3;

/// Makes a test of each form, and a list of their names.
macro_rules! forms {
    ($( $name:ident: $speech:expr $(, $field:ident = $value:expr)*; )*) => {
        $(
            #[test]
            fn $name() {
                let expected = Survival { $( $field: $value, )* ..Survival::default() };
                survives(stringify!($name), $speech, expected);
            }
        )*

        /// The names of all forms.
        pub(super) const NAMES: &[&str] = &[$( stringify!($name) ),*];
    };
}

forms! {
    a_redirect_302_to_another_host_is_not_followed:
        |asked, wire| redirects::to_another_host("302 Found", asked, wire),
        is_bad_for_long = true;
    a_redirect_307_to_another_host_is_not_followed:
        |asked, wire| redirects::to_another_host("307 Temporary Redirect", asked, wire);
    a_redirect_308_to_another_scheme_is_not_followed: redirects::to_another_scheme;
    a_refresh_header_to_another_host_is_not_followed: redirects::refresh;
    a_link_to_a_next_page_on_another_host_is_not_followed: links::elsewhere;
    a_link_whose_next_page_is_the_same_page_ends_the_reading: links::itself;
    a_link_between_two_pages_in_a_circle_ends_the_reading: links::circle;
    a_link_with_bytes_beyond_ascii_is_not_overlooked: links::beyond_ascii;
    a_link_with_control_characters_is_no_answer: links::garbage;

    a_gzip_bomb_stops_at_the_cap: |_, wire| compressed(wire, "gzip", &bombs::flat());
    a_gzip_bomb_of_many_members_stops_at_the_cap:
        |_, wire| compressed(wire, "gzip", &bombs::members()), questions = FEW;
    gzip_within_gzip_is_not_read: |_, wire| compressed(wire, "gzip, gzip", &bombs::nested());
    a_second_content_encoding_header_is_not_overlooked: bombs::two_headers;
    an_unknown_content_encoding_is_not_read: |_, wire| compressed(wire, "br", b"[]");
    a_gzip_stream_that_is_broken_is_not_read:
        |_, wire| compressed(wire, "gzip", &bombs::broken());
    a_gzip_stream_with_waste_behind_it_is_not_read:
        |_, wire| compressed(wire, "gzip", &bombs::with_waste());

    two_hundred_thousand_levels_of_lists_are_not_read:
        |_, wire| compressed(wire, "gzip", &rows::deep_lists()), questions = FEW;
    two_hundred_thousand_levels_of_objects_are_not_read:
        |_, wire| compressed(wire, "gzip", &rows::deep_objects()), questions = FEW;
    a_row_of_a_thousand_levels_is_set_aside: rows::deep_row, sets_rows_aside = true;
    a_list_of_something_else_than_rows_is_not_read:
        |_, wire| body(wire, b"[1, \"Planted-in-an-answer\", null, [[]]]");
    more_rows_than_any_centre_has_are_not_read:
        |_, wire| compressed(wire, "gzip", &rows::tiny()), questions = FEW;
    a_row_of_countless_values_is_set_aside: rows::wide_row, questions = FEW, sets_rows_aside = true;
    invalid_utf_8_is_not_read: rows::invalid_utf_8;
    a_lone_surrogate_sets_its_row_aside:
        rows::lone_surrogate, sets_rows_aside = true, is_bad_for_long = true;
    bare_nul_bytes_are_not_read: rows::bare_nul;
    an_id_of_control_characters_sets_its_row_aside: rows::control_id, sets_rows_aside = true;
    numbers_beyond_64_bits_set_their_row_aside: rows::huge_numbers, sets_rows_aside = true;
    impossible_stamps_set_their_row_aside: rows::impossible_stamps, sets_rows_aside = true;
    a_page_for_people_with_status_200_is_not_read:
        |_, wire| body(wire, b"<!doctype html><h1>Planted-in-an-answer</h1>");
    an_empty_body_is_no_empty_list: |_, wire| body(wire, b"");
    a_body_of_null_is_no_empty_list: |_, wire| body(wire, b"null");
    an_empty_object_is_no_empty_list: |_, wire| body(wire, b"{}"), is_bad_for_long = true;
    an_error_object_with_status_200_is_no_empty_list:
        |_, wire| body(wire, b"{\"error\": \"Planted-in-an-answer\", \"agents\": []}");
    ids_that_are_new_each_time_are_taken_for_what_they_are: rows::new_ids, shows_new_ids = true;
    an_empty_list_without_a_count_is_not_believed_at_once: rows::empty_now_and_then;
    a_text_behind_the_list_is_not_overlooked: |_, wire| body(wire, b"[] Planted-in-an-answer");
    no_content_with_status_204_is_no_empty_list:
        |_, wire| wire.answer("204 No Content", "", b"");
    a_part_with_status_206_is_not_the_whole: rows::partial_content;

    a_total_that_is_less_than_the_rows_proves_no_absence:
        |asked, wire| contradiction::shifted(asked, wire, -1);
    a_total_that_is_more_than_the_rows_proves_no_absence:
        |asked, wire| contradiction::shifted(asked, wire, 1);
    a_negative_total_proves_no_absence: |asked, wire| contradiction::said(asked, wire, "-3");
    a_total_that_is_no_number_proves_no_absence:
        |asked, wire| contradiction::said(asked, wire, "many");
    a_total_beyond_64_bits_proves_no_absence:
        |asked, wire| contradiction::said(asked, wire, "99999999999999999999999");
    two_totals_that_differ_prove_no_absence: contradiction::two;
    a_total_that_changes_between_pages_proves_no_absence: contradiction::moving;

    a_body_that_drips_is_given_up: drip::body, wait = SHORT;
    a_head_that_drips_is_given_up: drip::head, wait = SHORT;
    a_body_that_never_ends_stops_at_the_cap: endless::body;
    a_chunked_body_that_never_ends_stops_at_the_cap: endless::chunks;
    a_chunk_extension_that_never_ends_is_given_up: endless::chunk_extension, wait = SHORT;
    trailers_that_never_end_are_given_up: endless::trailers, wait = SHORT;
    informational_answers_that_never_end_are_given_up: endless::informational, wait = SHORT;
    an_answer_that_never_comes_is_given_up: drip::silence, wait = SHORT;

    a_content_length_that_is_too_long_is_no_answer: lengths::too_long;
    a_content_length_that_is_too_short_is_no_answer: lengths::too_short;
    two_content_lengths_are_no_answer: lengths::two;
    a_negative_content_length_is_no_answer: lengths::negative;
    a_connection_cut_in_the_head_is_no_answer: cut::head;
    a_connection_cut_in_the_body_is_no_answer: cut::body, is_bad_for_long = true;
    a_connection_cut_between_chunks_is_no_answer: cut::chunks;
    bytes_that_are_no_http_are_no_answer: cut::garbage;

    a_pause_of_31_years_is_bounded: |_, wire| refusals::pause(wire, "978307200");
    a_pause_until_the_year_9999_is_bounded:
        |_, wire| refusals::pause(wire, "Fri, 31 Dec 9999 23:59:59 GMT");
    a_negative_pause_is_no_wish: |_, wire| refusals::pause(wire, "-5");
    a_pause_until_the_past_is_no_wish:
        |_, wire| refusals::pause(wire, "Thu, 01 Jan 1970 00:00:00 GMT");
    a_pause_that_is_no_time_is_no_wish: |_, wire| refusals::pause(wire, "Planted-in-an-answer");
    a_pause_on_a_server_error_does_not_stop_the_account: refusals::server_error;
    an_error_page_of_five_megabytes_is_not_read_to_its_end: refusals::large_page;
    an_error_page_that_drips_is_given_up: refusals::dripping_page, wait = SHORT;
    an_unknown_status_is_no_answer: |_, wire| wire.answer("799 Planted", "", b"[]");

    a_head_of_megabytes_is_given_up: headers::large;
    thousands_of_cookies_are_given_up: headers::cookies;
    cookies_are_not_sent_back: headers::few_cookies;
    a_head_without_an_end_is_given_up: headers::endless;
    a_date_that_cannot_be_is_overlooked: headers::dates;
}
