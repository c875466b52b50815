package docs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sameShape says how an answer differs in shape from its example: objects have
// the same fields, values the same JSON types, and each element of a list looks
// like one of the example's. An empty list, or null, fits any list.
func sameShape(example, got string) error {
	var want, have any
	if err := json.Unmarshal([]byte(example), &want); err != nil {
		return fmt.Errorf("the example is not JSON: %w", err)
	}
	if err := json.Unmarshal([]byte(got), &have); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	return differ("the answer", want, have)
}

func differ(at string, want, have any) error {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", at)
		}
		if a, b := fields(want), fields(have); a != b {
			return fmt.Errorf("%s has the fields %s, in the example they are %s", at, b, a)
		}
		for name := range want {
			if err := differ(at+"."+name, want[name], have[name]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := have.([]any)
		if !ok && have != nil {
			return fmt.Errorf("%s is no list", at)
		}
		for i, e := range list {
			if len(want) > 0 && !slices.ContainsFunc(want, func(w any) bool { return differ("", w, e) == nil }) {
				return differ(fmt.Sprintf("%s[%d]", at, i), want[0], e)
			}
		}
		return nil
	case nil:
		if _, list := have.([]any); have != nil && !list {
			return fmt.Errorf("%s is %T, null in the example", at, have)
		}
		return nil
	}
	if a, b := fmt.Sprintf("%T", want), fmt.Sprintf("%T", have); a != b {
		return fmt.Errorf("%s is a JSON %s, in the example a %s", at, b, a)
	}
	return nil
}

func fields(object map[string]any) string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestShapesDiffer(t *testing.T) {
	example := `{"slot":"1","position":0,"list":[{"a":1},{"a":1,"b":2}],"none":null}`
	for got, same := range map[string]bool{
		`{"slot":"9","position":7,"list":[{"a":3}],"none":null}`:         true,
		`{"slot":"9","position":7,"list":[],"none":["x"]}`:               true,
		`{"slot":"9","position":7,"list":[{"a":3,"b":1}],"none":null}`:   true,
		`{"slot":9,"position":7,"list":[],"none":null}`:                  false,
		`{"slot":"9","list":[],"none":null}`:                             false,
		`{"slot":"9","position":7,"list":[],"none":null,"more":1}`:       false,
		`{"slot":"9","position":7,"list":[{"c":1}],"none":null}`:         false,
		`{"slot":"9","position":7,"list":[],"none":null}{"slot":"again"`: false,
	} {
		if err := sameShape(example, got); (err == nil) != same {
			t.Errorf("%s: %v", got, err)
		}
	}
}
