package route

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes. Positions of two timelines compare only up to where they part.
type LSN uint64

// MaxLSN is a position that no replica ever reaches: only the primary serves who asks for it.
const MaxLSN LSN = math.MaxUint64

// ErrLSN is wrapped by complaints about a malformed position.
var ErrLSN = errors.New("route: not a log position such as 0/3000148")

// String formats the position as PostgreSQL does: two hexadecimal halves.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// ParseLSN reads what String writes.
func ParseLSN(s string) (LSN, error) {
	high, low, _ := strings.Cut(s, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if err != nil || err2 != nil {
		return 0, fmt.Errorf("%w: %.40q", ErrLSN, s)
	}
	return LSN(h<<32 | l), nil
}
