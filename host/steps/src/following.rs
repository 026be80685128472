//! A running copy follows what is changed by hand.

use crate::overrides::{Overrides, overrides_in};
use crate::slots::Workers;
use crate::undertaking::Undertaking;
use ferry_copy::controls::Controls;
use ferry_model::problem::Problem;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether something was changed.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Follows what is changed by hand.
pub struct Following {
    path: PathBuf,
    configured: Controls,
    workers: Workers,
    followed: Overrides,
    controls: watch::Sender<Controls>,
    /// What was wrong with the file when it was last looked at.
    wrong: Option<String>,
}

impl Following {
    /// Begins with what is kept now, and returns the channel of controls for a copy.
    ///
    /// # Errors
    /// A [`Problem`] where it can't be read: a copy must not run on where it may have been paused.
    pub fn begin(undertaking: &Undertaking) -> Result<(Self, watch::Receiver<Controls>), Problem> {
        let path = overrides_in(&undertaking.directory);
        let followed = Overrides::load(&path)?;
        let configured = undertaking.controls.clone();
        let workers = undertaking.workers.clone();
        let (controls, receiver) = watch::channel(part(&followed.over(&configured), &workers));
        let following = Self {
            path,
            configured,
            workers,
            followed,
            controls,
            wrong: None,
        };
        Ok((following, receiver))
    }

    /// What holds by hand when the copy begins, to be told; none where nothing does.
    #[must_use]
    pub fn first_line(&self) -> Option<String> {
        let lines = self.followed.lines();
        (!lines.is_empty()).then(|| format!("set by hand: {}", lines.join("; ")))
    }

    /// Looks again, passes on what has changed, and returns a line to be told about it.
    pub fn look(&mut self) -> Option<String> {
        let found = match Overrides::load(&self.path) {
            Ok(found) => found,
            Err(problem) => {
                let wrong = problem.what;
                if self.wrong.as_ref() == Some(&wrong) {
                    return None;
                }
                self.wrong = Some(wrong.clone());
                return Some(format!("{wrong}; the copy goes on as before"));
            }
        };
        self.wrong = None;
        if found == self.followed {
            return None;
        }
        let controls = found.over(&self.configured);
        self.controls.send_replace(part(&controls, &self.workers));
        self.followed = found;
        let lines = self.followed.lines();
        Some(if lines.is_empty() {
            "nothing is set by hand any more: the copy follows the configuration".to_owned()
        } else {
            format!("the copy follows what is set by hand: {}", lines.join("; "))
        })
    }
}

/// What one worker keeps to.
fn part(controls: &Controls, workers: &Workers) -> Controls {
    controls.part_of(workers.count(), |group| workers.of_group(group).1)
}
