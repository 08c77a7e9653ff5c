// Package targetapp is the reference app that the topologies run: a small photo-sharing feed in front of a replicated
// PostgreSQL. It is opinionated about being a good citizen under faults: every call has a deadline, every pool and queue
// a bound, an answer says whether a failed write may have had an effect, and a web node leaves a dead or demoted
// database at once.
//
// Main runs one role in its own process: web (package web), seed (package seed) or check, which container health checks
// use because the image holds nothing but this executable. Package postgres is the way to the database, session the
// tokens and password hashes, logging the structured log.
package targetapp
