//! A bounded share of fuzzing: every input of the corpus, and the same random changes of them at each run.

use std::path::Path;

use cart_recovery_fuzz::TARGETS;
use cart_recovery_fuzz::campaign::Campaign;

const EXECUTIONS: u64 = 6000;

#[test]
fn no_target_panics_on_its_corpus_or_on_changes_of_it() {
    for target in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let mut campaign = Campaign::new(target, &corpus).unwrap();
        campaign.run(EXECUTIONS, 7);
        let outcome = campaign.outcome();
        assert!(
            outcome.inputs > 0 && outcome.executions > EXECUTIONS,
            "{}: no corpus",
            target.name
        );
        assert!(outcome.crashes.is_empty(), "{}: {:?}", target.name, outcome.crashes);
    }
}
