//! `fuzz TARGET EXECUTIONS SEED CORPUS [--keep BYTES]`: one campaign; its figures as one line, its crashes in the folder
//! `crashes` of the working directory. With `--keep` the corpus becomes the essence of what was found, within so many bytes.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use cart_recovery_fuzz::TARGETS;
use cart_recovery_fuzz::campaign::Campaign;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, executions, seed, corpus, keep @ ..] = arguments.as_slice() else {
        return Err("fuzz TARGET EXECUTIONS SEED CORPUS [--keep BYTES]".into());
    };
    let Some(target) = TARGETS.into_iter().find(|target| target.name == *name) else {
        return Err(format!("no target {name}").into());
    };
    let corpus = Path::new(corpus);
    let started = Instant::now();
    let mut campaign = Campaign::new(target, corpus)?;
    campaign.run(executions.parse()?, seed.parse()?);
    if let [_, bytes] = keep {
        rewrite(corpus, &campaign.essence(bytes.parse()?))?;
    }
    let outcome = campaign.outcome();
    println!(
        "{name:<8}{:>12} executions{:>8.0} s{:>8} edges{:>7} inputs{:>4} crashes",
        outcome.executions,
        started.elapsed().as_secs_f64(),
        outcome.edges,
        outcome.inputs,
        outcome.crashes.len()
    );
    for (number, (words, input)) in outcome.crashes.values().enumerate() {
        fs::create_dir_all("crashes")?;
        let path = format!("crashes/{name}-{number}");
        fs::write(&path, input)?;
        println!("  {path}: {words}");
    }
    Ok(ExitCode::from(u8::from(!outcome.crashes.is_empty())))
}

fn rewrite(corpus: &Path, inputs: &[Vec<u8>]) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(corpus)? {
        fs::remove_file(entry?.path())?;
    }
    for (number, input) in inputs.iter().enumerate() {
        fs::write(corpus.join(format!("{number:04}")), input)?;
    }
    Ok(())
}
