package tracing

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// lines writes spans as OTLP in JSON, one a line, each line in one piece: others write to the same standard output.
//
// Note: the library's own exporters write protobuf, or a JSON of their own. OTLP's JSON has its ids in hexadecimal, which protobuf's
// own encoder has not.
type lines struct{ w io.Writer }

// ExportSpans implements the library's interface.
func (l *lines) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		b, err := json.Marshal(lineOf(s))
		if err != nil {
			return err
		}
		if _, err := l.w.Write(append(b, '\n')); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// Shutdown implements the library's interface.
func (l *lines) Shutdown(context.Context) error { return nil }

// The types below are OTLP's messages, as far as they are used.
type (
	tracesData struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   attributed   `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	attributed struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []span `json:"spans"`
	}
	span struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		Flags      uint32     `json:"flags"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     status     `json:"status"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
	status struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"` // 1 ok, 2 error
	}
)

func lineOf(s sdk.ReadOnlySpan) tracesData {
	out := span{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(), Flags: uint32(s.SpanContext().TraceFlags()),
		Name: s.Name(), Kind: int(s.SpanKind()), Start: nanos(s.StartTime()), End: nanos(s.EndTime()), Attributes: keyValues(s.Attributes()),
	}
	if s.Parent().HasSpanID() {
		out.ParentID = s.Parent().SpanID().String()
	}
	switch out.Status.Message = cut(s.Status().Description); s.Status().Code {
	case codes.Ok:
		out.Status.Code = 1
	case codes.Error:
		out.Status.Code = 2
	}
	scope := scopeSpans{Spans: []span{out}}
	scope.Scope.Name = s.InstrumentationScope().Name
	return tracesData{[]resourceSpans{{attributed{keyValues(s.Resource().Attributes())}, []scopeSpans{scope}}}}
}

// The numbers of kinds are those of OTLP.
var _ = [1]int{}[trace.SpanKindConsumer-5]

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// cut bounds a text, whose last letter may be lost.
func cut(s string) string { return s[:min(len(s), textLimit)] }

func keyValues(all []attribute.KeyValue) []keyValue {
	out := make([]keyValue, 0, len(all))
	for _, a := range all {
		out = append(out, keyValue{string(a.Key), value(a.Value)})
	}
	return out
}

// value is an attribute's as OTLP has it: whole numbers are texts, because JSON's are not exact beyond 2^53.
func value(v attribute.Value) map[string]any {
	switch v.Type() {
	case attribute.BOOL:
		return map[string]any{"boolValue": v.AsBool()}
	case attribute.INT64:
		return map[string]any{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		return map[string]any{"doubleValue": v.AsFloat64()}
	}
	return map[string]any{"stringValue": v.String()}
}
