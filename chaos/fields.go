package chaos

import "time"

func timeout(v *time.Duration) Field {
	return Field{Name: "timeout", Unit: UnitTime, Doc: "how long the process may take to end by itself, 1s to 1m", Default: "10s", Value: v}
}

func share(v *float64, of string) Field {
	return Field{Name: "share", Unit: UnitRatio, Doc: of, Required: true, Value: v}
}

// Fields is timeout.
func (s *Stop) Fields() []Field { return []Field{timeout(&s.Timeout)} }

// Fields is timeout.
func (r *Restart) Fields() []Field { return []Field{timeout(&r.Timeout)} }

// Fields are timeout and pause.
func (r *Roll) Fields() []Field {
	return []Field{
		timeout(&r.Timeout),
		{Name: "pause", Unit: UnitTime, Doc: "how long each is given to serve again before the next one is restarted, up to 1m", Value: &r.Pause},
	}
}

// Fields are signal and process.
func (s *Signal) Fields() []Field {
	return []Field{
		{Name: "signal", Unit: UnitWord, Doc: "its name, such as SIGHUP, SIGTERM, SIGSTOP", Required: true, Value: &s.Signal},
		{Name: "process", Unit: UnitWord, Doc: "command name of a process inside; left out: the first process", Value: &s.Process},
	}
}

// Fields is to.
func (s *Scale) Fields() []Field {
	return []Field{{Name: "to", Unit: UnitInteger, Doc: "containers that the service has then, 0 to 50", Required: true, Value: &s.To}}
}

// Fields are the parts of a link.
func (l *Link) fields() []Field {
	return []Field{
		{Name: "with", Unit: UnitSelector, Doc: "the other ends, by what they are now; left out: everybody, also outside of the project", Value: &l.With},
		{Name: "direction", Unit: UnitWord, Doc: "both, in or out, as the target sees it", Default: "both", Value: &l.Direction},
		{Name: "ports", Unit: UnitPorts, Doc: "service ports at either end; left out: all packets", Value: &l.Ports},
	}
}

// Fields are shape, with, direction and outside.
func (p *Partition) Fields() []Field {
	return []Field{
		{Name: "shape", Unit: UnitWord, Doc: "isolate (each target from everybody), groups (the targets from the others, or from with), halves, minority, bridge, ring (the targets among themselves)", Default: "isolate", Value: &p.Shape},
		{Name: "with", Unit: UnitSelector, Doc: "the other side, by what they are now; left out: the rest of the project", Value: &p.With},
		{Name: "direction", Unit: UnitWord, Doc: "both, in or out, as the target sees it", Default: "both", Value: &p.Direction},
		{Name: "outside", Unit: UnitBool, Doc: "cut off everything outside of the project, too", Default: "false", Value: &p.Outside},
	}
}

// Fields are delay, jitter, correlation, distribution and those of a link.
func (d *Delay) Fields() []Field {
	return append([]Field{
		{Name: "delay", Unit: UnitTime, Doc: "in each direction that is concerned, 100us to 1m", Required: true, Value: &d.Delay},
		{Name: "jitter", Unit: UnitTime, Doc: "half-width (uniform) or standard deviation (normal), at most the delay", Default: "0s", Value: &d.Jitter},
		{Name: "correlation", Unit: UnitRatio, Doc: "of a packet's jitter with the one before", Default: "0", Value: &d.Correlation},
		{Name: "distribution", Unit: UnitWord, Doc: "of the jitter: uniform or normal", Default: "uniform", Value: &d.Distribution},
	}, d.fields()...)
}

// Fields are share and those of a link.
func (l *Loss) Fields() []Field {
	return append([]Field{share(&l.Share, "of the packets that are dropped, above 0")}, l.fields()...)
}

// Fields are share and those of a link.
func (d *Duplicate) Fields() []Field {
	return append([]Field{share(&d.Share, "of the packets that are sent twice, above 0")}, d.fields()...)
}

// Fields are share and those of a link.
func (c *Corrupt) Fields() []Field {
	return append([]Field{share(&c.Share, "of the packets in which a bit is flipped, above 0")}, c.fields()...)
}

// Fields are share, delay and those of a link.
func (r *Reorder) Fields() []Field {
	return append([]Field{
		share(&r.Share, "of the packets that overtake the others, above 0"),
		{Name: "delay", Unit: UnitTime, Doc: "of the others, 1ms to 1m", Default: "10ms", Value: &r.Delay},
	}, r.fields()...)
}

// Fields are rate and those of a link.
func (b *Bandwidth) Fields() []Field {
	return append([]Field{
		{Name: "rate", Unit: UnitBits, Doc: "in each direction that is concerned, 8kbit or more", Required: true, Value: &b.Rate},
	}, b.fields()...)
}

// Fields are those of a link.
func (r *Reset) Fields() []Field { return r.fields() }

// Fields are those of a link.
func (r *Refuse) Fields() []Field { return r.fields() }

// Fields are answer and names.
func (d *DNS) Fields() []Field {
	return []Field{
		{Name: "answer", Unit: UnitWord, Doc: "nxdomain, servfail or timeout", Required: true, Value: &d.Answer},
		{Name: "names", Unit: UnitWords, Doc: "a name stands for its subdomains too; left out: all names", Value: &d.Names},
	}
}

// Fields are those of the rule.
func (h *HTTP) Fields() []Field {
	return []Field{
		{Name: "ports", Unit: UnitPorts, Doc: "where the target serves HTTP/1.1; left out: the ports that its image declares", Value: &h.Ports},
		{Name: "path", Unit: UnitWord, Doc: "a pattern (* stands for a part between slashes), or a prefix that ends in /; left out: every path", Value: &h.Path},
		{Name: "method", Unit: UnitWord, Doc: "left out: every method", Value: &h.Method},
		{Name: "share", Unit: UnitRatio, Doc: "of the matching requests, above 0", Default: "1", Value: &h.Share},
		{Name: "status", Unit: UnitInteger, Doc: "answer with it instead of asking the target, 400 to 599", Value: &h.Status},
		{Name: "delay", Unit: UnitTime, Doc: "before the request goes on or is answered, up to 1m", Value: &h.Delay},
		{Name: "abort", Unit: UnitBool, Doc: "close the connection with RST instead of answering", Default: "false", Value: &h.Abort},
	}
}

// Fields are quota and burn.
func (c *CPU) Fields() []Field {
	return []Field{
		{Name: "quota", Unit: UnitNumber, Doc: "cores that each target may use, 0.01 or more; or", Value: &c.Quota},
		{Name: "burn", Unit: UnitNumber, Doc: "cores that are burnt in each target's own limits, up to 64", Value: &c.Burn},
	}
}

// Fields are share and bytes.
func (m *Memory) Fields() []Field {
	return []Field{
		{Name: "share", Unit: UnitRatio, Doc: "fill memory up to this share of the target's limit; at 1 the kernel's OOM killer acts; or", Value: &m.Share},
		{Name: "bytes", Unit: UnitBytes, Doc: "fill so much, such as 64MB", Value: &m.Bytes},
	}
}

// Fields are read and write.
func (i *IO) Fields() []Field {
	return []Field{
		{Name: "read", Unit: UnitBytes, Doc: "per second, such as 1MB", Value: &i.Read},
		{Name: "write", Unit: UnitBytes, Doc: "per second, such as 1MB", Value: &i.Write},
	}
}

// Fields are path, share and bytes.
func (d *Disk) Fields() []Field {
	return []Field{
		{Name: "path", Unit: UnitWord, Doc: "a folder in the target, absolute", Required: true, Value: &d.Path},
		{Name: "share", Unit: UnitRatio, Doc: "fill its file system up to this share; or", Value: &d.Share},
		{Name: "bytes", Unit: UnitBytes, Doc: "fill so much, such as 64MB", Value: &d.Bytes},
	}
}

func (a *Access) fields() []Field {
	return []Field{
		{Name: "port", Unit: UnitInteger, Doc: "of the server in the target; left out: its usual one", Value: &a.Port},
		{Name: "user", Unit: UnitWord, Doc: "left out: from the target's labels or environment", Value: &a.User},
		{Name: "password", Unit: UnitWord, Doc: "left out: from the target's labels or environment", Value: &a.Password},
		{Name: "database", Unit: UnitWord, Doc: "or virtual host; left out: from the target's labels or environment", Value: &a.Database},
	}
}

// Fields are those of access.
func (f *Flush) Fields() []Field { return f.fields() }

// Fields are queue, count and those of access.
func (p *Poison) Fields() []Field {
	return append([]Field{
		{Name: "queue", Unit: UnitWord, Doc: "name of the queue", Required: true, Value: &p.Queue},
		{Name: "count", Unit: UnitInteger, Doc: "messages, 1 to 100000", Default: "1", Value: &p.Count},
	}, p.fields()...)
}

// Fields are server, count and those of access.
func (e *Exhaust) Fields() []Field {
	return append([]Field{
		{Name: "server", Unit: UnitWord, Doc: "postgres, redis or rabbitmq", Default: "postgres", Value: &e.Server},
		{Name: "count", Unit: UnitInteger, Doc: "connections to take; 0: all there are", Default: "0", Value: &e.Count},
	}, e.fields()...)
}

// Fields are table and those of access.
func (l *Lock) Fields() []Field {
	return append([]Field{{Name: "table", Unit: UnitWord, Doc: "name of the table", Required: true, Value: &l.Table}}, l.fields()...)
}

// Fields are delay and those of access.
func (s *SlowReplay) Fields() []Field {
	return append([]Field{{Name: "delay", Unit: UnitTime, Doc: "how far behind, 100ms to 1h", Required: true, Value: &s.Delay}}, s.fields()...)
}

// Fields is factor.
func (s *Spike) Fields() []Field {
	return []Field{{Name: "factor", Unit: UnitNumber, Doc: "the load's rate times this, 0 to 20", Default: "2", Value: &s.Factor}}
}
