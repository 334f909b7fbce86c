use super::member::Member;
use super::*;
use crate::model::Timestamp;
use crate::simulate::settings::WorldSettings;
use crate::simulate::system::System;

#[test]
fn everything_happens_in_a_minute_and_again_with_the_same_seed() {
    let noon = Timestamp::from_millis(1_772_366_400_000);
    let history = |system| {
        let mut directory = Directory::new(system, &WorldSettings::default(), noon);
        let (mut views, mut first) = (Vec::new(), Vec::new());
        for second in 1..=90 {
            directory.advance(noon.plus_millis(second * 1_000));
            let members = directory.visible();
            if second == 2 {
                first.clone_from(&members);
            }
            views.push(members);
        }
        (first, views, directory.truth().removed)
    };
    for system in System::DIRECTORIES {
        let (first, views, removed) = history(system);
        assert!(removed.len() > 2, "{system:?}: only {removed:?} left");
        let differs = |differs: fn(&Member, &Member) -> bool| {
            let later = || views.iter().flatten();
            first
                .iter()
                .any(|before| later().any(|after| after.id == before.id && differs(before, after)))
        };
        assert!(differs(|a, b| a.name != b.name), "{system:?}: no agent is renamed");
        assert!(differs(|a, b| a.active != b.active), "{system:?}: no agent is deactivated");
        assert!(differs(|a, b| a.groups != b.groups), "{system:?}: no agent changes groups");
        let has_states = system != System::DeepCall;
        assert_eq!(differs(|a, b| a.state != b.state), has_states, "{system:?}");
        assert_eq!(differs(|a, b| a.state == b.state && a.since != b.since), has_states);
        assert!(views[89].iter().any(|member| !first.iter().any(|old| old.id == member.id)));
        assert_eq!(history(system), (first, views, removed));
    }
}
