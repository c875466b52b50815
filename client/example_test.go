package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"paxos/client"
)

// A value is sent under a key, so that sending it again is safe whatever
// happened to the answer, and read back.
func Example() {
	c, err := client.New([]string{demo(), "127.0.0.1:6002"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	sent, err := c.Send(ctx, "two apples", client.Key("order-4711"))
	switch {
	case errors.Is(err, client.ErrUnavailable):
		fmt.Println("certainly not applied: send it again, or give up")
	case errors.Is(err, client.ErrUnknown):
		fmt.Println("perhaps applied: send it again under the same key, or burn the key")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Printf("applied in slot %d\n", sent.Slot)
	}
	for v, err := range c.ReadAll(ctx, client.Cursor{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v.Slot, v.Value)
	}
	// Output:
	// applied in slot 1
	// 1 two apples
}

// demo is the address of a service that knows just enough for the example;
// usually it is a client service such as 127.0.0.1:6001.
func demo() string {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/send" {
			fmt.Fprint(w, `{"slot":"1","position":0,"session":"0123456789abcdef","sequence":"1","key":"order-4711","status":"applied"}`)
			return
		}
		fmt.Fprint(w, `{"values":[{"slot":"1","position":0,"value":"two apples"}],"more":false,"applied_watermark":"2"}`)
	})).URL
}
