package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"paxos/client"
)

// store is a client of a service that knows just enough for the examples;
// usually it is made with the addresses of client services.
func store() (c *client.Client, ctx context.Context, done func()) {
	service := httptest.NewServer(newFake())
	c, err := client.New([]string{service.URL, "127.0.0.1:6002"})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	return c, ctx, func() { cancel(); c.Close(); service.CloseClientConnections(); service.Close() }
}

// Every write is repeated, under a key that it draws, until its outcome is known
// or the context ends: it takes effect once.
func ExampleClient_Put() {
	c, ctx, done := store()
	defer done()

	w, err := c.Put(ctx, "fruit/apple", "two")
	switch {
	case errors.Is(err, client.ErrUnavailable):
		fmt.Println("certainly not applied")
		return
	case errors.Is(err, client.ErrUnknown):
		fmt.Println("perhaps applied: Outcome tells, or Burn, of the key", client.KeyOf(err))
		return
	case err != nil:
		fmt.Println(err)
		return
	}
	fmt.Println("applied, version", w.Key.Version)

	if _, err := c.Create(ctx, "fruit/apple", "three"); errors.Is(err, client.ErrConflict) {
		fmt.Println("it is there already")
	}
	// Output:
	// applied, version 1
	// it is there already
}

// A read is linearizable unless it says that less will do.
func ExampleClient_Get() {
	c, ctx, done := store()
	defer done()
	if _, err := c.Put(ctx, "fruit/apple", "two"); err != nil {
		fmt.Println(err)
		return
	}
	for _, how := range []client.Consistency{client.Linearizable, client.Session, client.Bounded(time.Second), client.Stale} {
		got, err := c.Get(ctx, "fruit/apple", how)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(how, got.Text())
	}
	if _, err := c.Get(ctx, "fruit/kiwi"); errors.Is(err, client.ErrNotFound) {
		fmt.Println("there is no kiwi")
	}
	// Output:
	// linearizable two
	// session two
	// bounded 1s two
	// stale two
	// there is no kiwi
}

func ExampleClient_GetPrefix() {
	c, ctx, done := store()
	defer done()
	for _, name := range []string{"pear", "apple", "fig"} {
		if _, err := c.Put(ctx, "fruit/"+name, "1"); err != nil {
			fmt.Println(err)
			return
		}
	}
	for kv, err := range c.GetPrefix(ctx, "fruit/", client.PageSize(2)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(kv.Key)
	}
	// Output:
	// fruit/apple
	// fruit/fig
	// fruit/pear
}

func ExampleClient_Increment() {
	c, ctx, done := store()
	defer done()
	for range 2 {
		w, err := c.Increment(ctx, "visits", 5)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(w.Key.Text())
	}
	// Output:
	// 5
	// 10
}

// A watch gives every change once, in order, and goes on at another service when
// the one that it listens to goes away.
func ExampleClient_Watch() {
	c, ctx, done := store()
	defer done()
	w, err := c.Put(ctx, "fruit/apple", "two")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.Delete(ctx, "fruit/apple"); err != nil {
		fmt.Println(err)
		return
	}
	for changes, err := range c.Watch(ctx, client.Prefix("fruit/"), client.WatchFrom(w.Revision)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range changes.Events {
			fmt.Println(changes.Revision, e.Type, e.Key)
		}
		if changes.Revision > w.Revision {
			break
		}
	}
	// Output:
	// 2 put fruit/apple
	// 3 delete fruit/apple
}

// What is written under a lock is fenced: it has an effect only while the lock
// is held, however late it arrives.
func ExampleClient_Lock() {
	c, ctx, done := store()
	defer done()
	lock, err := c.Lock(ctx, "reports", client.TTL(10*time.Second), client.Owner("worker 1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Work that takes longer ends with lock.Context().
	_, err = c.Put(ctx, "reports/today", "done", lock.Fence())
	fmt.Println("written:", err == nil)

	if err := lock.Unlock(ctx); err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Put(ctx, "reports/today", "done twice", lock.Fence())
	fmt.Println("refused:", errors.Is(err, client.ErrConflict))
	// Output:
	// written: true
	// refused: true
}

func ExampleElection_Campaign() {
	c, ctx, done := store()
	defer done()
	election := c.Election("scheduler")
	leadership, err := election.Campaign(ctx, "10.0.0.7:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	leader, err := election.Leader(ctx)
	fmt.Println(leader.Value, err)
	fmt.Println(leadership.Resign(ctx))
	_, err = election.Leader(ctx)
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output:
	// 10.0.0.7:80 <nil>
	// <nil>
	// true
}
