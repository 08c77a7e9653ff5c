package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrStore is wrapped when a store failed or was late; an append may have happened then.
var ErrStore = errors.New("activity: the store cannot be reached")

const (
	dialLimit   = 500 * time.Millisecond // it may be another region's store
	callLimit   = 500 * time.Millisecond
	appendLimit = 700 * time.Millisecond // with its repetitions; the load balancer waits for 1 s
	appendPause = 50 * time.Millisecond
	poolSize    = 8
	keep        = 100_000         // entries of each origin
	opLife      = 5 * time.Minute // for which a repeated append is recognised
)

// Entry is one thing that a user did.
type Entry struct {
	ID     string    `json:"id"`     // see the package
	Region string    `json:"region"` // where it was done
	At     time.Time `json:"at"`
	User   int64     `json:"user"`
	Action string    `json:"action"`
	Ref    string    `json:"ref,omitempty"` // what it was done to
}

// New is an entry to be appended. Op tells a repetition from a second entry.
type New struct {
	Op     string    `json:"-"`
	At     time.Time `json:"at"`
	User   int64     `json:"user"`
	Action string    `json:"action"`
	Ref    string    `json:"ref,omitempty"`
}

// Log is the store of one region.
type Log struct {
	client redis.UniversalClient
	region string
}

var regionName = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`)

// Region checks a region's name: small letters and digits.
func Region(name string) error {
	if !regionName.MatchString(name) {
		return fmt.Errorf("region %q: want a small letter, then up to 15 small letters and digits", name)
	}
	return nil
}

// Open prepares connections to the store of region at addr, host:port, without connecting.
func Open(addr, region string) *Log {
	return &Log{region: region, client: redis.NewClient(&redis.Options{
		Addr: addr, DialTimeout: dialLimit, ReadTimeout: callLimit, WriteTimeout: callLimit, PoolTimeout: callLimit,
		DialerRetries: 1, MaxRetries: -1, PoolSize: poolSize, ContextTimeoutEnabled: true, Protocol: 2,
	})}
}

// Region is the region of the store.
func (l *Log) Region() string { return l.region }

// Close ends all connections.
func (l *Log) Close() error { return l.client.Close() }

// Check says whether the store can be reached.
func (l *Log) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return broken(l.client.Ping(ctx).Err())
}

func broken(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

const (
	originsKey = "activity:origins"
	logPrefix  = "activity:log:" // a stream per origin; the ids are SEQ-0, the field e is the entry
)

// appendScript: region, how many to keep, life of ops in seconds, then pairs of op and entry. It returns the ids. The number of an
// entry comes from the stream itself, so no other key can disagree with it.
var appendScript = redis.NewScript(`local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local origin = ARGV[1] .. '.' .. string.sub(run, 1, 12)
local log, seq, out = 'activity:log:' .. origin, 0, {}
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
if last[1] then seq = tonumber(string.match(last[1][1], '^%d+')) end
for i = 4, #ARGV, 2 do
	local op = 'activity:op:' .. ARGV[i]
	local id = redis.call('GET', op)
	if not id then
		seq = seq + 1
		id = origin .. '-' .. seq
		redis.call('XADD', log, 'MAXLEN', ARGV[2], seq .. '-0', 'e', ARGV[i + 1])
		redis.call('SET', op, id, 'EX', ARGV[3])
	end
	out[#out + 1] = id
end
redis.call('SADD', 'activity:origins', origin)
return out`)

// AppendAll appends entries, once each, and returns their ids in order. After ErrStore it can be called again with the same entries.
func (l *Log) AppendAll(ctx context.Context, all []New) ([]string, error) {
	args := []any{l.region, keep, int(opLife / time.Second)}
	for _, n := range all {
		b, err := json.Marshal(n)
		if err != nil {
			return nil, fmt.Errorf("activity: %w", err)
		}
		args = append(args, n.Op, b)
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	ids, err := appendScript.Run(ctx, l.client, nil, args...).StringSlice()
	if err == nil && len(ids) != len(all) {
		err = fmt.Errorf("%d ids for %d entries", len(ids), len(all))
	}
	return ids, broken(err)
}

// Append appends one entry and returns its id, or that of the first attempt if its op was seen within five minutes. It repeats
// itself for 0.7 s while the store fails.
func (l *Log) Append(ctx context.Context, n New) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	for {
		ids, err := l.AppendAll(ctx, []New{n})
		if err == nil {
			return ids[0], nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(appendPause):
		}
	}
}
