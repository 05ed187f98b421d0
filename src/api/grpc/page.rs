//! How much of a listing fits in one answer.
//!
//! Not here: where the next page begins, which is `page_token`.

use prost::Message;

/// Room beside what a page lists: its token, and what each entry costs in the list.
const ROOM_BYTES: usize = 16 * 1_024;

/// As many from the start as fit in an answer of so many bytes; at least one, where there is one.
pub(super) fn fitting<M: Message>(
    listed: impl Iterator<Item = M>,
    answer_bytes_max: usize,
) -> Vec<M> {
    let bytes_max = answer_bytes_max.saturating_sub(ROOM_BYTES);
    let mut bytes = 0;
    listed
        .enumerate()
        .take_while(|(index, message)| {
            bytes += message.encoded_len();
            *index == 0 || bytes <= bytes_max
        })
        .map(|(_, message)| message)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    #[test]
    fn a_page_ends_where_it_would_be_too_large_and_is_never_empty() {
        let message = v1::Reservation { customer: "x".repeat(200), ..Default::default() };
        let one = message.encoded_len();
        let told = |bytes| fitting(std::iter::repeat_n(message.clone(), 10), bytes).len();
        assert_eq!(told(ROOM_BYTES + one * 3), 3);
        assert_eq!(told(ROOM_BYTES + one * 4 - 1), 3);
        assert_eq!(told(0), 1, "or the listing would never go on");
        assert_eq!(told(usize::MAX), 10);
    }

    #[test]
    fn a_full_page_with_its_token_fits_in_the_answer() {
        const BYTES_MAX: usize = 256 * 1_024;
        let message = v1::Reservation { customer: "x".repeat(300), ..Default::default() };
        let reservations = fitting(std::iter::repeat_n(message, 1_000), BYTES_MAX);
        let told = reservations.len();
        let next_page_token = "x".repeat(1_024);
        let page = v1::ListReservationsResponse { reservations, next_page_token };
        assert!(told < 1_000 && page.encoded_len() <= BYTES_MAX, "{told}");
    }
}
