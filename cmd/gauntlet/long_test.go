package main

import "flag"

// With -long experiments on large topologies are run as well: give -timeout 60m.
var long = flag.Bool("long", false, "run the experiments of large topologies, too")
