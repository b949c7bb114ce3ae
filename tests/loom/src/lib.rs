//! Nothing but tests: the engine under a model checker.
