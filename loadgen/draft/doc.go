// Package draft makes the first mix of operations for somebody's own API from what already describes it: an OpenAPI (or
// Swagger 2) document or a HAR recording of a browser.
//
// It is opinionated about two things: a draft must run as it stands, so what it can't fill in is left out and said; and it
// must be harmless, so nothing that deletes is in it, and no secret of a recording.
package draft
