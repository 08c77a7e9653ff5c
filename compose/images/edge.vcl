# An edge of the CDN. @NAME@, @ORIGIN@ and @PURGERS@ are filled in by edge.sh.
vcl 4.1;
import std;

probe health {
  .request = "GET /health HTTP/1.1" "Host: web" "Connection: close" "User-Agent: edge";
  .expected_response = 200;
  .interval = 500ms;
  .timeout = 300ms;
  .window = 4;
  .threshold = 2;
  .initial = 2;
}

# The load balancer waits for a web node for 1 s; a write may take as long.
backend origin {
  .host = "@ORIGIN@";
  .port = "80";
  .connect_timeout = 150ms;
  .first_byte_timeout = 1100ms;
  .between_bytes_timeout = 500ms;
  .max_connections = 200;
  .probe = health;
}

acl purgers { "@PURGERS@"/24; "127.0.0.1"; }

sub vcl_recv {
  if (req.url == "/_edge/health") { return (synth(200, "OK")); }
  if (req.url == "/_edge/ready") {
    if (std.healthy(req.backend_hint)) { return (synth(200, "OK")); }
    return (synth(503, "the origin does not answer"));
  }
  if (req.method == "PURGE" || req.method == "BAN") {
    if (!client.ip ~ purgers) { return (synth(405, "not allowed")); }
    if (req.method == "PURGE") { return (purge); }
    if (!req.http.X-Ban-Url) { return (synth(400, "X-Ban-Url, a regular expression, is needed")); }
    if (std.ban("obj.http.x-url ~ " + req.http.X-Ban-Url)) { return (synth(200, "banned")); }
    return (synth(400, std.ban_error()));
  }
  if (req.method != "GET" && req.method != "HEAD") { return (pass); }
  # What a session has written it must see: the edge cannot know that.
  if (req.http.Authorization || req.http.X-Session-LSN) { return (pass); }
  unset req.http.Cookie;
  # While the origin is well, what is stale is served for 2 s at most, during which it is fetched anew; else for all its grace.
  if (std.healthy(req.backend_hint)) { set req.grace = 2s; }
  if (req.url ~ "^/(static|photos)/" || req.url ~ "^/(feed|posts/[0-9]+)?$") { return (hash); }
  return (pass);
}

# The host is left out: there is one site.
sub vcl_hash {
  hash_data(req.url);
  return (lookup);
}

sub vcl_backend_fetch {
  if (bereq.method == "GET") { set bereq.first_byte_timeout = 800ms; }
}

sub vcl_backend_response {
  set beresp.http.x-url = bereq.url;
  if (beresp.status >= 500) {
    if (bereq.is_bgfetch) { return (abandon); } # an error never takes the place of a page
    set beresp.uncacheable = true;
    set beresp.ttl = 0s;
    return (deliver);
  }
  if (beresp.status != 200 || beresp.http.Cache-Control !~ "public") {
    set beresp.uncacheable = true;
    set beresp.ttl = 1s;
    return (deliver);
  }
  unset beresp.http.Set-Cookie;
  if (beresp.http.Cache-Control ~ "immutable") { set beresp.grace = 24h; } else { set beresp.grace = 60s; }
  set beresp.keep = 60s;
}

sub vcl_backend_error {
  if (bereq.method == "GET" && bereq.retries < 1 && !bereq.is_bgfetch) { return (retry); }
  set beresp.http.Retry-After = "1";
  set beresp.http.Content-Type = "text/plain";
  set beresp.body = "the origin does not answer";
  return (deliver);
}

sub vcl_deliver {
  set resp.http.X-Cache = "MISS";
  if (obj.hits > 0) { set resp.http.X-Cache = "HIT"; }
  if (obj.hits > 0 && obj.ttl < 0s) { set resp.http.X-Cache = "STALE"; }
  set resp.http.X-Edge = "@NAME@";
  unset resp.http.x-url;
  unset resp.http.Via;
  unset resp.http.X-Varnish;
}
