package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

type loadFlags struct {
	base        string
	rate        float64
	length      time.Duration
	timeout     time.Duration
	connections int
	seed        int64
	out         string
	json        bool
	http2       bool
	insecure    bool
}

func loadCommand() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load FILE|URL",
		Short: "Load any HTTP system, without an experiment around it",
		Long: `Load drives an HTTP system with an open loop and says what every planned request met. FILE is a load file (base, for, seed
and the keys of an experiment's load) or an experiment, which is taken for its load; URL is read again and again.

Latency and deadline count from the time at which a request was due, so a system that stalls can't hide it. With --out the
requests are recorded for gauntlet load export. The exit code is 0 if the load ran as planned, whatever the system answered;
2 if the generator itself was too late to say; 3 if it could not run.`,
		Example: `  gauntlet load http://127.0.0.1:8080/feed --rate 200 --for 30s
  gauntlet load shop.yaml --out runs/shop
  gauntlet load init openapi.yaml > shop.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := f.read(args[0])
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), l, cmd.OutOrStdout(), os.Stderr)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.base, "base", "", "URL of the system, instead of the file's base")
	fs.Float64Var(&f.rate, "rate", 0, "requests per second, instead of the file's (a URL: 10); refused where the file has a shape of its own")
	fs.DurationVar(&f.length, "for", 0, "how long, instead of the file's (default 30s)")
	fs.DurationVar(&f.timeout, "timeout", 0, "deadline of a request from its due time, instead of the file's (default 1s)")
	fs.IntVar(&f.connections, "connections", 0, "connections per class of operations (default as many as the rate and the timeout ask for)")
	fs.Int64Var(&f.seed, "seed", -1, "seed to use instead of the file's own (0 or more)")
	fs.StringVar(&f.out, "out", "", "folder to record the requests into; it must not hold a recording yet")
	fs.BoolVar(&f.json, "json", false, "print the summary as JSON")
	fs.BoolVar(&f.http2, "http2", false, "use HTTP/2, over TLS or in clear text")
	fs.BoolVar(&f.insecure, "insecure", false, "accept any TLS certificate")
	cmd.AddCommand(loadInitCommand(), loadExportCommand(), loadClientCommand())
	return cmd
}

// read makes the load of a file or URL and the flags.
func (f loadFlags) read(arg string) (spec.LoadFile, error) {
	var l spec.LoadFile
	var err error
	if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		l, err = loadOfURL(arg)
	} else {
		l, err = spec.ReadLoad(arg)
	}
	if err != nil {
		return l, err
	}
	if l.Base = cmp.Or(f.base, l.Base); l.Base == "" {
		return l, fmt.Errorf("%s does not say where the system is: give --base http://127.0.0.1:8080, or write base: into the file", arg)
	}
	p := &l.Load
	if f.rate != 0 {
		if p.Shape.String() != "" && len(p.Shape.Stages)+len(p.Shape.TraceFile) > 0 {
			return l, fmt.Errorf("--rate: %s has a shape with rates of its own", arg)
		}
		p.Rate = f.rate
	}
	p.Timeout, l.For = cmp.Or(f.timeout, p.Timeout), cmp.Or(f.length, l.For)
	p.Limit = min(p.Limit, p.Timeout)
	if f.seed >= 0 {
		p.Seed = uint64(f.seed)
	}
	p.Client.HTTP2, p.Client.Insecure = p.Client.HTTP2 || f.http2, p.Client.Insecure || f.insecure
	if l.For <= 0 || l.For > maxLoad {
		return l, fmt.Errorf("--for %s: more than 0, at most %s", l.For, maxLoad)
	}
	if f.connections != 0 {
		p.Connections = f.connections
	} else if f.rate != 0 || f.timeout != 0 {
		p.Connections = max(p.Connections, min(p.EnoughConnections(), maxOwnConnections))
	}
	return l, p.Check()
}

const (
	maxLoad           = 7 * 24 * time.Hour
	maxOwnConnections = 1000 // where no number of connections is asked for
)

// loadOfURL is a load that reads one URL.
func loadOfURL(text string) (spec.LoadFile, error) {
	u, err := url.Parse(text)
	if err != nil {
		return spec.LoadFile{}, err
	}
	if u.Host == "" {
		return spec.LoadFile{}, errors.New("write the URL like http://127.0.0.1:8080/feed")
	}
	path := u.EscapedPath()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if path == "" {
		path = "/"
	}
	source := fmt.Sprintf("base: %q\nrate: 10/s\nops: [{name: get, class: read, path: %q}]\n", u.Scheme+"://"+u.Host, path)
	l, err := spec.ParseLoad("url.yaml", []byte(source))
	if errors.Is(err, loadgen.ErrVariable) {
		return l, fmt.Errorf("%s: write the braces as %%7B%%7B: %w", text, err)
	}
	return l, err
}
