// Package httpfault disturbs the HTTP requests that reach a target, by a transparent proxy in the target's network namespace:
// a share of those that match get a status, a delay or a connection reset. All other bytes pass as they came.
//
// New TCP connections to the rules' ports are redirected to the proxy by an nftables table that the kernel removes when the
// agent ends, however it ends. The proxy reads requests and answers only as far as their framing, and streams them. What is not
// HTTP/1.x (TLS, HTTP/2, a protocol in which the server speaks first) or has a head of more than 16 KiB is handed through
// untouched, and so is everything after an upgrade.
//
// What users of it should know:
//
//   - Requests from inside the target come over its loopback interface and are never redirected: health checks that run in the
//     container, sidecars that share its namespace. The proxy reaches the target in the same way, so no mark is needed.
//   - To the target the client is the target itself: its own address, no header is added.
//   - Connections from before the fault are broken once, with RST to both ends, so that clients with keep-alive are concerned
//     too. A request that is under way on one of them fails.
//   - When the last rule is cleared, the redirect goes at once and each running connection ends after the answer under way or,
//     if it is idle, after its next one (the answer says Connection: close). Nothing breaks. A table without
//     redirects stays until the worker is closed, because those connections need it. When the agent is killed instead, they
//     break once, and clients that connect again reach the target.
//   - Behind the redirect packets carry the proxy's port. A rule of another fault that names the same port does not see redirected
//     connections; one that names peers, or nothing, does.
//   - A target that does not listen shows as RST after a connection was made, where it would refuse without the proxy.
package httpfault
