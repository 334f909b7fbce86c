//! What the document leaves open, asked of an account: about twenty requests that change nothing.
//!
//! The questions are asked here, the answers are judged by pure functions.

mod judgements;

use self::judgements as judge;
use super::rows::split;
use super::{Ccai, PER_PAGE, mapping};
use crate::model::StreamName;
use crate::source::error::Error;
use crate::source::probe::{Asked, Findings, seconds};
use crate::source::{Finding, Report, VendorClient};

/// The requests' name in metrics.
const PROBE: StreamName = StreamName::new("probe");
/// How far back rows are asked for.
const LOOK_BACK_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Ccai {
    /// Asks what the document leaves open.
    ///
    /// # Errors
    /// When the vendor refuses the credentials. Other questions that are not answered are a part
    /// of the report.
    pub(super) async fn report(&self) -> Result<Report, Error> {
        let began_at = self.client.now();
        let day_ago = began_at.plus_millis(-LOOK_BACK_MILLIS).to_rfc3339_millis();
        let mut findings = Findings::default();
        let per = PER_PAGE.to_string();

        let beyond = (2 * PER_PAGE).to_string();
        let agents = self.ask(&mut findings, "agents", &[("page", "1"), ("per", &beyond)]).await?;
        findings.add("agents", "are pages cut to 100, and counted", &agents, judge::paging);
        findings.noted("agents", &agents, mapping::agent);
        let statuses = self.ask(&mut findings, "agents/current_status", &[]).await?;
        findings.noted("agent statuses", &statuses, mapping::current_status);

        let newest = |column: &'static str, from: &'static str| {
            [(from, day_ago.as_str()), ("sort_column", column), ("sort_direction", "DESC")]
        };
        let log = newest("started_at", "started_at[from]");
        let log = self.ask(&mut findings, "agent_activity_logs", &log).await?;
        findings.tail("activity log", &log, "started_at");
        findings.noted("activity log", &log, mapping::activity);

        let by_update = newest("updated_at", "updated_at[from]");
        let calls = self.ask(&mut findings, "calls", &by_update).await?;
        findings.tail("calls", &calls, "updated_at");
        self.paging_of(&mut findings, "calls", &by_update).await?;
        self.by_ids(&mut findings, "calls", &calls).await?;
        findings.after_call_work("calls", &calls);
        let status = [("call_status[]", "queued"), ("page", "1"), ("per", per.as_str())];
        let queued = self.ask(&mut findings, "calls", &status).await?;
        findings.waiting("calls", &queued);
        findings.noted("calls", &calls, mapping::call);

        let chats = self.ask(&mut findings, "chats", &by_update).await?;
        findings.tail("chats", &chats, "updated_at");
        self.by_ids(&mut findings, "chats", &chats).await?;
        findings.after_call_work("chats", &chats);
        let status = [("chat_status[]", "queued"), ("page", "1"), ("per", per.as_str())];
        let queued = self.ask(&mut findings, "chats", &status).await?;
        findings.waiting("chats", &queued);
        findings.noted("chats", &chats, mapping::chat);

        let deleted = [("with_deleted", "true"), ("page", "1"), ("per", per.as_str())];
        let queues = self.ask(&mut findings, "menus", &deleted).await?;
        findings.add("queues", "does with_deleted show deleted ones", &queues, judge::deleted);
        findings.noted("queues", &queues, mapping::queue);
        let depths = self.ask(&mut findings, "menus/current_status", &[]).await?;
        findings.noted("queue statuses", &depths, mapping::queue_status);
        let minutes = self.service_level_minutes.to_string();
        let level = [("channel", "call"), ("minutes", minutes.as_str())];
        for (topic, path) in [
            ("service levels", "menus/sla"),
            ("service levels by group", "menus/sla_by_queue_groups"),
        ] {
            let levels = self.ask(&mut findings, path, &level).await?;
            findings.add(topic, "how many say nothing (null)", &levels, judge::null_levels);
            findings.noted(topic, &levels, mapping::level);
        }
        let teams = self.ask(&mut findings, "teams", &deleted).await?;
        findings.add("teams", "does with_deleted show deleted ones", &teams, judge::deleted);
        findings.noted("teams", &teams, mapping::team);
        let definitions = self.ask(&mut findings, "user_statuses", &[]).await?;
        findings.noted("status definitions", &definitions, mapping::status_definition);

        self.lateness(&mut findings, "activity log", &log, "agent_activity_logs", "started_at")
            .await?;
        self.lateness(&mut findings, "calls", &calls, "calls", "updated_at").await?;
        findings.add("stamps", "agents and agent statuses agree on status_updated_at", &agents, {
            |agents| match &statuses {
                Ok(statuses) => judge::snapshots_agree(&agents.rows, &statuses.rows),
                Err(reason) => format!("not answered ({reason})"),
            }
        });
        findings.add(
            "stamps",
            "agents and the activity log agree on status_updated_at",
            &agents,
            {
                |agents| match &log {
                    Ok(log) => judge::log_agrees(&agents.rows, &log.rows),
                    Err(reason) => format!("not answered ({reason})"),
                }
            },
        );
        findings.add("stamps", "how far the vendor's clock is ahead of ours", &agents, |agents| {
            let offset = agents.clock_offset_millis;
            offset.map_or_else(|| String::from("unknown: no Date"), seconds)
        });
        let Findings { found, requests } = findings;
        Ok(Report { vendor: Self::NAME, requested_at: began_at, requests, findings: found })
    }

    /// Whether pages work where the document does not list them.
    async fn paging_of(
        &self,
        findings: &mut Findings,
        topic: &'static str,
        query: &[(&'static str, &str)],
    ) -> Result<(), Error> {
        let page = |number| {
            let mut query = query.to_vec();
            query.extend([("page", number), ("per", "2")]);
            query
        };
        let first = self.ask(findings, topic, &page("1")).await?;
        let second = self.ask(findings, topic, &page("2")).await?;
        findings.add(topic, "does per work", &first, |first| judge::per(&first.rows, 2));
        findings.add(topic, "does page work", &first, |first| match &second {
            Ok(second) => judge::pages_differ(&first.rows, &second.rows),
            Err(reason) => format!("not answered ({reason})"),
        });
        Ok(())
    }

    /// Whether interactions can be asked for by their ids.
    async fn by_ids(
        &self,
        findings: &mut Findings,
        topic: &'static str,
        shown: &Asked,
    ) -> Result<(), Error> {
        let ids: Vec<_> = match shown {
            Ok(shown) => shown.rows.iter().filter_map(judge::id).take(2).collect(),
            Err(_) => Vec::new(),
        };
        let poll_request = "does id[] work";
        if ids.is_empty() {
            let answer = String::from("unknown: no rows within a day");
            findings.found.push(Finding { topic, poll_request, answer });
            return Ok(());
        }
        let query: Vec<_> = ids.iter().map(|id| ("id[]", id.as_str())).collect();
        let asked = self.ask(findings, topic, &query).await?;
        findings.add(topic, poll_request, &asked, |page| judge::only_these(&page.rows, &ids));
        Ok(())
    }

    /// Rows that a later answer shows with a stamp from before the first one became visible late.
    async fn lateness(
        &self,
        findings: &mut Findings,
        topic: &'static str,
        first: &Asked,
        path: &'static str,
        column: &'static str,
    ) -> Result<(), Error> {
        let poll_request = "how late do rows become visible";
        let (Ok(first), from) = (first, format!("{column}[from]")) else { return Ok(()) };
        let Some(newest) = first.rows.iter().filter_map(|row| judge::time(row, column)).max()
        else {
            let answer = String::from("unknown: no rows within a day");
            findings.found.push(Finding { topic, poll_request, answer });
            return Ok(());
        };
        let since = newest.plus_millis(-60_000).to_rfc3339_millis();
        let query =
            [(from.as_str(), since.as_str()), ("sort_column", column), ("sort_direction", "DESC")];
        let second = self.ask(findings, path, &query).await?;
        findings.add(topic, poll_request, &second, |second| judge::lateness(first, second, column));
        let at_newest = newest.to_rfc3339_millis();
        let query = [(from.as_str(), at_newest.as_str()), ("page", "1"), ("per", "100")];
        let inclusive = self.ask(findings, path, &query).await?;
        findings.add(topic, "is [from] inclusive, and kept", &inclusive, |page| {
            judge::inclusive(&page.rows, column, newest)
        });
        Ok(())
    }

    /// One request. A question that is not answered is no error, unless it would never be.
    async fn ask(
        &self,
        findings: &mut Findings,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Asked, Error> {
        let answered = self.client.get(&PROBE, &self.url(path, query)).await;
        findings.take(answered, |answer| {
            let rows = split(&answer.body)?.into_iter();
            Ok(rows.filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
        })
    }
}

impl Findings {
    fn tail(&mut self, topic: &'static str, asked: &Asked, column: &'static str) {
        self.add(topic, "are there Total and Link", asked, judge::headers);
        let poll_request = "are rows sorted as asked for";
        self.add(topic, poll_request, asked, |page| judge::sorted_down(&page.rows, column));
        self.add(topic, "do stamps have milliseconds", asked, |page| {
            judge::milliseconds(&page.rows, column)
        });
    }

    fn after_call_work(&mut self, topic: &'static str, asked: &Asked) {
        self.add(topic, "does after-call work move updated_at", asked, |page| {
            judge::after_call_work(&page.rows)
        });
    }

    fn waiting(&mut self, topic: &'static str, asked: &Asked) {
        self.add(topic, "can those who wait be asked for", asked, |page| {
            judge::waiting(&page.rows)
        });
        self.add(topic, "does waiting move updated_at", asked, judge::waiting_moves);
    }
}
