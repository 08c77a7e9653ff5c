package feed

import (
	"fmt"
	"net"
	"strings"
)

// ParseNodes reads nodes of the cluster, host:port with commas; none from "".
func ParseNodes(text string) ([]string, error) {
	nodes := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	for _, n := range nodes {
		if _, _, err := net.SplitHostPort(n); err != nil {
			return nil, fmt.Errorf("node %q is not of the form host:port", n)
		}
	}
	return nodes, nil
}
