//! Runs, resumes and undoes a graph of steps.
