package logs

import (
	"context"
	"fmt"
	"log/slog"
)

// Quiet keeps what the Redis library says out of the log, where it would be a flood in an outage: errors are counted and
// answered. It is there at debug level.
type Quiet struct{ Log *slog.Logger }

// Printf implements the library's logger.
func (q Quiet) Printf(ctx context.Context, format string, v ...any) {
	if q.Log.Enabled(ctx, slog.LevelDebug) {
		q.Log.LogAttrs(ctx, slog.LevelDebug, fmt.Sprintf(format, v...))
	}
}
