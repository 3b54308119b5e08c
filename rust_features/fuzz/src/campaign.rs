//! A campaign against one target: inputs are changed, run, and kept where they show something new.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::coverage::{Seen, edges_of};
use crate::mutate::mutated;
use crate::random::Random;
use crate::targets::Target;

/// Inputs kept at most; then only what is held already is changed.
const MOST_INPUTS: usize = 20_000;
/// Of these, the newest are changed more often than the others.
const NEWEST: usize = 50;

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs of the target.
    pub executions: u64,
    /// Edges taken; 0 where the build has no counters.
    pub edges: usize,
    /// Inputs held at the end.
    pub inputs: usize,
    /// By the place of the panic: the words and the input of the first one there.
    pub crashes: BTreeMap<String, (String, Vec<u8>)>,
}

/// A running campaign.
pub struct Campaign {
    target: Target,
    seen: Seen,
    inputs: Vec<Vec<u8>>,
    outcome: Outcome,
}

thread_local! {
    static PANIC: Cell<Option<(String, String)>> = const { Cell::new(None) };
}

impl Campaign {
    /// Runs the seeds of the target and every input of the corpus, the small ones first.
    ///
    /// # Errors
    /// Where the corpus cannot be read.
    pub fn new(target: Target, corpus: &Path) -> io::Result<Self> {
        panic::set_hook(Box::new(|panic| {
            PANIC.set(panic.location().map(|place| (place.to_string(), panic.to_string())));
        }));
        let mut inputs = (target.seeds)();
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
        // What a target makes once is made here, so that it is no news later.
        campaign.is_news(&[]);
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

    /// What it came to; panics are told as usual again.
    #[must_use]
    pub fn outcome(mut self) -> Outcome {
        drop(panic::take_hook());
        self.outcome.edges = self.seen.edges();
        self.outcome.inputs = self.inputs.len();
        self.outcome
    }

    /// Inputs that together take as many edges as fit in `bytes`; of each edge only whether it is taken counts.
    #[must_use]
    pub fn essence(&self, bytes: usize) -> Vec<Vec<u8>> {
        let mut waiting: Vec<_> = self
            .inputs
            .iter()
            .map(|input| (edges_of(|| (self.target.run)(input)), input))
            .collect();
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut room = bytes;
        loop {
            waiting.retain(|(edges, input)| input.len() <= room && edges.iter().any(|word| *word != 0));
            let worth = |edges: &[u64]| edges.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            let best = waiting
                .iter()
                .max_by_key(|(edges, input)| 1000 * worth(edges) / (input.len() as u64 + 16));
            let Some((taken, input)) = best.cloned() else {
                return kept;
            };
            room -= input.len();
            kept.push(input.clone());
            for (edges, _) in &mut waiting {
                edges.iter_mut().zip(&taken).for_each(|(word, taken)| *word &= !taken);
            }
        }
    }

    fn pick(&self, random: &mut Random) -> &[u8] {
        // The newest are the least explored.
        let newest = self
            .inputs
            .len()
            .saturating_sub(if random.below(3) == 0 { NEWEST } else { usize::MAX });
        let place = newest + random.below(self.inputs.len() - newest);
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
            let (place, words) = PANIC.take().unwrap_or_default();
            self.outcome
                .crashes
                .entry(place)
                .or_insert_with(|| (words, input.to_vec()));
        }
        news && !crashed
    }
}
