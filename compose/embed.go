package compose

import "embed"

// files are the topologies and the images' build context.
//
//go:embed *.yaml images
var files embed.FS
