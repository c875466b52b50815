package rest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"paxos/client"
	"paxos/internal/config"
	"paxos/kv"
)

// wrong is a request that is refused, and words of the refusal.
type wrong struct {
	method, path, body string
	headers            []string
	status             int
	words              string
}

func (w *town) refuses(t *testing.T, nodes []*made, list map[string]wrong) {
	t.Helper()
	for name, c := range list {
		for _, n := range nodes {
			r, b := n.call(t, c.method, c.path, []byte(c.body), c.headers...)
			wantProblem(t, fmt.Sprintf("%s at %s", name, n.id), r, b, c.status, c.words)
		}
	}
	for _, n := range nodes {
		n.lives(t)
	}
}

func TestBadReadsAreRefused(t *testing.T) {
	w := newTown(t)
	w.put(t, "k", "x")
	_, b := w.client.get(t, "/kv/?prefix&limit=1")
	long := strings.Repeat("k", 4097)
	w.refuses(t, w.both(), map[string]wrong{
		"no key":               {"GET", "/kv", "", nil, 400, "a key is needed"},
		"an empty key":         {"GET", "/kv/", "", nil, 400, "a key is needed"},
		"a key of no UTF-8":    {"GET", "/kv/%ff", "", nil, 400, "UTF-8"},
		"a long key":           {"GET", "/kv/" + long, "", nil, 413, "4097 bytes, at most 4096"},
		"a long end":           {"GET", "/kv/a?end=" + long, "", nil, 413, "at most 4096"},
		"a bad flag":           {"GET", "/kv/a?prefix=maybe", "", nil, 400, "neither true nor false"},
		"prefix and end":       {"GET", "/kv/a?prefix&end=b", "", nil, 400, "exclude each other"},
		"an empty end":         {"GET", "/kv/a?end=", "", nil, 400, "cannot be empty"},
		"an end of no UTF-8":   {"GET", "/kv/a?end=%ff", "", nil, 400, "UTF-8"},
		"a limit of one key":   {"GET", "/kv/a?limit=1", "", nil, 400, "is about a range"},
		"no keys":              {"GET", "/kv/a?prefix&limit=0", "", nil, 400, "not between 1 and 10000"},
		"too many keys":        {"GET", "/kv/a?prefix&limit=10001", "", nil, 400, "not between 1 and 10000"},
		"a negative limit":     {"GET", "/kv/a?prefix&limit=-1", "", nil, 400, "is negative"},
		"a large revision":     {"GET", "/kv/a?revision=" + tooLarge64, "", nil, 400, "is too large"},
		"the future":           {"GET", "/kv/a?revision=18446744073709551615", "", nil, 400, "future-revision"},
		"no page":              {"GET", "/kv/?prefix&page=", "", nil, 400, "no page"},
		"another page":         {"GET", "/kv/?prefix&page=AQIDYQ%3D%3D", "", nil, 400, "no page"},
		"a page of a count":    {"GET", "/kv/?prefix&count_only&page=" + page{2, 2, "k"}.String(), "", nil, 400, "a count has no pages"},
		"a page of elsewhere":  {"GET", "/kv/z?prefix&page=" + page{2, 2, "k"}.String(), "", nil, 400, "another range"},
		"a page of another":    {"GET", "/kv/?prefix&revision=1&page=" + page{2, 2, "k"}.String(), "", nil, 400, "of revision 2, not 1"},
		"no consistency":       {"GET", "/kv/k?consistency=", "", nil, 400, "none of linearizable"},
		"another consistency":  {"GET", "/kv/k?consistency=quorum", "", nil, 400, "none of linearizable"},
		"bounded by nothing":   {"GET", "/kv/k?consistency=bounded", "", nil, 400, "belong together"},
		"an age of nothing":    {"GET", "/kv/k?max_age=1s", "", nil, 400, "belong together"},
		"a bad age":            {"GET", "/kv/k?consistency=bounded&max_age=5", "", nil, 400, "is no duration"},
		"a negative age":       {"GET", "/kv/k?consistency=bounded&max_age=-5s", "", nil, 400, "is no duration"},
		"a bad token":          {"GET", "/kv/k?consistency=session&session_token=7", "", nil, 400, "is no session token"},
		"a bad token header":   {"GET", "/kv/k", "", []string{client.HeaderToken, "-000000000000001"}, 400, "is no session token"},
		"two tokens":           {"GET", "/kv/k?session_token=0000000000000001", "", []string{client.HeaderToken, "0000000000000002"}, 400, "more than one"},
		"a bad timeout":        {"GET", "/kv/k?timeout=1", "", nil, 400, "is no duration"},
		"a bad tag":            {"GET", "/kv/k", "", []string{"If-None-Match", "7"}, 400, "no tag"},
		"an empty tag":         {"GET", "/kv/k", "", []string{"If-None-Match", ""}, 400, "no tag"},
		"a star and a tag":     {"GET", "/kv/k", "", []string{"If-None-Match", `*, "1"`}, 400, "stands alone"},
		"a read of no key":     {"GET", "/read?key=", "", nil, 400, "a key is needed"},
		"a read of a bad key":  {"GET", "/read?key=%ff", "", nil, 400, "UTF-8"},
		"a read of both":       {"GET", "/read?key=a&limit=1", "", nil, 400, "in log order"},
		"values, linearizable": {"GET", "/read?consistency=linearizable", "", nil, 400, "says nothing without key"},
		"a bad lease":          {"GET", "/lease/1", "", nil, 400, "16 hexadecimal digits"},
		"lease 0":              {"GET", "/lease/0000000000000000", "", nil, 400, "16 hexadecimal digits"},
		"a lock with a slash":  {"GET", "/lock/a%2Fb", "", nil, 400, `without \"/\"`},
		"a long name":          {"GET", "/lock/" + strings.Repeat("n", 513), "", nil, 400, "512 bytes"},
		"a lock of no UTF-8":   {"GET", "/lock/%ff", "", nil, 400, "UTF-8"},
		"token 0":              {"GET", "/lock/a?token=0", "", nil, 400, "tokens begin at 1"},
		"a negative token":     {"GET", "/election/a?token=-1", "", nil, 400, "is negative"},
		"a watch of nothing":   {"GET", "/watch", "", nil, 400, "prefix or key is needed"},
		"a watch of both":      {"GET", "/watch?prefix=a&key=b", "", nil, 400, "prefix or key is needed"},
		"a watch of no key":    {"GET", "/watch?key=", "", nil, 400, "a key is needed"},
		"a watch of no UTF-8":  {"GET", "/watch?prefix=%ff", "", nil, 400, "UTF-8"},
		"a watch of a long":    {"GET", "/watch?prefix=" + long, "", nil, 413, "at most 4096"},
		"a watch from 0":       {"GET", "/watch?prefix=&from=0", "", nil, 400, "is no revision"},
		"a watch from beyond":  {"GET", "/watch?prefix=&from=18446744073709551615", "", nil, 400, "is no revision"},
		"a watch for what":     {"GET", "/watch?prefix=&filter=all", "", nil, 400, "neither put nor delete"},
		"a bad last event":     {"GET", "/watch?prefix=", "", []string{"Last-Event-ID", "x"}, 400, "Last-Event-ID"},
		"a large last event":   {"GET", "/watch?prefix=", "", []string{"Last-Event-ID", "18446744073709551615"}, 400, "is no revision"},
		"a watch, not so":      {"GET", "/watch?prefix=&consistency=never", "", nil, 400, "none of linearizable"},
	})
	if strings.Contains(string(b), `"page"`) {
		t.Errorf("one key has a page: %s", b)
	}
}

func TestBadWritesAreRefused(t *testing.T) {
	w := newTown(t)
	deep := strings.Repeat(`{"then":[{"txn":`, 9) + "{}" + strings.Repeat("}]}", 9)
	many := `{"then":[` + strings.Repeat(`{"delete":{"key":"x"}},`, 1024) + `{"delete":{"key":"x"}}]}`
	large := strings.Repeat("x", 1<<20+1)
	w.refuses(t, []*made{w.client}, map[string]wrong{
		"a put without a key":      {"PUT", "/kv/", "x", nil, 400, "a key is needed"},
		"a put of a bad key":       {"PUT", "/kv/%ff", "x", nil, 400, "UTF-8"},
		"a put of a long key":      {"PUT", "/kv/" + strings.Repeat("k", 4097), "x", nil, 413, "4097 bytes"},
		"a large value":            {"PUT", "/kv/k", large, nil, 413, "1048577 bytes, at most 1048576"},
		"a bad lease":              {"PUT", "/kv/k?lease=7", "x", nil, 400, "16 hexadecimal digits"},
		"no such lease":            {"PUT", "/kv/k?lease=00000000000000ab", "x", nil, 404, "no-lease"},
		"lease and keep":           {"PUT", "/kv/k?lease=00000000000000ab&keep_lease", "x", nil, 400, "exclude each other"},
		"to keep nothing":          {"PUT", "/kv/k?keep_lease", "x", nil, 404, "no-key"},
		"a bad match":              {"PUT", "/kv/k", "x", []string{"If-Match", `7"`}, 400, "no tag"},
		"a negative match":         {"PUT", "/kv/k", "x", []string{"If-Match", `"-7"`}, 400, "no tag"},
		"two matches":              {"PUT", "/kv/k", "x", []string{"If-Match", `"7", "8"`}, 400, "one tag is enough"},
		"a fence without a token":  {"PUT", "/kv/k", "x", []string{"If-Fence", "lock"}, 400, "a lock's name, a colon and a token"},
		"a fence without a name":   {"PUT", "/kv/k", "x", []string{"If-Fence", ":7"}, 400, "a lock's name, a colon and a token"},
		"a fence of no number":     {"PUT", "/kv/k", "x", []string{"If-Fence", "lock:x"}, 400, "no token"},
		"a fence of a bad name":    {"PUT", "/kv/k", "x", []string{"If-Fence", "%zz:7"}, 400, "cannot be read"},
		"a fence of a long name":   {"PUT", "/kv/k", "x", []string{"If-Fence", strings.Repeat("n", 513) + ":7"}, 400, "512 bytes"},
		"an empty key of a repeat": {"PUT", "/kv/k", "x", []string{"Idempotency-Key", ""}, 400, "empty"},
		"a long key of a repeat":   {"PUT", "/kv/k", "x", []string{"Idempotency-Key", strings.Repeat("k", 257)}, 400, "at most 256 bytes"},
		"a range under a match":    {"DELETE", "/kv/k?prefix", "", []string{"If-Match", "*"}, 400, "has no meaning"},
		"a delete of nothing":      {"DELETE", "/kv/", "", nil, 400, "a key is needed"},
		"nothing to do":            {"POST", "/kv/k", `{}`, nil, 400, "exactly one of"},
		"no body":                  {"POST", "/kv/k", ``, nil, 400, "the body is empty"},
		"two things to do":         {"POST", "/kv/k", `{"increment":"1","append":2}`, nil, 400, "exactly one of"},
		"an unknown thing":         {"POST", "/kv/k", `{"decrement":"1"}`, nil, 400, "decrement"},
		"half a number":            {"POST", "/kv/k", `{"increment":"1.5"}`, nil, 400, "not a whole number"},
		"a huge number":            {"POST", "/kv/k", `{"increment":9223372036854775808}`, nil, 400, "not a whole number"},
		"cut JSON":                 {"POST", "/kv/k", `{"append":[`, nil, 400, "too early"},
		"no swap":                  {"POST", "/kv/k", `{"swap":{}}`, nil, 400, "exactly one of new"},
		"a swap of nothing":        {"POST", "/kv/k", `{"swap":{"new":"x"}}`, nil, 400, "exactly one of old"},
		"a swap of two":            {"POST", "/kv/k", `{"swap":{"old":"a","old_base64":"YQ==","new":"x"}}`, nil, 400, "exactly one of old"},
		"a swap of a number":       {"POST", "/kv/k", `{"swap":{"old":1,"new":"x"}}`, nil, 400, "a string or null"},
		"a large swap":             {"POST", "/kv/k", `{"swap":{"old":null,"new":"` + large + `"}}`, nil, 413, "at most 1048576"},
		"a large item":             {"POST", "/kv/k", `{"append":"` + large + `"}`, nil, 413, "at most 1048576"},
		"no transaction":           {"POST", "/txn", `[]`, nil, 400, "an object is needed"},
		"two in one":               {"POST", "/txn", `{"then":[{"put":{"key":"a","value":""},"delete":{"key":"b"}}]}`, nil, 400, "then[0]: exactly one of"},
		"none in one":              {"POST", "/txn", `{"else":[{}]}`, nil, 400, "else[0]: exactly one of"},
		"a put of nothing":         {"POST", "/txn", `{"then":[{"put":{"key":"a"}}]}`, nil, 400, "exactly one of value"},
		"a put of two":             {"POST", "/txn", `{"then":[{"put":{"key":"a","value":"","value_base64":""}}]}`, nil, 400, "exclude each other"},
		"a put to nothing":         {"POST", "/txn", `{"then":[{"put":{"value":""}}]}`, nil, 400, "a key is needed"},
		"a condition on nothing":   {"POST", "/txn", `{"if":[{"key":"a"}]}`, nil, 400, "if[0]: exactly one of value"},
		"a condition on two":       {"POST", "/txn", `{"if":[{"key":"a","version":1,"value":"x"}]}`, nil, 400, "exactly one of value"},
		"an odd condition":         {"POST", "/txn", `{"if":[{"key":"a","is":"~","version":1}]}`, nil, 400, "none of =, !=, <, >"},
		"a negative version":       {"POST", "/txn", `{"if":[{"key":"a","version":-1}]}`, nil, 400, "is negative"},
		"a negative limit":         {"POST", "/txn", `{"then":[{"range":{"key":"a","limit":-1}}]}`, nil, 400, "a limit of -1"},
		"no item":                  {"POST", "/txn", `{"then":[{"append":{"key":"a"}}]}`, nil, 400, "an item is needed"},
		"an increment by text":     {"POST", "/txn", `{"then":[{"increment":{"key":"a","by":"x"}}]}`, nil, 400, "not a whole number"},
		"an unknown field inside":  {"POST", "/txn", `{"then":[{"increment":{"key":"a","by":"1","nonsense":1}}]}`, nil, 400, "nonsense"},
		"a fence without a lock":   {"POST", "/txn", `{"fences":[{"token":"1"}]}`, nil, 400, "lock and token are needed"},
		"too deep":                 {"POST", "/txn", deep, nil, 400, "nested more than 8 deep"},
		"too many":                 {"POST", "/txn", many, nil, 413, "more than 1024"},
		"a large value inside":     {"POST", "/txn", `{"then":[{"put":{"key":"a","value":"` + large + `"}}]}`, nil, 413, "at most 1048576"},
		"a match of a transaction": {"POST", "/txn", `{}`, []string{"If-Match", "*"}, 400, "has no meaning"},
	})
	r, b := w.learner.call(t, http.MethodPut, "/kv/k", []byte("x"))
	wantProblem(t, "a write at a learner", r, b, http.StatusMethodNotAllowed, "takes no PUT", "it takes GET, HEAD")
	if status, b := w.client.get(t, "/kv/?prefix&count_only"); status != http.StatusOK || !strings.Contains(string(b), `"count":"0"`) {
		t.Errorf("something was written: %s", b)
	}
}

func TestBadWritesOfLeasesAndQueuesAreRefused(t *testing.T) {
	w := newTown(t)
	large := strings.Repeat("x", 1<<20+1)
	w.refuses(t, []*made{w.client}, map[string]wrong{
		"no time to live":         {"POST", "/lease", `{}`, nil, 400, `\"ttl\" is missing`},
		"a bad time to live":      {"POST", "/lease", `{"ttl":"long"}`, nil, 400, "no duration"},
		"a short time to live":    {"POST", "/lease", `{"ttl":"1ms"}`, nil, 400, "from 1000 to"},
		"a long time to live":     {"POST", "/lease", `{"ttl_ms":"31536000001"}`, nil, 400, "from 1000 to"},
		"two times to live":       {"POST", "/lease", `{"ttl":"1s","ttl_ms":1}`, nil, 400, "exclude each other"},
		"a bad lease id":          {"POST", "/lease", `{"ttl":"1s","lease":"x"}`, nil, 400, "16 hexadecimal digits"},
		"a fenced lease":          {"POST", "/lease", `{"ttl":"1s"}`, []string{"If-Fence", "a:1"}, 400, "has no meaning"},
		"to keep a bad lease":     {"POST", "/lease/x/keepalive", ``, nil, 400, "16 hexadecimal digits"},
		"a lock of a bad body":    {"POST", "/lock/a", `{"ttl":[5]}`, nil, 400, "no duration"},
		"a lock of a bad name":    {"POST", "/lock/a%2Fb", ``, nil, 400, "without"},
		"a lock of no lease":      {"POST", "/lock/a", `{"lease":"00000000000000ab"}`, nil, 404, "no-lease"},
		"a lock that is fenced":   {"POST", "/lock/a", ``, []string{"If-Fence", "a:1"}, 400, "has no meaning"},
		"a large value of a lock": {"POST", "/lock/a", `{"value":"` + large + `"}`, nil, 413, "at most 1048576"},
		"to stay maybe":           {"POST", "/lock/a?queue=x", ``, nil, 400, "neither true nor false"},
		"to release nothing":      {"DELETE", "/lock/a", ``, nil, 400, "token is needed"},
		"to release token 0":      {"DELETE", "/election/a?token=0", ``, nil, 400, "token is needed"},
		"to proclaim without":     {"PUT", "/election/a", `x`, nil, 400, "token is needed"},
		"to proclaim no text":     {"PUT", "/election/a?token=1", "\xff", nil, 400, "not UTF-8"},
		"to proclaim too much":    {"PUT", "/election/a?token=1", large, nil, 413, "at most 1048576"},
		"to compact nothing":      {"POST", "/compact", `{}`, nil, 400, "is missing"},
		"to compact a negative":   {"POST", "/compact", `{"revision":-1}`, nil, 400, "is negative"},
		"a lock by PUT":           {"PUT", "/lock/a", ``, nil, 405, "takes no PUT"},
		"a transaction by GET":    {"GET", "/txn", ``, nil, 405, "it takes POST"},
		"a write at /kv":          {"PUT", "/kv", ``, nil, 405, "takes no PUT"},
	})
}

// TestLimitsAreExact: what is just small enough passes.
func TestLimitsAreExact(t *testing.T) {
	w := newTown(t, "--max-value-bytes", "1000", "--max-key-bytes", "64", "--max-operations", "3")
	key, value := strings.Repeat("k", 64), strings.Repeat("v", 1000)
	w.put(t, key, value)
	op := `{"put":{"key":"` + key + `%d","value":"x"}}`
	short := strings.ReplaceAll(op, key, "k")
	ok := `{"then":[` + fmt.Sprintf(short, 1) + "," + fmt.Sprintf(short, 2) + "," + fmt.Sprintf(short, 3) + `]}`
	status, b := w.client.post(t, "/txn", ok)
	decode[client.Written](t, status, b, http.StatusOK)
	w.refuses(t, []*made{w.client}, map[string]wrong{
		"a key":         {"PUT", "/kv/" + key + "k", "x", nil, 413, "65 bytes, at most 64"},
		"a key inside":  {"POST", "/txn", `{"then":[` + fmt.Sprintf(op, 1) + `]}`, nil, 413, "65 bytes, at most 64"},
		"a value":       {"PUT", "/kv/k", value + "v", nil, 413, "1001 bytes, at most 1000"},
		"an operation":  {"POST", "/txn", strings.Replace(ok, `]}`, ","+fmt.Sprintf(short, 4)+"]}", 1), nil, 413, "more than 3"},
		"a proclaimed":  {"PUT", "/election/e?token=1", value + "v", nil, 413, "1001 bytes"},
		"a prefix":      {"DELETE", "/kv/" + key + "k?prefix", "", nil, 413, "65 bytes"},
		"a locks value": {"POST", "/lock/l", `{"value":"` + value + `v"}`, nil, 413, "1001 bytes"},
	})
	list := `{"append":"` + strings.Repeat("x", 996) + `"}`
	if status, b := w.client.post(t, "/kv/list", list); status != http.StatusOK {
		t.Errorf("a list of 1000 bytes: %d %s", status, b)
	}
	r, b := w.client.call(t, http.MethodPost, "/kv/list", []byte(`{"append":1}`))
	wantProblem(t, "a longer list", r, b, http.StatusRequestEntityTooLarge, "urn:paxos:value-too-large")
}

// TestTheStoreTakesWhatTheLogDoes: the two bounds of a value are one.
func TestTheStoreTakesWhatTheLogDoes(t *testing.T) {
	if config.MaxValueLimit != kv.MaxValue {
		t.Errorf("values of %d bytes may be let in, and of %d be stored", config.MaxValueLimit, kv.MaxValue)
	}
}

// TestOnlyLearnersMaintainTheState: by hand it is refused.
func TestOnlyLearnersMaintainTheState(t *testing.T) {
	w := newTown(t)
	for name, body := range map[string][]byte{"an expiry": kv.Encode(kv.Expire{ID: 1}), "a compaction": kv.Encode(kv.Compact{Revision: 1, Kept: true}), "a put": kv.Append("x")} {
		text := fmt.Sprintf(`{"commands":[{"session":"0000000000000000","sequence":"1","body":%q}]}`, base64.StdEncoding.EncodeToString(body))
		r, b := w.proposer.call(t, http.MethodPost, "/propose", []byte(text))
		wantProblem(t, name, r, b, http.StatusBadRequest, "without a session")
		r, b = w.acceptor.call(t, http.MethodPost, "/accept", []byte(`{"ballot":{"number":"1000","proposer":"me"},"proposals":[{"slot":"1000","value":`+text+`}]}`))
		wantProblem(t, name+" in an Accept", r, b, http.StatusBadRequest, "without a session")
	}
}

func TestWhatIsTooMuchIsRefusedForCertain(t *testing.T) {
	for code, status := range map[string]int{kv.FailKeys: http.StatusInsufficientStorage, kv.FailWork: http.StatusRequestEntityTooLarge} {
		if p := whyFailed(&kv.Failure{Code: code, Detail: "so much"}); p.Status != status || p.Kind() != code || p.Hint == "" || p.Detail != "so much" {
			t.Errorf("%s: %+v", code, p)
		}
	}
}
