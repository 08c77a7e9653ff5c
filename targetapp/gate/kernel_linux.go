package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
)

// port is PostgreSQL's.
const port = 5432

// nft is the gate in nftables: the element of port 5432 in the set "open" of the table that the container made before its server.
//
// It speaks to the kernel itself: the command nft, which would be started ten times a second for four databases, took 22 ms of a
// processor each time on a slow machine.
type nft struct{}

// kernel is the gate in this machine's kernel.
func kernel() Kernel { return nft{} }

// Open lets clients pass for d.
//
// Note: the element is added, deleted and added again in one transaction, since adding what is there would not renew its time, and
// deleting what is not there is an error.
func (nft) Open(ctx context.Context, d time.Duration) error { return renew(ctx, d) }

// Close lets nobody pass.
func (nft) Close(ctx context.Context) error { return renew(ctx, 0) }

func renew(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	open := &nftables.Set{Table: &nftables.Table{Name: "gate", Family: nftables.TableFamilyINet}, Name: "open", KeyType: nftables.TypeInetService, HasTimeout: true}
	plain := []nftables.SetElement{{Key: binaryutil.BigEndian.PutUint16(port)}}
	err = errors.Join(c.SetAddElements(open, plain), c.SetDeleteElements(open, plain))
	if d > 0 {
		timed := []nftables.SetElement{{Key: plain[0].Key, Timeout: max(d, time.Millisecond)}}
		err = errors.Join(err, c.SetAddElements(open, timed))
	}
	if err := errors.Join(err, c.Flush()); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}
