package postgres

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes. Zero is before everything.
type LSN uint64

// lastLSN is behind every position: only the primary may serve who has seen it.
const lastLSN = LSN(math.MaxInt64)

// ParseLSN reads PostgreSQL's notation, two hexadecimal numbers with a slash ("0/4048800"). "" is 0.
func ParseLSN(s string) (LSN, error) {
	if s == "" {
		return 0, nil
	}
	h, l, ok := strings.Cut(s, "/")
	hi, err1 := strconv.ParseUint(h, 16, 32)
	lo, err2 := strconv.ParseUint(l, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is not a log position such as 0/4048800", s)
	}
	return LSN(hi)<<32 | LSN(lo), nil
}

// String is PostgreSQL's notation.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }
