//! Every decision, open or answered, and how to answer.

use super::grid::paragraph;
use crate::plan::Plan;
use crate::text::escaped;

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut text = format!("Decisions of plan for {}\n", plan.migration);
    if plan.decisions.is_empty() {
        return text + "  none\n";
    }
    for decision in &plan.decisions {
        let state = match &decision.answer {
            None => "open".to_owned(),
            Some(answer) => format!("answered: {answer}"),
        };
        text += &format!("\n{}  {state}\n", decision.id);
        text += &paragraph("  about", 11, &escaped(&decision.subject), width);
        text += &paragraph("  why", 11, &escaped(&decision.why), width);
        let words = decision
            .answers
            .iter()
            .map(|answer| answer.word.len())
            .max()
            .unwrap_or(0);
        for (number, answer) in decision.answers.iter().enumerate() {
            let label = if number == 0 { "  answers" } else { "" };
            let label = format!("{label:<11}{:<words$}", answer.word);
            text += &paragraph(&label, 13 + words, &escaped(&answer.meaning), width);
        }
    }
    let open = plan.open_decisions().next();
    if let Some((decision, answer)) = open.and_then(|d| Some((d, d.answers.first()?))) {
        text += &format!(
            "\nAnswer in migration.yaml, and plan again:\ndecisions:\n  {}: {}\n",
            decision.id, answer.word
        );
    }
    text
}
