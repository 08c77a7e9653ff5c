package web

// gate lets a bounded number of requests in; beyond that it refuses at once, because a queue in front of a slow
// database only adds its own waiting time to every answer. A nil gate is always open.
type gate struct{ places chan struct{} }

func newGate(n int) *gate { return &gate{places: make(chan struct{}, n)} }

// enter takes a place; false if there is none. Who entered must leave.
func (g *gate) enter() bool {
	if g == nil {
		return true
	}
	select {
	case g.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *gate) leave() {
	if g != nil {
		<-g.places
	}
}
