// Package tracing follows single requests through the app with OpenTelemetry: the web node that answers, the statements and calls to
// caches that it waits for, the job that follows and the worker that does it. The context travels as W3C traceparent, in HTTP
// and AMQP headers and in the outbox.
//
// Few requests are followed, drawn by their trace id, and what was not drawn costs next to nothing. A request that fails or is slow
// leaves the span of its web node in any case, a few a second, under the trace id that the log lines about it have.
//
// Spans go to standard output as OTLP in JSON lines, as OpenTelemetry's file exporter writes them, among the log. So no collector is
// needed, which a fault could cut off or kill just when its spans are wanted; who runs the container takes them out of its log.
// With APP_OTLP they are sent to a collector instead. A bounded queue is between requests and either way: what is too much is dropped,
// and nobody waits.
package tracing
