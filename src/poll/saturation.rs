//! Whether an account's budget is enough, so that a change is announced once: pure, with the time
//! passed in.

use std::time::Duration;

use tokio::time::Instant;

/// How long a change has to last before it is announced: the first polls teach what they cost, and
/// a plan near the limit may go to and fro.
const HOLD: Duration = Duration::from_secs(30);

/// Whether the longest intervals fit into the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BudgetLoad {
    /// They do.
    #[default]
    Fits,
    /// They alone need more.
    Saturated,
}

impl BudgetLoad {
    /// The load of a plan with this headroom.
    pub(super) fn of(headroom_ratio: f64) -> Self {
        if headroom_ratio < 0.0 { Self::Saturated } else { Self::Fits }
    }
}

/// The load as it was announced last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saturation {
    announced: BudgetLoad,
    /// Since when the plans differ from that.
    differs_since: Option<Instant>,
}

impl Saturation {
    /// Takes note of a plan. Returns a change that is to be announced.
    pub(super) fn planned(&mut self, load: BudgetLoad, now: Instant) -> Option<BudgetLoad> {
        if load == self.announced {
            self.differs_since = None;
            return None;
        }
        let since = *self.differs_since.get_or_insert(now);
        if now - since < HOLD {
            return None;
        }
        self.differs_since = None;
        self.announced = load;
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturation_is_announced_once_when_it_lasts_and_so_is_its_end() {
        let began = Instant::now();
        let mut saturation = Saturation::default();
        let mut announced = Vec::new();
        // Too little for 10 s, for ten minutes, and enough again with a relapse of a few seconds.
        for second in 0..1_200 {
            let load = BudgetLoad::of(match second {
                0..10 | 60..660 | 680..690 => -0.2,
                _ => 0.1,
            });
            let now = began + Duration::from_secs(second);
            if let Some(change) = saturation.planned(load, now) {
                announced.push((second, change));
            }
        }
        assert_eq!(announced, [(90, BudgetLoad::Saturated), (720, BudgetLoad::Fits)]);
    }
}
