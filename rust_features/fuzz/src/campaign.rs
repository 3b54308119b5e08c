//! A campaign against one target: inputs are changed, run, and kept where they show something new.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::coverage::Seen;
use crate::mutate::{LONGEST, mutated};
use crate::random::Random;
use crate::targets::Target;

/// Inputs kept at most; then only what is held already is changed.
const MOST_INPUTS: usize = 20_000;

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs of the target.
    pub executions: u64,
    /// Edges taken; 0 where the build has no counters.
    pub edges: usize,
    /// Inputs held at the end.
    pub inputs: usize,
    /// The first input of each panic, by the panic's place.
    pub crashes: BTreeMap<String, Vec<u8>>,
}

/// A running campaign.
pub struct Campaign {
    target: Target,
    seen: Seen,
    inputs: Vec<Vec<u8>>,
    outcome: Outcome,
}

thread_local! {
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

impl Campaign {
    /// Runs every input of the corpus, the small ones first.
    ///
    /// # Errors
    /// Where the corpus cannot be read.
    pub fn new(target: Target, corpus: &Path) -> io::Result<Self> {
        panic::set_hook(Box::new(|panic| {
            PLACE.set(panic.location().map(ToString::to_string));
        }));
        let mut inputs = Vec::new();
        for entry in fs::read_dir(corpus)? {
            inputs.push(fs::read(entry?.path())?);
        }
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        let mut campaign = Self {
            target,
            seen: Seen::new(),
            inputs: Vec::new(),
            outcome: Outcome::default(),
        };
        // What a target makes once is made before anything is counted.
        (target.run)(&[]);
        for input in inputs {
            if campaign.is_news(&input) || campaign.seen.edges() == 0 {
                campaign.inputs.push(input);
            }
        }
        Ok(campaign)
    }

    /// Runs so many changed inputs more.
    pub fn run(&mut self, executions: u64, seed: u64) {
        let mut random = Random(seed);
        for _ in 0..executions {
            let input = mutated(self.pick(&mut random), self.pick(&mut random), &mut random);
            if self.is_news(&input) && self.inputs.len() < MOST_INPUTS {
                self.inputs.push(input);
            }
        }
    }

    /// What it came to so far.
    #[must_use]
    pub fn outcome(mut self) -> Outcome {
        self.outcome.edges = self.seen.edges();
        self.outcome.inputs = self.inputs.len();
        self.outcome
    }

    /// The smallest inputs that together show all there was to see, within `bytes`.
    #[must_use]
    pub fn essence(&self, bytes: usize) -> Vec<Vec<u8>> {
        let mut inputs: Vec<_> = self.inputs.iter().filter(|input| input.len() <= LONGEST).collect();
        inputs.sort_by_key(|input| input.len());
        let mut seen = Seen::new();
        let mut kept = Vec::new();
        let mut size = 0;
        for input in inputs {
            let edges = seen.edges();
            seen.is_news(|| (self.target.run)(input));
            // A new edge is worth its bytes, another count of a known one is not.
            if seen.edges() > edges && size + input.len() <= bytes {
                size += input.len();
                kept.push(input.clone());
            }
        }
        kept
    }

    fn pick(&self, random: &mut Random) -> &[u8] {
        let count = self.inputs.len();
        // The newest are the least explored.
        let newest = random.below(3) == 0;
        let place = if newest { count - 1 - random.below(count.min(50)).min(count - 1) } else { random.below(count) };
        self.inputs.get(place).map_or(&[], Vec::as_slice)
    }

    fn is_news(&mut self, input: &[u8]) -> bool {
        let run = self.target.run;
        let mut crashed = false;
        let news = self.seen.is_news(|| {
            crashed = panic::catch_unwind(AssertUnwindSafe(|| run(input))).is_err();
        });
        self.outcome.executions += 1;
        if crashed {
            let place = PLACE.take().unwrap_or_default();
            self.outcome.crashes.entry(place).or_insert_with(|| input.to_vec());
        }
        news && !crashed
    }
}
