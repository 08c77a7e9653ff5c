// Package roles asks the containers of any Compose project which roles they have now: who is the primary, who leads. Package
// chaos asks it at the moment of injection.
//
// It asks the nodes themselves at their own addresses, never labels or a cluster's cached view, because a fault makes exactly those
// lie. What a node says of itself is what it believes: a leader that was cut off believes in itself for a while.
// A node that does not answer within a second has no role; [Resolver.Why] says afterwards who did not answer.
//
// What it recognizes by the image's name, the ports it declares or the variables it sets:
//
//	PostgreSQL  postgres-primary, postgres-replica        pg_is_in_recovery()
//	Redis       redis-master, redis-replica               ROLE, also of a cluster's nodes; Valkey and KeyDB too
//	RabbitMQ    rabbitmq-leader, rabbitmq-leader:QUEUE    management API on port 15672
//	etcd        etcd-leader, etcd-follower                /v3/maintenance/status, or /v2/stats/self
//
// RabbitMQ has no leader of the cluster, only one for each queue: rabbitmq-leader is a node that leads at least one queue,
// rabbitmq-leader:QUEUE (rabbitmq-leader:VHOST/QUEUE outside of the virtual host "/") the one that leads that queue.
// A queue that is not replicated is led by the node that it is on.
//
// Names and passwords come from the labels gauntlet.user, gauntlet.password and gauntlet.database, else from the usual
// environment variables; gauntlet.port names another port (of RabbitMQ: that of the
// management API). Everything else is a [Declared] role. TLS is not spoken.
//
// Addresses of containers can be reached on Linux. Where the engine runs in a virtual machine, such as with Docker
// Desktop, only exec probes work.
package roles
