// Package monitor is the Prometheus beside a run: it scrapes the topology, keeps the samples in a Prometheus database in the
// recording's folder, and evaluates ordinary rule files as Prometheus does. The same rules over what clients truly felt, in
// made-up time, say when an alert was due: that is how alerts are judged.
//
// It is the one package that knows Prometheus' libraries, whose interfaces promise no stability. Rules, queries and storage are
// Prometheus' own code; the ticker is ours, so that the same samples give the same alerts.
package monitor
