//! `ferry explain CODE`: the page of a problem.

use crate::codes;
use crate::exit::Exit;
use crate::output;
use ferry_model::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/error_pages.rs"));

pub(super) fn run(code: &str) -> Result<Exit, Problem> {
    let upper = code.to_uppercase();
    let number = upper.trim_start_matches("FERRY-").trim_start_matches('E');
    let page = PAGES
        .iter()
        .find(|(name, _)| name.trim_start_matches("FERRY-E") == number);
    match page {
        Some((_, text)) => {
            output::result(text);
            Ok(Exit::Done)
        }
        None => Err(Problem::new(
            codes::NO_SUCH_CODE,
            format!("there is no problem with the code {code}"),
        )
        .next("the code stands in brackets behind `error`: ferry explain FERRY-E213")),
    }
}
