//! How large the simulated vendors are and how they behave.

/// Settings of the contact centre, and of the directories beside it.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// The seed of all randomness: the same seed gives the same history.
    pub seed: u64,
    /// Agents at the start.
    pub agents: u32,
    /// Incoming calls per second, on average.
    pub calls_per_second: f64,
    /// Incoming chats per second, on average.
    pub chats_per_second: f64,
    /// The vendor's rate limit, in requests per second.
    pub requests_per_second: f64,
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    pub clock_offset_millis: i64,
    /// The longest delay before a record becomes visible, in milliseconds.
    pub jitter_millis: i64,
    /// The probability that a row of the activity log becomes visible later than that.
    pub late_rows: f64,
    /// The additional delay of such a row, in milliseconds.
    pub late_millis: i64,
    /// How far the roster and the current status may lag behind the log, in milliseconds.
    pub skew_millis: i64,
    /// The accepted user name.
    pub username: String,
    /// The accepted token of the contact centre; the directories' secrets are derived from it.
    pub token: String,
    /// The directories of agents beside the contact centre.
    pub directories: DirectorySettings,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            agents: 30,
            calls_per_second: 0.5,
            chats_per_second: 0.3,
            requests_per_second: 10.0,
            clock_offset_millis: 1_500,
            jitter_millis: 1_500,
            late_rows: 0.0,
            late_millis: 0,
            skew_millis: 2_000,
            username: String::from("simulated"),
            token: String::from("simulated-token"),
            directories: DirectorySettings::default(),
        }
    }
}

/// Settings of each directory of agents.
#[derive(Clone, Copy, Debug)]
pub struct DirectorySettings {
    /// Agents at the start.
    pub agents: u32,
    /// The vendor's rate limit, in requests per second.
    pub requests_per_second: f64,
    /// The longest delay before a change becomes visible, in milliseconds.
    pub skew_millis: i64,
    /// The vendors' irregular behaviour.
    pub traps: Traps,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self { agents: 25, requests_per_second: 2.0, skew_millis: 700, traps: Traps::all() }
    }
}

/// Irregular behaviour of the vendors. A client has to handle it without losing a change and
/// without publishing one that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is present or not")]
pub struct Traps {
    /// Infobip: for some seconds another person has the id of an agent.
    pub shared_ids: bool,
    /// Infobip: the requested order is ignored, and the actual order changes.
    pub other_order: bool,
    /// Infobip and Maqsam: pages hold fewer rows than documented.
    pub small_pages: bool,
    /// Infobip: some times have the form of RFC 3339. `DeepCall`: rows come as an array as well as
    /// as a map. Maqsam: a state is a text, an object or a pair.
    pub other_forms: bool,
    /// Maqsam: some times are in milliseconds instead of seconds.
    pub milliseconds: bool,
    /// Maqsam: a page behind the last one sometimes repeats the last one instead of being empty.
    pub last_page_repeats: bool,
    /// `DeepCall`: all answers are maps, and their rows have only the fields of the documented
    /// table. It is one shape or the other for a whole run: a client cannot distinguish a field
    /// that an answer leaves out from one that was emptied.
    pub sparse_maps: bool,
    /// `DeepCall`: an answer holds the first half of the rows, and announces a second page that
    /// cannot be requested.
    pub hidden_pages: bool,
    /// A successful answer is sometimes empty. The next one is complete.
    pub empty_answers: bool,
}

impl Traps {
    /// All that can occur together.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            shared_ids: true,
            other_order: true,
            small_pages: true,
            other_forms: true,
            milliseconds: true,
            last_page_repeats: true,
            sparse_maps: false,
            hidden_pages: true,
            empty_answers: true,
        }
    }

    /// None: as documented.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            shared_ids: false,
            other_order: false,
            small_pages: false,
            other_forms: false,
            milliseconds: false,
            last_page_repeats: false,
            sparse_maps: false,
            hidden_pages: false,
            empty_answers: false,
        }
    }
}
