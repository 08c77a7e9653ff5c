package check

import (
	"context"
	"fmt"
	"net"
)

// TCP returns nil if something accepts connections at addr (host:port) within [Limit].
func TCP(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	return c.Close()
}
