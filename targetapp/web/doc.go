// Package web is the app's web role: the HTTP API of the feed and a page that shows it. Answers tell the truth about
// failed requests: 503 with "X-Effect: none" and Retry-After if nothing was changed, 504 or 500 without that header if
// it cannot be known. It sheds load beyond its bounds at once instead of queueing it, and drains before it stops.
package web
