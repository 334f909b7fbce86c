//! A test of each bad answer.

use std::time::Duration;

use super::bad_answers::{
    body, bombs, compressed, contradiction, cut, endless, headers, lengths, links, redirects,
    refusals, rows, slow,
};
use super::recovery::{Expectation, check_recovery};

/// A short timeout, for answers that do not end.
const SHORT_TIMEOUT: Duration = Duration::from_millis(150);

/// Fewer requests, for answers that take long to read.
const FEW_REQUESTS: usize = 3;

/// Defines a test of each bad answer, and a list of their names.
macro_rules! cases {
    ($( $name:ident: $bad_answer:expr $(, $field:ident = $value:expr)*; )*) => {
        $(
            #[test]
            fn $name() {
                let expected = Expectation { $( $field: $value, )* ..Expectation::default() };
                check_recovery(stringify!($name), $bad_answer, expected);
            }
        )*

        /// The names of all tests.
        pub(super) const NAMES: &[&str] = &[$( stringify!($name) ),*];
    };
}

cases! {
    a_redirect_302_to_another_host_is_not_followed:
        |request, wire| redirects::to_another_host("302 Found", request, wire),
        until_conditional_requests = true;
    a_redirect_307_to_another_host_is_not_followed:
        |request, wire| redirects::to_another_host("307 Temporary Redirect", request, wire);
    a_redirect_308_to_another_scheme_is_not_followed: redirects::to_another_scheme;
    a_refresh_header_to_another_host_is_not_followed: redirects::refresh;
    a_link_to_a_next_page_on_another_host_is_not_followed: links::other_host;
    a_link_whose_next_page_is_the_same_page_ends_the_poll: links::itself;
    a_link_cycle_of_two_pages_ends_the_poll: links::cycle;
    a_link_with_non_ascii_bytes_is_not_ignored: links::non_ascii;
    a_link_with_control_characters_is_rejected: links::garbage;

    a_gzip_bomb_stops_at_the_size_limit: |_, wire| compressed(wire, "gzip", &bombs::flat());
    a_gzip_bomb_of_many_members_stops_at_the_size_limit:
        |_, wire| compressed(wire, "gzip", &bombs::members()), requests = FEW_REQUESTS;
    gzip_within_gzip_is_rejected: |_, wire| compressed(wire, "gzip, gzip", &bombs::nested());
    a_second_content_encoding_header_is_not_ignored: bombs::two_headers;
    an_unknown_content_encoding_is_rejected: |_, wire| compressed(wire, "br", b"[]");
    a_corrupt_gzip_stream_is_rejected:
        |_, wire| compressed(wire, "gzip", &bombs::corrupt());
    a_gzip_stream_with_trailing_data_is_rejected:
        |_, wire| compressed(wire, "gzip", &bombs::with_trailing_data());

    two_hundred_thousand_levels_of_lists_are_rejected:
        |_, wire| compressed(wire, "gzip", &rows::deep_lists()), requests = FEW_REQUESTS;
    two_hundred_thousand_levels_of_objects_are_rejected:
        |_, wire| compressed(wire, "gzip", &rows::deep_objects()), requests = FEW_REQUESTS;
    a_row_of_a_thousand_levels_is_quarantined: rows::deep_row, quarantines_rows = true;
    a_list_of_other_values_than_rows_is_rejected:
        |_, wire| body(wire, b"[1, \"Planted-in-an-answer\", null, [[]]]");
    more_rows_than_the_limit_are_rejected:
        |_, wire| compressed(wire, "gzip", &rows::tiny()), requests = FEW_REQUESTS;
    a_row_of_too_many_values_is_quarantined: rows::wide_row, requests = FEW_REQUESTS, quarantines_rows = true;
    invalid_utf_8_bytes_are_rejected: rows::invalid_utf_8;
    a_row_with_a_lone_surrogate_is_quarantined:
        rows::lone_surrogate, quarantines_rows = true, until_conditional_requests = true;
    bare_nul_bytes_are_rejected: rows::bare_nul;
    a_row_with_control_characters_in_its_id_is_quarantined: rows::control_id, quarantines_rows = true;
    a_row_with_numbers_beyond_64_bits_is_quarantined: rows::huge_numbers, quarantines_rows = true;
    a_row_with_an_impossible_timestamp_is_quarantined: rows::impossible_timestamp, quarantines_rows = true;
    an_html_page_with_status_200_is_rejected:
        |_, wire| body(wire, b"<!doctype html><h1>Planted-in-an-answer</h1>");
    an_empty_body_is_not_an_empty_list: |_, wire| body(wire, b"");
    a_body_of_null_is_not_an_empty_list: |_, wire| body(wire, b"null");
    an_empty_object_is_not_an_empty_list: |_, wire| body(wire, b"{}"), until_conditional_requests = true;
    an_error_object_with_status_200_is_not_an_empty_list:
        |_, wire| body(wire, b"{\"error\": \"Planted-in-an-answer\", \"agents\": []}");
    new_ids_in_every_answer_are_new_entities: rows::new_ids, shows_new_ids = true;
    an_empty_list_without_a_count_needs_confirmation: rows::empty_now_and_then;
    text_after_the_list_is_not_ignored: |_, wire| body(wire, b"[] Planted-in-an-answer");
    no_content_with_status_204_is_not_an_empty_list:
        |_, wire| wire.answer("204 No Content", "", b"");
    a_partial_answer_with_status_206_is_rejected: rows::partial_content;

    a_total_below_the_number_of_rows_confirms_no_removal:
        |request, wire| contradiction::shifted(request, wire, -1);
    a_total_above_the_number_of_rows_confirms_no_removal:
        |request, wire| contradiction::shifted(request, wire, 1);
    a_negative_total_confirms_no_removal: |request, wire| contradiction::with_total(request, wire, "-3");
    a_total_that_is_not_a_number_confirms_no_removal:
        |request, wire| contradiction::with_total(request, wire, "many");
    a_total_beyond_64_bits_confirms_no_removal:
        |request, wire| contradiction::with_total(request, wire, "99999999999999999999999");
    two_different_totals_confirm_no_removal: contradiction::two;
    a_total_that_changes_between_pages_confirms_no_removal: contradiction::moving;

    a_body_sent_byte_by_byte_times_out: slow::body, timeout = SHORT_TIMEOUT;
    a_head_sent_byte_by_byte_times_out: slow::head, timeout = SHORT_TIMEOUT;
    an_endless_body_stops_at_the_size_limit: endless::body;
    an_endless_chunked_body_stops_at_the_size_limit: endless::chunks;
    an_endless_chunk_extension_is_aborted: endless::chunk_extension, timeout = SHORT_TIMEOUT;
    endless_trailers_after_a_body_are_aborted: endless::trailers, timeout = SHORT_TIMEOUT;
    endless_informational_answers_are_aborted: endless::informational, timeout = SHORT_TIMEOUT;
    an_answer_that_never_comes_times_out: slow::no_answer, timeout = SHORT_TIMEOUT;

    a_content_length_that_is_too_long_is_rejected: lengths::too_long;
    a_content_length_that_is_too_short_is_rejected: lengths::too_short;
    two_different_content_lengths_are_rejected: lengths::two;
    a_negative_content_length_is_rejected: lengths::negative;
    a_connection_closed_in_the_head_is_an_error: cut::head;
    a_connection_closed_in_the_body_is_an_error: cut::body, until_conditional_requests = true;
    a_connection_closed_between_chunks_is_an_error: cut::chunks;
    bytes_that_are_not_http_are_an_error: cut::garbage;

    a_pause_of_31_years_is_bounded: |_, wire| refusals::pause(wire, "978307200");
    a_pause_until_the_year_9999_is_bounded:
        |_, wire| refusals::pause(wire, "Fri, 31 Dec 9999 23:59:59 GMT");
    a_negative_pause_header_is_ignored: |_, wire| refusals::pause(wire, "-5");
    a_pause_until_the_past_is_ignored:
        |_, wire| refusals::pause(wire, "Thu, 01 Jan 1970 00:00:00 GMT");
    a_pause_that_is_not_a_time_is_ignored: |_, wire| refusals::pause(wire, "Planted-in-an-answer");
    a_pause_on_a_server_error_does_not_stop_the_account: refusals::server_error;
    an_error_page_of_64_megabytes_is_not_read_to_the_end: refusals::large_page;
    an_error_page_sent_byte_by_byte_times_out: refusals::slow_page, timeout = SHORT_TIMEOUT;
    an_unknown_http_status_is_rejected: |_, wire| wire.answer("799 Planted", "", b"[]");

    a_head_of_megabytes_is_rejected: headers::large;
    thousands_of_cookies_are_rejected: headers::cookies;
    cookies_are_not_sent_back: headers::few_cookies;
    a_head_without_an_end_is_rejected: headers::endless;
    an_impossible_date_header_is_ignored: headers::dates;
}
