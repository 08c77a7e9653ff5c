# Writes the name server's configuration from the environment and becomes it.
#
#   ENTRY_A ENTRY_B  addresses where clients arrive in each region
#   NET_A NET_B      networks of the regions' clients: each is sent to its own region while that is well
#
# A region is asked every 2 s, the least that the server takes, and is out after two failures, back after two successes. Answers
# may be kept for 2 s. Names of app.test:
#
#   www         the near region, by the client's network (EDNS client subnet, else the asker's address)
#   split       nine of ten times region a
set -eu
mkdir -p /etc/gdnsd/zones /run/gdnsd /var/lib/gdnsd
cat > /etc/gdnsd/config <<C
options => {
  listen => 0.0.0.0
  run_dir => /run/gdnsd
  state_dir => /var/lib/gdnsd
  zones_default_ttl => 60
  min_ttl => 1
  edns_client_subnet => true
}
service_types => {
  lb => { plugin => http_status, port => 80, url_path => /health, vhost => web, ok_codes => [ 200 ],
          interval => 2, timeout => 1, up_thresh => 2, ok_thresh => 2, down_thresh => 2 }
}
plugins => {
  geoip => {
    maps => { regions => { datacenters => [ a, b ], nets => { $NET_A => [ a, b ], $NET_B => [ b, a ] } } }
    resources => { www => { map => regions, service_types => lb, dcmap => { a => $ENTRY_A, b => $ENTRY_B } } }
  }
  weighted => {
    service_types => lb, up_thresh => 0.01, multi => false
    split => { a => [ $ENTRY_A, 90 ], b => [ $ENTRY_B, 10 ] }
  }
}
C
cat > /etc/gdnsd/zones/app.test <<Z
@      SOA ns1 hostmaster 1 7200 1800 259200 1
@      NS  ns1
ns1    A   $IP
www    2/1 DYNA geoip!www
split  2/1 DYNA weighted!split
Z
exec gdnsd -c /etc/gdnsd start
