package docker

import (
	"slices"
	"testing"

	"gauntlet/chaos"
)

// A container that an autoscaler adds does not change the names of the others: experiments and recordings go by them.
func TestNamesStayWhenAnAutoscalerAddsOne(t *testing.T) {
	scaled := map[string]string{labelScaled: "autoscaler"}
	all := []chaos.Container{
		{Service: "worker1", Name: "worker1", Index: 2, Labels: scaled}, {Service: "worker1", Name: "worker1", Index: 1},
		{Service: "web", Name: "web", Index: 2}, {Service: "web", Name: "web", Index: 1},
	}
	nameAll(all)
	var got []string
	for _, c := range all {
		got = append(got, c.Name)
	}
	if want := []string{"web-1", "web-2", "worker1", "worker1-2"}; !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
}
