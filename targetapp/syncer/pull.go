package syncer

import (
	"context"
	"fmt"

	"gauntlet/targetapp/activity"
)

// From is another region's log; activity.Log is one.
type From interface {
	Origins(ctx context.Context) ([]string, error)
	After(ctx context.Context, origin string, seq uint64, n int) ([]activity.Record, error)
}

// To is the own region's log; activity.Log is one.
type To interface {
	Last(ctx context.Context, origin string) (uint64, error)
	Copy(ctx context.Context, origin string, all []activity.Record) (int, error)
}

const batch = 500 // entries at once

// pull copies one batch of each origin that from has, and says how many entries were new, and whether there is more.
func pull(ctx context.Context, from From, to To) (copied int, more bool, err error) {
	origins, err := from.Origins(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("ask for origins: %w", err)
	}
	for _, o := range origins {
		n, full, err := pullOrigin(ctx, o, from, to)
		copied, more = copied+n, more || full
		if err != nil {
			return copied, more, fmt.Errorf("origin %s: %w", o, err)
		}
	}
	return copied, more, nil
}

// pullOrigin copies what follows the newest entry that to has. That it is this region's own origin makes no difference: then from has
// nothing newer.
func pullOrigin(ctx context.Context, origin string, from From, to To) (copied int, full bool, err error) {
	last, err := to.Last(ctx, origin)
	if err != nil {
		return 0, false, err
	}
	got, err := from.After(ctx, origin, last, batch)
	if err != nil || len(got) == 0 {
		return 0, false, err
	}
	copied, err = to.Copy(ctx, origin, got)
	return copied, len(got) == batch, err
}
