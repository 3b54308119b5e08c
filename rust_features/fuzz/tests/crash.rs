//! A panic of a target is told by place and input, once for each place, and the campaign goes on.

use cart_recovery_fuzz::Target;
use cart_recovery_fuzz::campaign::Campaign;

fn odd(input: &[u8]) {
    assert!(input.len().is_multiple_of(2), "{} bytes are odd", input.len());
    assert!(input.len() < 64, "too long");
}

#[test]
fn the_first_input_of_each_panic_is_kept() {
    let corpus = tempfile::tempdir().unwrap();
    std::fs::write(corpus.path().join("even"), [1; 32]).unwrap();
    let target = Target {
        name: "odd",
        run: odd,
        seeds: || vec![vec![2; 30]],
    };
    let mut campaign = Campaign::new(target, corpus.path()).unwrap();
    campaign.run(2000, 1);
    let outcome = campaign.outcome();
    assert_eq!(outcome.executions, 2003);
    assert_eq!(outcome.crashes.len(), 2);
    for (words, input) in outcome.crashes.values() {
        let told = if input.len().is_multiple_of(2) {
            "too long".to_owned()
        } else {
            format!("{} bytes are odd", input.len())
        };
        assert!(words.ends_with(&told), "{words}");
    }
}
