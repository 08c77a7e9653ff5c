// Package peers holds a benchmark of gauntlet load beside other load generators: vegeta, k6, fortio and wrk, those of them that
// are on PATH. Each is a process of its own against the same server in the same run, in turns, so that ratios mean something on
// a machine on which absolute numbers do not. What each tool reports is held against what the server itself knows.
//
//	taskset -c 0 go test ./loadgen/peers -run '^$' -bench . -benchtime 1x -timeout 60m -args -generator-cpu 1
//
// It needs Go to build gauntlet, and a machine with nothing else to do. README.md has the tables of a run.
package peers
