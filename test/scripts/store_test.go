package scripts

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"paxos/client"
	"paxos/paxos"
)

// Keys are data as values are: they must arrive byte for byte, whatever a shell,
// curl or a path would make of them.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	store, err := client.New([]string{c.Of(paxos.ClientRole)[0].Address})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := script{name: "paxos-client.sh", env: addresses(c)}
	for i, name := range append(slices.Clone(hostile), ".", "..", "a/../b", "a//b/", "a%2Fb", "?prefix", "a+b", "k#x") {
		if name == "" || len(name) > 1000 {
			continue
		}
		value := hostile[i%len(hostile)]
		s.run(t, "put", "--", name, value).want(t, 0, "Applied at slot ")
		if got, err := store.Get(t.Context(), name); err != nil || got.Text() != value {
			t.Errorf("%q: %.60q, %v", name, got.Text(), err)
		}
	}
	list := s.run(t, "--consistency", "session", "list")
	for line := range strings.Lines(list.out) {
		var key, value string
		one, other, _ := strings.Cut(line, "\t")
		if json.Unmarshal([]byte(one), &key) != nil || json.Unmarshal([]byte(other), &value) != nil {
			t.Errorf("listed: %.200q", line)
		}
		if strings.HasPrefix(key, "bats/") || strings.HasPrefix(key, "values/") {
			continue // other tests'
		}
		if got, err := store.Get(t.Context(), key); err != nil || got.Text() != value {
			t.Errorf("%q is listed with %.60q: %v", key, value, err)
		}
	}
	s.run(t, "get", "--", "..").want(t, 0, `"`)
	s.run(t, "delete", "--", "..").want(t, 0)
	s.run(t, "get", "--", "..").want(t, 3)
}
