//! Fuzzing: a target is tried on random inputs for a time, and what breaks it is made small and can be had again.
//!
//! Half a second each in every test run; `scripts/fuzz` takes its time.

use std::{
    env, fmt,
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner},
};
use serde_json::{Value, json};

/// Tries a target on random inputs. Every input has a seed of its own, which a failure names.
pub(crate) fn run<S>(target: &str, inputs: &S, holds: impl Fn(S::Value) -> TestCaseResult)
where
    S: Strategy,
    S::Value: fmt::Debug,
{
    let first = number("EPIGRAPH_TEST_FUZZ_SEED")
        .unwrap_or_else(|| getrandom::u64().expect("the system has random numbers"));
    let time = number("EPIGRAPH_TEST_FUZZ_SECONDS");
    let time = time.map_or(Duration::from_millis(500), Duration::from_secs);
    let start = Instant::now();
    let mut executions = 0;
    while executions == 0 || start.elapsed() < time {
        let seed = first.wrapping_add(executions);
        let mut runner = runner(seed);
        let input = inputs.new_tree(&mut runner).expect("an input");
        if let Err(error) = runner.run_one(input, &holds) {
            panic!("{target}: {error}\nAgain: EPIGRAPH_TEST_FUZZ_SEED={seed}");
        }
        executions += 1;
    }
    say(&format!("fuzz {target}: {executions} executions"));
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[expect(
    clippy::print_stdout,
    reason = "the test's own output, which is shown where it is asked for"
)]
fn say(line: &str) {
    println!("{line}");
}

/// What is unlike other text: to a terminal, to a parser, to whoever counts characters or cells.
const ODD: [&str; 24] = [
    "\0",
    "\u{1b}[31m",
    "\u{9b}",
    "\r",
    "\r\n",
    "\n",
    "\t",
    "\u{7f}",
    "\u{200d}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{301}",
    "👨‍👩‍👧",
    "🇩",
    "日本",
    "ｶﾞ",
    "क्षि",
    "א",
    "ب",
    "\u{2028}",
    "\u{ad}",
    "e\u{301}",
    "\u{10ffff}",
];

/// A text as people and programs never write it.
pub(crate) fn odd_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
        2 => prop::sample::select(&["a", " ", "word ", "A longer run of words. ", "unbroken"][..]).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A change to a text.
#[derive(Clone, Debug)]
struct Change {
    at: Index,
    length: usize,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    Text(String),
    Another(Index, usize),
}

impl Change {
    fn make(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let at = self.at.index(chars.len() + 1);
        let end = (at + self.length).min(chars.len());
        let mut changed: String = chars[..at].iter().collect();
        match &self.by {
            By::Text(text) => changed.push_str(text),
            By::Another(from, length) => {
                let from = from.index(chars.len() + 1);
                changed.extend(&chars[from..(from + length).min(chars.len())]);
            }
        }
        changed.extend(&chars[end..]);
        changed
    }
}

/// Good texts, changed in a few places: parts go, come twice, or are replaced by `words` of the language or by odd ones.
pub(crate) fn garbled(
    samples: Vec<String>,
    words: &[&'static str],
) -> impl Strategy<Value = String> + use<> {
    let by = prop_oneof![
        3 => Just(String::new()).prop_map(By::Text),
        4 => prop::sample::select(words.to_vec()).prop_map(|word| By::Text(word.to_owned())),
        1 => prop::sample::select(&ODD[..]).prop_map(|odd| By::Text(odd.to_owned())),
        2 => "[ -~]{1,3}".prop_map(By::Text),
        1 => (any::<Index>(), 0_usize..20).prop_map(|(from, length)| By::Another(from, length)),
    ];
    let length = prop_oneof![4 => 0_usize..3, 2 => 0_usize..16, 1 => 0_usize..400];
    let change =
        (any::<Index>(), length, by).prop_map(|(at, length, by)| Change { at, length, by });
    (
        prop::sample::select(samples),
        prop::collection::vec(change, 0..6),
    )
        .prop_map(|(sample, changes)| {
            changes
                .iter()
                .fold(sample, |text, change| change.make(&text))
        })
}

/// Good JSON, some of whose members are gone, renamed, or of another type or value.
pub(crate) fn garbled_json(
    samples: Vec<Value>,
    words: &[&'static str],
) -> impl Strategy<Value = Value> + use<> {
    let change = (any::<Index>(), other_value(words), 0..4);
    (
        prop::sample::select(samples),
        prop::collection::vec(change, 0..5),
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..5),
    )
        .prop_map(|(mut json, changes, names)| {
            for (number, (at, value, how)) in changes.into_iter().enumerate() {
                let mut paths = Vec::new();
                collect_paths(&json, "", &mut paths);
                let path = at.get(&paths).clone();
                let (parent, name) = path.rsplit_once('/').unwrap_or_default();
                let name = name.replace("~1", "/").replace("~0", "~");
                match (how, json.pointer_mut(parent)) {
                    (0, Some(Value::Object(parent))) => drop(parent.remove(&name)),
                    (1, Some(Value::Object(parent))) => {
                        if let (Some(value), Some(new)) = (parent.remove(&name), names.get(number))
                        {
                            parent.insert((*new).to_owned(), value);
                        }
                    }
                    _ => {
                        if let Some(it) = json.pointer_mut(&path) {
                            *it = value;
                        }
                    }
                }
            }
            json
        })
}

fn collect_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    paths.push(path.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect_paths(value, &format!("{path}/{name}"), paths);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                collect_paths(value, &format!("{path}/{number}"), paths);
            }
        }
        _ => {}
    }
}

fn other_value(words: &[&'static str]) -> impl Strategy<Value = Value> + use<> {
    let plain = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => prop::sample::select(vec![0_i64, 1, -1, 600, i64::MAX, i64::MIN]).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => prop::sample::select(words.to_vec()).prop_map(Value::from),
        2 => odd_text().prop_map(Value::from),
        1 => (prop::sample::select(words.to_vec()), 1_usize..2000).prop_map(|(word, times)| word.repeat(times).into()),
    ];
    plain.clone().prop_flat_map(move |value| {
        let deep = (1_usize..200).prop_map({
            let value = value.clone();
            move |depth| (0..depth).fold(value.clone(), |inner, _| json!([inner]))
        });
        prop_oneof![
            6 => Just(value.clone()),
            1 => Just(json!([value.clone()])),
            1 => Just(json!([value.clone(), value.clone()])),
            1 => Just(json!({"a": value})),
            1 => deep,
        ]
    })
}

/// Holds if nothing in these words is obeyed by a terminal.
pub(crate) fn is_harmless(words: &str) -> TestCaseResult {
    let obeyed = words.chars().find(|c| c.is_control() && *c != '\n');
    prop_assert_eq!(obeyed, None, "in {:?}", words);
    Ok(())
}

/// Holds if no part of a secret stands in these words.
pub(crate) fn hides(words: &str, secret: &str) -> TestCaseResult {
    hides_parts(words, secret, 8)
}

/// Holds if no part of a secret that is this long stands in these words.
pub(crate) fn hides_parts(words: &str, secret: &str, length: usize) -> TestCaseResult {
    let secret: Vec<char> = secret.chars().collect();
    for part in secret.windows(length) {
        let part: String = part.iter().collect();
        prop_assert!(
            !words.contains(&part),
            "{:?} of the secret is in {:?}",
            part,
            words
        );
    }
    Ok(())
}
