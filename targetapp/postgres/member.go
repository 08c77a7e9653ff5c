package postgres

import (
	"fmt"
	"net"
	"strings"
)

// Member is one database node: the name it has in the cluster and its host:port.
type Member struct{ Name, Addr string }

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
		all = append(all, Member{name, addr})
	}
	return all, nil
}
