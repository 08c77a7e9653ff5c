// Package spec says what an experiment claims: it reads the files of the catalogue and of users, and checks them against
// the topologies of package compose and the faults of package chaos. It starts nothing.
//
// It is strict: an unknown key, a time without a unit, a schedule that can't be or a goal that could never have evidence is
// an error, because each of them would else be found out after minutes under load, or never. All errors of a file are
// reported at once, each at its line and column with what to do about it (Errors). A mistake brings one error: what follows
// from it is left out.
//
// Package run does what an Experiment asks for, package score judges it by its Goals; both know nothing of YAML.
//
// A new key is read in the one function that makes its noun (step, goal, op, ...), stands in that noun's list of keys and
// has a row in the README of the catalogue, which a test demands. A new kind of fault that has fields is read in
// problems.fields, a new metric is a row of Metrics.
package spec
