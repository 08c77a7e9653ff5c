package postgres

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"gauntlet/targetapp/tracing"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
)

// Statements of a request that is followed become its spans; those of nobody in particular, such as the checks, do not, and that
// there is no such row is no failure.
func TestStatementsAreSpans(t *testing.T) {
	var out bytes.Buffer
	stop, err := tracing.Start(t.Context(), tracing.Config{Ratio: 1}, "web", "web1", &out)
	if err != nil {
		t.Fatal(err)
	}
	tr := tracer{"db2"}
	query := func(ctx context.Context, sql string, err error) {
		ctx = tr.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: sql, Args: []any{"secret"}})
		tr.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{Err: err})
	}
	query(t.Context(), "select 1", nil)
	ctx, request := otel.Tracer("test").Start(t.Context(), "GET /")
	query(ctx, "\n insert into posts values ($1)", pgx.ErrNoRows)
	query(ctx, "update posts", errors.New("broken"))
	query(ctx, "", nil)
	if !request.IsRecording() {
		t.Error("a statement has ended the span of its request")
	}
	request.End()
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || strings.Contains(out.String(), "secret") {
		t.Fatalf("%d spans, want 3 statements and the request, without values: %s", len(lines), out.String())
	}
	for i, want := range [][]string{{`"name":"sql insert"`, `"stringValue":"db2"`, `"status":{}`}, {`"name":"sql update"`, `"message":"broken","code":2`}} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("no %s in %s", w, lines[i])
			}
		}
	}
}
