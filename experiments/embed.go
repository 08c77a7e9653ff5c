// Package experiments embeds the catalogue: experiments, mutants and workloads.
package experiments

import "embed"

// FS holds *.yaml, mutants/*.yaml and workloads/*.yaml.
//
//go:embed *.yaml mutants/*.yaml workloads/*.yaml
var FS embed.FS
