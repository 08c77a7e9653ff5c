package roles

import (
	"context"
	"slices"
	"strings"

	"gauntlet/chaos"
)

// kind is a kind of server that this package knows.
type kind struct {
	name      string
	images    []string // words in an image's name
	ports     []uint16 // that its image declares
	variables []string // that its image sets and images made from it inherit; never those that its clients have too
	roles     []string
	ask       func(ctx context.Context, n node) ([]string, error)
}

var kinds = []kind{
	{"postgres", []string{"postgres", "postgis", "timescale", "patroni", "spilo", "pgvector"}, []uint16{5432}, []string{"PG_MAJOR", "PGDATA"},
		[]string{postgresPrimary, postgresReplica}, askPostgres},
	{"redis", []string{"redis", "valkey", "keydb"}, []uint16{6379}, []string{"REDIS_VERSION", "REDIS_DOWNLOAD_SHA", "VALKEY_VERSION"},
		[]string{redisMaster, redisReplica}, askRedis},
	{"rabbitmq", []string{"rabbitmq"}, []uint16{5672, 15672}, []string{"RABBITMQ_VERSION"}, []string{rabbitmqLeader}, askRabbitMQ},
	{"etcd", []string{"etcd"}, []uint16{2379}, []string{"ETCD_NAME"}, []string{etcdLeader, etcdFollower}, askEtcd},
}

// companions are words in the names of images that go with a server and have no role.
var companions = []string{"exporter", "bouncer", "pgpool", "pgadmin", "postgrest", "backup", "commander", "insight", "sentinel", "-ui", "adminer", "operator"}

// kindsOf guesses what a container is: by its image's name, else by what the image declares. A wrong guess does little harm: it
// does not answer.
func kindsOf(c chaos.Container) []kind {
	image := imageName(c.Image)
	if slices.ContainsFunc(companions, func(w string) bool { return strings.Contains(image, w) }) {
		return nil
	}
	var out []kind
	for _, k := range kinds {
		if slices.ContainsFunc(k.images, func(w string) bool { return strings.Contains(image, w) }) {
			return []kind{k}
		}
		if slices.ContainsFunc(k.ports, func(p uint16) bool { return slices.Contains(c.Ports, p) }) || (node{c: c}).env(k.variables...) != "" {
			out = append(out, k)
		}
	}
	return out
}

// imageName is the last part of a reference without tag and digest, such as "postgresql" of
// "docker.io/bitnami/postgresql:15@sha256:...".
func imageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndexByte(ref, '/')+1:]
	name, _, _ := strings.Cut(ref, ":")
	return strings.ToLower(name)
}

func (k kind) probe(n node) probe {
	return probe{node: n, kind: k.name, gives: one(k.roles...), ask: func(ctx context.Context) ([]string, error) { return k.ask(ctx, n) }}
}
