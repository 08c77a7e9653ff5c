package chaos

import (
	"fmt"
	"strconv"
	"strings"
)

// pick is a parsed Selector.Pick: how many of the matching containers are wanted.
type pick struct {
	all   bool
	count func(matching int) int // nil if all
}

// parsePick reads the text of Selector.Pick.
func parsePick(text string) (pick, error) {
	switch text {
	case "", "all":
		return pick{all: true}, nil
	case "one":
		return pick{count: func(int) int { return 1 }}, nil
	case "minority":
		return pick{count: func(n int) int { return (n - 1) / 2 }}, nil
	case "majority":
		return pick{count: func(n int) int { return n/2 + 1 }}, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		return parseShare(text, share)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return pick{}, badPick(text)
	}
	return pick{count: func(int) int { return n }}, nil
}

// parseShare reads N of "N%". The number of containers is rounded up, so that a share above 0 % is never nobody.
func parseShare(text, share string) (pick, error) {
	p, err := strconv.Atoi(share)
	if err != nil || p < 1 || p > 100 {
		return pick{}, badPick(text)
	}
	return pick{count: func(n int) int { return (n*p + 99) / 100 }}, nil
}

func badPick(text string) error {
	return fmt.Errorf("%w: pick %q: write all, one, minority, majority, a number from 1, or a share from 1%% to 100%%", ErrBadSelector, text)
}
