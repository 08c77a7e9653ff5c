package postgres

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// Member is one database node: the name it has in the cluster and its host:port.
type Member struct {
	Name, Addr string
	Far        bool // in another region: reads go there only if no near node can serve them
}

// ParseMembers reads "db1=10.0.0.1:5432,db2=10.0.0.2:5432", the form of APP_DATABASES.
func ParseMembers(s string) ([]Member, error) {
	var all []Member
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		name, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, _, err := net.SplitHostPort(addr); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("database %q is not of the form name=host:port; set APP_DATABASES to such a list with commas", part)
		}
		if seen[name] {
			return nil, fmt.Errorf("database %q is named twice in APP_DATABASES", name)
		}
		seen[name] = true
		all = append(all, Member{Name: name, Addr: addr})
	}
	return all, nil
}

// MarkFar marks the members whose names are listed with commas, the form of APP_FAR.
func MarkFar(all []Member, names string) error {
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		i := slices.IndexFunc(all, func(m Member) bool { return m.Name == name })
		if i < 0 {
			return fmt.Errorf("APP_FAR names %q, which is not in APP_DATABASES", name)
		}
		all[i].Far = true
	}
	return nil
}
