package worker

import (
	"context"
	"fmt"
	"io"

	"gauntlet/targetapp/broker"
)

// deadLimit is how many jobs Laid shows or replays at once.
const deadLimit = 1000

// Laid writes the jobs that were laid aside to out, one a line; with replay it brings them into the work queue again.
func Laid(ctx context.Context, env func(string) string, replay bool, out io.Writer) error {
	nodes := Brokers(env)
	if err := broker.Hosts(nodes); err != nil {
		return fmt.Errorf("APP_BROKERS: %w", err)
	}
	all, err := broker.Laid(ctx, nodes, deadLimit, replay)
	for _, m := range all {
		fmt.Fprintf(out, "job %s, attempt %d: %s\n", m.ID, m.Attempt, m.Body)
	}
	return err
}
