// Package run takes an experiment through its phases: up, warm, baseline, fault, recovery, read-back, down. It is the only
// doer: load, faults and probes run side by side, each emitting into the history, and nothing is judged here.
//
// Whatever happens, faults are healed and the topology is taken down; a clean-up that fails fails the run.
package run
