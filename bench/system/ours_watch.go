package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
)

// watching keeps a connection for each watch, and makes as many as are wanted.
var watching = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, Proxy: nil}}

// watchTurn spreads watchers over the services.
var watchTurn atomic.Uint64

// Watch implements Watcher: server-sent events.
func (w *restWay) Watch(ctx context.Context, key string, ready func(), told func(value []byte)) error {
	at := w.reads[int(watchTurn.Add(1))%len(w.reads)]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/watch?key="+url.QueryEscape(key), nil)
	if err != nil {
		return err
	}
	response, err := watching.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", at, response.Status)
	}
	var event []byte
	begun := false
	for lines := bufio.NewReaderSize(response.Body, 64<<10); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			event = append(event[:0], name...)
			continue
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		switch string(event) {
		case "progress":
			// The first one says from where on nothing will be missed.
			if !begun {
				begun = true
				ready()
			}
		case "change":
			if err := changes(data, told); err != nil {
				return err
			}
		case "resync":
			return errors.New("the watch was too slow and was ended")
		}
	}
}

// changes tells the values of one revision.
func changes(data []byte, told func(value []byte)) error {
	var c struct {
		Events []struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"events"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("a change cannot be read: %w", err)
	}
	for _, e := range c.Events {
		if e.Type == "put" {
			told([]byte(e.Value))
		}
	}
	return nil
}
