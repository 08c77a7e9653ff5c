package probe

import "context"

// webPollers ask one web node where it sends its writes.
func (s *session) webPollers(e Endpoint) ([]poller, error) {
	node, err := newHTTPNode(e, 8080)
	if err != nil {
		return nil, err
	}
	a := &routeAsker{httpNode: node, route: watchFor(s.out, Route, e.Name), health: health{target: e.Name, out: s.out}}
	return []poller{{name: "route " + e.Name, every: stateEvery, limit: askLimit, asker: a}}, nil
}

type routeAsker struct {
	*httpNode
	route  watched
	health health
	now    routeAnswer
}

type routeAnswer struct {
	Primary string `json:"primary"`
}

func (a *routeAsker) ask(ctx context.Context) error {
	a.now = routeAnswer{}
	return a.get(ctx, "/route", &a.now)
}

func (a *routeAsker) tell(s span, err error) {
	a.health.saw(err, s)
	if err != nil {
		a.route.saw(Unknown, s)
		return
	}
	a.route.saw(a.now.Primary, s)
}
