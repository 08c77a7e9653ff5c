package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// started makes this process follow a share of requests and returns what it wrote, once it is called.
func started(t *testing.T, ratio float64) func() []tracesData {
	t.Helper()
	var out bytes.Buffer
	stop, err := Start(t.Context(), Config{Ratio: ratio}, "web", "web1", &out)
	if err != nil {
		t.Fatal(err)
	}
	return func() []tracesData {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
		var all []tracesData
		for line := range strings.Lines(out.String()) {
			var d tracesData
			if len(line) >= 4096 {
				t.Errorf("a line of %d bytes is not written in one piece", len(line))
			}
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			all = append(all, d)
		}
		return all
	}
}

func TestSpansAreLinesOfOTLP(t *testing.T) {
	lines := started(t, 1)
	tracer := otel.Tracer("test")
	ctx, server := tracer.Start(t.Context(), "GET /feed", trace.WithSpanKind(trace.SpanKindServer))
	_, sql := tracer.Start(ctx, "sql select", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.Int("n", 3), attribute.Bool("ok", true), attribute.Float64("x", 0.5), attribute.String("text", strings.Repeat("x", 5000))))
	End(sql, errors.New("broken"))
	server.End()
	all := lines()
	if len(all) != 2 {
		t.Fatalf("%d spans, want 2", len(all))
	}
	child, parent := all[0].ResourceSpans[0].ScopeSpans[0].Spans[0], all[1].ResourceSpans[0].ScopeSpans[0].Spans[0]
	if id, err := hex.DecodeString(child.TraceID); err != nil || len(id) != 16 || child.TraceID != parent.TraceID || child.ParentID != parent.SpanID || parent.ParentID != "" {
		t.Errorf("ids of %+v and %+v", child, parent)
	}
	if parent.Kind != 2 || child.Kind != 3 || child.Status != (status{"broken", 2}) || parent.Status != (status{}) {
		t.Errorf("kinds %d and %d, status %+v and %+v", parent.Kind, child.Kind, parent.Status, child.Status)
	}
	want := `[{"key":"n","value":{"intValue":"3"}},{"key":"ok","value":{"boolValue":true}},{"key":"x","value":{"doubleValue":0.5}},{"key":"text","value":{"stringValue":"` + strings.Repeat("x", textLimit) + `"}}]`
	if got, err := json.Marshal(child.Attributes); err != nil || string(got) != want {
		t.Errorf("attributes %s, want %s", got, want)
	}
	if got, err := json.Marshal(all[0].ResourceSpans[0].Resource); err != nil || string(got) != `{"attributes":[{"key":"service.instance.id","value":{"stringValue":"web1"}},{"key":"service.name","value":{"stringValue":"web"}}]}` {
		t.Errorf("resource %s", got)
	}
}

// A request that was not drawn is recorded late under the ids that its log lines have, below its sender's span if it has one.
func TestLateSpanHasTheDroppedIdentity(t *testing.T) {
	lines := started(t, 0)
	tracer := otel.Tracer("test")
	var want []trace.SpanContext
	for _, parent := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"} {
		r := httptest.NewRequest("GET", "/", nil)
		if parent != "" {
			r.Header.Set(header, parent)
		}
		from := FromRequest(r)
		ctx, dropped := tracer.Start(from, "GET /")
		if Followed(ctx) || Parent(ctx) != "" || ID(ctx) == "" {
			t.Errorf("followed %v, parent %q, id %q; want an id and no more", Followed(ctx), Parent(ctx), ID(ctx))
		}
		dropped.End()
		_, span := tracer.Start(Late(from, dropped.SpanContext()), "GET /", trace.WithTimestamp(time.Now().Add(-time.Second)))
		span.End()
		want = append(want, dropped.SpanContext())
	}
	all := lines()
	if len(all) != 2 {
		t.Fatalf("%d spans, want the 2 late ones", len(all))
	}
	for i, d := range all {
		got := d.ResourceSpans[0].ScopeSpans[0].Spans[0]
		if got.TraceID != want[i].TraceID().String() || got.SpanID != want[i].SpanID().String() || (got.ParentID == "b7ad6b7169203331") != (i == 1) {
			t.Errorf("span %+v, want the identity of %+v", got, want[i])
		}
	}
}

// The sender's choice to follow counts; one that leaves the choice has its requests drawn.
func TestWhoIsFollowed(t *testing.T) {
	for _, c := range []struct {
		ratio  float64
		parent string
		want   bool
	}{
		{0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
		{0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false},
		{1, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
		{1, "rubbish", true},
		{0, "", false},
	} {
		lines := started(t, c.ratio)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(header, c.parent)
		_, span := otel.Tracer("test").Start(FromRequest(r), "x")
		span.End()
		if got := len(lines()) == 1; got != c.want {
			t.Errorf("ratio %g, parent %q: followed %v, want %v", c.ratio, c.parent, got, c.want)
		}
	}
}

// Context travels as text, as through the outbox and the broker.
func TestFollow(t *testing.T) {
	lines := started(t, 1)
	tracer := otel.Tracer("test")
	ctx, span := tracer.Start(t.Context(), "write")
	parent := Parent(ctx)
	span.End()
	_, job := Follow(t.Context(), tracer, parent, "process", trace.SpanKindConsumer)
	job.End()
	if _, none := Follow(t.Context(), tracer, "", "process", trace.SpanKindConsumer); none.IsRecording() {
		t.Error("a job that comes from nowhere is followed")
	}
	all := lines()
	if len(all) != 2 {
		t.Fatalf("%d spans, want 2", len(all))
	}
	write, process := all[0].ResourceSpans[0].ScopeSpans[0].Spans[0], all[1].ResourceSpans[0].ScopeSpans[0].Spans[0]
	if process.TraceID != write.TraceID || process.ParentID != write.SpanID || process.Kind != 5 {
		t.Errorf("process %+v does not follow write %+v", process, write)
	}
}

// blocked never gets rid of anything.
type blocked struct{ until chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.until
	return len(p), nil
}

// Whoever reads the spans may stop reading: requests go on.
func TestNobodyWaitsForTheReader(t *testing.T) {
	out := blocked{make(chan struct{})}
	stop, err := Start(t.Context(), Config{Ratio: 1}, "web", "web1", out)
	if err != nil {
		t.Fatal(err)
	}
	tracer, done := otel.Tracer("test"), make(chan struct{})
	go func() {
		defer close(done)
		for range 20 * queueSize {
			_, span := tracer.Start(context.Background(), "x")
			span.End()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("spans wait for their reader")
	}
	close(out.until)
	if err := stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// With an endpoint spans go there and nowhere else, and one that is gone keeps nobody.
func TestSpansGoToACollector(t *testing.T) {
	var paths []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.Method+" "+r.URL.Path) }))
	for range 2 {
		var out bytes.Buffer
		stop, err := Start(t.Context(), Config{Ratio: 1, Endpoint: collector.URL}, "web", "web1", &out)
		if err != nil {
			t.Fatal(err)
		}
		_, span := otel.Tracer("test").Start(t.Context(), "x")
		span.End()
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
		if out.Len() > 0 {
			t.Errorf("printed %q", out.String())
		}
		collector.Close()
	}
	if !slices.Equal(paths, []string{"POST /v1/traces"}) {
		t.Errorf("the collector was asked for %v, want one batch of spans", paths)
	}
}

func TestReadConfig(t *testing.T) {
	env := func(all map[string]string) func(string) string { return func(k string) string { return all[k] } }
	if c, err := ReadConfig(env(nil)); err != nil || c != (Config{Ratio: DefaultRatio}) {
		t.Errorf("got %+v, %v; want the default", c, err)
	}
	if c, err := ReadConfig(env(map[string]string{"APP_TRACE_RATIO": "1", "APP_OTLP": "http://c:4318"})); err != nil || c != (Config{1, "http://c:4318"}) {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err := ReadConfig(env(map[string]string{"APP_TRACE_RATIO": "NaN", "APP_OTLP": "c:4318"}))
	for _, want := range []string{"APP_TRACE_RATIO", "APP_OTLP"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// What a request costs that is not followed: its place in the middleware, one statement and one call to a cache.
func BenchmarkNotFollowed(b *testing.B) {
	stop, err := Start(b.Context(), Config{}, "web", "web1", &bytes.Buffer{})
	if err != nil {
		b.Fatal(err)
	}
	defer stop(context.Background())
	tracer := otel.Tracer("test")
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		ctx, span := tracer.Start(FromRequest(r), "GET /feed", trace.WithSpanKind(trace.SpanKindServer))
		for range 2 {
			if Followed(ctx) {
				b.Fatal("followed")
			}
		}
		span.End()
	}
}
