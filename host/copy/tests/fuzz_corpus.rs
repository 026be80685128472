//! The inputs that the fuzzers kept are run through the same functions once more.

mod fuzzed;
mod replay;

use std::path::Path;

/// What a fuzz target does with one input.
type Target = fn(&[u8]);

#[test]
fn inputs_that_the_fuzzers_kept_break_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let targets: [(&str, Target); 4] = [
        ("slices", fuzzed::slices),
        ("prepare", fuzzed::prepare),
        ("rewrite", fuzzed::rewrite),
        ("decompress", fuzzed::decompress),
    ];
    for (name, run) in targets {
        let inputs: Vec<_> = std::fs::read_dir(corpus.join(name))
            .expect("the corpus is there")
            .map(|entry| entry.expect("a file").path())
            .collect();
        assert!(inputs.len() > 10, "{name} has but {} inputs", inputs.len());
        for input in inputs {
            run(&std::fs::read(input).expect("reads"));
        }
    }
}

#[test]
fn answers_of_real_brokers_break_nothing_with_any_settings() {
    for answer in replay::answers() {
        for flags in 0..128 {
            let from = answer.from.min(255) as u8;
            let settings = [flags, from, 4, 0, 255, 1, 2, 0];
            fuzzed::prepare(&[&settings[..], &answer.records].concat());
        }
        for flags in 0..2 {
            fuzzed::slices(&[&[flags][..], &answer.records].concat());
        }
        fuzzed::rewrite(&answer.records);
    }
}

/// Begins the corpus of the fuzzers with what real brokers sent.
#[test]
#[ignore = "writes files of the repository"]
fn write_the_first_inputs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let write = |target: &str, name: &str, parts: &[&[u8]]| {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).expect("creates");
        std::fs::write(folder.join(name.replace('/', "-")), parts.concat()).expect("writes");
    };
    for answer in replay::answers() {
        if answer.records.len() > 10_000 {
            continue;
        }
        let records = &answer.records[..];
        for flags in [0b100_0101, 0b000_0001, 0b000_0111, 0b100_0001] {
            let settings = [flags, 0, 2, 0, 255, 15, 0, 0];
            let name = format!("{}-{flags}", answer.name);
            write("prepare", &name, &[&settings, records]);
        }
        write("slices", &answer.name, &[&[1], records]);
        if records[16] == 2 {
            write("rewrite", &answer.name, &[records]);
            let codec = records[22] % 8;
            let payload = ferry_copy::batch::slices::BatchSlices::new(answer.records.clone())
                .next()
                .expect("one")
                .expect("reads");
            write("decompress", &answer.name, &[&[codec], payload.payload()]);
        }
    }
}
