package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// path is the map's key in etcd's v2 API, which Patroni uses too.
const path = "/v2/keys/gauntlet/shards"

const (
	askLimit  = time.Second // for an answer of one etcd node
	waitLimit = time.Second // for a change of the map; then it is asked for again, so that a lost watch is noticed
)

var (
	// ErrNoMap says that no map was made yet.
	ErrNoMap = errors.New("there is no shard map yet; the seed makes it")
	// ErrChanged says that somebody else changed the map since it was read.
	ErrChanged = errors.New("the shard map was changed by somebody else meanwhile")
	// ErrKeeper says that no etcd node answered.
	ErrKeeper = errors.New("the shard map's keeper does not answer")
)

// Kept is a map as etcd has it.
type Kept struct {
	Map
	Index uint64 // of the change that made it
	Asked uint64 // of etcd's last change, of whatever key, when it was asked: the next change of the map comes after it
}

// Keeper keeps the map in etcd. It is safe for concurrent use.
type Keeper struct {
	Nodes  []string // host:port
	Client *http.Client

	turn atomic.Uint64 // the node that answered last
}

// NewKeeper returns a keeper of the map on the etcd nodes, host:port with commas.
func NewKeeper(nodes string) (*Keeper, error) {
	all := strings.FieldsFunc(nodes, func(r rune) bool { return r == ',' || r == ' ' })
	if len(all) == 0 {
		return nil, errors.New("APP_SHARD_MAP is empty; set it to the etcd nodes that keep the shard map, as host:port with commas")
	}
	return &Keeper{Nodes: all, Client: &http.Client{}}, nil
}

// Load reads the map as the majority has it.
func (k *Keeper) Load(ctx context.Context) (Kept, error) {
	return k.ask(ctx, askLimit, http.MethodGet, url.Values{"quorum": {"true"}}, nil)
}

// Wait returns the next map after that change, or context.DeadlineExceeded if there was none within a second. etcd remembers the last
// thousand changes of all keys together, so after must be young: [Kept].Asked.
func (k *Keeper) Wait(ctx context.Context, after uint64) (Kept, error) {
	q := url.Values{"wait": {"true"}, "waitIndex": {strconv.FormatUint(after+1, 10)}}
	return k.once(ctx, waitLimit, k.node(), http.MethodGet, q, nil)
}

// Make keeps the first map. [ErrChanged] if there is one already.
func (k *Keeper) Make(ctx context.Context, m Map) (Kept, error) {
	return k.ask(ctx, askLimit, http.MethodPut, url.Values{"prevExist": {"false"}}, url.Values{"value": {m.String()}})
}

// Change replaces a map that nobody changed since, else [ErrChanged]. After another error it may have been replaced: load it and see.
func (k *Keeper) Change(ctx context.Context, from Kept, to Map) (Kept, error) {
	return k.ask(ctx, askLimit, http.MethodPut, url.Values{"prevIndex": {strconv.FormatUint(from.Index, 10)}}, url.Values{"value": {to.String()}})
}

func (k *Keeper) node() string { return k.Nodes[k.turn.Load()%uint64(len(k.Nodes))] }

// ask asks one node after the other, from the one that answered last, until one answers. Others who ask meanwhile go round by themselves.
func (k *Keeper) ask(ctx context.Context, limit time.Duration, method string, query, form url.Values) (Kept, error) {
	var errs []error
	first, nodes := k.turn.Load(), uint64(len(k.Nodes))
	for i := range nodes {
		got, err := k.once(ctx, limit, k.Nodes[(first+i)%nodes], method, query, form)
		if err == nil || errors.Is(err, ErrNoMap) || errors.Is(err, ErrChanged) || errors.Is(err, ErrMap) {
			k.turn.Store(first + i)
			return got, err
		}
		errs = append(errs, err)
		if ctx.Err() != nil || form != nil && !unsent(err) { // a change may have been made, and a second try would find it changed
			break
		}
	}
	return Kept{}, fmt.Errorf("%w: %w", ErrKeeper, errors.Join(errs...))
}

// unsent says that there was not even a connection.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (k *Keeper) once(ctx context.Context, limit time.Duration, node, method string, query, form url.Values) (Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+node+path+"?"+query.Encode(), strings.NewReader(form.Encode()))
	if err != nil {
		return Kept{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := k.Client.Do(req)
	if err != nil {
		return Kept{}, err
	}
	defer resp.Body.Close()
	return read(resp)
}

// maxMap bounds an answer, in bytes.
const maxMap = 1 << 20

// etcd's codes of the errors that mean something to us.
const (
	noKey     = 100
	compared  = 101
	keyExists = 105
)

func read(resp *http.Response) (Kept, error) {
	var answer struct {
		Node struct {
			Value         string
			ModifiedIndex uint64
		}
		ErrorCode int
		Message   string
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxMap)).Decode(&answer); err != nil {
		return Kept{}, fmt.Errorf("etcd: status %d: %w", resp.StatusCode, err)
	}
	switch answer.ErrorCode {
	case 0:
	case noKey:
		return Kept{}, ErrNoMap
	case compared, keyExists:
		return Kept{}, ErrChanged
	default:
		return Kept{}, fmt.Errorf("etcd: error %d: %s", answer.ErrorCode, answer.Message)
	}
	m, err := Parse(answer.Node.Value)
	asked, _ := strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	return Kept{m, answer.Node.ModifiedIndex, max(asked, answer.Node.ModifiedIndex)}, err
}
