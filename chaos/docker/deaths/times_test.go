package deaths

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// recovery is how long it took until all was as before.
type recovery struct {
	kind string
	took time.Duration
}

// recoveries are kept by death and printed at the end. They are not asserted: see promise.
type recoveries struct {
	mu  sync.Mutex
	all map[death][]recovery
}

var times = recoveries{all: map[death][]recovery{}}

func (r *recoveries) add(d death, kind string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[d] = append(r.all[d], recovery{kind, took})
}

// print says for each death how many trials kept the promise, the median, and the slowest.
func (r *recoveries) print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range deaths {
		all := r.all[d]
		if len(all) == 0 {
			continue
		}
		slices.SortFunc(all, func(a, b recovery) int { return int(a.took - b.took) })
		kept := 0
		for _, one := range all {
			if one.took <= promise {
				kept++
			}
		}
		worst := all[len(all)-1]
		fmt.Fprintf(w, "%-9s %3d of %3d as before within %s; median %s, slowest %s (%s)\n", d, kept, len(all), promise,
			all[len(all)/2].took.Round(10*time.Millisecond), worst.took.Round(10*time.Millisecond), worst.kind)
	}
}
