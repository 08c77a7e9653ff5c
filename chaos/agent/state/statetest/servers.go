// Package statetest runs the servers that tests of state and roles need, in containers of their own that are reached on
// 127.0.0.1 and removed when the test ends. It uses the docker command and pulls nothing but the base image.
package statetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// label is on every container that this package starts.
const label = "gauntlet.statetest"

// NeedDocker skips the test where the user said that there is no Docker.
func NeedDocker(t testing.TB) {
	t.Helper()
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested on real servers: " + t.Name())
	}
}

// Container is a running container.
type Container struct {
	ID    string
	Ports map[int]uint16 // on 127.0.0.1, by the port inside
}

// Run starts a shell script in an image and publishes ports. The container ends with the test.
func Run(t testing.TB, image, script string, ports ...int) *Container {
	t.Helper()
	args := []string{
		"run", "--detach", "--init", "--label", label, "--name", "gauntlet-statetest-" + strings.ToLower(rand.Text()[:10]),
		"--memory", "512m", "--entrypoint", "sh",
	}
	for _, p := range ports {
		args = append(args, "--publish", fmt.Sprintf("127.0.0.1::%d", p))
	}
	id := docker(t, "", append(args, image, "-c", script)...)
	t.Cleanup(func() { remove(t, id) })
	c := &Container{ID: id, Ports: map[int]uint16{}}
	c.inspect(t)
	return c
}

// remove removes the container and its volumes, also after the test's context has ended.
func remove(t testing.TB, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.Failed() {
		out, _ := exec.CommandContext(ctx, "docker", "logs", "--tail", "60", id).CombinedOutput()
		t.Logf("the container's last words:\n%s", out)
	}
	if out, err := exec.CommandContext(ctx, "docker", "rm", "--force", "--volumes", id).CombinedOutput(); err != nil {
		t.Errorf("left behind: container %s: %v: %s", id, err, out)
	}
}

// docker runs one docker command and returns what it prints.
func docker(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s\n(GAUNTLET_DOCKER=off leaves out the tests that need Docker)", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// inspect finds out where the container is reached.
func (c *Container) inspect(t testing.TB) {
	t.Helper()
	var info []struct {
		NetworkSettings struct {
			Ports map[string][]struct{ HostPort string }
		}
	}
	if err := json.Unmarshal([]byte(docker(t, "", "inspect", c.ID)), &info); err != nil {
		t.Fatal(err)
	}
	for name, hosts := range info[0].NetworkSettings.Ports {
		inside, _, _ := strings.Cut(name, "/")
		p, _ := strconv.Atoi(inside)
		for _, h := range hosts {
			n, _ := strconv.ParseUint(h.HostPort, 10, 16)
			c.Ports[p] = uint16(n)
		}
	}
}

// pairScript starts a primary on port 5432 and a replica of it on port 5433, both with 20 connections, from the
// template in the image.
const pairScript = `set -e
d=/var/lib/postgresql/data
install -d -o postgres -g postgres -m 0700 $d $d/p
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
as tar -C $d/p -xf /var/lib/postgresql/template.tar
printf 'host all all all trust\nhost replication all all trust\n' >> $d/p/pg_hba.conf
set -- -c listen_addresses=* -c unix_socket_directories=/tmp -c max_connections=20 -c shared_buffers=16MB -c fsync=off -c wal_receiver_status_interval=1s
as postgres -D $d/p "$@" &
until as pg_isready -q -h /tmp; do sleep 0.1; done
as pg_basebackup -h /tmp -U postgres -D $d/r -R -c fast
as postgres -D $d/r -p 5433 "$@" &
wait`

// PostgresPair starts a primary (port 5432 inside) and its replica (5433) in one container, from the image of the
// reference topologies. Everybody is let in as user postgres.
func PostgresPair(t testing.TB, image string) *Container {
	t.Helper()
	return Run(t, image, pairScript, 5432, 5433)
}

// brokerImage is kept from one run to the next, as the images of the topologies are.
const brokerImage = "gauntlet/statetest:latest"

const brokerFile = `FROM debian:bookworm-slim
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server rabbitmq-server && rm -rf /var/lib/apt/lists/*
`

const brokerScript = `set -e
redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --maxclients 60 --save '' --daemonize yes
printf 'loopback_users = none\nlisteners.tcp.default = 5672\n' > /etc/rabbitmq/rabbitmq.conf
echo '[rabbitmq_management].' > /etc/rabbitmq/enabled_plugins
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1'
exec rabbitmq-server`

// Brokers starts a Redis with 60 connections (port 6379 inside) and a RabbitMQ with its management API (5672, 15672) in one
// container. The first time it builds their image from packages. A RabbitMQ takes 10 to 20 s to start.
func Brokers(t testing.TB) *Container {
	t.Helper()
	docker(t, brokerFile, "build", "--quiet", "--tag", brokerImage, "-")
	return Run(t, brokerImage, brokerScript, 6379, 5672, 15672)
}

// Eventually asks each 50 ms until there is no error, and fails the test if that takes longer than limit.
func Eventually(t testing.TB, limit time.Duration, what string, ask func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
