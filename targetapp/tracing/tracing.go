package tracing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// DefaultRatio is the share of requests that are followed: at 200 requests per second two a second, which a reader of a run of some
// minutes has enough of.
const DefaultRatio = 0.01

const (
	queueSize  = 1024 // spans that wait to be written; more are dropped
	batchSize  = 128
	batchEvery = time.Second
	sendLimit  = 2 * time.Second // for one batch on its way to a collector
	textLimit  = 1024            // bytes of an attribute: a span stays below the 4 KiB that are written in one piece
)

// Config says who is followed and where spans go.
type Config struct {
	Ratio    float64 // APP_TRACE_RATIO, in [0, 1]
	Endpoint string  // APP_OTLP, URL of an OTLP/HTTP receiver such as http://collector:4318; "": standard output
}

// ReadConfig reads the configuration from the environment and reports all mistakes at once.
func ReadConfig(env func(string) string) (Config, error) {
	c := Config{Ratio: DefaultRatio, Endpoint: env("APP_OTLP")}
	var errs []error
	if s := env("APP_TRACE_RATIO"); s != "" {
		var err error
		if c.Ratio, err = strconv.ParseFloat(s, 64); err != nil || !(c.Ratio >= 0 && c.Ratio <= 1) {
			errs = append(errs, fmt.Errorf("APP_TRACE_RATIO is %q, want a share from 0 to 1, such as %g", s, DefaultRatio))
		}
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("APP_OTLP is %q, want a URL such as http://collector:4318", c.Endpoint))
		}
	}
	return c, errors.Join(errs...)
}

// Start makes this process follow requests; until then, and after stop, all spans are empty. out gets the spans unless there is an
// endpoint. stop writes what waits.
func Start(ctx context.Context, cfg Config, service, instance string, out io.Writer) (stop func(context.Context) error, err error) {
	to, err := exporter(ctx, cfg.Endpoint, out)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	draw := sdk.TraceIDRatioBased(cfg.Ratio)
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit = textLimit
	p := sdk.NewTracerProvider(
		// Who sends a traceparent without following the request itself, as a load generator does, leaves the choice to the node.
		sdk.WithSampler(sampler{sdk.ParentBased(draw, sdk.WithRemoteParentNotSampled(draw))}),
		sdk.WithIDGenerator(ids{}),
		sdk.WithRawSpanLimits(limits),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.instance.id", instance))),
		sdk.WithBatcher(to, sdk.WithMaxQueueSize(queueSize), sdk.WithMaxExportBatchSize(batchSize), sdk.WithBatchTimeout(batchEvery), sdk.WithExportTimeout(sendLimit)),
	)
	otel.SetTracerProvider(p)
	// A collector that cannot be reached must not become a flood of lines: its spans are lost, which their absence shows.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	return p.Shutdown, nil
}

func exporter(ctx context.Context, endpoint string, out io.Writer) (sdk.SpanExporter, error) {
	if endpoint == "" {
		return &lines{w: out}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithTimeout(sendLimit),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
}
