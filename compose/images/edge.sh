# An edge: writes its configuration from the environment and becomes Varnish.
#
#   NAME       of this edge, told to clients in X-Edge
#   ORIGIN     address of the load balancer, which listens on port 80
#   PURGERS    the /24 network from which entries may be purged
set -eu
sed -e "s/@NAME@/$NAME/; s/@ORIGIN@/$ORIGIN/; s/@PURGERS@/$PURGERS/" /etc/varnish/edge.vcl > /tmp/edge.vcl
exec varnishd -F -f /tmp/edge.vcl -a 0.0.0.0:80 -T 127.0.0.1:6082 -S none -s malloc,64m -t 60 -i "$NAME" \
	-p thread_pools=1 -p thread_pool_min=20 -p thread_pool_max=200 -p backend_idle_timeout=5 -p timeout_idle=20
