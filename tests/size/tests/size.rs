//! The committed table, and counts from samples in a system of 1,000 services.

use hopline_size::measure::measure;
use hopline_size::simulate::simulate;
use hopline_size::table::table;

/// The largest relative difference between a committed number and the computed one. Compressed bytes depend on random ids.
const TOLERANCE: f64 = 0.06;

/// The rows of the table in a page of the repository.
fn committed_of(page: &str) -> Vec<String> {
    let path = format!("{}/../../{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| requests/s"));
    let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
    rows.map(str::to_owned).collect()
}

/// The text with each number replaced by `#`, and the numbers.
fn numbers(text: &str) -> (String, Vec<f64>) {
    let (mut shape, mut numbers, mut digits) = (String::new(), Vec::new(), String::new());
    for letter in text.chars().chain(['\n']) {
        match letter {
            '0'..='9' | '.' => digits.push(letter),
            ',' if !digits.is_empty() => {}
            _ => {
                if let Ok(number) = std::mem::take(&mut digits).parse() {
                    numbers.push(number);
                    shape.push('#');
                }
                shape.push(letter);
            }
        }
    }
    (shape, numbers)
}

#[tokio::test]
async fn the_committed_table_is_current() {
    let computed = table(measure().await.unwrap()).unwrap();
    let committed = committed_of("deploy/SIZING.md");
    assert_eq!(
        committed.len(),
        computed.lines().count(),
        "rows of deploy/SIZING.md"
    );
    assert_eq!(
        committed_of("docs/guide/production.md"),
        committed,
        "the guide has another table"
    );
    for (committed, computed) in committed.iter().zip(computed.lines()) {
        let remedy = format!(
            "write `cargo xtask size --table` into deploy/SIZING.md and docs/guide/production.md\n{committed}\n{computed}"
        );
        let ((shape, old), (other, new)) = (numbers(committed), numbers(computed));
        assert_eq!(shape, other, "{remedy}");
        for (old, new) in old.iter().zip(&new) {
            // the last digit that is shown may be another
            assert!(
                (old - new).abs() <= TOLERANCE * old.max(10.0),
                "{old} and {new}: {remedy}"
            );
        }
    }
}

#[tokio::test]
async fn measured_spans_are_those_of_real_edges() {
    let measured = measure().await.unwrap();
    assert_eq!(measured.spans, 256 * 6);
    assert!((150.0..900.0).contains(&measured.plain), "{measured:?}");
    assert!(measured.gzip < measured.plain / 3.0, "{measured:?}");
    assert!(measured.memory > 0.0, "{measured:?}");
}

#[test]
fn counts_from_samples_are_true_in_1000_services() {
    let outcome = simulate(1).unwrap();
    // the budgets did something
    assert!(outcome.kept < outcome.traces / 2, "{outcome}");
    assert!(outcome.limited > 300, "{outcome}");
    let off = (outcome.computed - outcome.traces as f64).abs();
    assert!(off <= 4.0 * outcome.standard_error, "{outcome}");
    assert!(
        outcome.standard_error < outcome.traces as f64 / 50.0,
        "{outcome}"
    );
    // neither more nor less than chance gives
    assert!((0.7..1.3).contains(&outcome.spread), "{outcome}");
}
