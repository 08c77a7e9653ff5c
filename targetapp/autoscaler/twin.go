package autoscaler

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// inspected is a container as the engine describes it. What is copied is kept as it came, with keys that we know nothing of.
type inspected struct {
	Name            string
	Config          map[string]any
	HostConfig      map[string]any
	NetworkSettings struct {
		Networks map[string]map[string]any
	}
}

func inspect(ctx context.Context, e *Engine, id string) (inspected, error) {
	var info inspected
	err := e.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, nil, &info)
	return info, err
}

func (i inspected) labels() map[string]string {
	out := map[string]string{}
	all, _ := i.Config["Labels"].(map[string]any)
	for k, v := range all {
		out[k], _ = v.(string)
	}
	return out
}

// twin is what the engine is told to make a container like this one, but with another number, name, address and ports; and the
// networks to which it is to be connected afterwards.
func twin(like inspected, number int, address string) (body map[string]any, more map[string]any) {
	labels := like.labels()
	name := labels[labelService] + "-" + strconv.Itoa(number)
	labels[labelNumber], labels[labelScaled] = strconv.Itoa(number), madeBy
	body = maps.Clone(like.Config)
	for _, key := range []string{"Hostname", "MacAddress"} { // its own
		delete(body, key)
	}
	body["Labels"], body["Env"] = labels, renamed(like.Config["Env"], name)
	host := maps.Clone(like.HostConfig)
	host["PortBindings"] = anyPorts(like.HostConfig["PortBindings"])
	body["HostConfig"] = host
	first, _ := host["NetworkMode"].(string)
	names := slices.Sorted(maps.Keys(like.NetworkSettings.Networks))
	if !slices.Contains(names, first) && len(names) > 0 {
		first = names[0]
	}
	more = map[string]any{}
	for _, n := range names {
		endpoint := map[string]any{"Aliases": []string{alias(labels[labelTier])}}
		if n != first {
			more[n] = endpoint
			continue
		}
		if address != "" {
			endpoint["IPAMConfig"] = map[string]any{"IPv4Address": address}
		}
		body["NetworkingConfig"] = map[string]any{"EndpointsConfig": map[string]any{n: endpoint}}
	}
	return body, more
}

// alias is the name by which all containers that were added to a tier are found in the network's DNS, such as "web-scaled". It is
// not their service's name: that means the one node that the topology has of it.
func alias(tier string) string { return tier + "-scaled" }

// renamed is an environment in which the node has another name.
func renamed(env any, name string) []string {
	var out []string
	all, _ := env.([]any)
	for _, e := range all {
		s, _ := e.(string)
		if strings.HasPrefix(s, "APP_NAME=") {
			s = "APP_NAME=" + name
		}
		out = append(out, s)
	}
	return out
}

// anyPorts publishes the same ports on the same addresses of the host, wherever there is room.
func anyPorts(bindings any) map[string]any {
	out := map[string]any{}
	all, _ := bindings.(map[string]any)
	for port, list := range all {
		var where []map[string]any
		hosts, _ := list.([]any)
		for _, b := range hosts {
			m, _ := b.(map[string]any)
			where = append(where, map[string]any{"HostIp": m["HostIp"], "HostPort": ""})
		}
		out[port] = where
	}
	return out
}
