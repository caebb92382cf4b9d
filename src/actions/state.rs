//! What becomes of an action when a run ends. Pure.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// How far an action has come, as the `state` column has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its run has not begun, or waits to be tried again.
    Queued,
    Running,
    /// There, valid, and used by a plan of what it was advised for.
    Succeeded,
    /// There and valid, but no such plan uses it.
    #[serde(rename = "not used")]
    NotUsed,
    Failed,
    /// Being taken back.
    Undoing,
    Undone,
}

/// Which job of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    /// Carries it out.
    #[serde(rename = "apply")]
    Apply,
    /// Takes it back.
    #[serde(rename = "undo")]
    Undo,
    /// Drops what a failed run of the others left behind.
    #[serde(rename = "clean up")]
    CleanUp,
}

impl Task {
    /// As the commands of its job and the job's name have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Undo => "undo",
            Self::CleanUp => "clean up",
        }
    }

    /// The task of that name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Apply, Self::Undo, Self::CleanUp]
            .into_iter()
            .find(|task| task.name() == name)
    }
}

impl State {
    /// Whether what was advised is there.
    pub(super) fn is_applied(self) -> bool {
        matches!(self, Self::Succeeded | Self::NotUsed)
    }

    /// Whether the commands of `task` may run now.
    pub(super) fn lets_run(self, task: Task) -> bool {
        match task {
            Task::Apply => matches!(self, Self::Queued | Self::Running),
            Task::Undo => self == Self::Undoing,
            Task::CleanUp => !matches!(self, Self::Queued | Self::Running),
        }
    }

    /// What it is after the end of a run; `before_undo` is what it was when the undo was asked
    /// for. What the last command of a run recorded stands, whatever befell the process then.
    pub(super) fn after_run(
        self,
        task: Task,
        succeeded: bool,
        will_retry: bool,
        before_undo: Option<Self>,
    ) -> Self {
        match (task, self) {
            (Task::Apply, Self::Queued | Self::Running) if will_retry && !succeeded => Self::Queued,
            (Task::Apply, Self::Queued | Self::Running) => Self::Failed,
            (Task::Undo, Self::Undoing) if will_retry && !succeeded => Self::Undoing,
            (Task::Undo, Self::Undoing) => before_undo.unwrap_or(Self::Failed),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ends_for_good_without_its_last_command_has_failed() {
        for state in [State::Queued, State::Running] {
            assert_eq!(
                state.after_run(Task::Apply, false, true, None),
                State::Queued
            );
            assert_eq!(
                state.after_run(Task::Apply, false, false, None),
                State::Failed
            );
            assert_eq!(
                state.after_run(Task::Apply, true, false, None),
                State::Failed
            );
        }
    }

    #[test]
    fn what_the_last_command_recorded_stands() {
        for state in [State::Succeeded, State::NotUsed] {
            for will_retry in [true, false] {
                assert_eq!(state.after_run(Task::Apply, false, will_retry, None), state);
            }
        }
        assert_eq!(
            State::Undone.after_run(Task::Undo, false, false, Some(State::Succeeded)),
            State::Undone
        );
    }

    #[test]
    fn an_undo_that_fails_leaves_the_action_as_it_was() {
        let before = Some(State::NotUsed);
        assert_eq!(
            State::Undoing.after_run(Task::Undo, false, true, before),
            State::Undoing
        );
        assert_eq!(
            State::Undoing.after_run(Task::Undo, false, false, before),
            State::NotUsed
        );
    }

    #[test]
    fn cleaning_up_changes_no_state() {
        for state in [State::Failed, State::Succeeded, State::Undone] {
            assert_eq!(state.after_run(Task::CleanUp, true, false, None), state);
            assert!(state.lets_run(Task::CleanUp));
        }
        assert!(!State::Running.lets_run(Task::CleanUp));
    }

    #[test]
    fn states_are_written_as_people_read_them() {
        let written = serde_json::to_string(&State::NotUsed).ok();
        assert_eq!(written.as_deref(), Some("\"not used\""));
    }
}
