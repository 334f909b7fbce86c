//! The run: epochs one after another on one broker, each with a simulation, topics and a deployment
//! of its own. An epoch is its rounds; then the simulation stops, the bridges publish the rest, and
//! everything is checked.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::check::{self, Findings};
use super::final_state;
use super::fleet::{DEPLOYMENT, StartOptions, TestBridge, Vendor, now};
use super::owners::{Owners, two_pollers};
use super::report::Report;
use super::schedule::{Damage, Epoch, Failpoint, Fault, Round};
use super::store;
use crate::support::kafka::{self, Broker};
use crate::support::proxy::Proxy;

/// How long a bridge may take to poll and to publish again after a fault: a takeover takes up to
/// 30 s, on a busy machine longer.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a process may take to reach its failpoint before it is killed instead.
const FAILPOINT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the bridges may take to poll everything after the simulation has stopped.
const SETTLING_TIMEOUT: Duration = Duration::from_secs(120);
/// Without a new event for this long, the check is final.
const QUIET_PERIOD: Duration = Duration::from_secs(25);
/// How many requests come before the first fault: every stream is polled.
const BASELINE_REQUESTS: usize = 60;
/// How many requests come before the first check after the simulation has stopped.
const FINAL_REQUESTS: usize = 60;

/// What is the same in all epochs.
pub(crate) struct Torture {
    pub(crate) broker: Broker,
    pub(crate) proxy: Proxy,
    pub(crate) options: StartOptions,
    /// The directory of the bridges' logs.
    pub(crate) logs: PathBuf,
    /// Prints the progress.
    pub(crate) say: fn(&str),
}

impl Torture {
    /// Starts the broker.
    pub(crate) fn begin(options: StartOptions, logs: PathBuf, say: fn(&str)) -> Self {
        let (broker, proxy) = kafka::behind_proxy();
        std::fs::create_dir_all(&logs).expect("a directory below target is writable");
        Self { broker, proxy, options, logs, say }
    }

    /// Runs all epochs.
    pub(crate) fn run(&mut self, seed: u64, epochs: &[Epoch]) -> Report {
        let mut report = Report { seed, ..Report::default() };
        let begun = Instant::now();
        for (number, epoch) in epochs.iter().enumerate() {
            let bridges = if epoch.pair { "two bridges" } else { "one bridge" };
            let of = epochs.len();
            let (count, seconds) = (epoch.rounds.len(), begun.elapsed().as_secs());
            (self.say)(&format!(
                "+{seconds} s  epoch {} of {of}: {bridges}, {count} rounds",
                number + 1
            ));
            self.epoch(number, epoch, begun, &mut report);
        }
        report
    }

    fn epoch(&mut self, number: usize, epoch: &Epoch, begun: Instant, report: &mut Report) {
        let prefix = kafka::unique_prefix(&format!("torture-{number}"));
        let mut run = EpochRun::begin(self, epoch, &prefix);
        if let Err(problem) = run.wait_for_baseline() {
            // Without a baseline, there is nothing to check.
            report.problems.push(problem);
            run.save_logs(number);
            return;
        }
        for (index, round) in epoch.rounds.iter().enumerate() {
            let seconds = begun.elapsed().as_secs();
            (run.torture.say)(&format!("  {:>3}  +{seconds} s  {round}", report.rounds + 1));
            let next = epoch.rounds.get(index + 1).and_then(|round| round.fault.failpoint());
            run.round(round, next);
            report.rounds += 1;
            report.fault(round.fault.kind());
        }
        let findings = run.settle();
        report.kills += run.kills;
        report.owners += run.owners_so_far();
        let pollers = run.pollers();
        report.pollers += pollers.len();
        let wrong = !findings.passed() || !run.problems.is_empty() || !pollers.is_empty();
        report.problems.extend(pollers);
        report.problems.append(&mut run.problems);
        report.add(&findings);
        let seconds = begun.elapsed().as_secs();
        (run.torture.say)(&format!(
            "       +{seconds} s  {} events, {} facts, {} lost, {} twice, {} out of order",
            findings.verdict.events,
            findings.facts(),
            findings.lost,
            findings.twice,
            findings.out_of_order,
        ));
        if wrong {
            run.save_logs(number);
        }
    }
}

/// An epoch in progress.
struct EpochRun<'t> {
    torture: &'t mut Torture,
    vendor: Vendor,
    bridges: Vec<TestBridge>,
    owners: Owners,
    prefix: String,
    pair: bool,
    kills: usize,
    problems: Vec<String>,
    /// When the owner of the shard was last determined, and its generation.
    last_owner: (i64, Option<String>),
}

impl<'t> EpochRun<'t> {
    /// Starts the simulation and the bridges.
    fn begin(torture: &'t mut Torture, epoch: &Epoch, prefix: &str) -> Self {
        let vendor = Vendor::open(epoch.seed);
        vendor.set_mild_faults();
        let owners =
            Owners::watch(torture.broker.direct(), &format!("{prefix}.state.{DEPLOYMENT}"));
        // The second one bypasses the proxy: a cut separates the first one only.
        let (through, past) = (torture.broker.bootstrap(), torture.broker.direct());
        let connections = [("127.0.0.1", through), ("localhost", past)];
        let mut bridges: Vec<_> = connections
            .into_iter()
            .take(if epoch.pair { 2 } else { 1 })
            .map(|(host, bootstrap)| {
                TestBridge::new(host, &vendor, bootstrap, prefix, epoch.pair, torture.options)
            })
            .collect();
        for bridge in &mut bridges {
            bridge.start(None);
        }
        let (prefix, pair) = (prefix.to_owned(), epoch.pair);
        let (kills, problems, last_owner) = (0, Vec::new(), (now(), None));
        Self { torture, vendor, bridges, owners, prefix, pair, kills, problems, last_owner }
    }

    /// Waits until every stream was polled once and the baseline is committed: what happens from
    /// now on has to be published, whatever fault is injected.
    fn wait_for_baseline(&mut self) -> Result<(), String> {
        let mut ended = false;
        let begun = self.wait(RECOVERY_TIMEOUT, |run| {
            ended = run.bridges.iter_mut().any(TestBridge::has_exited);
            ended || run.vendor.requests().len() >= BASELINE_REQUESTS
        });
        if ended || begun.is_err() {
            return Err(self.timeout_problem("the bridge does not poll"));
        }
        let polled = now();
        self.vendor.mark_uncertain_since(polled);
        self.wait(RECOVERY_TIMEOUT, |run| run.owners.committed_since(polled))
            .map_err(|()| self.timeout_problem("the bridge does not publish"))
    }

    /// One round: undisturbed operation, the fault, and recovery.
    fn round(&mut self, round: &Round, next: Option<Failpoint>) {
        std::thread::sleep(Duration::from_millis(round.calm_millis));
        self.note_change_of_owner();
        self.restart_ended_bridges();
        // With two bridges the next failpoint may be for the other one.
        let next = next.filter(|_| !self.pair);
        let owner = self.owner();
        let standby = self.bridges.len() - 1 - owner;
        let target = if round.to_standby { standby } else { owner };
        let away = Duration::from_millis(round.away_millis);
        match round.fault {
            Fault::Kill => {
                self.kill(target);
                std::thread::sleep(away);
                self.start(target, next);
            }
            Fault::KillAt(failpoint) if self.pair => {
                self.kill_successor_at_failpoint(owner, standby, failpoint);
            }
            Fault::KillAt(failpoint) => self.kill_at_failpoint(owner, failpoint, away, next),
            Fault::KillAll => {
                for bridge in 0..self.bridges.len() {
                    self.kill(bridge);
                }
                std::thread::sleep(away);
                for bridge in 0..self.bridges.len() {
                    self.start(bridge, None);
                }
            }
            Fault::End => {
                if let Err(problem) = self.bridges[target].end() {
                    self.problems.push(problem);
                }
                // It stored all that it was served, but what it had not confirmed is forgotten.
                self.vendor.mark_uncertain_since(now());
                std::thread::sleep(away);
                self.start(target, next);
            }
            Fault::Pause(seconds) => self.pause(target, seconds),
            Fault::Store(damage) => self.damage(target, damage, away, next),
            Fault::BrokerStopped | Fault::BrokerKilled => {
                self.with_kafka_away(|run| {
                    if round.fault == Fault::BrokerStopped {
                        run.torture.broker.stop();
                    } else {
                        run.torture.broker.kill();
                    }
                    std::thread::sleep(away);
                    run.torture.broker.start();
                });
            }
            Fault::Cut(millis) => self.with_kafka_away(|run| {
                run.torture.proxy.cut();
                std::thread::sleep(Duration::from_millis(millis));
                run.torture.proxy.open();
            }),
            Fault::Stall(millis) => self.with_kafka_away(|run| {
                run.torture.proxy.hold();
                std::thread::sleep(Duration::from_millis(millis));
                run.torture.proxy.open();
            }),
            Fault::VendorFails(seconds) => {
                self.vendor.set_severe_faults();
                std::thread::sleep(Duration::from_secs(seconds));
                self.vendor.set_mild_faults();
            }
        }
        if let Err(problem) = self.wait_for_recovery() {
            self.problems.push(format!("after {round}: {problem}"));
        }
    }

    /// Kills a bridge. What was served only to it, a moment ago, may be lost with it.
    fn kill(&mut self, bridge: usize) {
        if self.bridges[bridge].is_started() {
            self.kills += 1;
        }
        self.bridges[bridge].kill();
        self.vendor.mark_uncertain_since(now());
    }

    fn start(&mut self, bridge: usize, failpoint: Option<Failpoint>) {
        if failpoint.is_some_and(|failpoint| failpoint.restoring) {
            store::delete(&self.bridges[bridge].state());
        }
        self.bridges[bridge].start(failpoint);
    }

    /// A bridge exits at a failpoint. It is restarted with it, unless it was started with it.
    fn kill_at_failpoint(
        &mut self,
        bridge: usize,
        failpoint: Failpoint,
        away: Duration,
        next: Option<Failpoint>,
    ) {
        if self.bridges[bridge].failpoint != Some(failpoint) {
            self.kill(bridge);
            self.start(bridge, Some(failpoint));
        }
        self.wait_for_exit(bridge, failpoint, FAILPOINT_TIMEOUT);
        self.kill(bridge);
        std::thread::sleep(away);
        self.start(bridge, next);
    }

    /// The standby exits at a failpoint after it has taken over.
    fn kill_successor_at_failpoint(&mut self, owner: usize, standby: usize, failpoint: Failpoint) {
        self.kill(standby);
        self.start(standby, Some(failpoint));
        // It has to be running before the owner stops.
        std::thread::sleep(Duration::from_secs(3));
        if let Err(problem) = self.bridges[owner].end() {
            self.problems.push(problem);
        }
        self.wait_for_exit(standby, failpoint, FAILPOINT_TIMEOUT * 2);
        self.kill(standby);
        self.start(owner, None);
        self.start(standby, None);
    }

    fn wait_for_exit(&mut self, bridge: usize, failpoint: Failpoint, timeout: Duration) {
        let exited = self.wait(timeout, |run| run.bridges[bridge].has_exited());
        if exited.is_err() {
            (self.torture.say)(&format!("       {} was not hit so often", failpoint.name));
        }
    }

    /// A bridge is suspended and resumed. Another one may take over meanwhile.
    fn pause(&mut self, bridge: usize, seconds: u64) {
        let owns = bridge == self.owner();
        let begun = now();
        self.bridges[bridge].pause();
        std::thread::sleep(Duration::from_secs(1));
        if self.pair && owns {
            self.vendor.mark_uncertain_since(begun);
        }
        std::thread::sleep(Duration::from_secs(seconds.saturating_sub(1)));
        self.bridges[bridge].resume();
    }

    /// A bridge without Kafka for a while. When another bridge owns the shard afterwards, what was
    /// served to the first one and not published is lost, as with a lost disk; when the same bridge
    /// owns it under a new generation, only what it was just polling.
    fn with_kafka_away(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let (begun, generation) = (now(), self.generation());
        meanwhile(self);
        let over = now();
        // The present owner has to have written its record before the generations can be compared.
        let _ = self.wait(RECOVERY_TIMEOUT, |run| run.owners.committed_since(over));
        if self.generation() != generation {
            self.vendor.mark_uncertain_since(if self.pair { begun } else { over });
        }
    }

    /// A bridge is killed, and its store is damaged.
    fn damage(&mut self, bridge: usize, damage: Damage, away: Duration, next: Option<Failpoint>) {
        let state = self.bridges[bridge].state();
        let copy = self.bridges[bridge].beside("older");
        match damage {
            Damage::Deleted => {
                self.kill(bridge);
                store::delete(&state);
            }
            Damage::Flipped(chance) => {
                self.kill(bridge);
                store::flip(&state, chance);
            }
            Damage::Truncated(chance) => {
                self.kill(bridge);
                store::truncate(&state, chance);
            }
            Damage::Tampered(chance) => {
                self.kill(bridge);
                store::tamper(&state, chance);
            }
            Damage::Older => {
                self.torture.proxy.cut();
                std::thread::sleep(Duration::from_millis(2_500));
                self.kill(bridge);
                store::copy(&state, &copy);
                self.torture.proxy.open();
                self.start(bridge, None);
                if let Err(problem) = self.wait_for_recovery() {
                    self.problems.push(problem);
                }
                self.kill(bridge);
                store::replace(&state, &copy);
            }
            Damage::Stale => {
                self.bridges[bridge].pause();
                store::copy(&state, &copy);
                self.bridges[bridge].resume();
                std::thread::sleep(Duration::from_millis(2_500));
                self.kill(bridge);
                store::replace(&state, &copy);
            }
        }
        std::thread::sleep(away);
        self.start(bridge, next);
    }

    /// Waits until a bridge polls and publishes again.
    fn wait_for_recovery(&mut self) -> Result<(), String> {
        let over = now();
        let back = self.wait(RECOVERY_TIMEOUT, |run| {
            let polls = run.vendor.requests().iter().any(|(at, _)| *at > over);
            // A bridge that has already exited at its failpoint has recovered before.
            let dead =
                run.bridges.iter_mut().any(|one| one.failpoint.is_some() && one.has_exited());
            dead || (polls && run.owners.committed_since(over))
        });
        back.map_err(|()| self.timeout_problem("no bridge recovered"))?;
        self.note_change_of_owner();
        self.restart_ended_bridges();
        Ok(())
    }

    /// Either of two bridges may become the owner: after a change of the owner, what was served to
    /// the other one since may be lost.
    fn note_change_of_owner(&mut self) {
        let generation = self.generation();
        if self.pair && generation != self.last_owner.1 {
            self.vendor.mark_uncertain_since(self.last_owner.0);
        }
        self.last_owner = (now(), generation);
    }

    /// Reports and restarts bridges that have ended by themselves.
    fn restart_ended_bridges(&mut self) {
        for bridge in 0..self.bridges.len() {
            if self.bridges[bridge].failpoint.is_none() && self.bridges[bridge].has_exited() {
                let last = self.bridges[bridge].last_lines();
                self.problems.push(format!("a bridge ended by itself:\n    {last}"));
                self.kill(bridge);
                self.start(bridge, None);
            }
        }
    }

    fn timeout_problem(&mut self, what: &str) -> String {
        let said: Vec<_> = self.bridges.iter().map(TestBridge::last_lines).collect();
        format!("{what} within {RECOVERY_TIMEOUT:?}:\n    {}", said.join("\n    --\n    "))
    }

    /// The bridge that has sent the last request.
    fn owner(&self) -> usize {
        let requests = self.vendor.requests();
        let Some((_, host)) = requests.last() else { return 0 };
        self.bridges.iter().position(|bridge| bridge.is_at(host)).unwrap_or(0)
    }

    fn generation(&self) -> Option<String> {
        self.owners.records().last().map(|record| record.generation.clone())
    }

    fn owners_so_far(&self) -> usize {
        let mut generations: Vec<_> =
            self.owners.records().into_iter().map(|record| record.generation).collect();
        generations.dedup();
        generations.len()
    }

    fn pollers(&self) -> Vec<String> {
        // Without the requests of the check itself.
        let mut requests = self.vendor.requests();
        requests.retain(|(_, host)| self.bridges.iter().any(|bridge| bridge.is_at(host)));
        two_pollers(&self.owners.records(), &requests, self.pair)
    }

    fn wait(
        &mut self,
        timeout: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), ()> {
        let begun = Instant::now();
        while !condition(self) {
            if begun.elapsed() > timeout {
                return Err(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops the simulation, waits until the bridges have published the rest, stops them, and
    /// checks everything.
    fn settle(&mut self) -> Findings {
        for bridge in 0..self.bridges.len() {
            if self.bridges[bridge].failpoint.is_some() {
                self.kill(bridge);
                self.start(bridge, None);
            }
        }
        self.note_change_of_owner();
        self.vendor.clear_faults();
        self.vendor.simulator.stop_world();
        let before = self.vendor.requests().len();
        let polled = self.wait(SETTLING_TIMEOUT, |run| {
            run.restart_ended_bridges();
            run.vendor.requests().len() > before + FINAL_REQUESTS
        });
        if polled.is_err() {
            let problem = self.timeout_problem("the bridges do not settle");
            self.problems.push(problem);
        }
        let direct = self.torture.broker.direct().to_owned();
        let (mut events, mut last_new) = (0, Instant::now());
        while last_new.elapsed() < QUIET_PERIOD {
            let published = check::published(&direct, &self.prefix);
            if check::findings(&self.vendor.simulator.truth(), &published, None).passed() {
                break;
            }
            if published.len() > events {
                (events, last_new) = (published.len(), Instant::now());
            }
            std::thread::sleep(Duration::from_secs(2));
        }
        let owner = self.owner();
        // The owner last: otherwise the other one takes over, and the owner's store falls behind.
        for bridge in [self.bridges.len() - 1 - owner, owner] {
            if let Err(problem) = self.bridges[bridge].end() {
                self.problems.push(problem);
            }
        }
        if let Err(problem) = self.bridges[owner].verify() {
            self.problems.push(problem);
        }
        let truth = self.vendor.simulator.truth();
        let state = final_state::request_all(self.vendor.simulator.address(), &truth);
        let published = check::published(&direct, &self.prefix);
        check::findings(&truth, &published, Some(&state))
    }

    fn save_logs(&self, epoch: usize) {
        for (number, bridge) in self.bridges.iter().enumerate() {
            let file = self.torture.logs.join(format!("epoch-{epoch}-bridge-{number}.log"));
            std::fs::write(&file, bridge.output()).expect("a directory below target is writable");
            (self.torture.say)(&format!("       its log is in {}", file.display()));
        }
    }
}
