//! The probe of an account: about twenty requests that change nothing measure what the document
//! leaves open. What follows from the answers is decided by pure functions.

mod conclusions;

use super::rows::split;
use super::{Ccai, PER_PAGE, mapping};
use crate::model::StreamName;
use crate::source::error::Error;
use crate::source::probe::{ProbedPage, ReportBuilder};
use crate::source::{Report, VendorClient};

/// The stream's name in metrics.
const PROBE: StreamName = StreamName::new("probe");
/// How far back rows are requested.
const LOOK_BACK_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Ccai {
    /// Measures what the document leaves open, see [`VendorClient::probe`].
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let began_at = self.client.now();
        let day_ago = began_at.plus_millis(-LOOK_BACK_MILLIS).to_rfc3339_millis();
        let mut report = ReportBuilder::default();
        let per = PER_PAGE.to_string();

        let beyond = (2 * PER_PAGE).to_string();
        let agents =
            self.request(&mut report, "agents", &[("page", "1"), ("per", &beyond)]).await?;
        report.add_from(
            "agents",
            "are pages cut to 100, and counted",
            &agents,
            conclusions::paging,
        );
        report.add_fields("agents", &agents, mapping::agent);
        let statuses = self.request(&mut report, "agents/current_status", &[]).await?;
        report.add_fields("agent statuses", &statuses, mapping::current_status);

        let newest = |column: &'static str, from: &'static str| {
            [(from, day_ago.as_str()), ("sort_column", column), ("sort_direction", "DESC")]
        };
        let log = newest("started_at", "started_at[from]");
        let log = self.request(&mut report, "agent_activity_logs", &log).await?;
        report.add_incremental("activity log", &log, "started_at");
        report.add_fields("activity log", &log, mapping::activity);

        let by_update = newest("updated_at", "updated_at[from]");
        let calls = self.request(&mut report, "calls", &by_update).await?;
        report.add_incremental("calls", &calls, "updated_at");
        self.paging_of(&mut report, "calls", &by_update).await?;
        self.by_ids(&mut report, "calls", &calls).await?;
        report.add_after_call_work("calls", &calls);
        let status = [("call_status[]", "queued"), ("page", "1"), ("per", per.as_str())];
        let queued = self.request(&mut report, "calls", &status).await?;
        report.add_waiting("calls", &queued);
        report.add_fields("calls", &calls, mapping::call);

        let chats = self.request(&mut report, "chats", &by_update).await?;
        report.add_incremental("chats", &chats, "updated_at");
        self.by_ids(&mut report, "chats", &chats).await?;
        report.add_after_call_work("chats", &chats);
        let status = [("chat_status[]", "queued"), ("page", "1"), ("per", per.as_str())];
        let queued = self.request(&mut report, "chats", &status).await?;
        report.add_waiting("chats", &queued);
        report.add_fields("chats", &chats, mapping::chat);

        let deleted = [("with_deleted", "true"), ("page", "1"), ("per", per.as_str())];
        let queues = self.request(&mut report, "menus", &deleted).await?;
        report.add_from(
            "queues",
            "does with_deleted show deleted ones",
            &queues,
            conclusions::deleted,
        );
        report.add_fields("queues", &queues, mapping::queue);
        let depths = self.request(&mut report, "menus/current_status", &[]).await?;
        report.add_fields("queue statuses", &depths, mapping::queue_status);
        let minutes = self.service_level_minutes.to_string();
        let level = [("channel", "call"), ("minutes", minutes.as_str())];
        for (topic, path) in [
            ("service levels", "menus/sla"),
            ("service levels by group", "menus/sla_by_queue_groups"),
        ] {
            let levels = self.request(&mut report, path, &level).await?;
            report.add_from(topic, "how many are null", &levels, conclusions::null_levels);
            report.add_fields(topic, &levels, mapping::level);
        }
        let teams = self.request(&mut report, "teams", &deleted).await?;
        report.add_from(
            "teams",
            "does with_deleted show deleted ones",
            &teams,
            conclusions::deleted,
        );
        report.add_fields("teams", &teams, mapping::team);
        let definitions = self.request(&mut report, "user_statuses", &[]).await?;
        report.add_fields("status definitions", &definitions, mapping::status_definition);

        self.lateness(&mut report, "activity log", &log, "agent_activity_logs", "started_at")
            .await?;
        self.lateness(&mut report, "calls", &calls, "calls", "updated_at").await?;
        report.add_from_both(
            "timestamps",
            "agents and agent statuses agree on status_updated_at",
            (&agents, &statuses),
            |agents, statuses| conclusions::snapshots_agree(&agents.rows, &statuses.rows),
        );
        report.add_from_both(
            "timestamps",
            "agents and the activity log agree on status_updated_at",
            (&agents, &log),
            |agents, log| conclusions::log_agrees(&agents.rows, &log.rows),
        );
        report.add_clock_offset("timestamps", &agents);
        Ok(report.finish(Self::NAME, began_at))
    }

    /// Whether pages work where the document does not list them.
    async fn paging_of(
        &self,
        report: &mut ReportBuilder,
        topic: &'static str,
        query: &[(&'static str, &str)],
    ) -> Result<(), Error> {
        let page = |number| {
            let mut query = query.to_vec();
            query.extend([("page", number), ("per", "2")]);
            query
        };
        let first = self.request(report, topic, &page("1")).await?;
        let second = self.request(report, topic, &page("2")).await?;
        report.add_from(topic, "does per work", &first, |first| conclusions::per(&first.rows, 2));
        report.add_from_both(topic, "does page work", (&first, &second), |first, second| {
            conclusions::pages_differ(&first.rows, &second.rows)
        });
        Ok(())
    }

    /// Whether interactions can be requested by their ids.
    async fn by_ids(
        &self,
        report: &mut ReportBuilder,
        topic: &'static str,
        shown: &ProbedPage,
    ) -> Result<(), Error> {
        let ids: Vec<_> = match shown {
            Ok(shown) => shown.rows.iter().filter_map(conclusions::id).take(2).collect(),
            Err(_) => Vec::new(),
        };
        let question = "does id[] work";
        if ids.is_empty() {
            report.add(topic, question, String::from("unknown: no rows within a day"));
            return Ok(());
        }
        let query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        let page = self.request(report, topic, &query).await?;
        report.add_from(topic, question, &page, |page| conclusions::only_these(&page.rows, &ids));
        Ok(())
    }

    /// Rows in a later answer with a timestamp from before the first answer became visible late.
    async fn lateness(
        &self,
        report: &mut ReportBuilder,
        topic: &'static str,
        first: &ProbedPage,
        path: &'static str,
        column: &'static str,
    ) -> Result<(), Error> {
        let question = "how late do rows become visible";
        let (Ok(first), from) = (first, format!("{column}[from]")) else { return Ok(()) };
        let Some(newest) = first.rows.iter().filter_map(|row| conclusions::time(row, column)).max()
        else {
            report.add(topic, question, String::from("unknown: no rows within a day"));
            return Ok(());
        };
        let since = newest.plus_millis(-60_000).to_rfc3339_millis();
        let query =
            [(from.as_str(), since.as_str()), ("sort_column", column), ("sort_direction", "DESC")];
        let second = self.request(report, path, &query).await?;
        report.add_from(topic, question, &second, |second| {
            conclusions::lateness(first, second, column)
        });
        let at_newest = newest.to_rfc3339_millis();
        let query = [(from.as_str(), at_newest.as_str()), ("page", "1"), ("per", "100")];
        let inclusive = self.request(report, path, &query).await?;
        report.add_from(topic, "is [from] inclusive, and kept", &inclusive, |page| {
            conclusions::inclusive(&page.rows, column, newest)
        });
        Ok(())
    }

    /// One request, see [`ReportBuilder::page`].
    async fn request(
        &self,
        report: &mut ReportBuilder,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<ProbedPage, Error> {
        let answered = self.client.get(&PROBE, &self.url(path, query)).await;
        report.page(answered, |answer| {
            let rows = split(&answer.body)?.into_iter();
            Ok(rows.filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })
    }
}

impl ReportBuilder {
    fn add_incremental(&mut self, topic: &'static str, page: &ProbedPage, column: &'static str) {
        self.add_from(topic, "are there Total and Link", page, conclusions::headers);
        let question = "are rows sorted as requested";
        self.add_from(topic, question, page, |page| conclusions::sorted_down(&page.rows, column));
        self.add_from(topic, "do timestamps have milliseconds", page, |page| {
            conclusions::milliseconds(&page.rows, column)
        });
    }

    fn add_after_call_work(&mut self, topic: &'static str, page: &ProbedPage) {
        self.add_from(topic, "does after-call work move updated_at", page, |page| {
            conclusions::after_call_work(&page.rows)
        });
    }

    fn add_waiting(&mut self, topic: &'static str, page: &ProbedPage) {
        self.add_from(topic, "can waiting interactions be requested", page, |page| {
            conclusions::waiting(&page.rows)
        });
        self.add_from(topic, "does waiting move updated_at", page, conclusions::waiting_moves);
    }
}
