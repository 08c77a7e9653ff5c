// Package chaos disturbs containers and undoes it: faults, selectors, schedules and the engine that runs them and always heals.
//
// A fault is one small file whose exported fields are its YAML. Targets are described by a Selector and resolved at the
// moment of injection. Package docker implements Runtime on the Docker Engine API, package chaostest in memory.
package chaos
