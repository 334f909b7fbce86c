//! The run: epochs one after another, each with a world, topics and a deployment of its own, before
//! one broker. In an epoch the rounds are done; then the world stands still, the bridges settle,
//! and everything is judged.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::check::{self, Findings};
use super::final_state;
use super::fleet::{DEPLOYMENT, Manner, Member, Vendor, now};
use super::owners::{Owners, two_pollers};
use super::report::Report;
use super::schedule::{Damage, Epoch, Failpoint, Fault, Round};
use super::store;
use crate::support::kafka::{self, Broker};
use crate::support::proxy::Proxy;

/// How long a bridge may take to ask and to publish again after whatever happened: a takeover takes
/// up to 30 s, on a busy machine longer.
const COMING_BACK: Duration = Duration::from_secs(90);
/// How long an armed process may take to come by its place before it is killed instead.
const ARRIVING: Duration = Duration::from_secs(15);
/// How long the bridges may take to tell of everything after the world stands still.
const SETTLING: Duration = Duration::from_secs(120);
/// How long nothing new may come before it is taken for all there is.
const SILENCE: Duration = Duration::from_secs(25);
/// How many requests come before the first fault: every stream is asked.
const FIRST_LOOKS: usize = 60;
/// How many requests come before the first judgement after the world stands still.
const LAST_LOOKS: usize = 60;

/// What is the same in all epochs.
pub(crate) struct Torture {
    pub(crate) broker: Broker,
    pub(crate) proxy: Proxy,
    pub(crate) manner: Manner,
    /// Where the bridges' words are kept, for whoever looks for a fault.
    pub(crate) logs: PathBuf,
    /// Where it is said what goes on.
    pub(crate) say: fn(&str),
}

impl Torture {
    /// Starts the broker.
    pub(crate) fn begin(manner: Manner, logs: PathBuf, say: fn(&str)) -> Self {
        let (broker, proxy) = kafka::behind_proxy();
        std::fs::create_dir_all(&logs).expect("a directory below target is writable");
        Self { broker, proxy, manner, logs, say }
    }

    /// Does all epochs and reports.
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
        let mut stage = Stage::set(self, epoch, &prefix);
        if let Err(problem) = stage.first_looks() {
            // What never began proves nothing.
            report.problems.push(problem);
            stage.keep_words(number);
            return;
        }
        for (index, round) in epoch.rounds.iter().enumerate() {
            let seconds = begun.elapsed().as_secs();
            (stage.torture.say)(&format!("  {:>3}  +{seconds} s  {round}", report.rounds + 1));
            let next = epoch.rounds.get(index + 1).and_then(|round| round.fault.place());
            stage.round(round, next);
            report.rounds += 1;
            report.fault(round.fault.kind());
        }
        let findings = stage.settle();
        report.kills += stage.kills;
        report.owners += stage.owners_so_far();
        let pollers = stage.pollers();
        report.pollers += pollers.len();
        let wrong = !findings.passed() || !stage.problems.is_empty() || !pollers.is_empty();
        report.problems.extend(pollers);
        report.problems.append(&mut stage.problems);
        report.add(&findings);
        let seconds = begun.elapsed().as_secs();
        (stage.torture.say)(&format!(
            "       +{seconds} s  {} events, {} facts, {} lost, {} twice, {} out of order",
            findings.verdict.events,
            findings.facts(),
            findings.lost,
            findings.twice,
            findings.out_of_order,
        ));
        if wrong {
            stage.keep_words(number);
        }
    }
}

/// An epoch while it goes on.
struct Stage<'t> {
    torture: &'t mut Torture,
    vendor: Vendor,
    members: Vec<Member>,
    owners: Owners,
    prefix: String,
    pair: bool,
    kills: usize,
    problems: Vec<String>,
    /// When it was last looked who owns the shard, and who it was.
    last_seen: (i64, Option<String>),
}

impl<'t> Stage<'t> {
    /// Opens the world and starts the bridges.
    fn set(torture: &'t mut Torture, epoch: &Epoch, prefix: &str) -> Self {
        let vendor = Vendor::open(epoch.seed);
        vendor.is_ordinary();
        let owners =
            Owners::watch(torture.broker.direct(), &format!("{prefix}.state.{DEPLOYMENT}"));
        // The second one goes past the proxy: a cut is a network that is split between the two.
        let (through, past) = (torture.broker.bootstrap(), torture.broker.direct());
        let places = [("127.0.0.1", through), ("localhost", past)];
        let mut members: Vec<_> = places
            .into_iter()
            .take(if epoch.pair { 2 } else { 1 })
            .map(|(host, bootstrap)| {
                Member::new(host, &vendor, bootstrap, prefix, epoch.pair, torture.manner)
            })
            .collect();
        for member in &mut members {
            member.start(None);
        }
        let (prefix, pair) = (prefix.to_owned(), epoch.pair);
        let (kills, problems, last_seen) = (0, Vec::new(), (now(), None));
        Self { torture, vendor, members, owners, prefix, pair, kills, problems, last_seen }
    }

    /// Waits until every stream was looked at once, and all of it is committed: what happens from
    /// now on has to be told, whatever is done.
    fn first_looks(&mut self) -> Result<(), String> {
        let mut ended = false;
        let begun = self.wait(COMING_BACK, |stage| {
            ended = stage.members.iter_mut().any(Member::has_died);
            ended || stage.vendor.requests().len() >= FIRST_LOOKS
        });
        if ended || begun.is_err() {
            return Err(self.silence("the bridge does not begin"));
        }
        let looked = now();
        self.vendor.doubt(looked);
        self.wait(COMING_BACK, |stage| stage.owners.committed_since(looked))
            .map_err(|()| self.silence("the bridge does not publish"))
    }

    /// One round: calm, the fault, and everything runs again.
    fn round(&mut self, round: &Round, next: Option<Failpoint>) {
        std::thread::sleep(Duration::from_millis(round.calm_millis));
        self.look_for_another_owner();
        self.mourn();
        // Two take turns: who is to die at a place must not have the next one's.
        let next = next.filter(|_| !self.pair);
        let owner = self.owner();
        let standby = self.members.len() - 1 - owner;
        let target = if round.to_standby { standby } else { owner };
        let away = Duration::from_millis(round.away_millis);
        match round.fault {
            Fault::Kill => {
                self.kill(target);
                std::thread::sleep(away);
                self.start(target, next);
            }
            Fault::KillAt(place) if self.pair => self.die_in_turn(owner, standby, place),
            Fault::KillAt(place) => self.die(owner, place, away, next),
            Fault::KillAll => {
                for member in 0..self.members.len() {
                    self.kill(member);
                }
                std::thread::sleep(away);
                for member in 0..self.members.len() {
                    self.start(member, None);
                }
            }
            Fault::End => {
                if let Err(problem) = self.members[target].end() {
                    self.problems.push(problem);
                }
                std::thread::sleep(away);
                self.start(target, next);
            }
            Fault::Pause(seconds) => self.pause(target, seconds),
            Fault::Store(damage) => self.damage(target, damage, away, next),
            Fault::BrokerStopped | Fault::BrokerKilled => {
                self.without_kafka(|stage| {
                    if round.fault == Fault::BrokerStopped {
                        stage.torture.broker.stop();
                    } else {
                        stage.torture.broker.kill();
                    }
                    std::thread::sleep(away);
                    stage.torture.broker.start();
                });
            }
            Fault::Cut(millis) => self.without_kafka(|stage| {
                stage.torture.proxy.cut();
                std::thread::sleep(Duration::from_millis(millis));
                stage.torture.proxy.open();
            }),
            Fault::VersionedState(millis) => self.without_kafka(|stage| {
                stage.torture.proxy.hold();
                std::thread::sleep(Duration::from_millis(millis));
                stage.torture.proxy.open();
            }),
            Fault::VendorFails(seconds) => {
                self.vendor.fails();
                std::thread::sleep(Duration::from_secs(seconds));
                self.vendor.is_ordinary();
            }
        }
        if let Err(problem) = self.come_back() {
            self.problems.push(format!("after {round}: {problem}"));
        }
    }

    /// Kills a bridge. What only it saw, and a moment ago, may be lost with it.
    fn kill(&mut self, member: usize) {
        if self.members[member].is_started() {
            self.kills += 1;
        }
        self.members[member].kill();
        self.vendor.doubt(now());
    }

    fn start(&mut self, member: usize, armed: Option<Failpoint>) {
        if armed.is_some_and(|place| place.restoring) {
            store::delete(&self.members[member].state());
        }
        self.members[member].start(armed);
    }

    /// A bridge dies at a place. Where it is not there yet, it is started for it.
    fn die(&mut self, member: usize, place: Failpoint, away: Duration, next: Option<Failpoint>) {
        if self.members[member].armed != Some(place) {
            self.kill(member);
            self.start(member, Some(place));
        }
        self.wait_for_death(member, place, ARRIVING);
        self.kill(member);
        std::thread::sleep(away);
        self.start(member, next);
    }

    /// The one that stands by is to die at a place once it has taken over.
    fn die_in_turn(&mut self, owner: usize, standby: usize, place: Failpoint) {
        self.kill(standby);
        self.start(standby, Some(place));
        // It has to be there before the owner leaves.
        std::thread::sleep(Duration::from_secs(3));
        if let Err(problem) = self.members[owner].end() {
            self.problems.push(problem);
        }
        self.wait_for_death(standby, place, ARRIVING * 2);
        self.kill(standby);
        self.start(owner, None);
        self.start(standby, None);
    }

    fn wait_for_death(&mut self, member: usize, place: Failpoint, patience: Duration) {
        let died = self.wait(patience, |stage| stage.members[member].has_died());
        if died.is_err() {
            (self.torture.say)(&format!("       {} was not passed so often", place.name));
        }
    }

    /// A bridge that is stopped and goes on later. Another one may take over meanwhile.
    fn pause(&mut self, member: usize, seconds: u64) {
        let owns = member == self.owner();
        let begun = now();
        self.members[member].pause();
        std::thread::sleep(Duration::from_secs(1));
        if self.pair && owns {
            self.vendor.doubt(begun);
        }
        std::thread::sleep(Duration::from_secs(seconds.saturating_sub(1)));
        self.members[member].resume();
    }

    /// A bridge without Kafka for a while. When somebody else owns the shard afterwards, what the
    /// first one saw and could not publish is lost with its turn, as it is with a disk; where it is
    /// the same one in a new turn, what it was just reading.
    fn without_kafka(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let (begun, generation) = (now(), self.generation());
        meanwhile(self);
        let over = now();
        // Whoever owns it now has to have said so before it is known who lost.
        let _ = self.wait(COMING_BACK, |stage| stage.owners.committed_since(over));
        if self.generation() != generation {
            self.vendor.doubt(if self.pair { begun } else { over });
        }
    }

    /// A bridge is killed, and its store is not what it was.
    fn damage(&mut self, member: usize, damage: Damage, away: Duration, next: Option<Failpoint>) {
        let state = self.members[member].state();
        let aside = self.members[member].beside("older");
        match damage {
            Damage::Deleted => {
                self.kill(member);
                store::delete(&state);
            }
            Damage::Flipped(chance) => {
                self.kill(member);
                store::flip(&state, chance);
            }
            Damage::Truncated(chance) => {
                self.kill(member);
                store::truncate(&state, chance);
            }
            Damage::Tampered(chance) => {
                self.kill(member);
                store::tamper(&state, chance);
            }
            Damage::Older => {
                self.torture.proxy.cut();
                std::thread::sleep(Duration::from_millis(2_500));
                self.kill(member);
                store::copy(&state, &aside);
                self.torture.proxy.open();
                self.start(member, None);
                if let Err(problem) = self.come_back() {
                    self.problems.push(problem);
                }
                self.kill(member);
                store::replace(&state, &aside);
            }
            Damage::Stale => {
                self.members[member].pause();
                store::copy(&state, &aside);
                self.members[member].resume();
                std::thread::sleep(Duration::from_millis(2_500));
                self.kill(member);
                store::replace(&state, &aside);
            }
        }
        std::thread::sleep(away);
        self.start(member, next);
    }

    /// Waits until a bridge asks and publishes again.
    fn come_back(&mut self) -> Result<(), String> {
        let over = now();
        let back = self.wait(COMING_BACK, |stage| {
            let asks = stage.vendor.requests().iter().any(|(at, _)| *at > over);
            // One that is about to die at its place has come back.
            let dead = stage.members.iter_mut().any(|one| one.armed.is_some() && one.has_died());
            dead || (asks && stage.owners.committed_since(over))
        });
        back.map_err(|()| self.silence("no bridge came back"))?;
        self.look_for_another_owner();
        self.mourn();
        Ok(())
    }

    /// Two that stood by may settle between them who goes on: what the other one has read since is
    /// nobody's.
    fn look_for_another_owner(&mut self) {
        let generation = self.generation();
        if self.pair && generation != self.last_seen.1 {
            self.vendor.doubt(self.last_seen.0);
        }
        self.last_seen = (now(), generation);
    }

    /// Notices who died without being told to, and starts them again.
    fn mourn(&mut self) {
        for member in 0..self.members.len() {
            if self.members[member].armed.is_none() && self.members[member].has_died() {
                let last = self.members[member].last_lines();
                self.problems.push(format!("a bridge ended by itself:\n    {last}"));
                self.kill(member);
                self.start(member, None);
            }
        }
    }

    fn silence(&mut self, what: &str) -> String {
        let said: Vec<_> = self.members.iter().map(Member::last_lines).collect();
        format!("{what} within {COMING_BACK:?}:\n    {}", said.join("\n    --\n    "))
    }

    /// Who asked last.
    fn owner(&self) -> usize {
        let requests = self.vendor.requests();
        let Some((_, host)) = requests.last() else { return 0 };
        self.members.iter().position(|member| member.is_at(host)).unwrap_or(0)
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
        // Those of the check itself are nobody's.
        let mut requests = self.vendor.requests();
        requests.retain(|(_, host)| self.members.iter().any(|member| member.is_at(host)));
        two_pollers(&self.owners.records(), &requests, self.pair)
    }

    fn wait(
        &mut self,
        patience: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), ()> {
        let begun = Instant::now();
        while !condition(self) {
            if begun.elapsed() > patience {
                return Err(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The world stands still, the bridges tell what is left and leave, and everything is judged.
    fn settle(&mut self) -> Findings {
        for member in 0..self.members.len() {
            if self.members[member].armed.is_some() {
                self.kill(member);
                self.start(member, None);
            }
        }
        self.look_for_another_owner();
        self.vendor.is_perfect();
        self.vendor.simulator.stop_world();
        let before = self.vendor.requests().len();
        let looked = self.wait(SETTLING, |stage| {
            stage.mourn();
            stage.vendor.requests().len() > before + LAST_LOOKS
        });
        if looked.is_err() {
            let problem = self.silence("the bridges do not settle");
            self.problems.push(problem);
        }
        let direct = self.torture.broker.direct().to_owned();
        let (mut events, mut heard) = (0, Instant::now());
        while heard.elapsed() < SILENCE {
            let published = check::published(&direct, &self.prefix);
            if check::findings(&self.vendor.simulator.truth(), &published, None).passed() {
                break;
            }
            if published.len() > events {
                (events, heard) = (published.len(), Instant::now());
            }
            std::thread::sleep(Duration::from_secs(2));
        }
        let owner = self.owner();
        // The owner last: another one would take over, and know more than its store.
        for member in [self.members.len() - 1 - owner, owner] {
            if let Err(problem) = self.members[member].end() {
                self.problems.push(problem);
            }
        }
        if let Err(problem) = self.members[owner].verify() {
            self.problems.push(problem);
        }
        let truth = self.vendor.simulator.truth();
        let shown = final_state::ask(self.vendor.simulator.address(), &truth);
        let published = check::published(&direct, &self.prefix);
        check::findings(&truth, &published, Some(&shown))
    }

    fn keep_words(&self, epoch: usize) {
        for (number, member) in self.members.iter().enumerate() {
            let file = self.torture.logs.join(format!("epoch-{epoch}-bridge-{number}.log"));
            std::fs::write(&file, member.said()).expect("a directory below target is writable");
            (self.torture.say)(&format!("       what it said is in {}", file.display()));
        }
    }
}
